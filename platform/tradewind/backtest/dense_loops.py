"""Rebalancing every symbol at every bar with costs linear in the traded value, without turning arrays.

Where all weights and prices are known, the account after a rebalancing is the targets themselves, so what
each bar needs of the symbols are a few sums that do not depend on the account: they are added up along time,
eight bars a machine instruction. The account then follows from bar to bar as ratios. One sum does depend on
it, the value bought: it is computed for guessed ratios and, with its slope, corrected for the ones that come
out, until these are the ones it was computed for: three passes mostly. That end is the very answer of going
bar by bar, so a bar's figures depend on earlier bars only, and not on who computed them, to the last digit.
"""

import numpy as np

from tradewind.backtest.prefetch_inline import prefetch
from tradewind.loops import FLOAT, INT, apart, bare, loop, read, write

BLOCK = 256
"""Bars at a time: their products stay in the processor's cache."""
AHEAD = 4
"""Rows between the two that are added up and those that are asked for."""
SOLVENT = -1e-12
"""Cash over equity that still counts as none: sums of weights round."""


@apart
def _two(x, p, m, ahead, x2, p2, m2, ahead2, drift, drift2, total, drifted, value, least):  # type: ignore[no-untyped-def]
    """Add two symbols: targets ``x``, fill prices ``p`` and those of the bar after, closes ``m``."""
    for k in range(ahead.size):
        u = x[k] / p[k]
        v = x2[k] / p2[k]
        a = u * ahead[k]
        b = v * ahead2[k]
        drift[k] = a
        drift2[k] = b
        drifted[k] = drifted[k] + a + b
        total[k] = total[k] + x[k] + x2[k]
        value[k] = value[k] + u * m[k] + v * m2[k]
        least[k] = min(least[k], min(p[k], p2[k]))
    for k in range(ahead.size, p.size):  # the last bar of all has none after it
        total[k] = total[k] + x[k] + x2[k]
        value[k] = value[k] + x[k] / p[k] * m[k] + x2[k] / p2[k] * m2[k]
        least[k] = min(least[k], min(p[k], p2[k]))


@apart
def _one(x, p, m, ahead, drift, total, drifted, value, least):  # type: ignore[no-untyped-def]
    for k in range(p.size):
        u = x[k] / p[k]
        total[k] += x[k]
        value[k] += u * m[k]
        least[k] = min(least[k], p[k])
        if k < ahead.size:
            drift[k] = u * ahead[k]
            drifted[k] += drift[k]


@apart
def _buy_two(x, x2, drift, drift2, ratio, bought, slope):  # type: ignore[no-untyped-def]
    """Add what two symbols buy if the equity grows by ``ratio``, and how that changes with it."""
    for k in range(x.size):
        d = x[k] * ratio[k] - drift[k]
        e = x2[k] * ratio[k] - drift2[k]
        sum_ = bought[k]
        rise = slope[k]
        sum_ += d if d > 0.0 else 0.0
        rise += x[k] if d > 0.0 else 0.0
        sum_ += e if e > 0.0 else 0.0
        rise += x2[k] if e > 0.0 else 0.0
        bought[k] = sum_
        slope[k] = rise


@bare
def _bought(at, begin, n, target, drift, ratio, bought, slope):  # type: ignore[no-untyped-def]
    bought[begin:n] = 0.0
    slope[begin:n] = 0.0
    symbols = target.shape[0]
    for i in range(0, symbols - 1, 2):
        _buy_two(
            target[i, at + begin : at + n], target[i + 1, at + begin : at + n], drift[i, begin:n],
            drift[i + 1, begin:n], ratio[begin:n], bought[begin:n], slope[begin:n],
        )  # fmt: skip
    if symbols % 2 == 1:
        for k in range(begin, n):
            x = target[symbols - 1, at + k]
            d = x * ratio[k] - drift[symbols - 1, k]
            if d > 0.0:
                bought[k] += d
                slope[k] += x


@bare
def _sums(t0, n, lag, target, price, mark, drift, total, drifted, value, least):  # type: ignore[no-untyped-def]
    """Sums over the symbols at each bar of a block; drifted holdings, which are worth what they were bought
    for times what the price did since, are those of the bar after."""
    symbols, bars = price.shape
    a, b, c, d = t0 - lag, t0 - lag + n, t0 + n, min(t0 + n + 1, bars)
    total[:n] = 0.0
    drifted[1:] = 0.0
    value[:n] = 0.0
    least[:n] = 1.0
    for i in range(0, symbols - 1, 2):
        for later in range(i + AHEAD, i + AHEAD + 2):
            prefetch(target, later, a, b)
            prefetch(price, later, t0, c)
            prefetch(mark, later, t0, c)
        _two(
            target[i, a:b], price[i, t0:c], mark[i, t0:c], price[i, t0 + 1 : d],
            target[i + 1, a:b], price[i + 1, t0:c], mark[i + 1, t0:c], price[i + 1, t0 + 1 : d],
            drift[i, 1:], drift[i + 1, 1:], total, drifted[1:], value, least,
        )  # fmt: skip
    if symbols % 2 == 1:
        i = symbols - 1
        _one(
            target[i, a:b], price[i, t0:c], mark[i, t0:c], price[i, t0 + 1 : d], drift[i, 1:], total,
            drifted[1:], value, least,
        )  # fmt: skip


@bare
def _follow(begin, n, share, ratio, total, drifted, bought, slope, buying, selling, cash):  # type: ignore[no-untyped-def]
    """From bar to bar; ``cash`` becomes the share of the equity at each fill. Return the first bar whose
    ratio is not the one that ``bought`` was computed for."""
    settled = n
    for k in range(begin, n):
        grown = share + drifted[k]
        gap = grown - ratio[k]
        if gap != 0.0 and settled == n:
            settled = k
        some = bought[k] + slope[k] * gap
        sold = some - (total[k] * grown - drifted[k])
        share = 1.0 - total[k] - (some * buying + sold * selling) / grown
        ratio[k] = grown
        cash[k] = share
    return settled


@bare
def _good(n, ratio, total, drifted, value, least, cash, borrow):  # type: ignore[no-untyped-def]
    """How many bars from the first on are as this method supposes: all known, solvent, paid for."""
    for k in range(n):
        known = abs(total[k]) < np.inf and abs(drifted[k]) < np.inf and abs(value[k]) < np.inf
        if not (known and least[k] > 0.0 and ratio[k] > 0.0 and (borrow == 1 or cash[k] >= SOLVENT)):
            return k
    return n


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
    symbols = target.shape[0]
    buying = (1.0 + slippage) * (1.0 + per_value) - 1.0
    selling = 1.0 - (1.0 - slippage) * (1.0 - per_value)
    drift = np.zeros((symbols, BLOCK + 1))
    drifted = np.zeros(BLOCK + 1)
    total, value, least = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    bought, slope = np.zeros(BLOCK), np.zeros(BLOCK)
    ratio, cash = np.ones(BLOCK), np.zeros(BLOCK)
    if first > lag:
        for i in range(symbols):
            drift[i, 0] = target[i, first - 1 - lag] / price[i, first - 1] * price[i, first]
            drifted[0] += drift[i, 0]
    for t0 in range(first, last, BLOCK):
        n = min(BLOCK, last - t0)
        _sums(t0, n, lag, target, price, mark, drift, total, drifted, value, least)
        ratio[:n] = 1.0
        known = _good(n, ratio, total, drifted, value, least, cash, 1)
        before = share
        for k in range(known):  # without costs: the first guess
            ratio[k] = before + drifted[k]
            before = 1.0 - total[k]
        settled = 0
        before = share
        for _ in range(2 * BLOCK):
            _bought(t0 - lag, settled, known, target, drift, ratio, bought, slope)
            settled = _follow(
                settled, known, before, ratio, total, drifted, bought, slope, buying, selling, cash
            )
            if settled == known:
                break
            if settled > 0:  # what is settled stays, whatever comes later
                before = cash[settled - 1]
        good = _good(settled, ratio, total, drifted, value, least, cash, borrow)
        ratio_out[t0 : t0 + good] = ratio[:good]
        cash_out[t0 : t0 + good] = cash[:good]
        value_out[t0 : t0 + good] = value[:good]
        if good < n:
            return t0 + good
        share = cash[n - 1]
        drifted[0] = drifted[n]
        drift[:, 0] = drift[:, n]
    return last
