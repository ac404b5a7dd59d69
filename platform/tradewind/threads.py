"""Run a compiled loop on all cores: rows are split among the threads of one pool.

The loops release the GIL. A pool of our own, rather than numba's, may be used from several threads at once
(Dask workers do) and survives a fork (kernels are forked from a warm process).
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any

NAME = "tradewind"
SMALL = 20_000
"""Below this many cells a call is faster than waking another thread."""
PIECES = 8
"""Pieces of work a thread: one that wakes late, or is held up, leaves more of them to the others."""


_most: ContextVar[int | None] = ContextVar("tradewind_threads", default=None)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Let the calling thread use no more than some threads, as the task of a worker that has others."""
    before = _most.set(threads)
    try:
        yield
    finally:
        _most.reset(before)


def cores() -> int:
    """Return the number of cores this process may use; ``TRADEWIND_THREADS`` lowers it."""
    most = _most.get()
    if most is not None:
        return most
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("TRADEWIND_THREADS", "")
    return max(1, min(allowed, int(wanted))) if wanted.isdigit() else allowed


class _Team:
    """The threads of one process that help whoever calls.

    A system likes to wake a thread on the core of the one that wakes it. Here both have work for a
    millisecond, so they would take turns on one core while another idles: helpers are kept off the caller's.
    """

    def __init__(self) -> None:
        self._threads: list[int] = []
        self._kept_off = (-1, 0)
        self._pool = ThreadPoolExecutor(max(1, cores() - 1), NAME, initializer=self._enter)
        libc = ctypes.PyDLL(None) if hasattr(os, "sched_setaffinity") else None
        self._core: Callable[[], int] = getattr(libc, "sched_getcpu", lambda: -1)

    def _enter(self) -> None:
        self._threads.append(threading.get_native_id())

    def submit[**P, R](self, work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> Future[R]:
        """Have a helper do something."""
        self._keep_off()
        return self._pool.submit(work, *arguments, **options)

    def _keep_off(self) -> None:
        now = (self._core(), len(self._threads))
        if now == self._kept_off or now[0] < 0:
            return
        self._kept_off = now
        others = os.sched_getaffinity(0) - {now[0]}
        for thread in self._threads if others else ():
            with suppress(OSError):  # a sandbox may forbid it
                os.sched_setaffinity(thread, others)


@cache
def _pool(_process: int) -> _Team:
    return _Team()


def over_rows(loop: Callable[..., Any], rows: int, cells: int, *arguments: Any, grain: int = 1) -> None:
    """Call ``loop(first, last, *arguments)`` for ranges that together cover all rows.

    Parameters
    ----------
    loop
        A compiled loop that works on rows ``first`` to ``last - 1`` and writes into its arguments.
    rows
        The number of rows.
    cells
        The work in all, in cells; small work stays on the calling thread.
    grain
        Ranges are multiples of this many rows.
    """
    units = -(-rows // grain)
    threads = min(cores(), units) if cells > SMALL else 1
    if threads <= 1:
        loop(0, rows, *arguments)
        return
    share = max(1, units // (threads * PIECES)) * grain
    starts = deque(range(0, rows, share))

    def work() -> None:
        while starts:
            try:
                start = starts.popleft()
            except IndexError:  # another thread took the last
                return
            loop(start, min(start + share, rows), *arguments)

    pool = _pool(os.getpid())
    others: list[Future[None]] = [pool.submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for other in others:
            if not other.cancel():
                other.result()


def beside[**P, R](work: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> Future[R] | None:
    """Start something on another core, or return None where there is none.

    Do not wait for it from another such thread: there are no more of them than cores.
    """
    if cores() < 2 or threading.current_thread().name.startswith(NAME):
        return None
    return _pool(os.getpid()).submit(work, *arguments, **options)
