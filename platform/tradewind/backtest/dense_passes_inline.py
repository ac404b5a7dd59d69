"""The passes over all symbols for :mod:`.dense_loops`: a block of bars at a time, eight bars an instruction.

Tables are flat, a symbol's row every ``pitch`` values: finding a row anew at each step would cost more than
the sums. What is bought and sold is rounded to a grid so fine that no fee feels it, and so coarse that its
sums are exact: whatever was added, or added and taken off again, in whatever order, they are the same.
"""

from typing import Any, NamedTuple

import numpy as np

from tradewind.indicators.lanes_inline import (
    LANES,
    behind1,
    bits,
    fused,
    load,
    load_at,
    lowest,
    negated,
    pick,
    save,
    save_at,
    size,
    splat,
)
from tradewind.indicators.memory_inline import prefetch
from tradewind.loops import bare

BLOCK = 256
"""Bars at a time: what is held of all symbols before their fills stays in the processor's caches."""
ROWS = 8
"""Symbols at a time, whose sums stay in registers; those of the next time are asked for meanwhile."""
CLOSER = 1e-3
"""How much nearer a second guess is than the first."""
NEAREST = 1e-12
"""Ratios are never taken for better guessed than this: they round."""
WITHIN = 1.0 - 1e-3
"""How much of a distance counts as within it, for the same reason."""
GRID = 12.0
"""Added and taken off again it leaves multiples of 2^-49 of the equity: 500 of them, each half of that off,
are 4e-13, of which a fee takes a thousandth. Sums are exact up to 16 times the equity."""
ROOM = 32
"""Symbols a bar that may be near to the change from bought to sold before listing them is given up."""
SAMPLE = 64
"""Symbols that tell whether few would be listed."""
KINDS = 11
TOTAL, DRIFTED, VALUE, LEAST, BOUGHT, LEFT, TRIED, NEAR, CLEAR, RATIO, CASH = range(KINDS)
"""What is known of each bar of a block: targets; what is held before the fill; after it, at the close;
the lowest price; targets of those bought and what was held of them; the ratio that was decided for, how near
to it is near, and, unless below zero, that all is decided the same there; the ratio that came out; cash over
equity at the fill."""


class Panel(NamedTuple):
    """Where some bars of all symbols lie: targets from ``wanted`` on, prices and marks from ``at`` on."""

    target: Any
    price: Any
    mark: Any
    pitch: Any
    wanted: Any
    at: Any


class Desk(NamedTuple):
    """Working memory: of each symbol the units held at the last eight bars and, a bar, what is held before
    the fill; of each bar what is known of it; bars that are not certain; who is near to the change from
    bought to sold, as bits, and as a list a bar."""

    units: Any
    drift: Any
    bars: Any
    unsure: Any
    sides: Any
    close: Any
    listed: Any


@bare
def _on_grid(share):  # type: ignore[no-untyped-def]
    """Round a share of the equity, of one symbol or of eight bars, to the grid."""
    return (share + GRID) - GRID


@bare
def _traded(panel, row, i, units):  # type: ignore[no-untyped-def]
    """Targets of a symbol at eight bars, their prices, what was held of it before, what it is at the close.

    Those of some symbols later are asked for.
    """
    target, price, mark, pitch, wanted, at = panel
    later = row + ROWS * pitch
    prefetch(target, later + wanted)
    prefetch(price, later + at)
    prefetch(mark, later + at)
    x, p = load_at(target, row + wanted), load_at(price, row + at)
    held = x / p
    before = behind1(load(units, i), held) * p
    save(units, i, held)
    return x, p, before, held * load_at(mark, row + at)


@bare
def sums(panel, n, units, drift, bars):  # type: ignore[no-untyped-def]
    """Sums over the symbols at ``n`` bars, a multiple of eight."""
    total, drifted, value, least = bars[TOTAL], bars[DRIFTED], bars[VALUE], bars[LEAST]
    total[:n] = 0.0
    drifted[:n] = 0.0
    value[:n] = 0.0
    least[:n] = 1.0
    symbols = units.size // LANES
    for first in range(0, symbols, ROWS):
        for k in range(0, n, LANES):
            a, b = load_at(total, k), load_at(drifted, k)
            c, d = load_at(value, k), load_at(least, k)
            for i in range(first, min(first + ROWS, symbols)):
                x, p, before, after = _traded(panel, i * panel.pitch + k, i, units)
                a, b, c, d = a + x, b + before, c + after, pick(p < d, p, d)
                save_at(drift, i * BLOCK + k, _on_grid(before))
            save_at(total, k, a)
            save_at(drifted, k, b)
            save_at(value, k, c)
            save_at(least, k, d)


@bare
def decide(panel, n, near, drift, bars, sides):  # type: ignore[no-untyped-def]
    """Which symbols are bought at each bar if the equity grows by what is to be tried; ``sides`` gets a bit
    for each symbol and bar that might be bought or sold otherwise ``near`` to that."""
    target, pitch, wanted = panel.target, panel.pitch, panel.wanted
    bought, left, tried = bars[BOUGHT], bars[LEFT], bars[TRIED]
    bought[:n] = 0.0
    left[:n] = 0.0
    none = splat(0.0)
    symbols = drift.size // BLOCK
    for first in range(0, symbols, ROWS):
        for k in range(0, n, LANES):
            ratio, a, b = load_at(tried, k), load_at(bought, k), load_at(left, k)
            row = first * pitch + wanted + k
            for i in range(first, min(first + ROWS, symbols)):
                x, before = load_at(target, row), load_at(drift, i * BLOCK + k)
                more = fused(x, ratio, negated(before))
                buys = more > 0.0
                a, b = a + pick(buys, _on_grid(x), none), b + pick(buys, before, none)
                sides[(i * BLOCK + k) // LANES] = bits(size(more) < size(x) * near)
                row += pitch
            save_at(bought, k, a)
            save_at(left, k, b)


@bare
def decide_again(panel, near, desk, some):  # type: ignore[no-untyped-def]
    """The same at some bars, for the ratio that came out."""
    target, pitch, wanted = panel.target, panel.pitch, panel.wanted
    bars, drift, unsure = desk.bars, desk.drift, desk.unsure
    near = max(near * CLOSER, NEAREST)
    for j in range(some):
        k = unsure[j]
        bars[TRIED, k] = bars[RATIO, k]
        bars[NEAR, k] = near * WITHIN
        bars[BOUGHT, k] = bars[LEFT, k] = 0.0
        bars[CLEAR, k] = np.inf
        desk.listed[k] = 0
    for i in range(drift.size // BLOCK):
        for j in range(some):
            k = unsure[j]
            x, before = target[i * pitch + wanted + k], drift[i * BLOCK + k]
            more = fused(x, bars[TRIED, k], -before)
            if more > 0.0:
                bars[BOUGHT, k] += _on_grid(x)
                bars[LEFT, k] += before
            bars[CLEAR, k] = min(bars[CLEAR, k], fused(abs(x), -near, abs(more)))


@bare
def sums_and_sides(panel, n, reach, units, bars, sides):  # type: ignore[no-untyped-def]
    """Sums, and who is bought if the equity does not grow; ``sides`` gets a bit for each symbol and bar that
    might be bought or sold otherwise within ``reach``.

    One pass instead of two, and nothing to keep of each symbol: worth it where those are few.
    """
    total, drifted, value, least = bars[TOTAL], bars[DRIFTED], bars[VALUE], bars[LEAST]
    bars[:, :n] = 0.0
    least[:n] = 1.0
    bought, left, none = bars[BOUGHT], bars[LEFT], splat(0.0)
    symbols = units.size // LANES
    for first in range(0, symbols, ROWS):
        for k in range(0, n, LANES):
            a, b = load_at(total, k), load_at(drifted, k)
            c, d = load_at(value, k), load_at(least, k)
            e, f = load_at(bought, k), load_at(left, k)
            for i in range(first, min(first + ROWS, symbols)):
                x, p, before, after = _traded(panel, i * panel.pitch + k, i, units)
                a, b, c, d = a + x, b + before, c + after, pick(p < d, p, d)
                before = _on_grid(before)
                more = x - before
                buys = more > 0.0
                e, f = e + pick(buys, _on_grid(x), none), f + pick(buys, before, none)
                sides[(i * BLOCK + k) // LANES] = bits(size(more) < size(x) * reach)
            save_at(total, k, a)
            save_at(drifted, k, b)
            save_at(value, k, c)
            save_at(least, k, d)
            save_at(bought, k, e)
            save_at(left, k, f)


@bare
def list_near(panel, n, near, desk, kept):  # type: ignore[no-untyped-def]
    """Write down whose bits are set: to ``close`` targets and what was held, to ``listed`` how many a bar.

    What was held is ``kept``, or follows from the bar before.
    """
    target, price, _, pitch, wanted, at = panel
    bars, sides, close, listed = desk.bars, desk.sides, desk.close, desk.listed
    bars[NEAR, :n] = near * WITHIN
    bars[CLEAR, :n] = 0.0
    listed[:n] = 0
    for first in range(sides.size):
        word = sides[first]
        while word != 0:
            place = first * 64 + lowest(word)
            word &= word - np.uint64(1)
            i, k = place // BLOCK, place % BLOCK
            if k >= n:
                continue
            if listed[k] == ROOM:
                bars[CLEAR, k] = -1.0
                continue
            u, v = i * pitch + wanted + k, i * pitch + at + k
            before = desk.drift[place] if kept else _on_grid(target[u - 1] / price[v - 1] * price[v])
            close[0, k * ROOM + listed[k]] = target[u]
            close[1, k * ROOM + listed[k]] = before
            listed[k] += 1


@bare
def bought_at(k, grown, desk):  # type: ignore[no-untyped-def]
    """Targets of those bought at a bar, and what was held of them, if the equity grows by ``grown``."""
    bars, close = desk.bars, desk.close
    bought, left, tried = bars[BOUGHT, k], bars[LEFT, k], bars[TRIED, k]
    for one in range(k * ROOM, k * ROOM + desk.listed[k]):
        x, before = close[0, one], close[1, one]
        now = fused(x, grown, -before) > 0.0
        if now != (fused(x, tried, -before) > 0.0):
            sign = 1.0 if now else -1.0
            bought += sign * _on_grid(x)
            left += sign * before
    return bought, left


@bare
def share_near(panel, n, reach, drift):  # type: ignore[no-untyped-def]
    """Which share of the symbols would be listed, by some of them at the first eight bars or fewer."""
    target, pitch, wanted = panel.target, panel.pitch, panel.wanted
    symbols, some, count, seen = drift.size // BLOCK, min(n, LANES), 0, 0
    for i in range(0, symbols, 1 + symbols // SAMPLE):
        for k in range(some):
            x = target[i * pitch + wanted + k]
            count += abs(x - drift[i * BLOCK + k]) < abs(x) * reach
            seen += 1
    return count / seen
