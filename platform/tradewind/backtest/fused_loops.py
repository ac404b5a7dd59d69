"""Sweeps without signals: many variants (lanes) of a strategy accounted for in one pass over a symbol.

What a lane compares are rows: indicator values over time, computed once per window and shared by all lanes.
Four comparisons a bar become one byte; eight bars are looked at at once, and only a bar that can change the
lane's position costs anything. Between two fills a lane's equity is ``cash + held * mark``, which the
compiler vectorises over time.
"""

import numpy as np

from tradewind.backtest.sizing_inline import fee_of, quantity_for
from tradewind.loops import FLOAT, INT, inline, loop, read, summing, write

NAN = np.nan
TILE = 1024

CROSS, REVERSION, BREAKOUT, CHANNEL, TARGET = 0, 1, 2, 3, 4
MEASURE, ADD, FINAL = 0, 1, 2
"""What becomes of a lane's equity: it is measured at once, added up over symbols, or only its end is kept."""

# Columns of a lane's state while it goes through one symbol
CASH, HELD, HAVE, PENDING, STATE, BOUGHT, PAID, GONE, GOT, FEES = range(10)
# Columns of a lane's statistics
(PREV, PEAK, LOW, DEEPEST, SUM1, SUM2, SUM3, TOTAL, BELOW, LONGEST, TRADES, CLOSED, WINS, GAINS, LOSSES,
EARNED, COSTS,
 TRADED) = range(18)  # fmt: skip


@inline
def _compare(a, b, bit, first, codes):  # type: ignore[no-untyped-def]
    if first:
        for k in range(codes.size):
            codes[k] = np.uint8(bit) if a[k] > b[k] else np.uint8(0)
    else:
        for k in range(codes.size):
            codes[k] |= np.uint8(bit) if a[k] > b[k] else np.uint8(0)


@inline
def _sides(a, b, codes):  # type: ignore[no-untyped-def]
    """Above 1, below 2: a crossing's two comparisons in one pass."""
    for k in range(codes.size):
        above = np.uint8(1) if a[k] > b[k] else np.uint8(0)
        below = np.uint8(2) if b[k] > a[k] else np.uint8(0)
        codes[k] = above | below


@inline
def _band(x, middle, deviation, width, codes):  # type: ignore[no-untyped-def]
    """Below the lower edge 1, above the upper one 2, above the middle 4, below it 8."""
    for k in range(codes.size):
        v = x[k]
        m = middle[k]
        half = width * deviation[k]
        outside = (np.uint8(1) if m - half > v else np.uint8(0)) | (
            np.uint8(2) if v > m + half else np.uint8(0)
        )
        inside = (np.uint8(4) if v > m else np.uint8(0)) | (np.uint8(8) if m > v else np.uint8(0))
        codes[k] = outside | inside


@inline
def _mask(kind, state, short):  # type: ignore[no-untyped-def]
    """The comparisons that can change a position, in each state; a crossing's states are 1 above, 2 below, 3
    level."""
    if kind == CROSS:
        return 2 if state == 1.0 else (1 if state == 2.0 else 3)
    if state == 0.0:
        if kind == BREAKOUT:
            return 3 if short else 2
        return 3 if short else 1
    if kind == REVERSION:
        return 4 if state > 0.0 else 8
    if kind == BREAKOUT:
        return 8 if state > 0.0 else 4
    return 4 if state > 0.0 else 8


@inline
def _step(kind, state, code, short):  # type: ignore[no-untyped-def]
    """The state after a bar."""
    if kind == CROSS:
        return 1.0 if code & 1 else (2.0 if code & 2 else state)
    if kind == REVERSION:
        if code & 1:
            return 1.0
        if code & 2 and short:
            return -1.0
        if (state > 0.0 and code & 4) or (state < 0.0 and code & 8):
            return 0.0
        return state
    if kind == BREAKOUT:
        if code & 2:
            return 1.0
        if code & 1 and short:
            return -1.0
        if (state > 0.0 and code & 8) or (state < 0.0 and code & 4):
            return 0.0
        return state
    if (state > 0.0 and code & 4) or (state < 0.0 and code & 8):
        state = 0.0
    if state == 0.0:
        if code & 1:
            return 1.0
        if code & 2 and short:
            return -1.0
    return state


@inline
def _find(codes, words, start, stop, mask):  # type: ignore[no-untyped-def]
    """The first bar from ``start`` whose code has a bit of the mask, or ``stop``."""
    k = start
    spread = np.uint64(mask) * np.uint64(0x0101010101010101)
    while k < stop:
        if k & 7 == 0 and k + 8 <= stop:
            w = k >> 3
            last = stop >> 3
            while w < last and words[w] & spread == np.uint64(0):
                w += 1
            k = w << 3
            if k >= stop:
                return stop
        if codes[k] & np.uint8(mask):
            return k
        k += 1
    return stop


@inline
def _fill(lane, stats, p, fee_rate, per_share, minimum, slippage):  # type: ignore[no-untyped-def]
    """Trade a lane to the target it has ordered; the same arithmetic as a single backtest's."""
    want = lane[HAVE]
    held = lane[HELD]
    cash = lane[CASH]
    lane[PENDING] = 0.0
    up = held < 0.0 if want == 0.0 else want * (cash + held * p) > held * p
    at = p * (1.0 + slippage) if up else p * (1.0 - slippage)
    if want == 0.0:
        change = -held
    else:
        change = quantity_for(want, cash, held, at, fee_rate, per_share, minimum) - held
    size = abs(change)
    if size == 0.0:
        return
    fee = fee_of(change, at, fee_rate, per_share, minimum)
    lane[CASH] = cash - (change * at + fee)
    lane[HELD] = 0.0 if want == 0.0 else held + change
    stats[COSTS] += fee + size * abs(at - p)
    stats[TRADED] += size * at
    rest = size
    entry_fee = fee
    if held * change < 0.0:
        out = min(size, abs(held))
        whole = abs(held) - out <= 1e-9 * abs(held)
        exit_fee = fee if out == size else fee * (out / size)
        rest = size - out
        entry_fee = fee - exit_fee
        lane[GONE] += out
        lane[GOT] += out * at
        lane[FEES] += exit_fee
        if whole:
            _close(lane, stats, held > 0.0)
            held = 0.0
    if rest > 1e-9 * size:
        if held == 0.0:
            stats[TRADES] += 1.0
            lane[BOUGHT] = 0.0
            lane[PAID] = 0.0
            lane[GONE] = 0.0
            lane[GOT] = 0.0
            lane[FEES] = 0.0
        lane[BOUGHT] += rest
        lane[PAID] += rest * at
        lane[FEES] += entry_fee


@inline
def _close(lane, stats, long):  # type: ignore[no-untyped-def]
    """Count a finished round trip."""
    gap = lane[GOT] - lane[PAID]
    profit = (gap if long else -gap) - lane[FEES]
    stats[CLOSED] += 1.0
    stats[EARNED] += profit / lane[PAID]
    if profit > 0.0:
        stats[WINS] += 1.0
        stats[GAINS] += profit
    else:
        stats[LOSSES] -= profit


@inline
def _target(kind, state, below):  # type: ignore[no-untyped-def]
    if kind == CROSS:
        return 1.0 if state == 1.0 else below
    return state


@summing
def _sums(e, prev, r, out):  # type: ignore[no-untyped-def]
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


@inline
def _measure(e, stats, r, sums):  # type: ignore[no-untyped-def]
    """Add a tile of equity to a lane's statistics."""
    _sums(e, stats[PREV], r, sums)
    stats[SUM1] += sums[0]
    stats[SUM2] += sums[1]
    stats[SUM3] += sums[2]
    stats[TOTAL] += sums[3]
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
    stats[PREV] = e[e.size - 1]
    stats[PEAK] = peak
    stats[LOW] = low
    stats[BELOW] = below
    stats[LONGEST] = longest
    stats[DEEPEST] = deepest


@inline
def _idle(bars, cash, stats):  # type: ignore[no-untyped-def]
    """Add bars on which nothing was held."""
    r = cash / stats[PREV] - 1.0
    stats[SUM1] += r
    stats[SUM2] += r * r
    low = min(r, 0.0)
    stats[SUM3] += low * low
    stats[TOTAL] += bars * cash
    stats[PREV] = cash
    if cash >= stats[PEAK]:
        if stats[LOW] < stats[PEAK]:
            stats[DEEPEST] = min(stats[DEEPEST], stats[LOW] / stats[PEAK] - 1.0)
        stats[LONGEST] = max(stats[LONGEST], stats[BELOW])
        stats[BELOW] = 0.0
        stats[PEAK] = cash
        stats[LOW] = cash
    else:
        stats[BELOW] += bars
        stats[LOW] = min(stats[LOW], cash)


@inline
def _segment(lane, e, mark, first, last, way):  # type: ignore[no-untyped-def]
    """Value the bars between two fills, in place of or on top of what ``e`` holds."""
    if last <= first or way == FINAL:
        return
    cash = lane[CASH]
    held = lane[HELD]
    # Over slices: an index that might be negative would keep the loops from being vectorised
    part = e[first:last]
    price = mark[first:last]
    if way == ADD:
        if held == 0.0:
            for k in range(part.size):
                part[k] += cash
        else:
            for k in range(part.size):
                part[k] += cash + held * price[k]
    elif held == 0.0:
        for k in range(part.size):
            part[k] = cash
    else:
        for k in range(part.size):
            part[k] = cash + held * price[k]


@inline
def _tile(  # type: ignore[no-untyped-def]
    lane,
    stats,
    rows,
    pairs,
    width,
    kind,
    below,
    short,
    price,
    mark,
    t0,
    n,
    lag,
    costs,
    codes,
    words,
    e,
    way,
):
    """Take one lane through one tile of bars; its equity is measured, or added to ``e``."""
    apart = kind != CROSS and width < 0.0
    if kind == CROSS:
        _sides(rows[pairs[0], t0 : t0 + n], rows[pairs[1], t0 : t0 + n], codes[:n])
    if width >= 0.0:
        x, m, d = rows[pairs[0], t0 : t0 + n], rows[pairs[1], t0 : t0 + n], rows[pairs[2], t0 : t0 + n]
        _band(x, m, d, width, codes[:n])
    for c in range(pairs.size // 2 if apart else 0):
        _compare(
            rows[pairs[2 * c], t0 : t0 + n], rows[pairs[2 * c + 1], t0 : t0 + n], 1 << c, c == 0, codes[:n]
        )
    k = 0
    if kind == CROSS and lane[STATE] == 0.0:
        a = rows[pairs[0]]
        b = rows[pairs[1]]
        while k < n and not (a[t0 + k] == a[t0 + k] and b[t0 + k] == b[t0 + k]):
            k += 1
        if k < n:
            lane[STATE] = 1.0 if codes[k] & 1 else (2.0 if codes[k] & 2 else 3.0)
            k += 1
    begun = 0
    while True:
        if lane[PENDING] != 0.0:
            u = k
            while u < n and not (price[t0 + u] == price[t0 + u] and price[t0 + u] > 0.0):
                u += 1
            if u > k and lag == 1:
                f = _find(codes, words, k, u, _mask(kind, lane[STATE], short))
                if f < u:
                    lane[STATE] = _step(kind, lane[STATE], codes[f], short)
                    lane[HAVE] = _target(kind, lane[STATE], below)
                    k = f + 1
                    continue
            if u == n:
                break
            _segment(lane, e, mark[t0 : t0 + n], begun, u, way)
            _fill(lane, stats, price[t0 + u], costs[0], costs[1], costs[2], costs[3])
            begun = u
            k = u if lag == 1 else u + 1
        f = _find(codes, words, k, n, _mask(kind, lane[STATE], short))
        if f == n:
            break
        lane[STATE] = _step(kind, lane[STATE], codes[f], short)
        want = _target(kind, lane[STATE], below)
        if want != lane[HAVE]:
            lane[HAVE] = want
            lane[PENDING] = 1.0
        k = f + lag if lane[PENDING] != 0.0 else f + 1
    _segment(lane, e, mark[t0 : t0 + n], begun, n, way)


@inline
def _target_tile(lane, stats, target, price, mark, t0, n, lag, costs, e, way):  # type: ignore[no-untyped-def]
    """Take one lane through one tile of a signal that was worked out beforehand; NaN leaves it as it is."""
    begun = 0
    for k in range(n):
        s = target[t0 + k]
        new = s == s and s != lane[HAVE]
        if new and lag == 0:
            lane[HAVE] = s
            lane[PENDING] = 1.0
        if lane[PENDING] != 0.0:
            p = price[t0 + k]
            if p == p and p > 0.0:
                _segment(lane, e, mark[t0 : t0 + n], begun, k, way)
                _fill(lane, stats, p, costs[0], costs[1], costs[2], costs[3])
                begun = k
        if new and lag == 1:
            lane[HAVE] = s
            lane[PENDING] = 1.0
    _segment(lane, e, mark[t0 : t0 + n], begun, n, way)


@loop(
    INT, INT, read(), read(INT), read(FLOAT, 1), INT, FLOAT, INT, read(FLOAT, 1), read(FLOAT, 1), INT,
    read(FLOAT, 1), write(), write(), INT, write(),
)  # fmt: skip
def account(  # type: ignore[no-untyped-def]
    first, last, rows, pairs, widths, kind, below, short, price, mark, lag, costs, lanes, stats, way, equity
):
    """Lanes over one symbol, tile by tile while its rows are in the cache.

    A lane's signal comes from comparisons of rows; from a band around a row (its width is not negative); or
    (``TARGET``) is the row that its first number names.
    """
    bars = mark.size
    codes = np.empty(TILE, np.uint8)
    words = codes.view(np.uint64)
    r = np.empty(TILE)
    sums = np.empty(4)
    scratch = np.empty(TILE)
    for t0 in range(0, bars, TILE):
        n = min(TILE, bars - t0)
        for j in range(first, last):
            e = equity[j, t0 : t0 + n] if way == ADD else scratch[:n]
            idle = lanes[j, HELD] == 0.0
            before = stats[j, TRADED]
            if kind == TARGET:
                _target_tile(lanes[j], stats[j], rows[pairs[j, 0]], price, mark, t0, n, lag, costs, e, way)
            else:
                _tile(
                    lanes[j], stats[j], rows, pairs[j], widths[j], kind, below, short == 1, price, mark, t0,
                    n, lag, costs, codes, words, e, way,
                )  # fmt: skip
            if way == MEASURE:
                if idle and stats[j, TRADED] == before:
                    _idle(n, lanes[j, CASH], stats[j])
                else:
                    _measure(e, stats[j], r, sums)
    if way == FINAL:
        for j in range(first, last):
            stats[j, PREV] += lanes[j, CASH] + lanes[j, HELD] * mark[bars - 1]


@loop(INT, INT, read(), write())
def measure(first, last, equity, stats):  # type: ignore[no-untyped-def]
    """Statistics of finished equity curves."""
    r = np.empty(TILE)
    sums = np.empty(4)
    bars = equity.shape[1]
    for j in range(first, last):
        for t0 in range(0, bars, TILE):
            n = min(TILE, bars - t0)
            _measure(equity[j, t0 : t0 + n], stats[j], r, sums)


@loop(INT, INT, write())
def finish(first, last, stats):  # type: ignore[no-untyped-def]
    """Close the last drawdown of each lane."""
    for j in range(first, last):
        s = stats[j]
        if s[LOW] < s[PEAK]:
            s[DEEPEST] = min(s[DEEPEST], s[LOW] / s[PEAK] - 1.0)
        s[LONGEST] = max(s[LONGEST], s[BELOW])
