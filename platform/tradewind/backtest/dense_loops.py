"""Rebalancing every symbol at every bar with costs linear in the traded value, without turning arrays.

Where all weights and prices are known, the account after a rebalancing is the targets themselves, so what
each bar needs of the symbols are a few sums that do not depend on the account: they are added up along time,
eight bars a machine instruction. The account then follows from bar to bar as ratios. One thing does depend on
it, which symbols are bought and which are sold: that is decided for guessed ratios, together with whether
it would be decided the same nearby, and again at the few bars whose ratio comes out farther away. So a bar's
figures are the very ones of going bar by bar: they depend on earlier bars only, and not on who computed them,
to the last digit.
"""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, behind1, load, load_at, pick, save, save_at, size, splat
from tradewind.indicators.memory_inline import aligned, prefetch
from tradewind.loops import FLOAT, INT, bare, loop, read, write

BLOCK = 128
"""Bars at a time: what is held of all symbols before their fills stays in the cache of the second level."""
ROWS = 8
"""Symbols at a time, whose sums stay in registers; those of the next time are asked for meanwhile."""
NEAREST = 1e-12
"""Ratios are never taken for better guessed than this: they round."""
SOLVENT = -1e-12
"""Cash over equity that still counts as none: sums of weights round."""
CLOSER = 1e-3
"""How much nearer a second guess is than the first."""
KINDS = 11
TOTAL, DRIFTED, VALUE, LEAST, BOUGHT, LEFT, TRIED, NEAR, CLEAR, RATIO, CASH = range(KINDS)
"""What is known of each bar of a block: targets; what is held before the fill; after it, at the close;
the lowest price; targets of those bought and what was held of them; the ratio that was decided for, how near
to it is near, and, above zero, that all is decided the same there; the ratio that came out; cash over equity
at the fill."""


@bare
def _sums(target, price, mark, pitch, wanted, at, n, units, drift, bars):  # type: ignore[no-untyped-def]
    """Sums over the symbols at ``n`` bars, a multiple of eight, whose targets begin at ``wanted``.

    Tables are flat, a symbol's row every ``pitch`` values: finding a row anew at each step would cost more
    than the sums.
    """
    total, drifted, value, least = bars[TOTAL], bars[DRIFTED], bars[VALUE], bars[LEAST]
    total[:n] = 0.0
    drifted[:n] = 0.0
    value[:n] = 0.0
    least[:n] = 1.0
    symbols = units.size // LANES
    ahead = ROWS * pitch
    for first in range(0, symbols, ROWS):
        for k in range(0, n, LANES):
            a, b = load_at(total, k), load_at(drifted, k)
            c, d = load_at(value, k), load_at(least, k)
            row = first * pitch + k
            for i in range(first, min(first + ROWS, symbols)):
                prefetch(target, row + wanted + ahead)
                prefetch(price, row + at + ahead)
                prefetch(mark, row + at + ahead)
                x, p = load_at(target, row + wanted), load_at(price, row + at)
                held = x / p
                before = behind1(load(units, i), held) * p
                save(units, i, held)
                save_at(drift, i * BLOCK + k, before)
                a, b = a + x, b + before
                c = c + held * load_at(mark, row + at)
                d = pick(p < d, p, d)
                row += pitch
            save_at(total, k, a)
            save_at(drifted, k, b)
            save_at(value, k, c)
            save_at(least, k, d)


@bare
def _decide(target, pitch, wanted, n, near, drift, bars):  # type: ignore[no-untyped-def]
    """Which symbols are bought at each bar if the equity grows by what is to be tried or nearly so."""
    bought, left, clear, tried = bars[BOUGHT], bars[LEFT], bars[CLEAR], bars[TRIED]
    bought[:n] = 0.0
    left[:n] = 0.0
    clear[:n] = np.inf
    bars[NEAR, :n] = near
    none = splat(0.0)
    symbols = drift.size // BLOCK
    for first in range(0, symbols, ROWS):
        for k in range(0, n, LANES):
            ratio = load_at(tried, k)
            a, b, c = load_at(bought, k), load_at(left, k), load_at(clear, k)
            row = first * pitch + wanted + k
            for i in range(first, min(first + ROWS, symbols)):
                x, before = load_at(target, row), load_at(drift, i * BLOCK + k)
                more = x * ratio - before
                buys = more > 0.0
                a, b = a + pick(buys, x, none), b + pick(buys, before, none)
                room = size(more) - size(x) * near
                c = pick(room < c, room, c)
                row += pitch
            save_at(bought, k, a)
            save_at(left, k, b)
            save_at(clear, k, c)


@bare
def _decide_again(target, pitch, wanted, near, drift, bars, unsure, some):  # type: ignore[no-untyped-def]
    """The same at some bars, for the ratio that came out."""
    near = max(near * CLOSER, NEAREST)
    for j in range(some):
        k = unsure[j]
        bars[TRIED, k] = bars[RATIO, k]
        bars[NEAR, k] = near
        bars[BOUGHT, k] = bars[LEFT, k] = 0.0
        bars[CLEAR, k] = np.inf
    for i in range(drift.size // BLOCK):
        for j in range(some):
            k = unsure[j]
            x, before = target[i * pitch + wanted + k], drift[i * BLOCK + k]
            more = x * bars[TRIED, k] - before
            if more > 0.0:
                bars[BOUGHT, k] += x
                bars[LEFT, k] += before
            bars[CLEAR, k] = min(bars[CLEAR, k], abs(more) - abs(x) * near)


@bare
def _follow(n, share, bars, buying, selling, unsure):  # type: ignore[no-untyped-def]
    """From bar to bar; ``share`` is cash over equity before. Return at how many bars, written to ``unsure``,
    it is not certain that it was decided as at the ratio that comes out."""
    some = 0
    for k in range(n):
        grown = share + bars[DRIFTED, k]
        gap = abs(grown - bars[TRIED, k])
        if gap != 0.0 and not (gap <= bars[NEAR, k] and bars[CLEAR, k] > 0.0):
            unsure[some] = k
            some += 1
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
def _block(  # type: ignore[no-untyped-def]
    n, share, fee, near, target, price, mark, pitch, wanted, at, buying, selling, borrow, units, drift, bars,
    unsure,
):  # fmt: skip
    """Follow the account through the first ``n`` bars of a block; return how many of them are good.

    The first guess is that rebalancing costs ``fee`` of the equity each time.
    """
    whole = -(-n // LANES) * LANES
    _sums(target, price, mark, pitch, wanted, at, whole, units, drift, bars)
    bars[RATIO:] = 1.0
    known = _good(n, bars, 1)
    guess = share
    for k in range(whole):
        bars[TRIED, k] = guess + bars[DRIFTED, k]
        guess = 1.0 - bars[TOTAL, k] - fee
    _decide(target, pitch, wanted, whole, near, drift, bars)
    for _ in range(known + 1):  # one more is certain each time, mostly all of them at the second
        some = _follow(known, share, bars, buying, selling, unsure)
        if some == 0:
            break
        _decide_again(target, pitch, wanted, near, drift, bars, unsure, some)
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
    units[:] = 0.0
    if first > lag:
        for i in range(symbols):
            units[i * LANES + LANES - 1] = target[i, first - 1 - lag] / price[i, first - 1]
    at, n = first, LANES  # a few bars tell what rebalancing costs
    fee, near = 0.0, NEAREST
    while at < last:
        if last - at >= LANES:
            n = min(n, (last - at) // LANES * LANES)
            good = _block(
                n, share, fee, near, targets, prices, marks, pitch, at - lag, at, buying, selling, borrow,
                units, drift, bars, unsure,
            )  # fmt: skip
        else:  # the last few bars, with others after them that are not looked at
            n = last - at
            wanted, paid = np.zeros((symbols, LANES)), np.ones((symbols, LANES))
            closed = paid.copy()
            wanted[:, :n] = target[:, at - lag : at - lag + n]
            paid[:, :n] = price[:, at : at + n]
            closed[:, :n] = mark[:, at : at + n]
            good = _block(
                n, share, fee, near, wanted.reshape(-1), paid.reshape(-1), closed.reshape(-1), LANES, 0, 0,
                buying, selling, borrow, units, drift, bars, unsure,
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
