"""Rebalancing every symbol at every bar with costs linear in the traded value, without turning arrays.

Where all weights and prices are known, the account after a rebalancing is the targets themselves, so what
each bar needs of the symbols are a few sums that do not depend on the account: they are added up along time,
eight bars a machine instruction. The account then follows from bar to bar as ratios. One thing does depend on
it, which symbols are bought and which are sold: that is decided for guessed ratios, together with whether
it would be decided the same nearby, and again at the few bars whose ratio comes out farther away. Where
targets change much from bar to bar, few symbols are near to the change from bought to sold: then all is
decided in the same pass, as if the equity did not grow, and those few are looked at once more. Either way a
bar's figures are the very ones of going bar by bar: they depend on earlier bars only, and not on who computed
them, to the last digit.
"""

import numpy as np

from tradewind.backtest.dense_passes_inline import (
    BLOCK,
    BOUGHT,
    CASH,
    CLEAR,
    DRIFTED,
    KINDS,
    LEAST,
    LEFT,
    NEAR,
    NEAREST,
    RATIO,
    ROOM,
    TOTAL,
    TRIED,
    VALUE,
    changed,
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
FARTHEST = 2.5
"""How much farther from 1 than in the bars before a ratio may be until a second pass is needed."""


@bare
def _follow(n, share, bars, buying, selling, unsure, close, listed):  # type: ignore[no-untyped-def]
    """From bar to bar; ``share`` is cash over equity before. Return at how many bars, written to ``unsure``,
    it is not certain that it was decided as at the ratio that comes out."""
    some = 0
    for k in range(n):
        grown = share + bars[DRIFTED, k]
        gap = abs(grown - bars[TRIED, k])
        if gap != 0.0 and not (gap <= bars[NEAR, k] and bars[CLEAR, k] >= 0.0):
            unsure[some] = k
            some += 1
        changed(k, grown, bars, close, listed)
        more = bars[BOUGHT, k] * grown - bars[LEFT, k]
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
    return FARTHEST * most


@bare
def _restore(units, target, price, pitch, wanted, at):  # type: ignore[no-untyped-def]
    """Units held after the bar before, the last of eight."""
    for i in range(units.size // LANES):
        units[i * LANES + LANES - 1] = target[i * pitch + wanted - 1] / price[i * pitch + at - 1]


@bare
def _block(  # type: ignore[no-untyped-def]
    n, share, fee, near, target, price, mark, pitch, wanted, at, buying, selling, borrow, units, drift, bars,
    unsure, close, listed,
):  # fmt: skip
    """Follow the account through the first ``n`` bars of a block; return how many of them are good.

    The first guess is that rebalancing costs ``fee`` of the equity each time.
    """
    whole = -(-n // LANES) * LANES
    sums(target, price, mark, pitch, wanted, at, whole, units, drift, bars)
    bars[RATIO:] = 1.0
    listed[:n] = 0
    known = _good(n, bars, 1)
    guess = share
    for k in range(whole):
        bars[TRIED, k] = guess + bars[DRIFTED, k]
        guess = 1.0 - bars[TOTAL, k] - fee
    decide(target, pitch, wanted, whole, near, drift, bars)
    for _ in range(known + 1):  # one more is certain each time, mostly all of them at the second
        some = _follow(known, share, bars, buying, selling, unsure, close, listed)
        if some == 0:
            break
        decide_again(target, pitch, wanted, near, drift, bars, unsure, some)
    return _good(known, bars, borrow)


@bare
def _block_at_once(  # type: ignore[no-untyped-def]
    n, share, reach, target, price, mark, pitch, wanted, at, buying, selling, borrow, units, bars, unsure,
    close, listed, sides,
):  # fmt: skip
    """The same in one pass; -1 where that does not do for all of them."""
    sums_and_sides(target, price, mark, pitch, wanted, at, n, reach, units, bars, sides.view(np.uint8))
    list_near(target, price, pitch, wanted, at, n, reach, sides, bars, close, listed)
    bars[RATIO:] = 1.0
    known = _good(n, bars, 1)
    if _follow(known, share, bars, buying, selling, unsure, close, listed) > 0:
        return -1
    return _good(known, bars, borrow)


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
    units = aligned(symbols * LANES)
    drift = aligned(symbols * BLOCK)
    bars = aligned(KINDS * BLOCK).reshape(KINDS, BLOCK)
    unsure = np.empty(BLOCK, np.int64)
    close = np.empty((2, BLOCK * ROOM))
    listed = np.zeros(BLOCK, np.int64)
    sides = np.zeros(symbols * BLOCK // 64, np.uint64)
    units[:] = 0.0
    if first > lag:
        _restore(units, targets, prices, pitch, first - lag, first)
    at, n = first, LANES  # a few bars tell what rebalancing costs
    fee, near, reach, few = 0.0, NEAREST, NEAREST, False
    while at < last:
        if last - at >= LANES:
            n = min(n, (last - at) // LANES * LANES)
            good = -1
            if few:
                good = _block_at_once(
                    n, share, reach, targets, prices, marks, pitch, at - lag, at, buying, selling, borrow,
                    units, bars, unsure, close, listed, sides,
                )  # fmt: skip
                if good < 0:
                    _restore(units, targets, prices, pitch, at - lag, at)
            if good < 0:
                good = _block(
                    n, share, fee, near, targets, prices, marks, pitch, at - lag, at, buying, selling, borrow,
                    units, drift, bars, unsure, close, listed,
                )  # fmt: skip
                few = share_near(targets, pitch, at - lag, n, _reach(n, bars), drift) < FEW
        else:  # the last few bars, with others after them that are not looked at
            n = last - at
            wanted, paid = np.zeros((symbols, LANES)), np.ones((symbols, LANES))
            closed = paid.copy()
            wanted[:, :n] = target[:, at - lag : at - lag + n]
            paid[:, :n] = price[:, at : at + n]
            closed[:, :n] = mark[:, at : at + n]
            good = _block(
                n, share, fee, near, wanted.reshape(-1), paid.reshape(-1), closed.reshape(-1), LANES, 0, 0,
                buying, selling, borrow, units, drift, bars, unsure, close, listed,
            )  # fmt: skip
        for k in range(good):
            parts[0, at + k] = bars[RATIO, k]
            parts[1, at + k] = bars[CASH, k]
            parts[2, at + k] = bars[VALUE, k]
        if good < n:
            return at + good
        share = bars[CASH, n - 1]
        fee, near = _costs(n, bars)
        near = max(1.5 * near, NEAREST)
        reach = _reach(n, bars)
        at += n
        n = BLOCK
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
