"""From comparisons to fills: at which bars a lane of a fused sweep trades, and to what target.

None of this depends on the account, so it comes first, a lane at a time; then eight accounts go through their
fills side by side.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

import numpy as np

from tradewind.backtest.fused_scan_inline import (
    ONE,
    WORD,
    first_above,
    first_moved,
    first_of_two,
    first_outside,
    lowest,
    word_above,
    word_outside,
    words,
)
from tradewind.indicators.lanes_inline import LANES
from tradewind.loops import bare
from tradewind.strategies.rules_inline import turtle_bar, turtle_share

CROSS, REVERSION, BREAKOUT, CHANNEL, TURTLE = 0, 1, 2, 3, 4
# Columns of what is remembered of a lane: the state of its rule, its last order, and whether that waits
STATE, HAVE, PENDING = range(3)
# … and of a Turtle, whose state is its side: units, the share of one, price and N of the last entry
UNITS, SHARE, PRICE, NOISE = range(3, 7)
# What a Turtle is told
RISK, MOST, STRIDE, STOP, SHORT = range(5)


@bare
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


@bare
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


@bare
def _target(kind, state, below):  # type: ignore[no-untyped-def]
    if kind == CROSS:
        return 1.0 if state == 1.0 else below
    return state


@bare
def _code(rows, pairs, width, k):  # type: ignore[no-untyped-def]
    """All comparisons at one bar, as bits.

    Of a band: below its lower edge 1, above its upper one 2, above its middle 4, below it 8.
    """
    if width < 0.0:
        code = 0
        for c in range(pairs.size // 2):
            if rows[pairs[2 * c], k] > rows[pairs[2 * c + 1], k]:
                code |= 1 << c
        return code
    x = rows[pairs[0], k]
    middle = rows[pairs[1], k]
    half = width * rows[pairs[2], k]
    outside = (1 if middle - half > x else 0) | (2 if x > middle + half else 0)
    return outside | (4 if x > middle else 0) | (8 if middle > x else 0)


@bare
def _next(rows, pairs, width, mask, k, stop):  # type: ignore[no-untyped-def]
    """The first bar from ``k`` on with a comparison of the mask, or ``stop``."""
    if width >= 0.0:
        if mask < 4:
            return first_outside(rows[pairs[0]], rows[pairs[1]], rows[pairs[2]], width, mask, k, stop)
        a = 0 if mask == 4 else 1
        return first_above(rows[pairs[a]], rows[pairs[1 - a]], k, stop)
    if mask == 3:
        return first_of_two(rows[pairs[0]], rows[pairs[1]], rows[pairs[2]], rows[pairs[3]], k, stop)
    c = 0 if mask == 1 else (2 if mask == 2 else (4 if mask == 4 else 6))
    return first_above(rows[pairs[c]], rows[pairs[c + 1]], k, stop)


@bare
def _put(bars, wants, count, j, bar, want):  # type: ignore[no-untyped-def]
    """Note a fill of lane ``j``."""
    bars[count * LANES + j] = bar
    wants[count * LANES + j] = want
    return count + 1


@bare
def _start(memory, rows, pairs, k, end):  # type: ignore[no-untyped-def]
    """The first bar known only sets the side of a crossing."""
    a = rows[pairs[0]]
    b = rows[pairs[1]]
    while k < end and not (a[k] == a[k] and b[k] == b[k]):
        k += 1
    if k < end:
        memory[STATE] = 1.0 if a[k] > b[k] else (2.0 if b[k] > a[k] else 3.0)
        k += 1
    return k


@bare
def compared(  # type: ignore[no-untyped-def]
    memory, rows, pairs, width, kind, below, short, price, t0, end, lag, bars, wants, j
):
    """Fills of a lane whose rule compares rows, in one tile; return how many."""
    k = t0
    count = 0
    if kind == CROSS and memory[STATE] == 0.0:
        k = _start(memory, rows, pairs, k, end)
    while True:
        if memory[PENDING] != 0.0:
            u = k
            while u < end and not (price[u] == price[u] and price[u] > 0.0):
                u += 1
            if u > k and lag == 1:
                f = _next(rows, pairs, width, _mask(kind, memory[STATE], short), k, u)
                if f < u:
                    memory[STATE] = _step(kind, memory[STATE], _code(rows, pairs, width, f), short)
                    memory[HAVE] = _target(kind, memory[STATE], below)
                    k = f + 1
                    continue
            if u == end:
                return count
            count = _put(bars, wants, count, j, u - t0, memory[HAVE])
            memory[PENDING] = 0.0
            k = u if lag == 1 else u + 1
        f = _next(rows, pairs, width, _mask(kind, memory[STATE], short), k, end)
        if f == end:
            return count
        memory[STATE] = _step(kind, memory[STATE], _code(rows, pairs, width, f), short)
        want = _target(kind, memory[STATE], below)
        if want != memory[HAVE]:
            memory[HAVE] = want
            memory[PENDING] = 1.0
        k = f + lag if memory[PENDING] != 0.0 else f + 1


@bare
def _demands(rows, pairs, width, kind, t0, end, ups, downs):  # type: ignore[no-untyped-def]
    """At which bars of a tile the rule wants its upper state, and its lower one: a bit each."""
    a = rows[pairs[0]]
    b = rows[pairs[1]]
    if kind == CROSS:
        for k in range(t0, end, WORD):
            w = (k - t0) // WORD
            ups[w], downs[w] = words(a, b, k, min(WORD, end - k))
    elif width >= 0.0:
        deviation = rows[pairs[2]]
        sign = 1 if kind == BREAKOUT else -1
        top, bottom = (b, a) if kind == BREAKOUT else (a, b)
        for k in range(t0, end, WORD):
            w = (k - t0) // WORD
            n = min(WORD, end - k)
            ups[w] = word_outside(a, b, deviation, width, sign, k, n)
            downs[w] = word_above(top, bottom, k, n)
    else:
        c = rows[pairs[4]]
        d = rows[pairs[5]]
        for k in range(t0, end, WORD):
            w = (k - t0) // WORD
            n = min(WORD, end - k)
            ups[w] = word_above(a, b, k, n)
            downs[w] = word_above(c, d, k, n)


@bare
def followed(up, down, before):  # type: ignore[no-untyped-def]
    """Bit j: the state after bar j, which is the one last wanted; the upper one, if both are."""
    none = ~(up | down)
    if none == 0:
        return up
    run = none & ~(none + ONE)  # bars before any is wanted
    reach = ONE
    for _ in range(6):
        up |= none & (up << reach)
        none &= none << reach
        reach <<= ONE
    return up | run if before != 0 else up


@bare
def positions(memory, rows, pairs, width, kind, t0, end, ups, downs):  # type: ignore[no-untyped-def]
    """The states of a rule that has two, of the bars of a tile: a bit each, into ``ups``."""
    _demands(rows, pairs, width, kind, t0, end, ups, downs)
    before = ONE if memory[STATE] == 1.0 else ONE - ONE
    for w in range((end - t0 + WORD - 1) // WORD):
        ups[w] = followed(ups[w], downs[w], before)
        before = (ups[w] >> np.uint64(min(WORD, end - t0 - w * WORD) - 1)) & ONE


@bare
def turned(memory, states, kind, below, n, lag, ahead, bars, wants, j):  # type: ignore[no-untyped-def]
    """Fills in a tile of ``n`` bars whose states are known: an order waits for a bar with a price.

    A state that changes is an order; one that still waits is replaced by the next.
    """
    count = 0
    have = memory[HAVE]
    waits = memory[PENDING] != 0.0
    ready = 0
    state = ONE if memory[STATE] == 1.0 else ONE - ONE
    if kind == CROSS and memory[STATE] == 0.0:
        state = states[0] & ONE
    for w in range((n + WORD - 1) // WORD):
        most = min(WORD, n - w * WORD)
        word = states[w]
        turns = word ^ ((word << ONE) | state)
        state = (word >> np.uint64(most - 1)) & ONE
        if most < WORD:
            turns &= (ONE << np.uint64(most)) - ONE
        while turns != 0:
            at = lowest(turns)
            turns &= turns - ONE
            want = 1.0 if (word >> np.uint64(at)) & ONE != 0 else below
            if want == have:  # nothing held yet
                continue
            bar = w * WORD + at
            if waits and ahead[ready] < bar + lag:
                count = _put(bars, wants, count, j, ahead[ready], have)
                waits = False
            if not waits:
                ready = bar + lag
            have = want
            waits = True
    if waits and ahead[ready] < n:
        count = _put(bars, wants, count, j, ahead[ready], have)
        waits = False
    memory[HAVE] = have
    memory[STATE] = 1.0 if state != 0 else (2.0 if kind == CROSS else 0.0)
    memory[PENDING] = 1.0 if waits else 0.0
    return count


@bare
def _first_change(memory, x, top, bottom, out_low, out_high, numbers, k, end):  # type: ignore[no-untyped-def]
    """The first bar that may change a Turtle's position, or ``end``."""
    side = memory[STATE]
    if side == 0.0:
        if numbers[SHORT] != 0.0:
            return first_of_two(x, top, bottom, x, k, end)
        return first_above(x, top, k, end)
    low = -numbers[STOP] * memory[NOISE]
    high = numbers[STRIDE] * memory[NOISE] if memory[UNITS] < numbers[MOST] else np.inf
    a, b = (out_low, x) if side > 0.0 else (x, out_high)
    return first_moved(x, memory[PRICE], side, low, high, a, b, k, end)


@bare
def pyramided(memory, rows, sides, numbers, t0, end, lag, ahead, bars, wants, j):  # type: ignore[no-untyped-def]
    """Fills of a Turtle in one tile."""
    x, top, bottom, out_low, out_high, n = (
        rows[sides[0]], rows[sides[1]], rows[sides[2]], rows[sides[3]], rows[sides[4]], rows[sides[5]],
    )  # fmt: skip
    count = 0
    waits = memory[PENDING] != 0.0
    ready = 0
    k = _first_change(memory, x, top, bottom, out_low, out_high, numbers, t0, end)
    while k < end:
        side, units, share, price, noise = turtle_bar(
            x[k], top[k], bottom[k], out_low[k], out_high[k], n[k], numbers[RISK], numbers[MOST],
            numbers[STRIDE], numbers[STOP], numbers[SHORT] != 0.0, memory[STATE], memory[UNITS],
            memory[SHARE], memory[PRICE], memory[NOISE],
        )  # fmt: skip
        memory[STATE] = side
        memory[UNITS] = units
        memory[SHARE] = share
        memory[PRICE] = price
        memory[NOISE] = noise
        want = turtle_share(side, units, share)
        if want != memory[HAVE]:
            bar = k - t0
            if waits and ahead[ready] < bar + lag:
                count = _put(bars, wants, count, j, ahead[ready], memory[HAVE])
                waits = False
            if not waits:
                ready = bar + lag
            memory[HAVE] = want
            waits = True
        k = _first_change(memory, x, top, bottom, out_low, out_high, numbers, k + 1, end)
    if waits and ahead[ready] < end - t0:
        count = _put(bars, wants, count, j, ahead[ready], memory[HAVE])
        waits = False
    memory[PENDING] = 1.0 if waits else 0.0
    return count


@bare
def finish_tile(bars, wants, counts, bar):  # type: ignore[no-untyped-def]
    """Let every lane end at a bar without a fill, after as many steps; return how many."""
    most = 0
    for j in range(LANES):
        most = max(most, counts[j])
    for j in range(LANES):
        for k in range(counts[j], most + 1):
            _put(bars, wants, k, j, bar, np.nan)
    return most + 1
