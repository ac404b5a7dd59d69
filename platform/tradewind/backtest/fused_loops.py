"""Sweeps without signals: many variants (lanes) of a strategy accounted for in one pass over a symbol.

What a lane compares are rows: indicator values over time, computed once per window and shared by all lanes.
Only a bar that can change the lane's position costs anything. Between two fills a lane's equity is
``cash + held * mark``, which is measured as a whole.
"""

import numpy as np

from tradewind.backtest.fused_fills_inline import (
    BELOW,
    CASH,
    DEEPEST,
    HAVE,
    HELD,
    LONGEST,
    LOW,
    PEAK,
    PENDING,
    PREV,
    STATE,
    fill,
)
from tradewind.backtest.fused_measure_inline import LEVELS, TILE, prepare, stretch, written
from tradewind.backtest.fused_scan_inline import first_above, first_of_two, first_outside
from tradewind.loops import FLOAT, INT, bare, loop, read, write

CROSS, REVERSION, BREAKOUT, CHANNEL, TARGET = 0, 1, 2, 3, 4
MEASURE, ADD, FINAL = 0, 1, 2
"""What becomes of a lane's equity: it is measured at once, added up over symbols, or only its end is kept."""


@bare
def _mask(kind, state, short):  # type: ignore[no-untyped-def]
    """The comparisons that can change a position, in each state; a crossing's states are 1 above, 2 below, 3
    level."""
    if kind == CROSS:
        return 2 if state == 1.0 else (1 if state == 2.0 else 3)
    if state == 0.0:
        if kind == BREAKOUT:
            return 3 if short else 2
        return 3 if short else 1
    if kind == REVERSION:
        return 4 if state > 0.0 else 8
    if kind == BREAKOUT:
        return 8 if state > 0.0 else 4
    return 4 if state > 0.0 else 8


@bare
def _step(kind, state, code, short):  # type: ignore[no-untyped-def]
    """The state after a bar."""
    if kind == CROSS:
        return 1.0 if code & 1 else (2.0 if code & 2 else state)
    if kind == REVERSION:
        if code & 1:
            return 1.0
        if code & 2 and short:
            return -1.0
        if (state > 0.0 and code & 4) or (state < 0.0 and code & 8):
            return 0.0
        return state
    if kind == BREAKOUT:
        if code & 2:
            return 1.0
        if code & 1 and short:
            return -1.0
        if (state > 0.0 and code & 8) or (state < 0.0 and code & 4):
            return 0.0
        return state
    if (state > 0.0 and code & 4) or (state < 0.0 and code & 8):
        state = 0.0
    if state == 0.0:
        if code & 1:
            return 1.0
        if code & 2 and short:
            return -1.0
    return state


@bare
def _target(kind, state, below):  # type: ignore[no-untyped-def]
    if kind == CROSS:
        return 1.0 if state == 1.0 else below
    return state


@bare
def _code(rows, pairs, width, k):  # type: ignore[no-untyped-def]
    """All comparisons at one bar, as bits.

    Of a band: below its lower edge 1, above its upper one 2, above its middle 4, below it 8.
    """
    if width < 0.0:
        code = 0
        for c in range(pairs.size // 2):
            if rows[pairs[2 * c], k] > rows[pairs[2 * c + 1], k]:
                code |= 1 << c
        return code
    x = rows[pairs[0], k]
    middle = rows[pairs[1], k]
    half = width * rows[pairs[2], k]
    outside = (1 if middle - half > x else 0) | (2 if x > middle + half else 0)
    return outside | (4 if x > middle else 0) | (8 if middle > x else 0)


@bare
def _next(rows, pairs, width, mask, k, stop):  # type: ignore[no-untyped-def]
    """The first bar from ``k`` on with a comparison of the mask, or ``stop``."""
    if width >= 0.0:
        if mask < 4:
            return first_outside(rows[pairs[0]], rows[pairs[1]], rows[pairs[2]], width, mask, k, stop)
        a = 0 if mask == 4 else 1
        return first_above(rows[pairs[a]], rows[pairs[1 - a]], k, stop)
    if mask == 3:
        return first_of_two(rows[pairs[0]], rows[pairs[1]], rows[pairs[2]], rows[pairs[3]], k, stop)
    c = 0 if mask == 1 else (2 if mask == 2 else (4 if mask == 4 else 6))
    return first_above(rows[pairs[c]], rows[pairs[c + 1]], k, stop)


@bare
def _add(lane, e, mark):  # type: ignore[no-untyped-def]
    """Value the bars between two fills on top of what ``e`` holds."""
    cash = lane[CASH]
    held = lane[HELD]
    if held == 0.0:
        for k in range(e.size):
            e[k] += cash
    else:
        for k in range(e.size):
            e[k] += cash + held * mark[k]


@bare
def _value(lane, stats, first, last, t0, mark, e, way, scratch, r, found, sums, highs, lows):  # type: ignore[no-untyped-def]
    """Measure or add the bars from ``first`` on, up to a fill at ``last``; nothing is traded between."""
    if way == MEASURE:
        stretch(lane, stats, mark, t0, first, last, scratch, r, found, sums, highs, lows)
    elif way == ADD and last > first:
        _add(lane, e[first - t0 : last - t0], mark[first:last])


@bare
def _tile(  # type: ignore[no-untyped-def]
    lane, stats, rows, pairs, width, kind, below, short, price, mark, t0, end, lag, costs, way, e, scratch, r,
    found, sums, highs, lows,
):  # fmt: skip
    """Take one lane through one tile of bars."""
    k = t0
    if kind == CROSS and lane[STATE] == 0.0:
        a = rows[pairs[0]]
        b = rows[pairs[1]]
        while k < end and not (a[k] == a[k] and b[k] == b[k]):
            k += 1
        if k < end:
            code = _code(rows, pairs, width, k)
            lane[STATE] = 1.0 if code & 1 else (2.0 if code & 2 else 3.0)
            k += 1
    begun = t0
    while True:
        if lane[PENDING] != 0.0:
            u = k
            while u < end and not (price[u] == price[u] and price[u] > 0.0):
                u += 1
            if u > k and lag == 1:
                f = _next(rows, pairs, width, _mask(kind, lane[STATE], short), k, u)
                if f < u:
                    lane[STATE] = _step(kind, lane[STATE], _code(rows, pairs, width, f), short)
                    lane[HAVE] = _target(kind, lane[STATE], below)
                    k = f + 1
                    continue
            if u == end:
                break
            _value(lane, stats, begun, u, t0, mark, e, way, scratch, r, found, sums, highs, lows)
            fill(lane, stats, price[u], costs[0], costs[1], costs[2], costs[3])
            begun = u
            k = u if lag == 1 else u + 1
        f = _next(rows, pairs, width, _mask(kind, lane[STATE], short), k, end)
        if f == end:
            break
        lane[STATE] = _step(kind, lane[STATE], _code(rows, pairs, width, f), short)
        want = _target(kind, lane[STATE], below)
        if want != lane[HAVE]:
            lane[HAVE] = want
            lane[PENDING] = 1.0
        k = f + lag if lane[PENDING] != 0.0 else f + 1
    _value(lane, stats, begun, end, t0, mark, e, way, scratch, r, found, sums, highs, lows)


@bare
def _target_tile(  # type: ignore[no-untyped-def]
    lane, stats, target, price, mark, t0, end, lag, costs, way, e, scratch, r, found, sums, highs, lows
):
    """Take one lane through one tile of a signal that was worked out beforehand; NaN leaves it as it is."""
    begun = t0
    for k in range(t0, end):
        s = target[k]
        new = s == s and s != lane[HAVE]
        if new and lag == 0:
            lane[HAVE] = s
            lane[PENDING] = 1.0
        if lane[PENDING] != 0.0:
            p = price[k]
            if p == p and p > 0.0:
                _value(lane, stats, begun, k, t0, mark, e, way, scratch, r, found, sums, highs, lows)
                fill(lane, stats, p, costs[0], costs[1], costs[2], costs[3])
                begun = k
        if new and lag == 1:
            lane[HAVE] = s
            lane[PENDING] = 1.0
    _value(lane, stats, begun, end, t0, mark, e, way, scratch, r, found, sums, highs, lows)


@bare
def _through(  # type: ignore[no-untyped-def]
    first, last, rows, pairs, widths, kind, below, short, price, mark, lag, costs, lanes, stats, way, equity,
    scratch, r, found, sums, highs, lows,
):  # fmt: skip
    bars = mark.size
    for t0 in range(0, bars, TILE):
        end = min(t0 + TILE, bars)
        if way == MEASURE:
            prepare(mark, t0, end - t0, sums, highs, lows)
        for j in range(first, last):
            e = equity[j, t0:end] if way == ADD else scratch
            if kind == TARGET:
                _target_tile(
                    lanes[j], stats[j], rows[pairs[j, 0]], price, mark, t0, end, lag, costs, way, e, scratch,
                    r, found, sums, highs, lows,
                )  # fmt: skip
            else:
                _tile(
                    lanes[j], stats[j], rows, pairs[j], widths[j], kind, below, short, price, mark, t0, end,
                    lag, costs, way, e, scratch, r, found, sums, highs, lows,
                )  # fmt: skip
    if way == FINAL:
        for j in range(first, last):
            stats[j, PREV] += lanes[j, CASH] + lanes[j, HELD] * mark[bars - 1]


@loop(
    INT, INT, read(), read(INT), read(FLOAT, 1), INT, FLOAT, INT, read(FLOAT, 1), read(FLOAT, 1), INT,
    read(FLOAT, 1), write(), write(), INT, write(),
)  # fmt: skip
def account(  # type: ignore[no-untyped-def]
    first, last, rows, pairs, widths, kind, below, short, price, mark, lag, costs, lanes, stats, way, equity
):
    """Lanes over one symbol, tile by tile while its rows are in the cache.

    A lane's signal comes from comparisons of rows; from a band around a row (its width is not negative); or
    (``TARGET``) is the row that its first number names.
    """
    scratch, r, found = np.empty(TILE), np.empty(TILE), np.empty(4)
    sums, highs, lows = np.empty((4, TILE + 1)), np.empty((LEVELS, TILE)), np.empty((LEVELS, TILE))
    _through(
        first, last, rows, pairs, widths, kind, below, short == 1, price, mark, lag, costs, lanes, stats, way,
        equity, scratch, r, found, sums, highs, lows,
    )  # fmt: skip


@loop(INT, INT, read(), write())
def measure(first, last, equity, stats):  # type: ignore[no-untyped-def]
    """Statistics of finished equity curves."""
    r, found = np.empty(TILE), np.empty(4)
    bars = equity.shape[1]
    for j in range(first, last):
        for t0 in range(0, bars, TILE):
            written(equity[j, t0 : min(t0 + TILE, bars)], stats[j], r, found)


@loop(INT, INT, write())
def finish(first, last, stats):  # type: ignore[no-untyped-def]
    """Close the last drawdown of each lane."""
    for j in range(first, last):
        s = stats[j]
        if s[LOW] < s[PEAK]:
            s[DEEPEST] = min(s[DEEPEST], s[LOW] / s[PEAK] - 1.0)
        s[LONGEST] = max(s[LONGEST], s[BELOW])
