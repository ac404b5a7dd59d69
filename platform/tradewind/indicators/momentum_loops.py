"""Momentum oscillators, row by row."""

import numpy as np

from tradewind.loops import INT, loop, read, write

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
