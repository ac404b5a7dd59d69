"""MACD crossings, eight lanes side by side: the lines are compared where they are computed, and not kept."""

import numpy as np

from tradewind.backtest.fused_lanes_inline import BITS, bits, but, planes
from tradewind.indicators.lanes_inline import LANES, load_at
from tradewind.loops import FLOAT, INT, bare, loop, read, write

WORD = 64
UNKNOWN, LEVEL = -1.0, 2.0
"""A lane's side before its signal line has begun, and while the lines have been level since; else 1 above, 0
below."""


@bare
def _plain(x, t0, t1, numbers, state, j, sides):  # type: ignore[no-untyped-def]
    """One lane, bar by bar, figure for figure as the indicator: while its averages begin.

    ``state`` holds bars seen, the two averages, the signal line and the side. The bars before the first side
    get it too, so that it is no crossing; or the other, if the lines were level and it is one.
    """
    fast = numbers[j, 0]
    slow = numbers[j, 1]
    signal = numbers[j, 2]
    kf = 2.0 / (fast + 1.0)
    ks = 2.0 / (slow + 1.0)
    kg = 2.0 / (signal + 1.0)
    seen, ef, es, eg, side = state[0, j], state[1, j], state[2, j], state[3, j], state[4, j]
    bit = 1 << j
    for t in range(t0, t1):
        v = x[t]
        if v == v:
            seen += 1.0
            if seen < slow:
                es += v
                if seen > slow - fast:
                    ef += v
            else:
                if seen == slow:
                    es = (es + v) / slow
                    ef = (ef + v) / fast
                else:
                    ef += kf * (v - ef)
                    es += ks * (v - es)
                m = ef - es
                n = seen - slow + 1.0
                if n < signal:
                    eg += m
                else:
                    if n == signal:
                        eg = (eg + m) / signal
                    else:
                        eg += kg * (m - eg)
                    now = 1.0 if m > eg else (0.0 if eg > m else LEVEL)
                    if now != LEVEL:
                        if side in (UNKNOWN, LEVEL):
                            before = now if side == UNKNOWN else 1.0 - now
                            for k in range(t):
                                sides[k] |= bit if before == 1.0 else 0
                        side = now
                    elif side == UNKNOWN:
                        side = LEVEL
        sides[t] |= bit if side == 1.0 else 0
    state[0, j], state[1, j], state[2, j], state[3, j], state[4, j] = seen, ef, es, eg, side


@bare
def _begin(x, many, numbers, state, sides):  # type: ignore[no-untyped-def]
    """Take lanes to a bar from which all of them know their side; return it."""
    t = 0
    most = 0
    for j in range(many):
        most = max(most, numbers[j, 1] + numbers[j, 2])
    step = most
    while t < x.size:
        end = min(t + step, x.size)
        ready = True
        for j in range(many):
            _plain(x, t, end, numbers, state, j, sides)
            ready &= state[0, j] >= most and (state[4, j] == 0.0 or state[4, j] == 1.0)
        t = end
        step = 64
        if ready:
            return t
    return t


@bare
def _lanes(x, t0, rates, state, sides):  # type: ignore[no-untyped-def]
    """Eight lanes at once, whose averages have all begun."""
    kf, ks, kg = load_at(rates, 0), load_at(rates, LANES), load_at(rates, 2 * LANES)
    ef, es, eg = load_at(state, LANES), load_at(state, 2 * LANES), load_at(state, 3 * LANES)
    side = load_at(state, 4 * LANES) > 0.5
    last = bits(side)
    for t in range(t0, x.size):
        v = x[t]
        if v == v:
            ef = ef + kf * (v - ef)
            es = es + ks * (v - es)
            m = ef - es
            eg = eg + kg * (m - eg)
            side = (m > eg) | but(side, eg > m)
            last = bits(side)
        sides[t] = last


@loop(INT, INT, read(FLOAT, 1), read(INT), write(BITS))
def states(first, last, x, numbers, out):  # type: ignore[no-untyped-def]
    """Bit k of row j: whether lane j's MACD line was last above its signal line, at bar k.

    Up to where it first was above or below, a lane's bits are so that they change there only if it crossed.

    Parameters
    ----------
    first, last
        Which eights of lanes.
    numbers
        Lengths of each lane: fast, slow, signal.
    """
    whole = (x.size + WORD - 1) // WORD * WORD
    sides = np.zeros(whole, np.uint8)
    state = np.zeros((5, LANES))
    rates = np.zeros(3 * LANES)
    for g in range(first, last):
        lane = g * LANES
        many = min(LANES, out.shape[0] - lane)
        sides[:] = 0
        state[:] = 0.0
        state[4] = UNKNOWN
        for j in range(many):
            for c in range(3):
                rates[c * LANES + j] = 2.0 / (numbers[lane + j, c] + 1.0)
        t = _begin(x, many, numbers[lane : lane + many], state, sides)
        _lanes(x, t, rates, state.reshape(5 * LANES), sides)
        for w in range(whole // WORD):
            found = planes(sides, w * WORD)
            for j in range(many):
                out[lane + j, w] = found[j]
