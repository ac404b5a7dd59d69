"""Run a compiled loop on all cores: rows are split among the threads of one pool.

The loops release the GIL. A pool of our own, rather than numba's, may be used from several threads at once
(Dask workers do) and survives a fork (kernels are forked from a warm process).
"""

import atexit
import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from queue import SimpleQueue
from typing import Any

NAME = "tradewind"
SMALL = 20_000
"""Below this many cells a call is faster than waking another thread."""
PIECES = 16
"""Parts of a thread's share that the last pieces of work are: one that wakes late, or is held up, leaves more
of them to the others."""


_most: ContextVar[int | None] = ContextVar("tradewind_threads", default=None)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Let the calling thread use no more than some threads, as the task of a worker that has others."""
    before = _most.set(threads)
    try:
        yield
    finally:
        _most.reset(before)


def _present() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("TRADEWIND_THREADS", "")
    return max(1, min(allowed, int(wanted))) if wanted.isdigit() else allowed


def cores() -> int:
    """Return the number of cores this process may use; ``TRADEWIND_THREADS`` lowers it."""
    most = _most.get()
    return _present() if most is None else most


class Started[R]:
    """Something that a helper was asked to do.

    ``concurrent.futures`` costs a caller three times as much, whose caches a loop has just filled with data:
    its futures can do more than is wanted here.
    """

    __slots__ = ("_answer", "_arguments", "_ended", "_error", "_taken", "_work")

    def __init__(self, work: Callable[..., R], arguments: tuple[Any, ...]) -> None:
        self._work, self._arguments = work, arguments
        self._taken, self._ended = threading.Lock(), threading.Lock()
        self._ended.acquire()
        self._error: BaseException | None = None
        self._answer: R

    def run(self) -> None:
        """Do it, on the helper, unless it was taken back."""
        if not self._taken.acquire(blocking=False):
            return
        try:
            self._answer = self._work(*self._arguments)
        except BaseException as error:  # noqa: BLE001  raised where the result is asked for
            self._error = error
        finally:
            self._ended.release()

    def cancel(self) -> bool:
        """Take it back; whether that came in time."""
        return self._taken.acquire(blocking=False)

    def result(self) -> R:
        """Wait for it.

        Raises
        ------
        BaseException
            Whatever the work raised.
        """
        self._ended.acquire()
        self._ended.release()
        if self._error is not None:
            raise self._error
        return self._answer


class _Team:
    """The threads of one process that help whoever calls.

    A system likes to wake a thread on the core of the one that wakes it. Here both have work for a
    millisecond, so they would take turns on one core while another idles: helpers are kept off the caller's.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Started[Any] | None] = SimpleQueue()
        self._kept_off = -1
        libc = ctypes.PyDLL(None) if hasattr(os, "sched_setaffinity") else None
        self._core: Callable[[], int] = getattr(libc, "sched_getcpu", lambda: -1)
        self._helpers = [
            threading.Thread(target=self._help, name=NAME, daemon=True) for _ in range(max(1, _present() - 1))
        ]
        for helper in self._helpers:
            helper.start()
        atexit.register(self._dismiss, os.getpid())

    def _help(self) -> None:
        while (started := self._asked.get()) is not None:
            started.run()

    def _dismiss(self, process: int) -> None:
        """Let the helpers end what they are at: its arrays are gone when the process is."""
        if os.getpid() != process:  # a fork has the team's memory, but not its threads
            return
        for _ in self._helpers:
            self._asked.put(None)
        for helper in self._helpers:
            helper.join()

    def start[R](self, work: Callable[..., R], *arguments: Any) -> Started[R]:
        """Have a helper do something."""
        self._keep_off()
        started = Started(work, arguments)
        self._asked.put(started)
        return started

    def _keep_off(self) -> None:
        now = self._core()
        if now in (self._kept_off, -1):
            return
        self._kept_off = now
        others = os.sched_getaffinity(0) - {now}
        for helper in self._helpers:
            if others and helper.native_id:
                with suppress(OSError):  # a sandbox may forbid it
                    os.sched_setaffinity(helper.native_id, others)


@cache
def _team(_process: int) -> _Team:
    return _Team()


def _ranges(rows: int, threads: int, grain: int) -> Iterator[tuple[int, int]]:
    """Ever smaller ranges of rows ("guided self-scheduling", Polychronopoulos and Kuck 1987)."""
    least = max(1, -(-rows // grain) // (threads * PIECES))
    first = 0
    while first < rows:
        last = min(rows, first + max(least, (rows - first) // (2 * threads * grain)) * grain)
        yield first, last
        first = last


def _nothing() -> None:
    return


def over_rows[R](
    loop: Callable[..., Any],
    rows: int,
    cells: int,
    *arguments: Any,
    grain: int = 1,
    meanwhile: Callable[[], R] = _nothing,  # type: ignore[assignment]
) -> R:
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
    meanwhile
        What the caller does in Python while helpers are busy, such as wrapping the arrays being written.

    Returns
    -------
    R
        What ``meanwhile`` answers.
    """
    units = -(-rows // grain)
    threads = min(cores(), units) if cells > SMALL else 1
    if threads <= 1:
        loop(0, rows, *arguments)
        return meanwhile()
    ranges = deque(_ranges(rows, threads, grain))

    def work() -> None:
        while ranges:
            try:
                first, last = ranges.popleft()
            except IndexError:  # another thread took the last
                return
            loop(first, last, *arguments)

    own = ranges.pop()  # a small one, in which they begin with large ones
    team = _team(os.getpid())
    others = [team.start(work) for _ in range(threads - 1)]
    try:
        loop(*own, *arguments)
        answer = meanwhile()
        work()
    finally:
        for other in others:
            if not other.cancel():
                other.result()
    return answer


def beside[R](work: Callable[..., R], *arguments: Any) -> Started[R] | None:
    """Start something on another core, or return None where there is none.

    Do not wait for it from another such thread: there are no more of them than cores.
    """
    if cores() < 2 or threading.current_thread().name == NAME:
        return None
    return _team(os.getpid()).start(work, *arguments)
