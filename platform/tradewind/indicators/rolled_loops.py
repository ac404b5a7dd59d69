"""Averages and ranges of a moving window, tile by tile; NaN until a whole window is known, also after a
hole."""

import numpy as np

from tradewind.indicators.lanes_inline import (
    LANES,
    fused,
    load_at,
    over,
    pick,
    save_at,
    size,
    splat,
)
from tradewind.indicators.memory_inline import (
    BEYOND,
    copy,
    emit,
    finish,
    misfit,
    prefetch,
    put,
    save_past,
    settle,
    way_to,
)
from tradewind.indicators.merged_inline import aged_at, window_aged
from tradewind.indicators.rolled_inline import (
    back_of,
    extreme_at,
    extremes,
    part_of,
    rows_of,
    sum_at,
    sums,
    take,
    tile_of,
    window_age,
    window_sum,
)
from tradewind.loops import INT, bare, loop, read, write

NAN = np.nan


@bare
def _simple(row, t0, n, back, window, work, out, past):  # type: ignore[no-untyped-def]
    m = sums(row, t0 - back, n + back, work[0], work[1], work[2], window)
    many = window // m
    count = float(window)
    way = way_to(out, t0, past)
    for k in range(0, n, LANES):
        emit(over(sum_at(work[1], work[2], back + k, window, m, many), count), k, n, out, t0, work[0], way)
    finish(n, out, t0, work[0], way)


@loop(INT, INT, read(), INT, write())
def sma(first, last, x, window, out):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window, x.shape[1])
    work = rows_of(3, tile + back)
    past = 2 * out.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            _simple(x[i], t0, min(tile, x.shape[1] - t0), back, window, work, out[i], past)
    settle()


@bare
def _weighted(row, t0, n, back, window, work, out, past):  # type: ignore[no-untyped-def]
    # Weights 1 to window, the newest heaviest: window times the plain sum, less the sum weighted by age
    x, rest = work[1:3], work[3:5]
    m = window_aged(row, t0 - back, n + back, work[0], x, rest, window)
    many, odd = window // m, window % m > 0
    weight = window * (window + 1) / 2.0
    count = float(window)
    way = way_to(out, t0, past)
    for k in range(0, n, LANES):
        s, p = aged_at(x, rest, back + k, m, many, odd)
        emit(over(fused(s, splat(count), splat(0.0) - p), weight), k, n, out, t0, work[0], way)
    finish(n, out, t0, work[0], way)


@loop(INT, INT, read(), INT, write())
def wma(first, last, x, window, out):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window, x.shape[1])
    work = rows_of(5, tile + back)
    past = 2 * out.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            _weighted(x[i], t0, min(tile, x.shape[1] - t0), back, window, work, out[i], past)
    settle()


@bare
def _hand_on(t0, n, back, window, highest, complete, work, out, past):  # type: ignore[no-untyped-def]
    m = part_of(window)
    way = way_to(out, t0, past)
    for k in range(0, n, LANES):
        emit(extreme_at(work[1], back + k, window, m, highest, complete), k, n, out, t0, work[0], way)
    finish(n, out, t0, work[0], way)


@bare
def _extreme(row, t0, n, back, window, highest, work, out, past):  # type: ignore[no-untyped-def]
    complete = extremes(row, t0 - back, n + back, work[0], work[1], window, highest)
    if complete:
        _hand_on(t0, n, back, window, highest, True, work, out, past)
    else:
        _hand_on(t0, n, back, window, highest, False, work, out, past)


@loop(INT, INT, read(), INT, INT, write())
def extreme(first, last, x, window, highest, out):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window, x.shape[1])
    work = rows_of(2, tile + back)
    past = 2 * out.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            _extreme(x[i], t0, min(tile, x.shape[1] - t0), back, window, highest == 1, work, out[i], past)
    settle()


@bare
def _channel(t0, n, back, window, complete, work, upper, middle, lower, past):  # type: ignore[no-untyped-def]
    m = part_of(window)
    way = max(way_to(upper, t0, past), way_to(middle, t0, past), way_to(lower, t0, past))
    for k in range(0, n, LANES):
        a = extreme_at(work[0], back + k, window, m, True, complete)
        b = extreme_at(work[1], back + k, window, m, False, complete)
        emit(a if complete else pick(b == b, a, b), k, n, upper, t0, work[2], way)
        emit((a + b) * 0.5, k, n, middle, t0, work[3], way)
        emit(b if complete else pick(a == a, b, a), k, n, lower, t0, work[4], way)
    finish(n, upper, t0, work[2], way)
    finish(n, middle, t0, work[3], way)
    finish(n, lower, t0, work[4], way)


@bare
def _donchian(high, low, t0, n, back, window, work, upper, middle, lower, past):  # type: ignore[no-untyped-def]
    whole = extremes(high, t0 - back, n + back, work[2], work[0], window, True)
    sound = extremes(low, t0 - back, n + back, work[2], work[1], window, False)
    if whole and sound:
        _channel(t0, n, back, window, True, work, upper, middle, lower, past)
    else:
        _channel(t0, n, back, window, False, work, upper, middle, lower, past)


@loop(INT, INT, read(), read(), INT, write(), write(), write())
def donchian(first, last, high, low, window, upper, middle, lower):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window)
    work = rows_of(5, tile + back)
    past = 5 * upper.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            _donchian(high[i], low[i], t0, n, back, window, work, upper[i], middle[i], lower[i], past)
    settle()


@bare
def _below_top(close, at, t0, n, back, window, complete, work, out, past):  # type: ignore[no-untyped-def]
    m = part_of(window)
    way = way_to(out, t0, past)
    for k in range(0, n, LANES):
        v = load_at(close, at + k)
        prefetch(close, at + n + k)
        top = extreme_at(work[0], back + k, window, m, True, complete)
        spread = top - extreme_at(work[1], back + k, window, m, False, complete)
        found = pick(spread == 0.0, v - v, (top - v) / spread * -100.0)
        emit(found, k, n, out, t0, work[2], way)
    finish(n, out, t0, work[2], way)


@bare
def _williams(high, low, close, t0, n, back, window, work, out, past):  # type: ignore[no-untyped-def]
    whole = extremes(high, t0 - back, n + back, work[2], work[0], window, True)
    sound = extremes(low, t0 - back, n + back, work[2], work[1], window, False)
    if whole and sound and t0 + n + LANES <= close.size:
        _below_top(close, t0, t0, n, back, window, True, work, out, past)
    else:
        take(close, t0, n, work[3])
        _below_top(work[3], 0, t0, n, back, window, False, work, out, past)


@loop(INT, INT, read(), read(), read(), INT, write())
def williams_r(first, last, high, low, close, window, out):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window)
    work = rows_of(4, tile + back)
    past = 4 * out.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            _williams(high[i], low[i], close[i], t0, n, back, window, work, out[i], past)
    settle()


@loop(INT, INT, read(), read(), read(), INT, INT, INT, write(), write())
def stochastic(first, last, high, low, close, window, smooth, signal, k_out, d_out):  # type: ignore[no-untyped-def]
    back = back_of(window - 1) + back_of(smooth - 1) + back_of(signal - 1)
    tile = tile_of(back + 1)
    work = rows_of(5, tile + back)
    slow, slower = float(smooth), float(signal)
    ready, part = back_of(window - 1), part_of(window)
    past = 5 * k_out.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, high.shape[1], tile):
            n = min(tile, high.shape[1] - t0)
            m = n + back
            whole = extremes(high[i], t0 - back, m, work[4], work[2], window, True)
            sound = extremes(low[i], t0 - back, m, work[4], work[3], window, False)
            take(close[i], t0 - back, m, work[4])
            for k in range(ready, m, LANES):
                bottom, v = extreme_at(work[3], k, window, part, False, sound), load_at(work[4], k)
                spread = extreme_at(work[2], k, window, part, True, whole) - bottom
                save_at(work[0], k, pick(spread == 0.0, v - v, (v - bottom) / spread * 100.0))
            window_sum(work[0], work[1], work[2], m, smooth)
            for k in range(0, m, LANES):
                found = over(load_at(work[2], k), slow)
                save_at(work[0], k, found)
                save_at(work[3], k, found)
            window_sum(work[0], work[1], work[2], m, signal)
            for k in range(back, m, LANES):
                d = over(load_at(work[2], k), slower)
                save_at(work[2], k, d)
                save_at(work[3], k, pick(d == d, load_at(work[3], k), d))
            put(work[2], back, d_out[i], t0, n, past)
            put(work[3], back, k_out[i], t0, n, past)
    settle()


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
    back = back_of(window - 1)
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


@bare
def _change(row, head, percent, out, past):  # type: ignore[no-untyped-def]
    k = head
    whole = head + misfit(out, head) if past else row.size
    while k < row.size:
        if k >= whole:
            while k + LANES <= row.size:
                now, before = load_at(row, k), load_at(row, k - head)
                save_past(out, k, (now / before - 1.0) * 100.0 if percent else now - before)
                k += LANES
        elif k + LANES <= whole:
            now, before = load_at(row, k), load_at(row, k - head)
            save_at(out, k, (now / before - 1.0) * 100.0 if percent else now - before)
            k += LANES
            continue
        if k < row.size:
            out[k] = (row[k] / row[k - head] - 1.0) * 100.0 if percent else row[k] - row[k - head]
            k += 1


@loop(INT, INT, read(), INT, INT, write())
def change(first, last, x, window, percent, out):  # type: ignore[no-untyped-def]
    """Change over a number of bars, in the unit of the input or in percent."""
    past = 2 * out.size >= BEYOND
    for i in range(first, last):
        head = min(window, x.shape[1])
        out[i, :head] = NAN
        _change(x[i], head, percent == 1, out[i], past)
    settle()
