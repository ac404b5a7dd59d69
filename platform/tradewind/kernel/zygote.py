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
import warnings
from pathlib import Path
from typing import Any

PRELOAD = (
    "numpy",
    "pandas",
    "xarray",
    "zarr",
    "numcodecs",
    "pcodec",
    "numba",
    "exchange_calendars",
    "holoviews",
    "tradewind.settings",
    "tradewind.accessor",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "IPython.core.completer",
    "comm",
    "zmq",
)
"""What ``tw.open``, ``tw.backtest`` and a first plot load, as far as it can be forked: not Icechunk, which
starts its threads when it is imported and hangs in a child."""

NOT_FORKABLE = ("tokio", "polars", "rayon")
"""Names of threads that others wait for and that a fork does not take along."""

MORE = "TRADEWIND_PRELOAD"
"""Names of further modules, with commas between; dashboards draw in every kernel."""

IDLE_SECONDS = 900.0
"""Without a kernel for so long, the memory is given back."""


def loop_modules() -> list[str]:
    """Name the modules with compiled loops: 80 MB shared by all kernels, and no wait at a first backtest."""
    from tradewind.testing import warm

    return warm.loop_modules()


def unsafe_threads() -> list[str]:
    """Name the threads that must not be there at a fork; OpenBLAS and jemalloc see to their own."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    unsafe = [name for name in names if name.startswith(NOT_FORKABLE)]
    return unsafe + [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]


def preload() -> None:
    """Import what kernels will want; what is missing or broken is left to them."""
    # HoloViews and others decide at import time whether they run in a notebook.
    vars(builtins)["__IPYTHON__"] = True
    for name in (*PRELOAD, *loop_modules()):
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
    # Python warns of any second thread at a fork: which ones there may be is checked below.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    with socket.socket(fileno=fd) as starter:
        preload()
        if running := unsafe_threads():
            sys.stderr.write(f"zygote: an import has started {running}; kernels start the plain way\n")
            return
        Zygote(starter).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
