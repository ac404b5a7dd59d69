"""Averages and ranges of a moving window, tile by tile; NaN until a whole window is known, also after a
hole."""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, load, load_at, over, pick, save, save_at, size, splat
from tradewind.indicators.memory_inline import copy, settle
from tradewind.indicators.rolled_inline import (
    rows_of,
    take,
    tile_of,
    unknown,
    window_age,
    window_extreme,
    window_sum,
)
from tradewind.indicators.tiles_inline import BARS, fill, new_tile, spill
from tradewind.loops import INT, inline, loop, read, write

NAN = np.nan


@loop(INT, INT, read(), INT, write())
def sma(first, last, x, window, out):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(3, tile + back)
    count = float(window)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            take(x[i], t0 - back, n + back, work[0])
            window_sum(work[0], work[1], work[2], n + back, window)
            for k in range(0, n, LANES):
                save_at(work[0], k, over(load_at(work[2], back + k), count))
            copy(work[0], 0, out[i], t0, n)


@inline
def _aged_sums(work, n, window):  # type: ignore[no-untyped-def]
    # Into rows 4 and 5: plain sums, and sums weighted by age. Of two windows of m bars side by side the older
    # one's ages are m higher.
    s, p, s_spare, p_spare, s_acc, p_acc = work[0], work[1], work[2], work[3], work[4], work[5]
    for k in range(0, n, LANES):
        save_at(p, k, splat(0.0))
    have = 0
    m = 1
    while True:
        if window & m:
            if have == 0:
                copy(s, 0, s_acc, 0, n)
                copy(p, 0, p_acc, 0, n)
            else:
                for k in range(have, n, LANES):
                    older = load_at(s, k - have)
                    aged = load_at(p, k - have) + older * float(have)
                    save_at(p_acc, k, load_at(p_acc, k) + aged)
                    save_at(s_acc, k, load_at(s_acc, k) + older)
            have += m
        if 2 * m > window:
            break
        unknown(s_spare, m)
        unknown(p_spare, m)
        for k in range(m, n, LANES):
            older = load_at(s, k - m)
            save_at(p_spare, k, load_at(p, k) + (load_at(p, k - m) + older * float(m)))
            save_at(s_spare, k, load_at(s, k) + older)
        s, s_spare = s_spare, s
        p, p_spare = p_spare, p
        m *= 2
    unknown(s_acc, min(n, window - 1))


@loop(INT, INT, read(), INT, write())
def wma(first, last, x, window, out):  # type: ignore[no-untyped-def]
    # Weights 1 to window, the newest heaviest: window times the plain sum, less the sum weighted by age
    back = window - 1
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    weight = window * (window + 1) / 2.0
    count = float(window)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            take(x[i], t0 - back, n + back, work[0])
            _aged_sums(work, n + back, window)
            for k in range(0, n, LANES):
                found = load_at(work[4], back + k) * count - load_at(work[5], back + k)
                save_at(work[0], k, over(found, weight))
            copy(work[0], 0, out[i], t0, n)


@loop(INT, INT, read(), INT, INT, write())
def extreme(first, last, x, window, highest, out):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(3, tile + back)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            take(x[i], t0 - back, n + back, work[0])
            window_extreme(work[0], work[1], work[2], n + back, window, highest == 1)
            copy(work[2], back, out[i], t0, n)


@inline
def _channel(high, low, work, start, n, window):  # type: ignore[no-untyped-def]
    """Highest high and lowest low into rows 4 and 5; both NaN where one is."""
    take(high, start, n, work[0])
    take(low, start, n, work[2])
    window_extreme(work[0], work[1], work[4], n, window, True)
    window_extreme(work[2], work[3], work[5], n, window, False)
    for k in range(0, n, LANES):
        a, b = load_at(work[4], k), load_at(work[5], k)
        save_at(work[4], k, pick(b == b, a, b))
        save_at(work[5], k, pick(a == a, b, a))


@loop(INT, INT, read(), read(), INT, write(), write(), write())
def donchian(first, last, high, low, window, upper, middle, lower):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            _channel(high[i], low[i], work, t0 - back, n + back, window)
            for k in range(0, n, LANES):
                save_at(work[0], k, (load_at(work[4], back + k) + load_at(work[5], back + k)) * 0.5)
            copy(work[4], back, upper[i], t0, n)
            copy(work[0], 0, middle[i], t0, n)
            copy(work[5], back, lower[i], t0, n)


@loop(INT, INT, read(), read(), read(), INT, write())
def williams_r(first, last, high, low, close, window, out):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            _channel(high[i], low[i], work, t0 - back, n + back, window)
            copy(close[i], t0, work[0], 0, n)
            for k in range(0, n, LANES):
                top, v = load_at(work[4], back + k), load_at(work[0], k)
                spread = top - load_at(work[5], back + k)
                save_at(work[1], k, pick(spread == 0.0, v - v, (top - v) / spread * -100.0))
            copy(work[1], 0, out[i], t0, n)


@loop(INT, INT, read(), read(), read(), INT, INT, INT, write(), write())
def stochastic(first, last, high, low, close, window, smooth, signal, k_out, d_out):  # type: ignore[no-untyped-def]
    back = window - 1 + smooth + signal - 2
    tile = tile_of(back + 1)
    work = rows_of(7, tile + back)
    slow, slower = float(smooth), float(signal)
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            m = n + back
            _channel(high[i], low[i], work, t0 - back, m, window)
            take(close[i], t0 - back, m, work[6])
            for k in range(0, m, LANES):
                bottom, v = load_at(work[5], k), load_at(work[6], k)
                spread = load_at(work[4], k) - bottom
                save_at(work[0], k, pick(spread == 0.0, v - v, (v - bottom) / spread * 100.0))
            window_sum(work[0], work[1], work[2], m, smooth)
            for k in range(0, m, LANES):
                found = over(load_at(work[2], k), slow)
                save_at(work[0], k, found)
                save_at(work[3], k, found)
            window_sum(work[0], work[1], work[2], m, signal)
            for k in range(0, n, LANES):
                d = over(load_at(work[2], back + k), slower)
                save_at(work[0], k, d)
                save_at(work[1], k, pick(d == d, load_at(work[3], back + k), d))
            copy(work[0], 0, d_out[i], t0, n)
            copy(work[1], 0, k_out[i], t0, n)


@loop(INT, INT, read(), read(), INT, write(), write())
def aroon(first, last, high, low, window, down, up):  # type: ignore[no-untyped-def]
    # How long ago the extreme of window + 1 bars was; of equal ones the latest.
    back = window
    tile = tile_of(window)
    work = rows_of(8, tile + back)
    count = float(window)
    nan = splat(NAN)
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            m = n + back
            take(high[i], t0 - back, m, work[0])
            window_age(work[0], work[1], work[2], work[3], work[4], work[5], m, window + 1, 1.0)
            take(low[i], t0 - back, m, work[0])
            window_age(work[0], work[1], work[2], work[3], work[6], work[7], m, window + 1, -1.0)
            for k in range(0, n, LANES):
                top, bottom = load_at(work[4], back + k), load_at(work[6], back + k)
                known = (top == top) & (bottom == bottom)
                since_top, since_bottom = load_at(work[5], back + k), load_at(work[7], back + k)
                save_at(work[0], k, pick(known, 100.0 * (count - since_top) / count, nan))
                save_at(work[1], k, pick(known, 100.0 * (count - since_bottom) / count, nan))
            copy(work[0], 0, up[i], t0, n)
            copy(work[1], 0, down[i], t0, n)


@loop(INT, INT, read(), read(), read(), INT, write())
def cci(first, last, high, low, close, window, out):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(5, tile + back)
    count = float(window)
    zero = splat(0.0)
    for i in range(first, last):
        for t0 in range(0, close.shape[1], tile):
            n = min(tile, close.shape[1] - t0)
            m = n + back
            take(high[i], t0 - back, m, work[0])
            take(low[i], t0 - back, m, work[1])
            take(close[i], t0 - back, m, work[2])
            for k in range(0, m, LANES):
                v = (load_at(work[0], k) + load_at(work[1], k) + load_at(work[2], k)) / 3.0
                save_at(work[0], k, v)
                save_at(work[3], k, v)
            window_sum(work[0], work[1], work[2], m, window)
            for k in range(back, m, LANES):
                mean = over(load_at(work[2], k), count)
                spread = zero
                for age in range(window):
                    spread = spread + size(load_at(work[3], k - age) - mean)
                gap = load_at(work[3], k) - mean
                index = gap / (0.015 * (spread / count))
                flat = (gap == 0.0) | (spread == 0.0)
                save_at(work[4], k - back, pick(flat, zero, index))
            copy(work[4], 0, out[i], t0, n)


@loop(INT, INT, read(), INT, INT, write())
def change(first, last, x, window, percent, out):  # type: ignore[no-untyped-def]
    """Change over a number of bars, in the unit of the input or in percent."""
    for i in range(first, last):
        head = min(window, x.shape[1])
        out[i, :head] = NAN
        row = x[i]
        o = out[i]
        k = head
        while k + LANES <= row.size:
            now, before = load_at(row, k), load_at(row, k - head)
            save_at(o, k, (now / before - 1.0) * 100.0 if percent == 1 else now - before)
            k += LANES
        while k < row.size:
            o[k] = (row[k] / row[k - head] - 1.0) * 100.0 if percent == 1 else row[k] - row[k - head]
            k += 1


@inline
def _adaptive(x, t0, n, window, work, to):  # type: ignore[no-untyped-def]
    """Kaufman's smoothing, squared, between those of 2 and 30 bars, by how straight the path was."""
    slow = 2.0 / 31.0
    span = 2.0 / 3.0 - slow
    m = n + window
    take(x, t0 - window, m, work[0])
    work[1, 0] = NAN
    for k in range(1, m, LANES):
        save_at(work[1], k, size(load_at(work[0], k) - load_at(work[0], k - 1)))
    window_sum(work[1], work[2], work[3], m, window)
    for k in range(0, n, LANES):
        path = load_at(work[3], window + k)
        gap = load_at(work[0], window + k) - load_at(work[0], k)
        straight = pick((path <= gap) | (path < 1e-14), splat(1.0), size(gap / path))
        smoothing = straight * span + slow
        save_at(to, k, pick(path == path, smoothing * smoothing, path))


@loop(INT, INT, read(), INT, write())
def kama(first, last, x, window, out):  # type: ignore[no-untyped-def]
    long = tile_of(window)
    work = rows_of(4, long + window)
    quick = rows_of(LANES, long)
    speeds = new_tile()
    tile = new_tile()
    result = new_tile()
    nan = splat(NAN)
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        average = nan
        for s0 in range(0, x.shape[1], long):
            n = min(long, x.shape[1] - s0)
            for j in range(many):
                _adaptive(x[i + j], s0, n, window, work, quick[j])
            for t0 in range(0, n, BARS):
                m = min(BARS, n - t0)
                fill(x, i, many, s0 + t0, m, tile)
                fill(quick, 0, many, t0, m, speeds)
                for t in range(m):
                    v = load(tile, t)
                    k = load(speeds, t)
                    known = k == k
                    # before the first, and after a hole, the average is the price of the bar before
                    average = pick(known, average + (v - average) * k, v)
                    save(result, t, pick(known, average, nan))
                spill(result, out, i, many, s0 + t0, m)
    settle()
