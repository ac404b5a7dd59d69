"""Moving averages, row by row. A row is one symbol; NaN is a bar without a price."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write

NAN = np.nan


@loop(INT, INT, read(), INT, write())
def sma(first, last, x, window, out):  # type: ignore[no-untyped-def]
    # A running sum: one subtraction and one addition a bar. Its error grows with the square root of the bars
    # (3e-14 relative after 100,000), unlike a difference of cumulative sums, whose error grows with the sum
    # itself.
    for i in range(first, last):
        row = x[i]
        o = out[i]
        total = 0.0
        run = 0
        for t in range(row.size):
            v = row[t]
            if v != v:
                run = 0
                total = 0.0
                o[t] = NAN
                continue
            run += 1
            if run > window:
                total += v - row[t - window]
                o[t] = total / window
            else:
                total += v
                o[t] = total / window if run == window else NAN


@loop(INT, INT, read(), INT, FLOAT, write())
def ema(first, last, x, window, alpha, out):  # type: ignore[no-untyped-def]
    # Seeded with the mean of the first `window` values, as TA-Lib does. A hole leaves the average where it
    # was.
    for i in range(first, last):
        row = x[i]
        o = out[i]
        total = 0.0
        seen = 0
        e = NAN
        for t in range(row.size):
            v = row[t]
            if v != v:
                o[t] = NAN
                continue
            seen += 1
            if seen > window:
                e += alpha * (v - e)
                o[t] = e
            elif seen == window:
                e = (total + v) / window
                o[t] = e
            else:
                total += v
                o[t] = NAN


@loop(INT, INT, read(), INT, write())
def wma(first, last, x, window, out):  # type: ignore[no-untyped-def]
    # Weights 1 to window, the newest heaviest. The weighted sum moves by the newest value times the window,
    # minus the plain sum of the window before.
    weight = window * (window + 1) / 2.0
    for i in range(first, last):
        row = x[i]
        o = out[i]
        run = 0
        plain = 0.0
        weighted = 0.0
        for t in range(row.size):
            v = row[t]
            o[t] = NAN
            if v != v:
                run = 0
                plain = 0.0
                weighted = 0.0
                continue
            run += 1
            if run <= window:
                weighted += v * run
                plain += v
            else:
                weighted += v * window - plain
                plain += v - row[t - window]
            if run >= window:
                o[t] = weighted / weight


@loop(INT, INT, read(), INT, write())
def kama(first, last, x, window, out):  # type: ignore[no-untyped-def]
    # Kaufman's smoothing between those of 2 and 30 bars, by how straight the path was.
    slow = 2.0 / 31.0
    span = 2.0 / 3.0 - slow
    for i in range(first, last):
        row = x[i]
        o = out[i]
        run = 0
        path = 0.0
        average = 0.0
        for t in range(row.size):
            v = row[t]
            o[t] = NAN
            if v != v:
                run = 0
                path = 0.0
                continue
            run += 1
            if run == 1:
                continue
            path += abs(v - row[t - 1])
            if run == window:
                average = v
            if run > window:
                if run > window + 1:
                    path -= abs(row[t - window] - row[t - window - 1])
                change = v - row[t - window]
                straight = 1.0 if path <= change or abs(path) < 1e-14 else abs(change / path)
                k = straight * span + slow
                average += (v - average) * k * k
                o[t] = average


@loop(INT, INT, read(), read(), INT, write())
def weighted_mean(first, last, x, weight, window, out):  # type: ignore[no-untyped-def]
    """Mean of a window of values with weights of their own; NaN where all weights are zero."""
    for i in range(first, last):
        run = 0
        top = 0.0
        bottom = 0.0
        for t in range(x.shape[1]):
            v = x[i, t]
            w = weight[i, t]
            out[i, t] = NAN
            if v != v or w != w:
                run = 0
                top = 0.0
                bottom = 0.0
                continue
            run += 1
            top += v * w
            bottom += w
            if run > window:
                top -= x[i, t - window] * weight[i, t - window]
                bottom -= weight[i, t - window]
            if run >= window and bottom > 0.0:
                out[i, t] = top / bottom
