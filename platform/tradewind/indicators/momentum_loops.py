"""Momentum oscillators, row by row."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write

NAN = np.nan


@loop(INT, INT, read(), INT, write())
def rsi(first, last, x, window, out):  # type: ignore[no-untyped-def]
    # Wilder's smoothing, seeded with the mean of the first `window` changes. A hole: the change is taken
    # from the last known value, and the hole's own bar is NaN.
    keep = (window - 1.0) / window
    part = 1.0 / window
    for i in range(first, last):
        row = x[i]
        o = out[i]
        before = NAN
        gain = 0.0
        loss = 0.0
        seen = 0
        for t in range(row.size):
            v = row[t]
            o[t] = NAN
            if v != v:
                continue
            if before == before:
                change = v - before
                up = change if change > 0.0 else 0.0
                down = -change if change < 0.0 else 0.0
                seen += 1
                if seen > window:
                    gain = gain * keep + up * part
                    loss = loss * keep + down * part
                else:
                    gain += up
                    loss += down
                    if seen == window:
                        gain /= window
                        loss /= window
                if seen >= window:
                    both = gain + loss
                    # TA-Lib calls a sum below 1e-14 zero, and the index of a market that never moved 0
                    o[t] = 100.0 * (gain / both) if both >= 1e-14 else 0.0
            before = v


@loop(read(FLOAT, 1), INT, INT, read(INT, 1), write(FLOAT, 1), write())
def macd_family(x, fast, slow, signals, line, smooth):  # type: ignore[no-untyped-def]
    """One MACD line and a signal line for each of several lengths, figure for figure as the indicator
    gives them.

    The signal lines are independent of each other, so the compiler runs them side by side.
    """
    kf = 2.0 / (fast + 1.0)
    ks = 2.0 / (slow + 1.0)
    many = signals.size
    kg = np.empty(many)
    eg = np.zeros(many)
    longest = 0
    for s in range(many):
        kg[s] = 2.0 / (signals[s] + 1.0)
        longest = max(longest, signals[s])
    seen = 0
    ef = 0.0
    es = 0.0
    for t in range(x.size):
        v = x[t]
        line[t] = NAN
        for s in range(many):
            smooth[s, t] = NAN
        if v != v:
            continue
        seen += 1
        if seen < slow:
            es += v
            if seen > slow - fast:
                ef += v
            continue
        if seen == slow:
            es = (es + v) / slow
            ef = (ef + v) / fast
        else:
            ef += kf * (v - ef)
            es += ks * (v - es)
        m = ef - es
        line[t] = m
        n = seen - slow + 1
        if n > longest:
            for s in range(many):
                eg[s] += kg[s] * (m - eg[s])
                smooth[s, t] = eg[s]
        else:
            for s in range(many):
                if n < signals[s]:
                    eg[s] += m
                    continue
                if n == signals[s]:
                    eg[s] = (eg[s] + m) / signals[s]
                else:
                    eg[s] += kg[s] * (m - eg[s])
                smooth[s, t] = eg[s]


@loop(INT, INT, read(), read(), read(), read(), INT, write())
def mfi(first, last, high, low, close, volume, window, out):  # type: ignore[no-untyped-def]
    flows = np.empty((2, window))
    for i in range(first, last):
        run = -1
        before = 0.0
        good = 0.0
        bad = 0.0
        for t in range(close.shape[1]):
            v = (high[i, t] + low[i, t] + close[i, t]) / 3.0
            w = volume[i, t]
            out[i, t] = NAN
            if v != v or w != w:
                run = -1
                good = 0.0
                bad = 0.0
                continue
            run += 1
            if run > 0:
                k = (run - 1) % window
                if run > window:
                    good -= flows[0, k]
                    bad -= flows[1, k]
                flow = v * w
                flows[0, k] = flow if v > before else 0.0
                flows[1, k] = flow if v < before else 0.0
                good += flows[0, k]
                bad += flows[1, k]
                if run >= window:
                    both = good + bad
                    out[i, t] = 100.0 * (good / both) if both >= 1.0 else 0.0
            before = v
