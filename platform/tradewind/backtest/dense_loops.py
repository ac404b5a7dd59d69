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
from tradewind.indicators.memory_inline import aligned, prefetch_behind
from tradewind.loops import FLOAT, INT, bare, loop, read, write

BLOCK = 128
"""Bars at a time: what is held of all symbols before their fills stays in the cache of the second level."""
ROWS = 8
"""Symbols at a time, whose sums stay in registers; those of the next time are asked for meanwhile."""
WIDE = 16
"""Bars of a symbol that are taken in one go."""
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
def _add(target, price, mark, want, at, earlier, so_far):  # type: ignore[no-untyped-def]
    """Add eight bars of a symbol to their sums; return its units, what was held before the fills, and the
    sums."""
    total, drifted, value, least = so_far
    x, p = load_at(target, want), load_at(price, at)
    held = x / p
    before = behind1(earlier, held) * p
    so_far = (total + x, drifted + before, value + held * load_at(mark, at), pick(p < least, p, least))
    return held, before, so_far


@bare
def _sums_at(bars, k):  # type: ignore[no-untyped-def]
    return (
        load_at(bars[TOTAL], k),
        load_at(bars[DRIFTED], k),
        load_at(bars[VALUE], k),
        load_at(bars[LEAST], k),
    )


@bare
def _keep_sums(bars, k, sums):  # type: ignore[no-untyped-def]
    save_at(bars[TOTAL], k, sums[0])
    save_at(bars[DRIFTED], k, sums[1])
    save_at(bars[VALUE], k, sums[2])
    save_at(bars[LEAST], k, sums[3])


@bare
def _sums(target, price, mark, pitch, wanted, at, n, units, drift, bars):  # type: ignore[no-untyped-def]
    """Sums over the symbols at ``n`` bars, a multiple of eight, whose targets begin at ``wanted``.

    Tables are flat, a symbol's row every ``pitch`` values: finding a row anew at each step would cost more
    than the sums.
    """
    bars[TOTAL : VALUE + 1, :n] = 0.0
    bars[LEAST, :n] = 1.0
    symbols = units.size // LANES
    ahead = ROWS * pitch
    for first in range(0, symbols, ROWS):
        last = min(first + ROWS, symbols)
        k = 0
        while k + WIDE <= n:
            s, s1 = _sums_at(bars, k), _sums_at(bars, k + 8)
            row = first * pitch + k
            for i in range(first, last):
                for j in range(0, WIDE, LANES):
                    prefetch_behind(target, row + wanted + ahead + j)
                    prefetch_behind(price, row + at + ahead + j)
                    prefetch_behind(mark, row + at + ahead + j)
                w, p, to = row + wanted, row + at, i * BLOCK + k
                held, before, s = _add(target, price, mark, w, p, load(units, i), s)
                save_at(drift, to, before)
                held, before, s1 = _add(target, price, mark, w + 8, p + 8, held, s1)
                save_at(drift, to + 8, before)
                save(units, i, held)
                row += pitch
            _keep_sums(bars, k, s)
            _keep_sums(bars, k + 8, s1)
            k += WIDE
        while k < n:
            s = _sums_at(bars, k)
            row = first * pitch + k
            for i in range(first, last):
                held, before, s = _add(target, price, mark, row + wanted, row + at, load(units, i), s)
                save_at(drift, i * BLOCK + k, before)
                save(units, i, held)
                row += pitch
            _keep_sums(bars, k, s)
            k += LANES


@bare
def _buy(target, want, drift, at, ratio, near, so_far):  # type: ignore[no-untyped-def]
    """Add eight bars of a symbol to what is bought, and to how clearly that is so."""
    bought, left, clear = so_far
    none = splat(0.0)
    x, before = load_at(target, want), load_at(drift, at)
    more = x * ratio - before
    buys = more > 0.0
    room = size(more) - size(x) * near
    return bought + pick(buys, x, none), left + pick(buys, before, none), pick(room < clear, room, clear)


@bare
def _bought_at(bars, k):  # type: ignore[no-untyped-def]
    return load_at(bars[BOUGHT], k), load_at(bars[LEFT], k), load_at(bars[CLEAR], k)


@bare
def _keep_bought(bars, k, found):  # type: ignore[no-untyped-def]
    save_at(bars[BOUGHT], k, found[0])
    save_at(bars[LEFT], k, found[1])
    save_at(bars[CLEAR], k, found[2])


@bare
def _decide(target, pitch, wanted, n, near, drift, bars):  # type: ignore[no-untyped-def]
    """Which symbols are bought at each bar if the equity grows by what is to be tried or nearly so."""
    bars[BOUGHT : LEFT + 1, :n] = 0.0
    bars[CLEAR, :n] = np.inf
    bars[NEAR, :n] = near
    tried = bars[TRIED]
    symbols = drift.size // BLOCK
    for first in range(0, symbols, ROWS):
        last = min(first + ROWS, symbols)
        k = 0
        while k + WIDE <= n:
            f, f1 = _bought_at(bars, k), _bought_at(bars, k + 8)
            r, r1 = load_at(tried, k), load_at(tried, k + 8)
            w = first * pitch + wanted + k
            for i in range(first, last):
                to = i * BLOCK + k
                f = _buy(target, w, drift, to, r, near, f)
                f1 = _buy(target, w + 8, drift, to + 8, r1, near, f1)
                w += pitch
            _keep_bought(bars, k, f)
            _keep_bought(bars, k + 8, f1)
            k += WIDE
        while k < n:
            f, r = _bought_at(bars, k), load_at(tried, k)
            w = first * pitch + wanted + k
            for i in range(first, last):
                f = _buy(target, w, drift, i * BLOCK + k, r, near, f)
                w += pitch
            _keep_bought(bars, k, f)
            k += LANES


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


@loop(
    INT, INT, INT, read(), read(), read(), FLOAT, FLOAT, FLOAT, INT, write(FLOAT, 1), write(FLOAT, 1),
    write(FLOAT, 1), returns=INT,
)  # fmt: skip
def run(  # type: ignore[no-untyped-def]
    first, last, lag, target, price, mark, share, per_value, slippage, borrow, ratio_out, cash_out, value_out
):
    """Rebalance at bars ``first`` to ``last - 1``; return the first bar that needs the general loop.

    Before, the account holds the targets of the bar before (nothing where there is none) and ``share`` of
    its equity in cash. Written are, a bar: the equity at the fill over that at the fill before, cash and
    positions at the close over the equity at the fill.
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
        ratio_out[at : at + good] = bars[RATIO, :good]
        cash_out[at : at + good] = bars[CASH, :good]
        value_out[at : at + good] = bars[VALUE, :good]
        if good < n:
            return at + good
        share = bars[CASH, n - 1]
        fee, near = _costs(n, bars)
        near = max(1.5 * near, NEAREST)
        at += n
        n = BLOCK
    return last
