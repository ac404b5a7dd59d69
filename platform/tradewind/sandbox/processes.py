"""Finding and signalling a sandbox from outside.

Bubblewrap does not pass signals on: a SIGTERM to it ends it and, with ``die_with_parent``, kills everything
inside at once; without, it leaves everything inside running. So whoever wants an orderly end signals the
first process *inside*, whose end is the end of all.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_SHIM = os.fsencode(Path(__file__).with_name("shim.py"))


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be mistaken for another one that got the same number later."""

    pid: int
    started: int
    """Clock ticks since boot, from ``/proc``."""

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Return the identity of a living process."""
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields else None

    @property
    def alive(self) -> bool:
        """Whether it still runs (a zombie does not)."""
        fields = _stat(self.pid)
        return bool(fields) and fields[0] != "Z" and int(fields[19]) == self.started

    def signal(self, number: int) -> bool:
        """Send a signal; false if the process is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            # The handle pins the process: what is checked now is what gets the signal.
            if not self.alive:
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` after the name: state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def first_process(pid: int) -> ProcessId | None:
    """Return the first process inside a sandbox, given the process :meth:`Sandbox.command` was started as.

    Parameters
    ----------
    pid
        The process id of what was started: bubblewrap, or the shim itself where nothing is isolated.
    """
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}/exe").readlink().name != "bwrap":
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            # Under limits it is, for a moment, what will become bubblewrap or the shim.
            return ProcessId.of(pid) if _SHIM in words[:5] else None
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            found = ProcessId.of(int(child))
            if found:
                return found
    return None


def wait_first_process(pid: int, timeout: float = 5.0) -> ProcessId | None:
    """Wait until the first process inside exists; none if the sandbox ended before.

    Parameters
    ----------
    pid
        The process id of what was started.
    timeout
        Seconds.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = first_process(pid)
        if found:
            return found
        if not _stat(pid) or _stat(pid)[0] == "Z":
            return None
        time.sleep(0.005)
    return None


def terminate(pid: int) -> bool:
    """Ask a sandbox to end: SIGTERM to its program; after that, or after its grace, the rest is killed.

    Parameters
    ----------
    pid
        The process id of what was started.
    """
    first = first_process(pid)
    return first is not None and first.signal(signal.SIGTERM)


def kill(pid: int) -> bool:
    """End a sandbox at once, with every process in it.

    Parameters
    ----------
    pid
        The process id of what was started.
    """
    first = first_process(pid)
    return first is not None and first.signal(signal.SIGKILL)
