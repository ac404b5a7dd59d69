"""Channels of sweeps: the extremes of several windows, and which bars leave them, from work they share."""

import numpy as np

from tradewind.backtest.fused_events_inline import followed
from tradewind.backtest.fused_lanes_inline import BITS
from tradewind.backtest.fused_scan_inline import ONE, WORD, word_above
from tradewind.loops import FLOAT, INT, bare, loop, read, write

TILE = 2048


@bare
def _greater(a, b, out):  # type: ignore[no-untyped-def]
    """The greater of two values at each place; NaN where one is."""
    for k in range(out.size):
        out[k] = a[k] if a[k] > b[k] or a[k] != a[k] else b[k]


@bare
def _fill(x, other, sign, start, m, work):  # type: ignore[no-untyped-def]
    """Extremes of 1, 2, 4 … bars up to each of ``m``, from bar number ``start`` on."""
    one = work[0]
    before = min(m, max(0, -start))
    for k in range(before):
        one[k] = np.nan
    for k in range(before, m):
        one[k] = sign * x[start + k] if other[start + k] == other[start + k] else np.nan
    half = 1
    for level in range(1, work.shape[0]):
        finer = work[level - 1]
        _greater(finer[half:m], finer[: m - half], work[level, half:m])
        half *= 2


@bare
def _level(window):  # type: ignore[no-untyped-def]
    """The longest stretch of 2**level bars of which two make a window."""
    level = 0
    while 2 << level <= window:
        level += 1
    return level


@loop(INT, INT, read(FLOAT, 1), read(FLOAT, 1), FLOAT, read(INT, 1), write())
def extremes_before(first, last, x, other, sign, windows, out):  # type: ignore[no-untyped-def]
    """A row for each window: the highest (``sign`` 1) or lowest (-1) of ``x`` in the bars before each.

    A window with a bar of which ``x`` or ``other`` is not known has none. Extremes of 2**n bars are shared by
    all windows: two of them make any.
    """
    back = windows.max()
    work = np.empty((_level(back) + 1, TILE + back))
    found = np.empty(TILE)
    for t0 in range(first, last, TILE):
        n = min(TILE, last - t0)
        _fill(x, other, sign, t0 - back, n - 1 + back, work)
        for i in range(windows.size):
            level = _level(windows[i])
            late = work[level, back - 1 : back - 1 + n]
            gap = windows[i] - (1 << level)
            part = found[:n]
            _greater(late, work[level, back - 1 - gap : back - 1 - gap + n], part)
            row = out[i, t0 : t0 + n]
            for k in range(n):
                row[k] = sign * part[k]


@loop(read(FLOAT, 1), read(FLOAT, 1), read(FLOAT, 1), FLOAT, read(INT, 1), write(BITS))
def beyond(price, x, other, sign, windows, out):  # type: ignore[no-untyped-def]
    """Bit k of row i: whether ``price`` is above :func:`extremes_before` of a window, or below with ``sign``
    -1."""
    back = windows.max()
    work = np.empty((_level(back) + 1, TILE + back))
    now = np.empty(TILE)
    for t0 in range(0, price.size, TILE):
        n = min(TILE, price.size - t0)
        _fill(x, other, sign, t0 - back, n - 1 + back, work)
        for k in range(n):
            now[k] = sign * price[t0 + k]
        for i in range(windows.size):
            level = _level(windows[i])
            late = work[level, back - 1 :]
            early = work[level, back - 1 - (windows[i] - (1 << level)) :]
            for k in range(0, n, WORD):
                many = min(WORD, n - k)
                above = word_above(now, late, k, many) & word_above(now, early, k, many)
                out[i, (t0 + k) // WORD] = above


@loop(read(BITS), read(BITS), read(INT), write(BITS))
def states(enters, leaves, lanes, out):  # type: ignore[no-untyped-def]
    """Bit k of row j: whether lane j is long after bar k, given the bars that leave channels.

    ``lanes`` holds of each lane the numbers of its row of ``enters`` and of its row of ``leaves``.
    """
    for lane in range(lanes.shape[0]):
        ups, downs, known = enters[lanes[lane, 0]], leaves[lanes[lane, 1]], out[lane]
        before = ONE - ONE
        for w in range(known.size):
            known[w] = followed(ups[w], downs[w], before)
            before = known[w] >> np.uint64(WORD - 1)
