"""Deviations and correlations of a moving window, tile by tile, around the window's own mean."""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, behind1, load_at, over, pick, root, save_at, splat
from tradewind.indicators.memory_inline import BEYOND, copy, emit, finish, settle, way_to
from tradewind.indicators.merged_inline import gaps_of, last_gap, product_at, window_products
from tradewind.indicators.rolled_inline import back_of, rows_of, take, tile_of, window_squares
from tradewind.loops import FLOAT, INT, bare, inline, loop, read, write

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


@bare
def _beside_lead(xx, xy, yy, slope):  # type: ignore[no-untyped-def]
    nan = splat(NAN)
    if slope:
        return pick(yy > 0.0, xy / yy, nan)
    return pick((xx > 0.0) & (yy > 0.0), xy / root(xx * yy), nan)


@bare
def _returns(prices, n):  # type: ignore[no-untyped-def]
    """Simple returns, in the place of the prices."""
    before = splat(NAN)
    for k in range(0, n, LANES):
        now = load_at(prices, k)
        save_at(prices, k, now / behind1(before, now) - 1.0)
        before = now


@bare
def _products(row, t0, n, back, window, returns, x, rest, gaps, leads):  # type: ignore[no-untyped-def]
    take(row, t0 - back, n + back, x[0])
    if returns:
        _returns(x[0], n + back)
    return window_products(x, rest, gaps, n + back, window, leads)


@bare
def _lead(row, t0, n, back, window, slope, x, rest, gaps, squares):  # type: ignore[no-untyped-def]
    m = _products(row, t0, n, back, window, slope, x, rest, gaps, True)
    gap = gaps[last_gap(window)]
    for k in range(back, n + back, LANES):
        found, _ = product_at(x, rest, gap, k, window, m, True)
        save_at(squares, k, found)


@bare
def _follow(row, t0, n, back, window, slope, x, rest, gaps, squares, buffer, out, past):  # type: ignore[no-untyped-def]
    m = _products(row, t0, n, back, window, slope, x, rest, gaps, False)
    gap = gaps[last_gap(window)]
    way = way_to(out, t0, past)
    for k in range(0, n, LANES):
        xx, xy = product_at(x, rest, gap, back + k, window, m, False)
        emit(_beside_lead(xx, xy, load_at(squares, back + k), slope), k, n, out, t0, buffer, way)
    finish(n, out, t0, buffer, way)


@inline
def _beside(first, last, x, y, window, slope, out):  # type: ignore[no-untyped-def]
    # Tile by tile, and in each row by row: a series that stands beside all rows is worked on once for them
    back = back_of(window)
    tile = tile_of(window) // 2
    work, rest, other = rows_of(3, tile + back), rows_of(3, tile + back), rows_of(2, tile + back)
    gaps = rows_of(gaps_of(window), tile + back)
    past = out.size >= BEYOND
    for t0 in range(0, x.shape[1], tile):
        n = min(tile, x.shape[1] - t0)
        for i in range(first, last):
            if i == first or y.shape[0] > 1:
                _lead(y[i % y.shape[0]], t0, n, back, window, slope, work, rest, gaps, other[0])
            _follow(x[i], t0, n, back, window, slope, work, rest, gaps, other[0], other[1], out[i], past)
    settle()


@loop(INT, INT, read(), read(), INT, write())
def correlation(first, last, x, y, window, out):  # type: ignore[no-untyped-def]
    """``y`` has a row for each of ``x``, or one for all."""
    _beside(first, last, x, y, window, False, out)


@loop(INT, INT, read(), read(), INT, write())
def beta(first, last, x, y, window, out):  # type: ignore[no-untyped-def]
    """Slope of the simple returns of ``x`` on those of ``y``, which has a row for each, or one for all."""
    _beside(first, last, x, y, window, True, out)
