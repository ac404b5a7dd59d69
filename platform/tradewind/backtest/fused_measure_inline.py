"""From equity to statistics, for fused sweeps.

While a lane holds what it bought with all it had, its returns are the price's own, whose sums were added up
once for all lanes, and its highest and lowest equity come at the price's: a stretch between two fills costs a
few look-ups, however long it is. Otherwise the equity is written out and measured bar by bar.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

from tradewind.backtest.fused_fills_inline import (
    BELOW,
    CASH,
    DEEPEST,
    HELD,
    LONGEST,
    LOW,
    PEAK,
    PREV,
    SUM1,
    SUM2,
    SUM3,
    TOTAL,
)  # fmt: skip
from tradewind.loops import bare, summing

TILE = 1024
LEVELS = 11
"""Stretches of 1, 2, 4 … bars, up to a tile."""
NO_CASH = 1e-14
"""Cash over the value held that still counts as none: what rounding leaves when all of it is invested."""
# Rows of a tile's sums: of returns, their squares, the squares of losses, and prices
RETURNS, SQUARES, FALLS, PRICES = range(4)


@summing
def sums_of(e, prev, r, out):  # type: ignore[no-untyped-def]
    """Sums over a stretch of equity: returns, their squares, the squares of losses, equity."""
    r[0] = e[0] / prev - 1.0
    now = e[1:]
    before = e[:-1]
    later = r[1 : e.size]
    for k in range(now.size):
        later[k] = now[k] / before[k] - 1.0
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    for k in range(e.size):
        v = r[k]
        a += v
        b += v * v
        low = min(v, 0.0)
        c += low * low
        d += e[k]
    out[0] = a
    out[1] = b
    out[2] = c
    out[3] = d


@bare
def fall(e, stats):  # type: ignore[no-untyped-def]
    """Follow a stretch of equity from peak to peak."""
    peak = stats[PEAK]
    low = stats[LOW]
    below = stats[BELOW]
    longest = stats[LONGEST]
    deepest = stats[DEEPEST]
    for k in range(e.size):
        v = e[k]
        if v >= peak:
            if low < peak:
                deepest = min(deepest, low / peak - 1.0)
            longest = max(longest, below)
            below = 0.0
            peak = v
            low = v
        else:
            below += 1.0
            low = min(low, v)
    stats[PEAK] = peak
    stats[LOW] = low
    stats[BELOW] = below
    stats[LONGEST] = longest
    stats[DEEPEST] = deepest


@bare
def written(e, stats, r, sums):  # type: ignore[no-untyped-def]
    """Add a stretch of equity to a lane's statistics, bar by bar."""
    sums_of(e, stats[PREV], r, sums)
    stats[SUM1] += sums[0]
    stats[SUM2] += sums[1]
    stats[SUM3] += sums[2]
    stats[TOTAL] += sums[3]
    fall(e, stats)
    stats[PREV] = e[e.size - 1]


@bare
def prepare(mark, t0, n, sums, highs, lows):  # type: ignore[no-untyped-def]
    """What all lanes need of a tile's prices: running sums, extremes of every 2**level bars."""
    sums[:, 0] = 0.0
    for k in range(n):
        m = mark[t0 + k]
        before = mark[t0 + k - 1] if t0 + k > 0 else 0.0
        r = m / before - 1.0 if before > 0.0 else 0.0
        low = min(r, 0.0)
        sums[RETURNS, k + 1] = sums[RETURNS, k] + r
        sums[SQUARES, k + 1] = sums[SQUARES, k] + r * r
        sums[FALLS, k + 1] = sums[FALLS, k] + low * low
        sums[PRICES, k + 1] = sums[PRICES, k] + m
        highs[0, k] = m
        lows[0, k] = m
    half = 1
    for level in range(1, LEVELS):
        for k in range(n - 2 * half + 1):
            highs[level, k] = max(highs[level - 1, k], highs[level - 1, k + half])
            lows[level, k] = min(lows[level - 1, k], lows[level - 1, k + half])
        half *= 2


@bare
def _extremes(cash, held, first, last, highs, lows):  # type: ignore[no-untyped-def]
    """The lowest and the highest equity of a stretch in which nothing was traded.

    Rounding keeps the order of numbers: these are the very ones that bar by bar would be met.
    """
    level = 0
    while 2 << level <= last - first:
        level += 1
    other = last - (1 << level)
    low = cash + held * min(lows[level, first], lows[level, other])
    high = cash + held * max(highs[level, first], highs[level, other])
    return (low, high) if held > 0.0 else (high, low)


@bare
def stretch(lane, stats, mark, t0, first, last, e, r, found, sums, highs, lows):  # type: ignore[no-untyped-def]
    """Add the bars between two fills to a lane's statistics; ``t0`` is where their tile begins."""
    n = last - first
    if n <= 0:
        return
    cash = lane[CASH]
    held = lane[HELD]
    if held != 0.0 and not abs(cash) <= NO_CASH * abs(held) * mark[first]:
        part = e[:n]
        price = mark[first:last]
        for k in range(n):
            part[k] = cash + held * price[k]
        written(part, stats, r, found)
        return
    v = cash + held * mark[first]
    change = v / stats[PREV] - 1.0
    low = min(change, 0.0)
    stats[SUM1] += change
    stats[SUM2] += change * change
    stats[SUM3] += low * low
    high = v
    low = v
    if held == 0.0:
        stats[TOTAL] += n * cash
        stats[PREV] = cash
    else:
        a = first - t0
        b = last - t0
        stats[SUM1] += sums[RETURNS, b] - sums[RETURNS, a + 1]
        stats[SUM2] += sums[SQUARES, b] - sums[SQUARES, a + 1]
        stats[SUM3] += max(0.0, sums[FALLS, b] - sums[FALLS, a + 1])
        stats[TOTAL] += n * cash + held * (sums[PRICES, b] - sums[PRICES, a])
        stats[PREV] = cash + held * mark[last - 1]
        low, high = _extremes(cash, held, a, b, highs, lows)
    if high < stats[PEAK]:
        stats[BELOW] += n
        stats[LOW] = min(stats[LOW], low)
    elif held == 0.0:
        one = e[:1]
        one[0] = v
        fall(one, stats)
    else:
        part = e[:n]
        price = mark[first:last]
        for k in range(n):
            part[k] = cash + held * price[k]
        fall(part, stats)
