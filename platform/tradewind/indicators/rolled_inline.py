"""Statistics of a moving window by doubling: of 1, 2, 4, 8 … bars, put together to any length.

Each step is one pass over a tile that lies in the cache, eight bars at once, and a result depends on the bars
of its own window alone: nothing drifts, a hole is felt for exactly one window, and neither chunks nor what
comes later change a digit. Passes write up to seven values past the end: tiles have room for them.
"""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, everywhere, load_at, pick, save_at, splat
from tradewind.indicators.memory_inline import copy
from tradewind.loops import inline

NAN = np.nan


@inline
def tile_of(window):  # type: ignore[no-untyped-def]
    """Bars of a tile, so that the window before it, computed again for each, costs little."""
    return max(512, 4 * window // 64 * 64)


@inline
def rows_of(count, bars):  # type: ignore[no-untyped-def]
    """Working memory for ``count`` rows of some bars."""
    return np.empty((count, bars + 2 * LANES))


@inline
def take(row, start, n, buffer):  # type: ignore[no-untyped-def]
    """Copy ``n`` bars from number ``start`` on; NaN before the first."""
    before = min(n, max(0, -start))
    for k in range(before):
        buffer[k] = NAN
    copy(row, start + before, buffer, before, n - before)


@inline
def unknown(buffer, n):  # type: ignore[no-untyped-def]
    """The first ``n`` values are not known."""
    for k in range(n):
        buffer[k] = NAN


@inline
def window_sum(x, spare, acc, n, window):  # type: ignore[no-untyped-def]
    """Sums of ``window`` bars into ``acc``; ``x`` and ``spare`` are used up.

    Four windows become one at a time.
    """
    have = 0
    m = 1
    while True:
        digit = (window // m) & 3
        if digit != 0:
            for k in range(have + (digit - 1) * m, n, LANES):
                found = load_at(x, k - have)
                if digit > 1:
                    found = found + load_at(x, k - have - m)
                if digit > 2:
                    found = found + load_at(x, k - have - 2 * m)
                if have > 0:
                    found = load_at(acc, k) + found
                save_at(acc, k, found)
            have += digit * m
        if 4 * m > window:
            break
        unknown(spare, min(n, 3 * m))
        for k in range(3 * m, n, LANES):
            early = load_at(x, k - 2 * m) + load_at(x, k - 3 * m)
            save_at(spare, k, (load_at(x, k) + load_at(x, k - m)) + early)
        x, spare = spare, x
        m *= 4
    unknown(acc, min(n, window - 1))


@inline
def window_squares(s, q, s_spare, q_spare, total, squares, n, window):  # type: ignore[no-untyped-def]
    """Sums, and sums of squares around the mean, of ``window`` bars of ``s``, without cancellation.

    Two samples are put together as Chan, Golub and LeVeque do.
    """
    for k in range(0, n, LANES):
        save_at(q, k, splat(0.0))
    have = 0
    m = 1
    while True:
        if window & m:
            if have == 0:
                copy(s, 0, total, 0, n)
                copy(q, 0, squares, 0, n)
            else:
                a, b, share = 1.0 / have, 1.0 / m, have * m / (have + m)
                for k in range(have, n, LANES):
                    s1, s2 = load_at(total, k), load_at(s, k - have)
                    gap = s1 * a - s2 * b
                    both = load_at(squares, k) + load_at(q, k - have)
                    save_at(squares, k, both + gap * gap * share)
                    save_at(total, k, s1 + s2)
            have += m
        if 2 * m > window:
            break
        unknown(s_spare, m)
        unknown(q_spare, m)
        share = 0.5 / m
        for k in range(m, n, LANES):
            s1, s2 = load_at(s, k), load_at(s, k - m)
            gap = s1 - s2
            save_at(q_spare, k, load_at(q, k) + load_at(q, k - m) + gap * gap * share)
            save_at(s_spare, k, s1 + s2)
        s, s_spare = s_spare, s
        q, q_spare = q_spare, q
        m *= 2
    unknown(total, min(n, window - 1))
    unknown(squares, min(n, window - 1))


@inline
def _complete(x, n):  # type: ignore[no-untyped-def]
    """Whether none of ``n`` values is NaN."""
    found = splat(0.0)
    k = 0
    while k + LANES <= n:
        v = load_at(x, k)
        found = pick(v == v, found, v)
        k += LANES
    known = everywhere(found == found)
    while k < n:
        known = known and x[k] == x[k]
        k += 1
    return known


@inline
def _further(a, b, highest, complete):  # type: ignore[no-untyped-def]
    """The further of two values; NaN if one is."""
    if complete:
        return pick(a > b, a, b) if highest else pick(a < b, a, b)
    if highest:
        return pick(a > b, a, pick(a == a, b, a))
    return pick(a < b, a, pick(a == a, b, a))


@inline
def window_extreme(x, spare, acc, n, window, highest):  # type: ignore[no-untyped-def]
    """The highest or lowest of ``window`` bars into ``acc``; NaN if one is."""
    complete = _complete(x, n)
    m = 1
    while 2 * m <= window:
        unknown(spare, m)
        for k in range(m, n, LANES):
            save_at(spare, k, _further(load_at(x, k), load_at(x, k - m), highest, complete))
        x, spare = spare, x
        m *= 2
    # two windows of m bars that overlap cover the whole
    back = window - m
    for k in range(back, n, LANES):
        save_at(acc, k, _further(load_at(x, k), load_at(x, k - back), highest, complete))
    unknown(acc, min(n, window - 1))


@inline
def _later(x, age, k, back, sign):  # type: ignore[no-untyped-def]
    u, v = load_at(x, k), load_at(x, k - back)
    newer = u * sign >= v * sign
    known = (u == u) & (v == v)
    value = pick(known, pick(newer, u, v), splat(NAN))
    return value, pick(newer, load_at(age, k), load_at(age, k - back) + float(back))


@inline
def window_age(x, age, spare, spare_age, acc, acc_age, n, window, sign):  # type: ignore[no-untyped-def]
    """How many bars ago the highest (``sign`` 1) or lowest (-1) of ``window`` bars was; of equals the latest.

    ``acc`` becomes the extreme, ``acc_age`` its age.
    """
    for k in range(0, n, LANES):
        save_at(age, k, splat(0.0))
    m = 1
    while 2 * m <= window:
        unknown(spare, m)
        unknown(spare_age, m)
        for k in range(m, n, LANES):
            value, when = _later(x, age, k, m, sign)
            save_at(spare, k, value)
            save_at(spare_age, k, when)
        x, spare = spare, x
        age, spare_age = spare_age, age
        m *= 2
    back = window - m
    for k in range(back, n, LANES):
        value, when = _later(x, age, k, back, sign)
        save_at(acc, k, value)
        save_at(acc_age, k, when)
    unknown(acc, min(n, window - 1))


@inline
def _join(to, a, b, k, back, n1, n2):  # type: ignore[no-untyped-def]
    # Rows: sum of x, sum of y, squares of x, squares of y, products
    ra, rb, share = 1.0 / n1, 1.0 / n2, n1 * n2 / (n1 + n2)
    xa, xb = load_at(a[0], k), load_at(b[0], k - back)
    ya, yb = load_at(a[1], k), load_at(b[1], k - back)
    gx = xa * ra - xb * rb
    gy = ya * ra - yb * rb
    save_at(to[2], k, load_at(a[2], k) + load_at(b[2], k - back) + gx * gx * share)
    save_at(to[3], k, load_at(a[3], k) + load_at(b[3], k - back) + gy * gy * share)
    save_at(to[4], k, load_at(a[4], k) + load_at(b[4], k - back) + gx * gy * share)
    save_at(to[0], k, xa + xb)
    save_at(to[1], k, ya + yb)


@inline
def window_products(work, spare, acc, n, window):  # type: ignore[no-untyped-def]
    """Sums, squares and products of two series around their means; rows 0 and 1 of ``work`` hold them."""
    for r in range(2, 5):
        for k in range(0, n, LANES):
            save_at(work[r], k, splat(0.0))
    have = 0
    m = 1
    while True:
        if window & m:
            if have == 0:
                for r in range(5):
                    copy(work[r], 0, acc[r], 0, n)
            else:
                for k in range(have, n, LANES):
                    _join(acc, acc, work, k, have, float(have), float(m))
            have += m
        if 2 * m > window:
            break
        for r in range(5):
            unknown(spare[r], m)
        for k in range(m, n, LANES):
            _join(spare, work, work, k, m, float(m), float(m))
        work, spare = spare, work
        m *= 2
    for r in range(5):
        unknown(acc[r], min(n, window - 1))
