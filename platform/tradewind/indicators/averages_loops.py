"""Moving averages, row by row. A row is one symbol; NaN is a bar without a price."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write

NAN = np.nan


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
