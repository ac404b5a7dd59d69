"""RSI reversions, eight windows side by side: the index is compared where it is computed, and not kept.

Levels are few and shared by many lanes, so each window is compared with each level once.
"""

import numpy as np

from tradewind.backtest.fused_events_inline import followed
from tradewind.backtest.fused_lanes_inline import BITS, bits, planes
from tradewind.indicators.lanes_inline import LANES, load_at, pick, save_at, splat
from tradewind.loops import FLOAT, INT, bare, loop, read, write

WORD = 64
NOTHING = 1e-14
"""TA-Lib calls a sum of gains and losses below this zero, and the index of a market that never moved 0."""
SEEN, BEFORE = 0, 1
"""What is remembered of the series: how many changes it had, and the last known value."""


@bare
def _plain(up, down, seen, windows, gain, loss, low, high, below, above, k):  # type: ignore[no-untyped-def]
    """One bar, window by window, figure for figure as the indicator: while the averages begin."""
    for j in range(windows.size):
        window = windows[j]
        if seen > window:
            gain[j] = gain[j] * ((window - 1.0) / window) + up * (1.0 / window)
            loss[j] = loss[j] * ((window - 1.0) / window) + down * (1.0 / window)
        else:
            gain[j] += up
            loss[j] += down
            if seen == window:
                gain[j] /= window
                loss[j] /= window
        if seen >= window:
            both = gain[j] + loss[j]
            index = 100.0 * (gain[j] / both) if both >= NOTHING else 0.0
            for c in range(low.size):
                below[c, k] |= (1 << j) if low[c] > index else 0
            for c in range(high.size):
                above[c, k] |= (1 << j) if index > high[c] else 0


@bare
def _word(x, t0, windows, keep, part, memory, gain, loss, low, high, below, above):  # type: ignore[no-untyped-def]
    """Which of eight windows are below each of some levels, and above others, at each bar of a word: a bit a
    window."""
    seen, before = memory[SEEN], memory[BEFORE]
    longest = 0
    for j in range(windows.size):
        longest = max(longest, windows[j])
    for k in range(min(WORD, x.size - t0)):
        below[:, k] = 0
        above[:, k] = 0
        v = x[t0 + k]
        if v != v:
            continue
        if before == before:
            change = v - before
            up = change if change > 0.0 else 0.0
            down = -change if change < 0.0 else 0.0
            seen += 1.0
            if seen <= longest:
                _plain(up, down, seen, windows, gain, loss, low, high, below, above, k)
            else:
                rise = load_at(gain, 0) * load_at(keep, 0) + load_at(part, 0) * up
                fall = load_at(loss, 0) * load_at(keep, 0) + load_at(part, 0) * down
                save_at(gain, 0, rise)
                save_at(loss, 0, fall)
                both = rise + fall
                index = pick(both >= NOTHING, rise / both * 100.0, splat(0.0))
                for c in range(low.size):
                    below[c, k] = bits(index < low[c])
                for c in range(high.size):
                    above[c, k] = bits(index > high[c])
        before = v
    memory[SEEN], memory[BEFORE] = seen, before


@loop(INT, INT, read(FLOAT, 1), read(INT, 1), read(FLOAT, 1), read(FLOAT, 1), read(INT), write(BITS))
def states(first, last, x, windows, low, high, lanes, out):  # type: ignore[no-untyped-def]
    """Bit k of row j: whether lane j is long after bar k: from below a low level on until above a high one.

    Parameters
    ----------
    first, last
        Which eights of windows.
    lanes
        Of each lane the numbers of its window, of its low and of its high level.
    """
    below, above = np.zeros((low.size, WORD), np.uint8), np.zeros((high.size, WORD), np.uint8)
    lows, highs = np.zeros((low.size, LANES), np.uint64), np.zeros((high.size, LANES), np.uint64)
    keep, part, memory = np.zeros(LANES), np.zeros(LANES), np.zeros(2)
    gain, loss = np.zeros(LANES), np.zeros(LANES)
    mine, state = np.empty(lanes.shape[0], np.int64), np.empty(lanes.shape[0], np.uint64)
    for g in range(first, last):
        some = windows[g * LANES : (g + 1) * LANES]
        for j in range(some.size):
            keep[j] = (some[j] - 1.0) / some[j]
            part[j] = 1.0 / some[j]
        gain[:] = 0.0
        loss[:] = 0.0
        memory[SEEN], memory[BEFORE] = 0.0, np.nan
        many = 0
        for lane in range(lanes.shape[0]):
            if lanes[lane, 0] // LANES == g:
                mine[many], state[many] = lane, 0
                many += 1
        for w in range(out.shape[1]):
            _word(x, w * WORD, some, keep, part, memory, gain, loss, low, high, below, above)
            for c in range(low.size):
                lows[c] = planes(below[c], 0)
            for c in range(high.size):
                highs[c] = planes(above[c], 0)
            for i in range(many):
                window, a, b = lanes[mine[i]]
                found = followed(lows[a, window % LANES], highs[b, window % LANES], state[i])
                out[mine[i], w] = found
                state[i] = found >> np.uint64(WORD - 1)
