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
