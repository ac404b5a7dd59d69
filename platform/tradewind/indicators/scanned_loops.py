"""Averages whose every bar builds on the one before by a linear step; see :mod:`.scanned_inline`."""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, behind1, everywhere, load_at, pick, size, splat
from tradewind.indicators.memory_inline import BEYOND, emit, finish, prefetch, settle, way_to
from tradewind.indicators.rolled_inline import back_of, rows_of, step_sums, sum_at, take, tile_of
from tradewind.indicators.scanned_inline import gained, kept, newest, stated
from tradewind.loops import INT, bare, loop, read, write

NAN = np.nan
TILE = 512
"""Bars whose results may wait for one another."""
AHEAD = 128
"""How far ahead of its use a bar is asked for."""


@bare
def _slowly(high, low, close, t, n, before, seen, w, work):  # type: ignore[no-untyped-def]
    """What eight bars keep of the average and what they add, where one is unknown or the average is new."""
    for j in range(LANES):
        work[0, j], work[1, j], work[2, j] = 1.0, 0.0, NAN
        if j >= n:
            continue
        h, lo, c = high[t + j], low[t + j], close[t + j]
        if h != h or lo != lo or c != c:
            continue
        if before == before:
            seen += 1.0
            true_range = (h if h > before else before) - (lo if lo < before else before)
            if seen < w:
                work[1, j] = true_range
            else:
                # seeded with the mean of the first
                work[0, j] = (w - 1.0) / w if seen > w else 1.0 / w
                work[1, j] = true_range * (1.0 / w)
                work[2, j] = 0.0
        before = c
    return before, seen


@bare
def _ranges(high, low, close, w, work, out, past):  # type: ignore[no-untyped-def]
    part = 1.0 / w
    keep = splat((w - 1.0) / w)
    two, four, all_kept = kept(keep)
    a, seen, before = 0.0, 0.0, NAN
    closes = splat(NAN)
    for t0 in range(0, close.size, TILE):
        n = min(TILE, close.size - t0)
        way = way_to(out, t0, past)
        for k in range(0, n, LANES):
            t = t0 + k
            quick = False
            if seen >= w and k + LANES <= n:
                h, lo, c = load_at(high, t), load_at(low, t), load_at(close, t)
                prefetch(high, t + AHEAD)
                prefetch(low, t + AHEAD)
                prefetch(close, t + AHEAD)
                whole = h + lo + c
                quick = everywhere(whole == whole)
                if quick:
                    earlier = behind1(closes, c)
                    closes = c
                    true_range = pick(h > earlier, h, earlier) - pick(lo < earlier, lo, earlier)
                    found, a = stated(gained(true_range * part, keep, two, four), all_kept, a)
                    emit(found, k, n, out, t0, work[3], way)
            if not quick:
                before, seen = _slowly(high, low, close, t, n - k, newest(closes), seen, w, work)
                closes = splat(before)
                some = load_at(work[0], 0)
                two_slow, four_slow, all_slow = kept(some)
                gain = gained(load_at(work[1], 0), some, two_slow, four_slow)
                found, a = stated(gain, all_slow, a)
                emit(found + load_at(work[2], 0), k, n, out, t0, work[3], way)
        finish(n, out, t0, work[3], way)


@loop(INT, INT, read(), read(), read(), INT, write())
def atr(first, last, high, low, close, window, out):  # type: ignore[no-untyped-def]
    # Wilder's smoothing of the true range; the first bar has none, for want of a close before it.
    work = rows_of(4, TILE)
    past = 4 * out.size >= BEYOND
    for i in range(first, last):
        _ranges(high[i], low[i], close[i], float(window), work, out[i], past)
    settle()


@bare
def _adaptive(x, start, t0, n, back, window, work, out, past, a):  # type: ignore[no-untyped-def]
    """Kaufman's smoothing, squared, between those of 2 and 30 bars, by how straight the path was."""
    slow = 2.0 / 31.0
    span = 2.0 / 3.0 - slow
    zero = splat(0.0)
    m = step_sums(x, start, n + back, work[1], work[2], window)
    many = window // m
    way = way_to(out, t0, past)
    for k in range(0, n, LANES):
        path = sum_at(work[1], work[2], back + k, window, m, many)
        v = load_at(x, start + back + k)
        gap = v - load_at(x, start + back + k - window)
        straight = pick((path <= gap) | (path < 1e-14), splat(1.0), size(gap / path))
        root = straight * span + slow
        speed = root * root
        known = path == path
        # before the first, and after a hole, the average is the price of the bar before
        keep = pick(known, 1.0 - speed, zero)
        gain = pick(known, v * speed, pick(v == v, v, zero))
        two, four, all_kept = kept(keep)
        found, a = stated(gained(gain, keep, two, four), all_kept, a)
        emit(pick(known, found, path), k, n, out, t0, work[3], way)
    finish(n, out, t0, work[3], way)
    return a


@loop(INT, INT, read(), INT, write())
def kama(first, last, x, window, out):  # type: ignore[no-untyped-def]
    back = back_of(window)
    tile = tile_of(window, x.shape[1])
    work = rows_of(4, tile + back)
    past = 2 * out.size >= BEYOND
    for i in range(first, last):
        a = 0.0
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            start = t0 - back
            if start >= 0 and t0 + n + LANES <= x.shape[1]:
                a = _adaptive(x[i], start, t0, n, back, window, work, out[i], past, a)
            else:
                take(x[i], start, n + back, work[0])
                a = _adaptive(work[0], 0, t0, n, back, window, work, out[i], past, a)
    settle()
