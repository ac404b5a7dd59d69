"""The process tree of an attempt: start it in its sandbox, end it, and know that nothing of it is left."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tradewind.sandbox import ProcessId, Sandbox, terminate

ASKED_SECONDS = 3.0
"""How long a run may take to stop by itself."""


def start(box: Sandbox, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a program in a sandbox; standard output and error are pipes."""
    return subprocess.Popen(
        box.command(list(argv)),
        env=box.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def tree(pid: int) -> list[ProcessId]:
    """Return every living process below one, and itself."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = Path(entry.path, "stat").read_text().rsplit(")", 1)[1].split()[1]
                children.setdefault(int(parent), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        here = todo.pop()
        identity = ProcessId.of(here)
        if identity is not None:
            found.append(identity)
        todo += children.get(here, [])
    return found


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a sandbox: ask, then kill; returns when no process of it is left."""
    known = tree(process.pid)
    if process.poll() is None and terminate(process.pid):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ASKED_SECONDS)
    known += [found for found in tree(process.pid) if found not in known] if process.poll() is None else []
    if process.poll() is None:
        # In a PID namespace the end of the first process is the end of all, whatever they ignore.
        process.kill()
        process.wait()
    while left := [found for found in known if found.alive]:
        for found in left:
            found.signal(signal.SIGKILL)
        time.sleep(0.02)
