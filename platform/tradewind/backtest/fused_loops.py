"""Sweeps without signals: many variants (lanes) of a strategy accounted for in one pass over a symbol.

What a lane compares are rows: indicator values over time, computed once per window and shared by all lanes.
Only a bar that can change the lane's position costs anything. Between two fills a lane's equity is
``cash + held * mark``, which is measured as a whole.
"""

import numpy as np

from tradewind.backtest.fused_events_inline import (
    CROSS,
    STATE,
    TURTLE,
    compared,
    finish_tile,
    positions,
    pyramided,
    turned,
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
from tradewind.backtest.fused_lanes_inline import BITS, looked_up
from tradewind.backtest.fused_measure_inline import LEVELS, TILE, begin, prepare, stretch, written
from tradewind.backtest.fused_scan_inline import WORD
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
def _look_ahead(price, t0, n, ahead):  # type: ignore[no-untyped-def]
    """For each bar of a tile, the first from there on that has a price, or the tile's end."""
    ahead[n] = n
    for k in range(n - 1, -1, -1):
        ahead[k] = k if price[t0 + k] > 0.0 else ahead[k + 1]


@bare
def _fills(  # type: ignore[no-untyped-def]
    memory, rows, sides, numbers, known, kind, below, short, price, t0, end, lag, ahead, ups, downs, bars,
    wants, j,
):  # fmt: skip
    """The fills of one lane in one tile; return how many."""
    if kind == TURTLE:
        return pyramided(memory, rows, sides, numbers, t0, end, lag, ahead, bars, wants, j)
    if known.size > 0:
        return turned(memory, known[t0 // WORD :], kind, below, end - t0, lag, ahead, bars, wants, j)
    width = numbers[0]
    two = memory[STATE] == 1.0 or memory[STATE] == 2.0 if kind == CROSS else not short
    if two:
        positions(memory, rows, sides, width, kind, t0, end, ups, downs)
        return turned(memory, ups, kind, below, end - t0, lag, ahead, bars, wants, j)
    return compared(memory, rows, sides, width, kind, below, short, price, t0, end, lag, bars, wants, j)


@bare
def _through(  # type: ignore[no-untyped-def]
    part, parts, rows, sides, numbers, states, kind, below, short, price, mark, lag, costs, memory, books,
    way, equity, table, pairs, ahead, ups, downs, bars, wants, counts, e, r, found,
):  # fmt: skip
    """Every ``parts``-th eight of lanes, tile by tile."""
    for t0 in range(0, mark.size, TILE):
        end = min(t0 + TILE, mark.size)
        prepare(price, mark, t0, end - t0, table, pairs)
        _look_ahead(price, t0, end - t0, ahead)
        for g in range(part, books.shape[0], parts):
            first = g * LANES
            many = min(LANES, memory.shape[0] - first)
            counts[:] = 0
            for j in range(many):
                lane = first + j
                known = states[lane] if states.shape[0] > 0 else ups[:0]
                counts[j] = _fills(
                    memory[lane], rows, sides[lane], numbers[lane], known, kind, below, short, price, t0, end,
                    lag, ahead, ups, downs, bars, wants, j,
                )  # fmt: skip
            steps = finish_tile(bars, wants, counts, end - t0)
            _settle(
                books[g], bars, wants, steps, table, pairs, costs, way, equity, first, many, mark, t0, e, r,
                found,
            )  # fmt: skip


@loop(
    INT, INT, read(), read(INT), read(), read(BITS), INT, FLOAT, INT, read(FLOAT, 1), read(FLOAT, 1),
    INT, read(FLOAT, 1), write(), write(), INT, write(),
)  # fmt: skip
def account(  # type: ignore[no-untyped-def]
    part, parts, rows, sides, numbers, states, kind, below, short, price, mark, lag, costs, memory, books,
    way, equity,
):  # fmt: skip
    """Lanes over one symbol, tile by tile while its rows are in the cache: every ``parts``-th eight of them.

    A lane's states come from comparisons of rows; from a band around a row (its first number, the width, is
    not negative); or are known already, if ``states`` has rows.
    """
    table, pairs = np.empty((TILE + 1, LANES)), np.empty((LEVELS, TILE + 1, 2))
    bars, wants = np.empty((TILE + 2) * LANES), np.empty((TILE + 2) * LANES)
    counts, e, r, found = np.zeros(LANES, np.int64), np.empty(TILE), np.empty(TILE), np.empty(2 * LANES)
    ahead = np.empty(TILE + 1, np.int64)
    ups, downs = np.empty(TILE // WORD, np.uint64), np.empty(TILE // WORD, np.uint64)
    pairs[:] = 0.0
    _through(
        part, parts, rows, sides, numbers, states, kind, below, short == 1, price, mark, lag, costs, memory,
        books, way, equity, table, pairs, ahead, ups, downs, bars, wants, counts, e, r, found,
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
