"""The process tree of an attempt: start it in its sandbox, end it, and know that nothing of it is left."""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tradewind.sandbox import ProcessId, Sandbox, terminate, wait_first_process

log = logging.getLogger(__name__)

ASKED_SECONDS = 6.0
"""How long a run may take to stop by itself."""
ENTER_SECONDS = 10.0
_READY = b"ready\n"


class NotWarmError(Exception):
    """The zygote cannot serve; the run starts the plain way."""


@dataclass(frozen=True)
class Tree:
    """A running attempt.

    Parameters
    ----------
    box
        The process its sandbox was started as.
    output, errors
        Pipes to read.
    runner
        A descriptor that can be read when the runner has ended; none where it ends with its sandbox.
    """

    box: "subprocess.Popen[bytes]"
    output: int
    errors: int
    runner: int | None = None

    @property
    def ended(self) -> bool:
        """Whether the runner has ended."""
        if self.box.poll() is not None:
            return True
        return self.runner is not None and bool(select.select([self.runner], [], [], 0)[0])

    @property
    def code(self) -> int | None:
        """The runner's exit code where it is known."""
        return None if self.runner is not None else self.box.returncode

    def close(self) -> None:
        """Let go of the pipes."""
        for descriptor in (self.output, self.errors, self.runner):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


class Starter:
    """Starts runners: forked from a zygote where there is one, else as processes of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zygote: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._useless = False

    def warm(self) -> None:
        """Start a zygote unless there is one; it gets ready by itself."""
        with self._lock:
            self._warm()

    def _warm(self) -> None:
        if self._zygote is None and not self._useless:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
            holoviews = Path(__file__).parents[1] / "kernel" / "holoviews_rc.py"
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "tradewind.jobs.zygote", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd="/",
                    env={
                        **kept,
                        "HOME": "/nonexistent",
                        "PANEL_INLINE": "true",
                        "BOKEH_RESOURCES": "inline",
                        "HOLOVIEWSRC": str(holoviews),
                    },
                )
            self._zygote, self._ready = ours, False

    def start(self, box: Sandbox) -> Tree:
        """Start a runner in its sandbox."""
        # A limit holds for what is started below it, not for what comes in from outside.
        if box.isolated and not box.limits.wanted:
            try:
                return self._forked(box)
            except (NotWarmError, OSError) as problem:
                log.info("a run starts the plain way: %s", problem)
        process = _popen(box, [sys.executable, "-P", "-m", "tradewind.jobs.runner"])
        return Tree(process, *_pipes(process))

    def _forked(self, box: Sandbox) -> Tree:
        with self._lock:
            zygote = self._warm_zygote()
            process = _popen(box, ["/bin/sh", "-c", "echo ready; exec sleep infinity"])
            output, errors = _pipes(process)
            try:
                first = wait_first_process(process.pid)
                if first is None or not _says_ready(output):
                    raise NotWarmError("the sandbox did not get ready")
                runner = self._enter(zygote, first, box, (output, errors))
            except (NotWarmError, OSError) as problem:
                process.kill()
                process.wait()
                os.close(output)
                os.close(errors)
                if isinstance(problem, ConnectionError):  # it died since it was last heard of
                    self._renew(zygote)
                raise
        return Tree(process, *runner)

    def _warm_zygote(self) -> socket.socket:
        self._warm()
        zygote = self._zygote
        if zygote is None:
            raise NotWarmError("this machine's zygote does not work")
        if select.select([zygote], [], [], 0)[0]:
            if _heard(zygote) == b"ready":
                self._ready = True
            else:
                self._renew(zygote)  # it ends by itself when idle
                raise NotWarmError("the zygote has ended")
        if not self._ready:
            raise NotWarmError("the zygote is still warming up")
        return zygote

    def _renew(self, ended: socket.socket) -> None:
        """Start another one for runs to come; one that never got ready would not the next time either."""
        ended.close()
        self._zygote, self._useless = None, not self._ready
        self._warm()

    def _enter(
        self, zygote: socket.socket, first: ProcessId, box: Sandbox, held: tuple[int, int]
    ) -> tuple[int, int, int]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, output = os.pipe()
        reading_errors, errors = os.pipe()
        request = json.dumps({"pid": first.pid, "environment": box.environ()}).encode()
        try:
            with ours:
                with theirs:
                    socket.send_fds(zygote, [request], [output, errors, theirs.fileno()])
                ours.settimeout(ENTER_SECONDS)
                said, runner, _, _ = socket.recv_fds(ours, 1024, 1)
            if said != b"started" or not runner:
                raise NotWarmError(f"the sandbox cannot be entered: {said.decode(errors='replace')}")
        except (NotWarmError, OSError):
            os.close(reading)
            os.close(reading_errors)
            raise
        finally:
            os.close(output)
            os.close(errors)
        for descriptor in held:
            os.close(descriptor)
        return reading, reading_errors, runner[0]


def _heard(zygote: socket.socket) -> bytes:
    try:
        return zygote.recv(64)
    except OSError:  # a killed one leaves a reset behind
        return b""


def _popen(box: Sandbox, argv: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        box.command(argv),
        env=box.environ(),
        pass_fds=[b.descriptor for b in box.binds if b.descriptor is not None],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Take the pipes over from the process object, which would close them when it is collected."""
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("the runner was started without pipes")
    taken = os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno())
    process.stdout.close()
    process.stderr.close()
    return taken


def _says_ready(output: int) -> bool:
    """Wait until the sandbox stands: only then may anybody join its namespaces."""
    until, said = time.monotonic() + ENTER_SECONDS, b""
    while time.monotonic() < until and _READY not in said:
        if select.select([output], [], [], 0.2)[0]:
            part = os.read(output, 64)
            if not part:
                return False
            said += part
    return _READY in said


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


def end(running: Tree) -> None:
    """End an attempt: ask, then kill; returns when no process of it is left."""
    process = running.box
    known = tree(process.pid)
    if not running.ended:
        _ask(running)
    if process.poll() is None:
        known += [found for found in tree(process.pid) if found not in known]
        # In a PID namespace the end of the first process is the end of all, whatever they ignore.
        process.kill()
        process.wait()
    while left := [found for found in known if found.alive]:
        for found in left:
            found.signal(signal.SIGKILL)
        time.sleep(0.02)


def _ask(running: Tree) -> None:
    if running.runner is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(running.runner, signal.SIGTERM)
        select.select([running.runner], [], [], ASKED_SECONDS)
    elif terminate(running.box.pid):
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.box.wait(ASKED_SECONDS)
