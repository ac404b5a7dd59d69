"""A warm process that research kernels are forked from: ``python -P -m tradewind.kernel.zygote FD``.

It lives in one user's sandbox, belongs to that trust domain, and never runs a user's code: it imports what
kernels usually import and then only forks. Requests and answers are JSON lines on the socket ``FD``:
``{"argv", "cwd", "env"}`` is answered by ``{"pid"}``, and by ``{"pid", "exit"}`` when that kernel has
ended. It ends with its starter.
"""

import builtins
import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import time
from typing import Any

PRELOAD = (
    "numpy",
    "pandas",
    "xarray",
    "zarr",
    "icechunk",
    "tradewind.store.reading",
    "tradewind.indicators",
    "tradewind.backtest",
    "tradewind.metrics",
    "tradewind.strategies",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "IPython.core.completer",
    "comm",
    "zmq",
)
"""What ``import tradewind as tw``, ``tw.open`` and ``tw.backtest`` load. Nothing that starts threads."""

IDLE_SECONDS = 900.0
"""Without a kernel for so long, the memory is given back."""


def preload() -> None:
    """Import what kernels will want; what is missing or broken is left to them."""
    # HoloViews and others decide at import time whether they run in a notebook.
    vars(builtins)["__IPYTHON__"] = True
    for name in PRELOAD:
        try:
            importlib.import_module(name)
        except Exception as problem:  # noqa: BLE001  a kernel will say it better
            sys.stderr.write(f"zygote: {name}: {problem}\n")
    gc.collect()
    gc.freeze()


class Zygote:
    """Answers requests for kernels.

    Parameters
    ----------
    starter
        The connection to the server that asks for kernels.
    """

    def __init__(self, starter: socket.socket) -> None:
        self.starter = starter
        self.children: set[int] = set()
        self.buffer = b""
        self.wake, self.poke = os.pipe()
        self.last_busy = time.monotonic()
        for fd in (self.wake, self.poke):
            os.set_blocking(fd, False)

    def say(self, **words: int) -> None:
        """Send one answer."""
        self.starter.sendall(json.dumps(words).encode() + b"\n")

    def run(self) -> None:
        """Serve until the starter is gone, or nobody wanted a kernel for long."""
        signal.set_wakeup_fd(self.poke, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.say(ready=1)
        while self.children or time.monotonic() - self.last_busy < IDLE_SECONDS:
            ready, _, _ = select.select([self.starter.fileno(), self.wake], [], [], IDLE_SECONDS)
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 4096)
                self.reap()
            if self.starter.fileno() in ready:
                data = self.starter.recv(65536)
                if not data:
                    return
                *lines, self.buffer = (self.buffer + data).split(b"\n")
                for line in lines:
                    self.fork(json.loads(line))

    def reap(self) -> None:
        """Tell of kernels that have ended."""
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self.children.discard(pid)
            self.last_busy = time.monotonic()
            self.say(pid=pid, exit=os.waitstatus_to_exitcode(status))

    def fork(self, request: dict[str, Any]) -> None:
        """Fork one kernel."""
        pid = os.fork()
        if pid:
            self.children.add(pid)
            self.say(pid=pid)
            return
        code = 1
        try:
            self.become_kernel(request)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def become_kernel(self, request: dict[str, Any]) -> None:
        """Turn this fresh copy of the warm process into the kernel that was asked for."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.starter.close()
        os.close(self.wake)
        os.close(self.poke)
        os.setsid()
        with contextlib.suppress(OSError):
            os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        os.environ["JPY_PARENT_PID"] = str(os.getppid())  # a kernel that nobody knows of any more ends
        random.seed()
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed(None)
        sys.argv = ["tradewind.kernel", *request["argv"]]
        from ipykernel.kernelapp import IPKernelApp

        from tradewind.kernel import startup

        startup.prepare()
        IPKernelApp.launch_instance(argv=request["argv"])


def main(fd: int) -> None:
    """Warm up and serve."""
    with socket.socket(fileno=fd) as starter:
        preload()
        if threading.active_count() > 1:  # a fork has only one; OpenBLAS's own are used to being forked
            sys.stderr.write("zygote: an import has started threads; kernels start the plain way\n")
            return
        Zygote(starter).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
