"""Memory for results that is used again once a result is let go.

A fresh array of tens of megabytes costs more to map and clear than an indicator costs to compute. So the
arrays handed out here are views of a few blocks that are kept, and a block is handed out again when nobody
but this module refers to it any more.
"""

import os
import sys
import threading
from math import prod

import numpy as np

SMALLEST = 2**20
"""Bytes below which the C library's own reuse is as good."""
MOST = 256 * 2**20
"""Bytes kept at most, in use or not; also never more than a sixteenth of the machine's memory."""

PAGE = 512
"""Values of a page. Results begin in the middle of one, large inputs close to its start: a processor that
compares addresses within pages first would hold up reads until results a few bars before them are written."""

_lock = threading.Lock()
_blocks: list[np.ndarray] = []


def _limit() -> int:
    try:
        return min(MOST, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 16)
    except (AttributeError, OSError, ValueError):
        return MOST


_most = _limit()
# Counting references says who uses a block only where one thread runs Python at a time
_counts = getattr(sys, "_is_gil_enabled", lambda: True)()
_IDLE = 2  # the list's reference, and the one that getrefcount itself holds


def result_array(shape: tuple[int, ...]) -> np.ndarray:
    """Return an uninitialised C-ordered float64 array; a large one begins in the middle of a page."""
    size = prod(shape)
    if size * 8 < SMALLEST:
        return np.empty(shape)
    block = np.empty(size + PAGE) if size * 8 > _most or not _counts else _kept(size + PAGE)
    skip = (PAGE // 2 - block.__array_interface__["data"][0] // 8) % PAGE
    return block[skip : skip + size].reshape(shape)


def _kept(size: int) -> np.ndarray:
    with _lock:
        # the one used last, of which most is in the processor's cache
        for at in reversed(range(len(_blocks))):
            if size <= _blocks[at].size <= 2 * size and sys.getrefcount(_blocks[at]) == _IDLE:
                block = _blocks.pop(at)
                break
        else:
            block = np.empty(size)
        _blocks.append(block)
        _forget(_most)
    return block


def _forget(most: int) -> None:
    """Stop keeping the blocks that were handed out longest ago; those in use live on by their users."""
    while _blocks and sum(b.nbytes for b in _blocks) > most:
        del _blocks[0]


def release() -> None:
    """Give back all memory that is kept."""
    with _lock:
        _forget(0)
