"""Weighted sums and products of a moving window, from those of shorter ones; see :mod:`.rolled_inline`.

Two windows side by side become one: what is kept of each besides its sum is corrected for where it stands
(ages) or how far its mean lies from the other's (Chan, Golub and LeVeque; no cancellation).
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
from tradewind.indicators.memory_inline import copy, prefetch
from tradewind.indicators.rolled_inline import last_of, take
from tradewind.loops import bare

NAN = np.nan


@bare
def _aged(s, p, older, older_p, count):  # type: ignore[no-untyped-def]
    """Two windows, the later one of ``count`` bars: sum, and sum weighted by age."""
    return s + older, fused(older, splat(count), p + older_p)


@bare
def _aged_of_eight(row, start, n, x, rest, odd):  # type: ignore[no-untyped-def]
    b1 = b2 = b4 = q2 = q4 = splat(NAN)
    for k in range(0, n, LANES):
        s1 = load_at(row, start + k)
        prefetch(row, start + n + k)
        p2 = behind1(b1, s1)
        s2 = s1 + p2
        s4, p4 = _aged(s2, p2, behind2(b2, s2), behind2(q2, p2), 2.0)
        s8, p8 = _aged(s4, p4, behind4(b4, s4), behind4(q4, p4), 4.0)
        save_at(x[0], k, s8)
        save_at(x[1], k, p8)
        if odd > 0:
            s, p = s1, splat(0.0)
            if odd >= 4:
                s, p = s4, p4
                if odd >= 6:
                    s, p = _aged(s, p, behind4(b2, s2), behind4(q2, p2), 4.0)
                if odd == 5:
                    s, p = _aged(s, p, behind4(b1, s1), splat(0.0), 4.0)
                if odd == 7:
                    s, p = _aged(s, p, behind6(b1, s1), splat(0.0), 6.0)
            elif odd >= 2:
                s, p = s2, p2
                if odd == 3:
                    s, p = _aged(s, p, behind2(b1, s1), splat(0.0), 2.0)
            save_at(rest[0], k, s)
            save_at(rest[1], k, p)
        b1, b2, b4, q2, q4 = s1, s2, s4, p2, p4


@bare
def aged_at(x, rest, k, m, many, odd):  # type: ignore[no-untyped-def]
    """A window's sum, and its sum weighted by age (0 for the latest bar).

    It is made of up to three windows of ``m`` bars, and the rest before them.
    """
    if many == 0:
        return load_at(rest[0], k), load_at(rest[1], k)
    s, p = load_at(x[0], k), load_at(x[1], k)
    if many > 1:
        s, p = _aged(s, p, load_at(x[0], k - m), load_at(x[1], k - m), float(m))
    if many > 2:
        s, p = _aged(s, p, load_at(x[0], k - 2 * m), load_at(x[1], k - 2 * m), float(2 * m))
    if odd:
        before = many * m
        s, p = _aged(s, p, load_at(rest[0], k - before), load_at(rest[1], k - before), float(before))
    return s, p


@bare
def _lengthened(x, rest, n, window):  # type: ignore[no-untyped-def]
    """From windows of eight bars on to those of which up to three make a window; answers their length."""
    odd = window % LANES > 0
    m = LANES
    while window // m >= 4:
        # from the end, so that what is read has not been written
        for k in range(last_of(n), m - 1, -LANES):
            if window & m:
                s, p = aged_at(x, rest, k, m, 1, odd)
                save_at(rest[0], k, s)
                save_at(rest[1], k, p)
            s, p = _aged(
                load_at(x[0], k), load_at(x[1], k), load_at(x[0], k - m), load_at(x[1], k - m), float(m)
            )
            save_at(x[0], k, s)
            save_at(x[1], k, p)
        odd = odd or window & m > 0
        m *= 2
    return m


@bare
def window_aged(row, start, n, buffer, x, rest, window):  # type: ignore[no-untyped-def]
    """Begin what :func:`aged_at` answers, in pairs of rows; answers the length of the windows in ``x``."""
    if start >= 0 and start + n + LANES <= row.size:
        _aged_of_eight(row, start, n, x, rest, window % LANES)
    else:
        take(row, start, n, buffer)
        _aged_of_eight(buffer, 0, n, x, rest, window % LANES)
    return _lengthened(x, rest, n, window)


@bare
def _merged(x, xx, xy, older, older_xx, older_xy, n1, n2, gaps, k, leads):  # type: ignore[no-untyped-def]
    """Two windows of ``n1`` and, before it, ``n2`` bars: sum, squares, products around their means."""
    gap = x * (1.0 / n1) - older * (1.0 / n2)
    other = gap
    if leads:
        save_at(gaps, k, gap)
    else:
        other = load_at(gaps, k)
    part = gap * (n1 * n2 / (n1 + n2))
    return x + older, fused(gap, part, xx + older_xx), fused(other, part, xy + older_xy)


@bare
def _products_of_eight(x, rest, gaps, n, odd, leads):  # type: ignore[no-untyped-def]
    zero = splat(0.0)
    b1 = b2 = b4 = q2 = q4 = r2 = r4 = splat(NAN)
    for k in range(0, n, LANES):
        v1 = load_at(x[0], k)
        v2, p2, c2 = _merged(v1, zero, zero, behind1(b1, v1), zero, zero, 1.0, 1.0, gaps[0], k, leads)
        v4, p4, c4 = _merged(
            v2, p2, c2, behind2(b2, v2), behind2(q2, p2), behind2(r2, c2), 2.0, 2.0, gaps[1], k, leads
        )
        v8, p8, c8 = _merged(
            v4, p4, c4, behind4(b4, v4), behind4(q4, p4), behind4(r4, c4), 4.0, 4.0, gaps[2], k, leads
        )
        save_at(x[0], k, v8)
        save_at(x[1], k, p8)
        save_at(x[2], k, c8)
        if odd > 0:
            v, p, c = v1, zero, zero
            if odd >= 4:
                v, p, c = v4, p4, c4
                if odd >= 6:
                    v, p, c = _merged(
                        v,
                        p,
                        c,
                        behind4(b2, v2),
                        behind4(q2, p2),
                        behind4(r2, c2),
                        4.0,
                        2.0,
                        gaps[3],
                        k,
                        leads,
                    )
                if odd == 5:
                    v, p, c = _merged(v, p, c, behind4(b1, v1), zero, zero, 4.0, 1.0, gaps[4], k, leads)
                if odd == 7:
                    v, p, c = _merged(v, p, c, behind6(b1, v1), zero, zero, 6.0, 1.0, gaps[4], k, leads)
            elif odd >= 2:
                v, p, c = v2, p2, c2
                if odd == 3:
                    v, p, c = _merged(v, p, c, behind2(b1, v1), zero, zero, 2.0, 1.0, gaps[4], k, leads)
            save_at(rest[0], k, v)
            save_at(rest[1], k, p)
            save_at(rest[2], k, c)
        b1, b2, b4, q2, q4, r2, r4 = v1, v2, v4, p2, p4, c2, c4


@bare
def _join_products(to, a, b, gaps, n, m, older, leads):  # type: ignore[no-untyped-def]
    """Windows of ``a``, of ``m`` bars, after ``older`` bars of ``b``; from the end."""
    n1, n2 = float(m), float(older)
    for k in range(last_of(n), m - 1, -LANES):
        v, p, c = _merged(
            load_at(a[0], k), load_at(a[1], k), load_at(a[2], k),
            load_at(b[0], k - m), load_at(b[1], k - m), load_at(b[2], k - m), n1, n2, gaps, k, leads,
        )  # fmt: skip
        save_at(to[0], k, v)
        save_at(to[1], k, p)
        save_at(to[2], k, c)


@bare
def gaps_of(window):  # type: ignore[no-untyped-def]
    """How many rows of gaps a window needs."""
    return last_gap(window) + 1


@bare
def window_products(x, rest, gaps, n, window, leads):  # type: ignore[no-untyped-def]
    """Sums, squares and products with another series, around their means, but for the last step.

    The other series goes first (``leads``): it leaves the gaps between its means, by which one or many others
    are then multiplied. Answers the bars of the windows in ``x``, for :func:`product_at`.
    """
    have = window % LANES
    _products_of_eight(x, rest, gaps, n, have, leads)
    m = LANES
    at = 5
    while 2 * m <= window:
        if window & m:
            if have > 0:
                _join_products(rest, x, rest, gaps[at], n, m, have, leads)
            else:
                for r in range(3):
                    copy(x[r], 0, rest[r], 0, n)
            have += m
        _join_products(x, x, x, gaps[at + 1], n, m, m, leads)
        at += 2
        m *= 2
    return m


@bare
def product_at(x, rest, gaps, k, window, m, leads):  # type: ignore[no-untyped-def]
    """A window's squares, and products with the other series: of ``m`` bars and the rest before them."""
    if window < m:
        return load_at(rest[1], k), load_at(rest[2], k)
    if window == m:
        return load_at(x[1], k), load_at(x[2], k)
    _, p, c = _merged(
        load_at(x[0], k), load_at(x[1], k), load_at(x[2], k),
        load_at(rest[0], k - m), load_at(rest[1], k - m), load_at(rest[2], k - m),
        float(m), float(window - m), gaps, k, leads,
    )  # fmt: skip
    return p, c


@bare
def last_gap(window):  # type: ignore[no-untyped-def]
    """The row of gaps that the last step leaves or needs."""
    at = 5
    while window >= 2 * LANES:
        at += 2
        window //= 2
    return at
