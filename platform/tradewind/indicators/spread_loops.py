"""Deviations and correlations of a moving window, tile by tile, around the window's own mean."""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, load_at, over, pick, root, save_at, splat
from tradewind.indicators.memory_inline import copy
from tradewind.indicators.rolled_inline import rows_of, take, tile_of, window_products, window_squares
from tradewind.loops import FLOAT, INT, inline, loop, read, write

NAN = np.nan


@inline
def _squares(x, work, t0, n, back, window):  # type: ignore[no-untyped-def]
    """Sums into row 4, squares around the mean into row 5."""
    take(x, t0 - back, n + back, work[0])
    window_squares(work[0], work[1], work[2], work[3], work[4], work[5], n + back, window)


@loop(INT, INT, read(), INT, write(), write())
def mean_and_deviation(first, last, x, window, mean, deviation):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    count = float(window)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            _squares(x[i], work, t0, n, back, window)
            for k in range(0, n, LANES):
                save_at(work[0], k, over(load_at(work[4], back + k), count))
                save_at(work[1], k, root(over(load_at(work[5], back + k), count)))
            copy(work[0], 0, mean[i], t0, n)
            copy(work[1], 0, deviation[i], t0, n)


@loop(INT, INT, read(), INT, FLOAT, write(), write(), write())
def bollinger(first, last, x, window, width, upper, middle, lower):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    count = float(window)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            _squares(x[i], work, t0, n, back, window)
            for k in range(0, n, LANES):
                m = over(load_at(work[4], back + k), count)
                half = width * root(over(load_at(work[5], back + k), count))
                save_at(work[0], k, m + half)
                save_at(work[1], k, m)
                save_at(work[2], k, m - half)
            copy(work[0], 0, upper[i], t0, n)
            copy(work[1], 0, middle[i], t0, n)
            copy(work[2], 0, lower[i], t0, n)


@loop(INT, INT, read(), INT, FLOAT, write())
def zscore(first, last, x, window, freedom, out):  # type: ignore[no-untyped-def]
    back = window - 1
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    count = float(window)
    nan = splat(NAN)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            _squares(x[i], work, t0, n, back, window)
            copy(x[i], t0, work[0], 0, n)
            for k in range(0, n, LANES):
                gap = load_at(work[0], k) - over(load_at(work[4], back + k), count)
                d = root(load_at(work[5], back + k) / freedom)
                save_at(work[1], k, pick(d > 0.0, gap / d, nan))
            copy(work[1], 0, out[i], t0, n)


@inline
def _products(work, spare, acc, n, window):  # type: ignore[no-untyped-def]
    for k in range(0, n, LANES):
        a, b = load_at(work[0], k), load_at(work[1], k)
        save_at(work[0], k, pick(b == b, a, b))
        save_at(work[1], k, pick(a == a, b, a))
    window_products(work, spare, acc, n, window)


@loop(INT, INT, read(), read(), INT, write())
def correlation(first, last, x, y, window, out):  # type: ignore[no-untyped-def]
    """``y`` has a row for each of ``x``, or one for all."""
    back = window - 1
    tile = tile_of(window) // 2
    work, spare, acc = rows_of(5, tile + back), rows_of(5, tile + back), rows_of(5, tile + back)
    nan = splat(NAN)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            take(x[i], t0 - back, n + back, work[0])
            take(y[i % y.shape[0]], t0 - back, n + back, work[1])
            _products(work, spare, acc, n + back, window)
            for k in range(0, n, LANES):
                xx, yy = load_at(acc[2], back + k), load_at(acc[3], back + k)
                found = load_at(acc[4], back + k) / root(xx * yy)
                save_at(work[0], k, pick((xx > 0.0) & (yy > 0.0), found, nan))
            copy(work[0], 0, out[i], t0, n)


@inline
def _returns(row, start, n, prices, returns):  # type: ignore[no-untyped-def]
    """Simple returns of ``n`` bars from number ``start`` on."""
    take(row, start - 1, n + 1, prices)
    for k in range(0, n, LANES):
        save_at(returns, k, load_at(prices, k + 1) / load_at(prices, k) - 1.0)


@loop(INT, INT, read(), read(), INT, write())
def beta(first, last, x, y, window, out):  # type: ignore[no-untyped-def]
    """Slope of the simple returns of ``x`` on those of ``y``, which has a row for each, or one for all."""
    back = window - 1
    tile = tile_of(window) // 2
    work, spare, acc = rows_of(5, tile + back), rows_of(5, tile + back), rows_of(5, tile + back)
    nan = splat(NAN)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            _returns(x[i], t0 - back, n + back, spare[0], work[0])
            _returns(y[i % y.shape[0]], t0 - back, n + back, spare[1], work[1])
            _products(work, spare, acc, n + back, window)
            for k in range(0, n, LANES):
                yy = load_at(acc[3], back + k)
                save_at(work[0], k, pick(yy > 0.0, load_at(acc[4], back + k) / yy, nan))
            copy(work[0], 0, out[i], t0, n)
