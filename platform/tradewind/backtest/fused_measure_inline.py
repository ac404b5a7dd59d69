"""From equity to statistics, for fused sweeps.

While a lane holds what it bought with all it had, its returns are the price's own, whose sums were added up
once for all lanes, and its highest and lowest equity come at the price's: a stretch between two fills costs a
few look-ups, however long it is, for eight lanes at once. Otherwise the equity is written out and measured
bar by bar.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

from tradewind.backtest.fused_fills_inline import (
    BELOW,
    CASH,
    DEEPEST,
    FALLS,
    FIRST,
    HELD,
    LONGEST,
    LOW,
    PEAK,
    PREV,
    PRICES,
    RETURNS,
    SINCE,
    SQUARES,
    SUM1,
    SUM2,
    SUM3,
    TOTAL,
)  # fmt: skip
from tradewind.backtest.fused_lanes_inline import bits, but, spans
from tradewind.indicators.lanes_inline import LANES, load, pick, save, size, splat
from tradewind.loops import bare, summing

TILE = 1024
LEVELS = 11
"""Stretches of 1, 2, 4 … bars, up to a tile."""
NO_CASH = 1e-14
"""Cash over the value held that still counts as none: what rounding leaves when all of it is invested."""


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
def fall(e, book, j):  # type: ignore[no-untyped-def]
    """Follow a stretch of a lane's equity from peak to peak."""
    peak = book[PEAK * LANES + j]
    low = book[LOW * LANES + j]
    below = book[BELOW * LANES + j]
    longest = book[LONGEST * LANES + j]
    deepest = book[DEEPEST * LANES + j]
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
    book[PEAK * LANES + j] = peak
    book[LOW * LANES + j] = low
    book[BELOW * LANES + j] = below
    book[LONGEST * LANES + j] = longest
    book[DEEPEST * LANES + j] = deepest


@bare
def written(e, book, j, r, sums):  # type: ignore[no-untyped-def]
    """Add a stretch of equity to a lane's statistics, bar by bar."""
    sums_of(e, book[PREV * LANES + j], r, sums)
    book[SUM1 * LANES + j] += sums[0]
    book[SUM2 * LANES + j] += sums[1]
    book[SUM3 * LANES + j] += sums[2]
    book[TOTAL * LANES + j] += sums[3]
    fall(e, book, j)
    book[PREV * LANES + j] = e[e.size - 1]


@bare
def prepare(price, mark, t0, n, table, pairs):  # type: ignore[no-untyped-def]
    """What all lanes need of a tile: a row of figures a bar, and extremes of every 2**level bars.

    A row: fill price, mark, the mark before, the return since; sums of the returns before, their squares,
    the squares of losses, the marks.
    """
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    for k in range(n):
        m = mark[t0 + k]
        before = mark[t0 + k - 1] if t0 + k > 0 else 0.0
        r = m / before - 1.0 if before > 0.0 else 0.0
        low = min(r, 0.0)
        row = table[k]
        row[0] = price[t0 + k]
        row[1] = m
        row[2] = before
        row[3] = r
        row[4] = a
        row[5] = b
        row[6] = c
        row[7] = d
        a += r
        b += r * r
        c += low * low
        d += m
        pairs[0, k, 0] = m
        pairs[0, k, 1] = -m
    row = table[n]
    row[:] = 0.0
    row[2] = mark[t0 + n - 1]
    row[4] = a
    row[5] = b
    row[6] = c
    row[7] = d
    half = 1
    for level in range(1, LEVELS):
        out = pairs[level].reshape(2 * pairs.shape[1])
        now = pairs[level - 1].reshape(2 * pairs.shape[1])
        later = now[2 * half :]
        for k in range(2 * (n - 2 * half + 1)):
            out[k] = now[k] if now[k] > later[k] else later[k]
        half *= 2


@bare
def begin(book, bar, row):  # type: ignore[no-untyped-def]
    """Begin a stretch at a bar."""
    r = row[3]
    low = pick(r < 0.0, r, splat(0.0))
    save(book, SINCE, bar)
    save(book, FIRST, row[1])
    save(book, RETURNS, row[4] + r)
    save(book, SQUARES, row[5] + r * r)
    save(book, FALLS, row[6] + low * low)
    save(book, PRICES, row[7])


@bare
def stretch(book, bar, row, pairs, mark, t0, e, r, found):  # type: ignore[no-untyped-def]
    """Add the bars since the last fill, up to a bar, to the lanes' statistics."""
    zero = splat(0.0)
    since = load(book, SINCE)
    n = bar - since
    going = n > 0.0
    cash = load(book, CASH)
    held = load(book, HELD)
    first = load(book, FIRST)
    odd = going & (held * held > 0.0) & (size(cash) > NO_CASH * size(held) * first)
    plain = but(going, odd)
    invested = but(plain, held == 0.0)
    prev = load(book, PREV)
    change = pick(plain, (cash + held * first) / prev - 1.0, zero)
    drop = pick(change < 0.0, change, zero)
    later = row[6] - load(book, FALLS)
    later = pick(invested & (later > 0.0), later, zero)
    save(book, SUM1, load(book, SUM1) + change + pick(invested, row[4] - load(book, RETURNS), zero))
    save(book, SUM2, load(book, SUM2) + change * change + pick(invested, row[5] - load(book, SQUARES), zero))
    save(book, SUM3, load(book, SUM3) + drop * drop + later)
    total = n * cash + held * (row[7] - load(book, PRICES))
    save(book, TOTAL, load(book, TOTAL) + pick(plain, total, zero))
    save(book, PREV, pick(plain, cash + held * row[2], prev))
    top, bottom = spans(pairs, since, pick(going, bar, since + 1.0), pick(going, n, splat(1.0)))
    x = cash + held * top
    y = cash - held * bottom
    high = pick(x > y, x, y)
    low = pick(x > y, y, x)
    under = plain & (high < load(book, PEAK))
    save(book, BELOW, load(book, BELOW) + pick(under, n, zero))
    least = load(book, LOW)
    save(book, LOW, pick(under & (low < least), low, least))
    apart = but(going, under)
    if bits(apart) != 0:
        _apart(book, bits(apart), bits(odd), bar, mark, t0, e, r, found)


@bare
def _apart(book, lanes, odd, bar, mark, t0, e, r, found):  # type: ignore[no-untyped-def]
    """Lanes at a new peak, or with an equity of their own, bar by bar."""
    save(found, 1, bar)
    for j in range(LANES):
        if not (lanes >> j) & 1:
            continue
        first = int(book[SINCE * LANES + j])
        n = int(found[LANES + j]) - first
        cash = book[CASH * LANES + j]
        held = book[HELD * LANES + j]
        if held == 0.0:
            n = 1
        part = e[:n]
        price = mark[t0 + first : t0 + first + n]
        for k in range(n):
            part[k] = cash + held * price[k]
        if (odd >> j) & 1:
            written(part, book, j, r, found)
        else:
            fall(part, book, j)
