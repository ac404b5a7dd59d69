"""Sums of a moving window, and of its squares around its own mean, from those of shorter ones.

Two windows side by side are put together as Chan, Golub and LeVeque do: nothing cancels. See
:mod:`.rolled_inline` for how windows grow.
"""

import numpy as np

from tradewind.indicators.lanes_inline import (
    LANES,
    behind1,
    behind2,
    behind4,
    behind6,
    fused,
    load_at,
    save_at,
    splat,
)
from tradewind.indicators.memory_inline import prefetch
from tradewind.indicators.rolled_inline import last_of, take
from tradewind.loops import bare

NAN = np.nan


@bare
def _pooled(s, q, older, older_q, n1, n2):  # type: ignore[no-untyped-def]
    """Sum and squares of two windows, of ``n1`` bars and of ``n2`` before them."""
    gap = s * (1.0 / n1) - older * (1.0 / n2)
    return s + older, fused(gap, gap * (n1 * n2 / (n1 + n2)), q + older_q)


@bare
def _squares_of_eight(row, start, n, x, rest, odd):  # type: ignore[no-untyped-def]
    """Windows of eight bars into ``x``, and of the ``odd`` latest into ``rest``."""
    none = splat(0.0)
    b1 = b2 = b4 = r2 = r4 = splat(NAN)
    for k in range(0, n, LANES):
        s1 = load_at(row, start + k)
        prefetch(row, start + n + k)
        s2, q2 = _pooled(s1, none, behind1(b1, s1), none, 1.0, 1.0)
        s4, q4 = _pooled(s2, q2, behind2(b2, s2), behind2(r2, q2), 2.0, 2.0)
        s8, q8 = _pooled(s4, q4, behind4(b4, s4), behind4(r4, q4), 4.0, 4.0)
        save_at(x[0], k, s8)
        save_at(x[1], k, q8)
        if odd > 0:
            s, q = s1, none
            if odd >= 4:
                s, q = s4, q4
                if odd >= 6:
                    s, q = _pooled(s, q, behind4(b2, s2), behind4(r2, q2), 4.0, 2.0)
                if odd == 5:
                    s, q = _pooled(s, q, behind4(b1, s1), none, 4.0, 1.0)
                if odd == 7:
                    s, q = _pooled(s, q, behind6(b1, s1), none, 6.0, 1.0)
            elif odd >= 2:
                s, q = s2, q2
                if odd == 3:
                    s, q = _pooled(s, q, behind2(b1, s1), none, 2.0, 1.0)
            save_at(rest[0], k, s)
            save_at(rest[1], k, q)
        b1, b2, b4, r2, r4 = s1, s2, s4, q2, q4


@bare
def square_at(x, rest, k, m, many, odd):  # type: ignore[no-untyped-def]
    """A window's sum, and its squares around the mean: of up to three windows of ``m`` bars, and of the
    ``odd`` bars before them."""
    if many == 0:
        return load_at(rest[0], k), load_at(rest[1], k)
    s, q = load_at(x[0], k), load_at(x[1], k)
    if many > 1:
        s, q = _pooled(s, q, load_at(x[0], k - m), load_at(x[1], k - m), float(m), float(m))
    if many > 2:
        s, q = _pooled(s, q, load_at(x[0], k - 2 * m), load_at(x[1], k - 2 * m), float(2 * m), float(m))
    if odd > 0:
        at = k - many * m
        s, q = _pooled(s, q, load_at(rest[0], at), load_at(rest[1], at), float(many * m), float(odd))
    return s, q


@bare
def window_squares(row, start, n, buffer, x, rest, window):  # type: ignore[no-untyped-def]
    """Begin what :func:`square_at` answers, in pairs of rows; answers the length of the windows in ``x``."""
    odd = window % LANES
    if start >= 0 and start + n + LANES <= row.size:
        _squares_of_eight(row, start, n, x, rest, odd)
    else:
        take(row, start, n, buffer)
        _squares_of_eight(buffer, 0, n, x, rest, odd)
    m = LANES
    while window // m >= 4:
        # from the end, so that what is read has not been written
        for k in range(last_of(n), m - 1, -LANES):
            if window & m:
                s, q = square_at(x, rest, k, m, 1, odd)
                save_at(rest[0], k, s)
                save_at(rest[1], k, q)
            s, q = square_at(x, rest, k, m, 2, 0)
            save_at(x[0], k, s)
            save_at(x[1], k, q)
        odd += window & m
        m *= 2
    return m
