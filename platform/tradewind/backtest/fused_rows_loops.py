"""Rows of sweeps that several windows share the work of."""

import numpy as np

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


@loop(INT, INT, read(FLOAT, 1), read(FLOAT, 1), FLOAT, read(INT, 1), write())
def extremes_before(first, last, x, other, sign, windows, out):  # type: ignore[no-untyped-def]
    """A row for each window: the highest (``sign`` 1) or lowest (-1) of ``x`` in the bars before each.

    A window with a bar of which ``x`` or ``other`` is not known has none. Extremes of 2**n bars are shared by
    all windows: two of them make any.
    """
    back = windows.max()
    levels = 1
    while 1 << levels <= back:
        levels += 1
    work = np.empty((levels, TILE + back))
    found = np.empty(TILE)
    for t0 in range(first, last, TILE):
        n = min(TILE, last - t0)
        _fill(x, other, sign, t0 - back, n - 1 + back, work)
        for i in range(windows.size):
            level = 0
            while 2 << level <= windows[i]:
                level += 1
            late = work[level, back - 1 : back - 1 + n]
            gap = windows[i] - (1 << level)
            part = found[:n]
            _greater(late, work[level, back - 1 - gap : back - 1 - gap + n], part)
            row = out[i, t0 : t0 + n]
            for k in range(n):
                row[k] = sign * part[k]
