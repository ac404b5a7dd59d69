"""A warm process that runs are forked from into their sandboxes: ``python -P -m tradewind.jobs.zygote FD``.

One per worker. It is pristine: it holds no connection and no secret, and never executes a notebook, so one
process serves all users. A run's sandbox is started empty; a fresh copy of this process then enters the
sandbox's namespaces, gives up every privilege, and becomes the runner there. The SDK, papermill and the
kernel are loaded already and their memory is shared.

Each request on the socket ``FD`` is a JSON document with three descriptors: the run's standard output and
error, and a socket that is answered on with a descriptor of the new process.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import signal
import site
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from tradewind.jobs import runner
from tradewind.kernel import startup
from tradewind.kernel import zygote as kernels

PRELOAD = ("tradewind.jobs.runner_engine", "nbconvert.exporters", "tradewind.provenance.notes")
LARGEST = 256 * 1024
MOST_DESCRIPTORS = 65536
IDLE_SECONDS = 900.0
"""Without a run for so long, the memory is given back."""

_NAMESPACES = (
    os.CLONE_NEWUSER | os.CLONE_NEWNS | os.CLONE_NEWPID | os.CLONE_NEWIPC | os.CLONE_NEWUTS | os.CLONE_NEWNET
) | os.CLONE_NEWCGROUP
_LAST_CAPABILITY = 63
_CAPBSET_DROP, _NO_NEW_PRIVILEGES, _AMBIENT, _CLEAR_ALL = 24, 38, 47, 4
_CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def give_up_privileges() -> None:
    """Be as powerless as what bubblewrap starts: joining a user namespace grants every capability in it."""
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the last one the kernel knows
    _libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "privileges could still be regained")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capabilities could not be given up")


class Forked:
    """A kernel forked from the runner, as :class:`tradewind.jobs.runner.Kernel`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, nothing while it lives."""
        if self._code is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; a timeout is the same error as of ``subprocess``."""
        import subprocess

        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            time.sleep(0.005)
        return code

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def fork_kernel(arguments: list[str], environment: dict[str, str]) -> Forked:
    """Fork a kernel from this process, which has not run anything yet."""
    pid = os.fork()
    if pid:
        return Forked(pid)
    code = 1
    try:
        become_kernel(arguments, environment)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        runner.leave(code)


def become_kernel(arguments: list[str], environment: dict[str, str]) -> None:
    """Be a kernel as ``python -P -m tradewind.kernel`` is one, with the user's own packages in reach."""
    os.setsid()
    os.closerange(3, MOST_DESCRIPTORS)
    os.environ.clear()
    os.environ.update(environment)
    python, layer = environment.get("TRADEWIND_KERNEL_PYTHON", ""), environment.get("TRADEWIND_LAYER", "")
    if Path(python).exists():
        sys.executable = python
    if Path(layer).is_dir():
        site.addsitedir(layer)
    sys.argv = ["tradewind.kernel", *arguments]
    from ipykernel.kernelapp import IPKernelApp

    startup.prepare()
    # Its default was read from the environment when the class was imported, in another life.
    IPKernelApp.launch_instance(argv=arguments, parent_handle=os.getppid())


def become_runner(environment: dict[str, str], output: int, errors: int) -> None:
    """Be the runner of one run."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(source, target)
    os.closerange(3, MOST_DESCRIPTORS)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    random.seed()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(None)
    runner.leave(runner.main(fork_kernel))


def enter(request: dict[str, Any], output: int, errors: int, answer: socket.socket) -> None:
    """Enter a sandbox in this copy of the process, and start the runner in it."""
    sandbox = os.pidfd_open(int(request["pid"]))
    os.setns(sandbox, _NAMESPACES)
    give_up_privileges()
    pid = os.fork()  # the new process is the first of ours that is in the sandbox's PID namespace
    if pid:
        socket.send_fds(answer, [b"started"], [os.pidfd_open(pid)])
        answer.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)  # collected here, not by this machine's first process
        return
    try:
        become_runner(request["environment"], output, errors)
    finally:
        os._exit(1)


def serve(requests: socket.socket) -> None:
    """Answer requests until the worker is gone or has had no run for long."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests.settimeout(IDLE_SECONDS)
    requests.send(b"ready")
    while True:
        try:
            text, descriptors, _, _ = socket.recv_fds(requests, LARGEST, 3)
        except TimeoutError:
            return
        if not text:
            return
        output, errors, answering = descriptors
        with socket.socket(fileno=answering) as answer:
            with warnings.catch_warnings():
                # OpenBLAS's threads are counted; it sees to them itself. Others were looked for at the start.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                try:
                    requests.close()
                    enter(json.loads(text), output, errors, answer)
                except OSError as problem:
                    answer.send(str(problem).encode())
                finally:
                    os._exit(0)
        os.close(output)
        os.close(errors)


def main(fd: int) -> None:
    """Warm up and serve."""
    runner.spare_the_grammar()
    with socket.socket(fileno=fd) as requests:
        kernels.preload()
        for name in PRELOAD:
            importlib.import_module(name)
        unsafe = kernels.unsafe_threads()
        if unsafe:
            sys.stderr.write(f"runs start the plain way, for these threads do not survive a fork: {unsafe}\n")
            return
        gc.collect()
        gc.freeze()
        serve(requests)


if __name__ == "__main__":
    main(int(sys.argv[1]))
