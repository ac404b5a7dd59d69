"""Statistics of a moving window, put together from those of shorter ones, eight bars at once.

Windows of 1, 2, 4 and 8 bars are made without leaving the registers, longer ones by passes over a tile that
lies in the cache, so that vectors begin on its lines. A result depends on the bars of its own window alone:
nothing drifts, a hole is felt for exactly one window, and neither chunks nor what comes later change a digit.

A tile begins with some bars before its own (``back_of``). What is said of windows that begin before those is
without meaning, and is not to be used. Passes read up to seven values before a row and write as many past its
end: rows have room for them.
"""

import numpy as np

from tradewind.indicators.lanes_inline import (
    LANES,
    behind1,
    behind2,
    behind4,
    behind6,
    everywhere,
    load_at,
    pick,
    save_at,
    size,
    splat,
)
from tradewind.indicators.memory_inline import aligned, copy, prefetch
from tradewind.loops import bare, inline

NAN = np.nan
LONG = 2**14
"""Bars of a row that is long."""


@inline
def tile_of(window, bars=0):  # type: ignore[no-untyped-def]
    """Bars of a tile, so that the window before it, computed again for each, costs little.

    Loops of few fields say how many ``bars`` a row has: in long rows larger tiles, of which there are half as
    many, are better.
    """
    return max(1024 if bars >= LONG else 512, 4 * window // 64 * 64)


@inline
def back_of(bars):  # type: ignore[no-untyped-def]
    """Bars taken along before a tile: at least some, in whole lines."""
    return (bars + LANES - 1) // LANES * LANES


@inline
def rows_of(count, bars):  # type: ignore[no-untyped-def]
    """Working memory for ``count`` rows of some bars, each beginning on a line."""
    long = back_of(bars) + 3 * LANES
    room = aligned(count * long + LANES)
    return room[LANES:].reshape(count, long)


@bare
def take(row, start, n, buffer):  # type: ignore[no-untyped-def]
    """Copy ``n`` bars from number ``start`` on, NaN before the first, and ask for those that come next."""
    before = min(n, max(0, -start))
    for k in range(before):
        buffer[k] = NAN
    copy(row, start + before, buffer, before, n - before)
    for k in range(start + n, start + 2 * n, LANES):
        prefetch(row, k)


@inline
def unknown(buffer, n):  # type: ignore[no-untyped-def]
    """The first ``n`` values are not known."""
    for k in range(n):
        buffer[k] = NAN


@inline
def last_of(n):  # type: ignore[no-untyped-def]
    """Where the last vector of a row of ``n`` begins."""
    return (n - 1) // LANES * LANES


@bare
def _sums_of_eight(row, start, n, to, rest, odd, steps):  # type: ignore[no-untyped-def]
    """Sums of eight bars, or of the ``steps`` to them, and of the ``odd`` latest into ``rest``."""
    b0 = b1 = b2 = b4 = splat(NAN)
    for k in range(0, n, LANES):
        s1 = load_at(row, start + k)
        prefetch(row, start + n + k)
        if steps:
            b0, s1 = s1, size(s1 - behind1(b0, s1))
        s2 = s1 + behind1(b1, s1)
        s4 = s2 + behind2(b2, s2)
        save_at(to, k, s4 + behind4(b4, s4))
        if odd > 0:
            found = s1
            if odd >= 4:
                found = s4
                if odd >= 6:
                    found = found + behind4(b2, s2)
                if odd == 5:
                    found = found + behind4(b1, s1)
                if odd == 7:
                    found = found + behind6(b1, s1)
            elif odd >= 2:
                found = s2
                if odd == 3:
                    found = found + behind2(b1, s1)
            save_at(rest, k, found)
        b1, b2, b4 = s1, s2, s4


@bare
def _some(x, k, m, many):  # type: ignore[no-untyped-def]
    """The sum of up to seven windows of ``m`` bars, one after the other."""
    found = load_at(x, k)
    if many > 1:
        found = found + load_at(x, k - m)
    if many > 2:
        found = found + load_at(x, k - 2 * m)
    if many > 3:
        found = found + load_at(x, k - 3 * m)
    if many > 4:
        found = found + load_at(x, k - 4 * m)
    if many > 5:
        found = found + load_at(x, k - 5 * m)
    if many > 6:
        found = found + load_at(x, k - 6 * m)
    return found


@bare
def _lengthened(x, rest, n, window):  # type: ignore[no-untyped-def]
    """From sums of eight bars on to those of which up to seven make a window; answers their length."""
    have = window % LANES
    last = last_of(n)
    m = LANES
    while window // m >= 8:
        many = window // m & 3
        # from the end, so that what is read has not been written
        if many > 0:
            for k in range(last, many * m - 1, -LANES):
                found = _some(x, k, m, many)
                save_at(rest, k, found + load_at(rest, k - many * m) if have > 0 else found)
            have += many * m
        for k in range(last, 3 * m - 1, -LANES):
            save_at(x, k, _some(x, k, m, 4))
        m *= 4
    return m


@bare
def sums(row, start, n, buffer, x, rest, window):  # type: ignore[no-untyped-def]
    """Begin the sums of a row's windows for :func:`sum_at`; answers the length of those in ``x``."""
    if start >= 0 and start + n + LANES <= row.size:
        _sums_of_eight(row, start, n, x, rest, window % LANES, False)
    else:
        take(row, start, n, buffer)
        _sums_of_eight(buffer, 0, n, x, rest, window % LANES, False)
    return _lengthened(x, rest, n, window)


@bare
def step_sums(row, start, n, x, rest, window):  # type: ignore[no-untyped-def]
    """Begin the sums of the sizes of a window's steps from bar to bar, as :func:`sums` does those of bars."""
    _sums_of_eight(row, start, n, x, rest, window % LANES, True)
    return _lengthened(x, rest, n, window)


@bare
def sum_at(x, rest, k, window, m, many):  # type: ignore[no-untyped-def]
    """The sum of a window, that of ``many`` windows of ``m`` bars and of the rest."""
    if many == 0:
        return load_at(rest, k)
    found = _some(x, k, m, many)
    return found + load_at(rest, k - many * m) if window > many * m else found


@bare
def window_sum(x, rest, total, n, window):  # type: ignore[no-untyped-def]
    """Sums of ``window`` bars into ``total``; ``x`` and ``rest`` are used up."""
    if window < LANES:
        _sums_of_eight(x, 0, n, x, total, window, False)
        return
    _sums_of_eight(x, 0, n, x, rest, window % LANES, False)
    m = _lengthened(x, rest, n, window)
    many = window // m
    for k in range(many * m, n, LANES):
        save_at(total, k, sum_at(x, rest, k, window, m, many))


@bare
def _further(a, b, highest, complete):  # type: ignore[no-untyped-def]
    """The further of two values; NaN if one is."""
    further = pick(a > b, a, b) if highest else pick(a < b, a, b)
    return further if complete else pick(a == a, further, a)


@bare
def _extremes_of_eight(row, start, n, to, window, highest, complete):  # type: ignore[no-untyped-def]
    """Extremes of up to eight bars; answers whether none of them is NaN."""
    b1 = b2 = b4 = splat(NAN)
    hole = splat(0.0)
    for k in range(0, n, LANES):
        v = load_at(row, start + k)
        prefetch(row, start + n + k)
        hole = hole + v
        if window >= 2:
            e1, v = v, _further(v, behind1(b1, v), highest, complete)
            b1 = e1
        if window >= 4:
            e2, v = v, _further(v, behind2(b2, v), highest, complete)
            b2 = e2
        if window >= 8:
            e4, v = v, _further(v, behind4(b4, v), highest, complete)
            b4 = e4
        save_at(to, k, v)
    return everywhere(hole == hole)


@bare
def extremes(row, start, n, buffer, to, window, highest):  # type: ignore[no-untyped-def]
    """The highest or lowest of ``part_of(window)`` bars into ``to``; answers whether no bar is NaN."""
    inside = start >= 0 and start + n + LANES <= row.size
    complete = inside and _extremes_of_eight(row, start, n, to, window, highest, True)
    if not complete:
        take(row, start, n, buffer)
        _extremes_of_eight(buffer, 0, n, to, window, highest, False)
    m = min(part_of(window), LANES)
    while m < part_of(window):
        # from the end, so that what is read has not been written
        for k in range(last_of(n), m - 1, -LANES):
            save_at(to, k, _further(load_at(to, k), load_at(to, k - m), highest, complete))
        m *= 2
    return complete


@bare
def part_of(window):  # type: ignore[no-untyped-def]
    """A power of two, of which up to four cover a window; one to three where it is short."""
    m = 1
    while (m < LANES and 2 * m <= window) or 4 * m < window:
        m *= 2
    return m


@bare
def extreme_at(x, k, window, m, highest, complete):  # type: ignore[no-untyped-def]
    """The extreme of a window, from those of ``m`` bars, of which two may overlap; NaN if a bar is."""
    v = _further(load_at(x, k), load_at(x, k - (window - m)), highest, complete)
    if window > 2 * m:
        v = _further(v, load_at(x, k - m), highest, complete)
    if window > 3 * m:
        v = _further(v, load_at(x, k - 2 * m), highest, complete)
    return v


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
