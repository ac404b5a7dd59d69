"""Rebalancing every symbol at every bar with costs linear in the traded value, without turning arrays.

Where all weights and prices are known, the account after a rebalancing is the targets themselves, so what
each bar needs of the symbols are a few sums that do not depend on the account: they are added up along time,
eight bars a machine instruction. The account then follows from bar to bar as ratios. One thing does depend on
it, which symbols are bought and which are sold: that is decided for guessed ratios, and once more for the
symbols that are near to the change from the one to the other; for all symbols at a bar whose ratio comes out
farther away. Where targets change much from bar to bar, few symbols are near to it even if the guess is that
the equity does not grow: then one pass does. Either way a bar's figures are the very ones of going bar by
bar: they depend on earlier bars only, and not on who computed them, to the last digit.
"""

import numpy as np

from tradewind.backtest.dense_passes_inline import (
    BLOCK,
    CASH,
    CLEAR,
    DRIFTED,
    KINDS,
    LEAST,
    NEAR,
    NEAREST,
    RATIO,
    ROOM,
    TOTAL,
    TRIED,
    VALUE,
    Desk,
    Panel,
    bought_at,
    decide,
    decide_again,
    list_near,
    share_near,
    sums,
    sums_and_sides,
)
from tradewind.indicators.lanes_inline import LANES
from tradewind.indicators.memory_inline import aligned
from tradewind.loops import FLOAT, INT, bare, loop, read, write

SOLVENT = -1e-12
"""Cash over equity that still counts as none: sums of weights round."""
FEW = 1 / 64
"""The share of the symbols up to which listing them is faster than a second pass."""
FARTHER = 2.5
"""How much farther from what was tried than in the bars before a ratio may come out."""


@bare
def _follow(n, share, buying, selling, desk):  # type: ignore[no-untyped-def]
    """From bar to bar; ``share`` is cash over equity before. Return at how many bars, written down as unsure,
    it is not certain that it was decided as at the ratio that comes out."""
    bars, unsure, some = desk.bars, desk.unsure, 0
    for k in range(n):
        grown = share + bars[DRIFTED, k]
        gap = abs(grown - bars[TRIED, k])
        if gap != 0.0 and not (gap <= bars[NEAR, k] and bars[CLEAR, k] >= 0.0):
            unsure[some] = k
            some += 1
        bought, left = bought_at(k, grown, desk)
        more = bought * grown - left
        less = more - (bars[TOTAL, k] * grown - bars[DRIFTED, k])
        share = 1.0 - bars[TOTAL, k] - (more * buying + less * selling) / grown
        bars[RATIO, k] = grown
        bars[CASH, k] = share
    return some


@bare
def _good(n, bars, borrow):  # type: ignore[no-untyped-def]
    """How many bars from the first on are as this method supposes: all known, solvent, paid for."""
    for k in range(n):
        worth = abs(bars[TOTAL, k]) + abs(bars[DRIFTED, k]) + abs(bars[VALUE, k])
        solvent = bars[LEAST, k] > 0.0 and bars[RATIO, k] > 0.0
        if not (worth < np.inf and solvent and (borrow == 1 or bars[CASH, k] >= SOLVENT)):
            return k
    return n


@bare
def _costs(n, bars):  # type: ignore[no-untyped-def]
    """What rebalancing costs of the equity in the mean, and how far from that it is at most; the first of
    some bars may be that of all, which buys everything."""
    mean, most = 0.0, 0.0
    for k in range(1, n):
        mean += (1.0 - bars[TOTAL, k] - bars[CASH, k]) / (n - 1)
    for k in range(1, n):
        most = max(most, abs(1.0 - bars[TOTAL, k] - bars[CASH, k] - mean))
    return mean, most


@bare
def _reach(n, bars):  # type: ignore[no-untyped-def]
    """How far from 1 ratios may come to lie, by those of some bars."""
    most = NEAREST
    for k in range(n):
        most = max(most, abs(bars[RATIO, k] - 1.0))
    return FARTHER * most


@bare
def _restore(panel, units):  # type: ignore[no-untyped-def]
    """Units held after the bar before, the last of eight."""
    target, price, _, pitch, wanted, at = panel
    for i in range(units.size // LANES):
        units[i * LANES + LANES - 1] = target[i * pitch + wanted - 1] / price[i * pitch + at - 1]


@bare
def _block(panel, n, share, fee, near, buying, selling, borrow, desk):  # type: ignore[no-untyped-def]
    """Follow the account through the first ``n`` bars of a block; return how many of them are good.

    The first guess is that rebalancing costs ``fee`` of the equity each time.
    """
    bars, whole = desk.bars, -(-n // LANES) * LANES
    sums(panel, whole, desk.units, desk.drift, bars)
    bars[RATIO:] = 1.0
    known = _good(n, bars, 1)
    guess = share
    for k in range(whole):
        bars[TRIED, k] = guess + bars[DRIFTED, k]
        guess = 1.0 - bars[TOTAL, k] - fee
    decide(panel, whole, near, desk.drift, bars, desk.sides.view(np.uint8))
    list_near(panel, n, near, desk, True)
    for _ in range(known + 1):  # one more is certain each time, mostly all of them at the second
        some = _follow(known, share, buying, selling, desk)
        if some == 0:
            break
        decide_again(panel, near, desk, some)
    return _good(known, bars, borrow)


@bare
def _block_at_once(panel, n, share, reach, buying, selling, borrow, desk):  # type: ignore[no-untyped-def]
    """The same in one pass; -1, and nothing has changed, where that does not do for all of them."""
    sums_and_sides(panel, n, reach, desk.units, desk.bars, desk.sides.view(np.uint8))
    list_near(panel, n, reach, desk, False)
    desk.bars[TRIED] = 1.0
    desk.bars[RATIO:] = 1.0
    known = _good(n, desk.bars, 1)
    if _follow(known, share, buying, selling, desk) > 0:
        _restore(panel, desk.units)
        return -1
    return _good(known, desk.bars, borrow)


@loop(INT, INT, INT, read(), read(), read(), FLOAT, FLOAT, FLOAT, INT, write(), returns=INT)
def run(  # type: ignore[no-untyped-def]
    first, last, lag, target, price, mark, share, per_value, slippage, borrow, parts
):
    """Rebalance at bars ``first`` to ``last - 1``; return the first bar that needs the general loop.

    Before, the account holds the targets of the bar before (nothing where there is none) and ``share`` of
    its equity in cash. Written to the rows of ``parts`` are, a bar: the equity at the fill over that at the
    fill before, cash and positions at the close over the equity at the fill.
    """
    symbols, pitch = target.shape
    targets, prices, marks = target.reshape(-1), price.reshape(-1), mark.reshape(-1)
    buying = (1.0 + slippage) * (1.0 + per_value) - 1.0
    selling = 1.0 - (1.0 - slippage) * (1.0 - per_value)
    bars = aligned(KINDS * BLOCK).reshape(KINDS, BLOCK)
    desk = Desk(
        aligned(symbols * LANES), aligned(symbols * BLOCK), bars, np.empty(BLOCK, np.int64),
        np.zeros(symbols * BLOCK // 64, np.uint64), np.empty((2, BLOCK * ROOM)), np.zeros(BLOCK, np.int64),
    )  # fmt: skip
    desk.units[:] = 0.0
    if first > lag:
        _restore(Panel(targets, prices, marks, pitch, first - lag, first), desk.units)
    at, n = first, LANES  # a few bars tell what rebalancing costs
    fee, near, reach, few = 0.0, NEAREST, NEAREST, False
    while at < last:
        if last - at >= LANES:
            n, good = min(n, (last - at) // LANES * LANES), -1
            panel = Panel(targets, prices, marks, pitch, at - lag, at)
            if few:
                good = _block_at_once(panel, n, share, reach, buying, selling, borrow, desk)
            twice = good < 0
            if twice:
                good = _block(panel, n, share, fee, near, buying, selling, borrow, desk)
            reach = _reach(n, bars)
            if twice:
                few = share_near(panel, n, reach, desk.drift) < FEW
        else:  # the last few bars, with others after them that are not looked at
            n = last - at
            wanted, paid = np.zeros((symbols, LANES)), np.ones((symbols, LANES))
            closed = paid.copy()
            wanted[:, :n] = target[:, at - lag : at - lag + n]
            paid[:, :n] = price[:, at : at + n]
            closed[:, :n] = mark[:, at : at + n]
            panel = Panel(wanted.reshape(-1), paid.reshape(-1), closed.reshape(-1), LANES, 0, 0)
            good = _block(panel, n, share, fee, near, buying, selling, borrow, desk)
        for k in range(good):
            parts[0, at + k] = bars[RATIO, k]
            parts[1, at + k] = bars[CASH, k]
            parts[2, at + k] = bars[VALUE, k]
        if good < n:
            return at + good
        share = bars[CASH, n - 1]
        fee, near = _costs(n, bars)
        near = max(FARTHER * near, NEAREST)
        at += n
        n = min(BLOCK, 8 * n)  # as more is known of the costs
    return last


@loop(INT, INT, INT, read(), read(), FLOAT, write(FLOAT, 1), write(FLOAT, 1), returns=FLOAT)
def account(lag, half, end, early, late, capital, cash, equity):  # type: ignore[no-untyped-def]
    """Write cash and equity up to bar ``end`` from the parts of two runs, the second from ``half`` on.

    Return the equity at the last fill.
    """
    grown = 1.0
    for k in range(end):
        parts = early if k < half else late
        if k < lag:
            cash[k] = equity[k] = capital
        else:
            grown *= parts[0, k]
            cash[k] = capital * grown * parts[1, k]
            equity[k] = capital * grown * (parts[1, k] + parts[2, k])
    return capital * grown
