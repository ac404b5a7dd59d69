"""Sweeps without signals: many variants (lanes) of a strategy accounted for in one pass over a symbol.

What a lane compares are rows: indicator values over time, computed once per window and shared by all lanes.
Only a bar that can change the lane's position costs anything. Between two fills a lane's equity is
``cash + held * mark``, which is measured as a whole.
"""

import numpy as np

from tradewind.backtest.fused_events_inline import (
    CROSS,
    STATE,
    TARGET,
    aimed,
    compared,
    finish_tile,
    toggled,
)
from tradewind.backtest.fused_fills_inline import (
    BELOW,
    CASH,
    DEEPEST,
    HELD,
    LONGEST,
    LOW,
    PEAK,
    PREV,
    SINCE,
    STATS,
    fill,
)
from tradewind.backtest.fused_lanes_inline import looked_up
from tradewind.backtest.fused_measure_inline import LEVELS, TILE, begin, prepare, stretch, written
from tradewind.indicators.lanes_inline import LANES, load, splat
from tradewind.loops import FLOAT, INT, bare, loop, read, write

MEASURE, ADD, FINAL = 0, 1, 2
"""What becomes of a lane's equity: it is measured at once, added up over symbols, or only its end is kept."""


@bare
def _add(book, j, bar, e, mark, t0):  # type: ignore[no-untyped-def]
    """Value a lane's bars since its last fill on top of what its equity holds."""
    cash = book[CASH * LANES + j]
    held = book[HELD * LANES + j]
    first = int(book[SINCE * LANES + j])
    part = e[t0 + first : t0 + bar]
    price = mark[t0 + first : t0 + bar]
    if held == 0.0:
        for k in range(part.size):
            part[k] += cash
    else:
        for k in range(part.size):
            part[k] += cash + held * price[k]
    book[SINCE * LANES + j] = bar


@bare
def _settle(  # type: ignore[no-untyped-def]
    book, bars, wants, steps, table, pairs, costs, way, equity, lane, many, mark, t0, e, r, found
):
    """Take eight accounts through their fills in one tile."""
    start = splat(0.0)
    begin(book, start, looked_up(table, start))
    for k in range(steps):
        bar = load(bars, k)
        row = looked_up(table, bar)
        if way == MEASURE:
            stretch(book, bar, row, pairs, mark, t0, e, r, found)
            begin(book, bar, row)
        elif way == ADD:
            for j in range(many):
                _add(book, j, int(bars[k * LANES + j]), equity[lane + j], mark, t0)
        fill(book, load(wants, k), row[0], costs)


@bare
def _priced(price, t0, end):  # type: ignore[no-untyped-def]
    """Whether every bar has a price."""
    known = True
    for k in range(t0, end):
        known &= price[k] > 0.0
    return known


@bare
def _fills(  # type: ignore[no-untyped-def]
    memory, rows, sides, width, kind, below, short, whole, price, t0, end, lag, bars, wants, j
):
    """The fills of one lane in one tile; return how many."""
    if kind == TARGET:
        return aimed(memory, rows[sides[0]], price, t0, end, lag, bars, wants, j)
    two = memory[STATE] == 1.0 or memory[STATE] == 2.0 if kind == CROSS else not short
    if whole and two:
        return toggled(memory, rows, sides, width, kind, below, t0, end, lag, bars, wants, j)
    return compared(memory, rows, sides, width, kind, below, short, price, t0, end, lag, bars, wants, j)


@bare
def _through(  # type: ignore[no-untyped-def]
    part, parts, rows, sides, widths, kind, below, short, price, mark, lag, costs, memory, books, way, equity,
    table, pairs, bars, wants, counts, e, r, found,
):  # fmt: skip
    """Every ``parts``-th eight of lanes, tile by tile."""
    for t0 in range(0, mark.size, TILE):
        end = min(t0 + TILE, mark.size)
        prepare(price, mark, t0, end - t0, table, pairs)
        whole = _priced(price, t0, end)
        for g in range(part, books.shape[0], parts):
            first = g * LANES
            many = min(LANES, memory.shape[0] - first)
            counts[:] = 0
            for j in range(many):
                lane = first + j
                counts[j] = _fills(
                    memory[lane], rows, sides[lane], widths[lane], kind, below, short, whole, price, t0, end,
                    lag, bars, wants, j,
                )  # fmt: skip
            steps = finish_tile(bars, wants, counts, end - t0)
            _settle(
                books[g], bars, wants, steps, table, pairs, costs, way, equity, first, many, mark, t0, e, r,
                found,
            )  # fmt: skip


@loop(
    INT, INT, read(), read(INT), read(FLOAT, 1), INT, FLOAT, INT, read(FLOAT, 1), read(FLOAT, 1), INT,
    read(FLOAT, 1), write(), write(), INT, write(),
)  # fmt: skip
def account(  # type: ignore[no-untyped-def]
    part, parts, rows, sides, widths, kind, below, short, price, mark, lag, costs, memory, books, way, equity
):
    """Lanes over one symbol, tile by tile while its rows are in the cache: every ``parts``-th eight of them.

    A lane's signal comes from comparisons of rows; from a band around a row (its width is not negative); or
    (``TARGET``) is the row that its first number names.
    """
    table, pairs = np.empty((TILE + 1, LANES)), np.empty((LEVELS, TILE + 1, 2))
    bars, wants = np.empty((TILE + 2) * LANES), np.empty((TILE + 2) * LANES)
    counts, e, r, found = np.zeros(LANES, np.int64), np.empty(TILE), np.empty(TILE), np.empty(2 * LANES)
    pairs[:] = 0.0
    _through(
        part, parts, rows, sides, widths, kind, below, short == 1, price, mark, lag, costs, memory, books,
        way, equity, table, pairs, bars, wants, counts, e, r, found,
    )  # fmt: skip
    if way == FINAL:
        for g in range(part, books.shape[0], parts):
            for j in range(LANES):
                last = books[g, CASH * LANES + j] + books[g, HELD * LANES + j] * mark[mark.size - 1]
                books[g, PREV * LANES + j] += last


@loop(INT, INT, read(), write())
def measure(first, last, equity, books):  # type: ignore[no-untyped-def]
    """Statistics of finished equity curves."""
    r, found = np.empty(TILE), np.empty(4)
    bars = equity.shape[1]
    for lane in range(first, last):
        for t0 in range(0, bars, TILE):
            written(equity[lane, t0 : min(t0 + TILE, bars)], books[lane // LANES], lane % LANES, r, found)


@loop(INT, INT, read(), write())
def finish(first, last, books, stats):  # type: ignore[no-untyped-def]
    """Close the last drawdown of each lane, and give its statistics a row of their own."""
    for lane in range(first, last):
        book = books[lane // LANES]
        s = stats[lane]
        for c in range(STATS):
            s[c] = book[c * LANES + lane % LANES]
        if s[LOW] < s[PEAK]:
            s[DEEPEST] = min(s[DEEPEST], s[LOW] / s[PEAK] - 1.0)
        s[LONGEST] = max(s[LONGEST], s[BELOW])
