"""Deviations and correlations of a moving window, tile by tile, around the window's own mean."""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, behind1, load_at, over, pick, root, save_at, splat
from tradewind.indicators.memory_inline import BEYOND, copy, emit, finish, settle, way_to
from tradewind.indicators.merged_inline import gaps_of, last_gap, product_at, window_products
from tradewind.indicators.pooled_inline import square_at, window_squares
from tradewind.indicators.rolled_inline import back_of, rows_of, take, tile_of
from tradewind.loops import FLOAT, INT, bare, inline, loop, read, write

NAN = np.nan


@bare
def _squares(row, t0, n, back, window, work):  # type: ignore[no-untyped-def]
    return window_squares(row, t0 - back, n + back, work[0], work[1:3], work[3:5], window)


@bare
def _mean_and_deviation(work, k, window, m):  # type: ignore[no-untyped-def]
    many = window // m
    s, q = square_at(work[1:3], work[3:5], k, m, many, window - many * m)
    count = float(window)
    return over(s, count), root(over(q, count))


@bare
def _both(row, t0, n, back, window, work, mean, deviation, past):  # type: ignore[no-untyped-def]
    m = _squares(row, t0, n, back, window, work)
    way = max(way_to(mean, t0, past), way_to(deviation, t0, past))
    for k in range(0, n, LANES):
        middle, d = _mean_and_deviation(work, back + k, window, m)
        emit(middle, k, n, mean, t0, work[0], way)
        emit(d, k, n, deviation, t0, work[5], way)
    finish(n, mean, t0, work[0], way)
    finish(n, deviation, t0, work[5], way)


@loop(INT, INT, read(), INT, write(), write())
def mean_and_deviation(first, last, x, window, mean, deviation):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    past = 3 * mean.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            _both(x[i], t0, n, back, window, work, mean[i], deviation[i], past)
    settle()


@bare
def _band(row, t0, n, back, window, width, work, upper, middle, lower, past):  # type: ignore[no-untyped-def]
    m = _squares(row, t0, n, back, window, work)
    way = max(way_to(upper, t0, past), way_to(middle, t0, past), way_to(lower, t0, past))
    for k in range(0, n, LANES):
        centre, d = _mean_and_deviation(work, back + k, window, m)
        half = d * width
        emit(centre + half, k, n, upper, t0, work[0], way)
        emit(centre, k, n, middle, t0, work[5], way)
        emit(centre - half, k, n, lower, t0, work[6], way)
    finish(n, upper, t0, work[0], way)
    finish(n, middle, t0, work[5], way)
    finish(n, lower, t0, work[6], way)


@loop(INT, INT, read(), INT, FLOAT, write(), write(), write())
def bollinger(first, last, x, window, width, upper, middle, lower):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window)
    work = rows_of(7, tile + back)
    past = 4 * upper.size >= BEYOND
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            _band(x[i], t0, n, back, window, width, work, upper[i], middle[i], lower[i], past)
    settle()


@loop(INT, INT, read(), INT, FLOAT, write())
def zscore(first, last, x, window, freedom, out):  # type: ignore[no-untyped-def]
    back = back_of(window - 1)
    tile = tile_of(window)
    work = rows_of(6, tile + back)
    count = float(window)
    nan = splat(NAN)
    for i in range(first, last):
        for t0 in range(0, x.shape[1], tile):
            n = min(tile, x.shape[1] - t0)
            m = _squares(x[i], t0, n, back, window, work)
            many = window // m
            copy(x[i], t0, work[0], 0, n)
            for k in range(0, n, LANES):
                s, q = square_at(work[1:3], work[3:5], back + k, m, many, window - many * m)
                gap = load_at(work[0], k) - over(s, count)
                d = root(q / freedom)
                save_at(work[5], k, pick(d > 0.0, gap / d, nan))
            copy(work[5], 0, out[i], t0, n)


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
    past = 2 * out.size >= BEYOND
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
