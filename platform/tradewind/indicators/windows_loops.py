"""Statistics of a moving window, row by row; NaN until a whole window is known, also after a hole."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write

NAN = np.nan


@loop(INT, INT, read(), INT, INT, FLOAT, write())
def order(first, last, x, window, rank, quantile, out):  # type: ignore[no-untyped-def]
    """The rank of the newest value (``rank`` 1), as a share of the window, ties at their mean; or a quantile.

    The window is kept sorted: each bar takes one value out and puts one in.
    """
    kept = np.empty(window)
    for i in range(first, last):
        run = 0
        size = 0
        for t in range(x.shape[1]):
            v = x[i, t]
            out[i, t] = NAN
            if v != v:
                run = 0
                size = 0
                continue
            run += 1
            if run > window:
                old = np.searchsorted(kept[:size], x[i, t - window])
                for k in range(old, size - 1):
                    kept[k] = kept[k + 1]
                size -= 1
            at = np.searchsorted(kept[:size], v)
            for k in range(size, at, -1):
                kept[k] = kept[k - 1]
            kept[at] = v
            size += 1
            if run >= window:
                if rank == 1:
                    right = np.searchsorted(kept[:size], v, side="right")
                    out[i, t] = (at + right + 1) / 2.0 / window
                else:
                    place = quantile * (window - 1)
                    k = int(place)
                    rest = place - k
                    upper = kept[k + 1] if rest > 0.0 else kept[k]
                    out[i, t] = kept[k] + (upper - kept[k]) * rest


@loop(INT, INT, read(), read(), INT, write(), write())
def together(first, last, x, y, window, correlation, slope):  # type: ignore[no-untyped-def]
    """Correlation of two series, and the slope of the first on the second; summed afresh for every window."""
    for i in range(first, last):
        run = 0
        for t in range(x.shape[1]):
            correlation[i, t] = NAN
            slope[i, t] = NAN
            if x[i, t] != x[i, t] or y[i, t] != y[i, t]:
                run = 0
                continue
            run += 1
            if run < window:
                continue
            mx = 0.0
            my = 0.0
            for k in range(t - window + 1, t + 1):
                mx += x[i, k]
                my += y[i, k]
            mx /= window
            my /= window
            sxx = 0.0
            syy = 0.0
            sxy = 0.0
            for k in range(t - window + 1, t + 1):
                a = x[i, k] - mx
                b = y[i, k] - my
                sxx += a * a
                syy += b * b
                sxy += a * b
            if sxx > 0.0 and syy > 0.0:
                correlation[i, t] = sxy / np.sqrt(sxx * syy)
            if syy > 0.0:
                slope[i, t] = sxy / syy


@loop(INT, INT, read(), write())
def drawdown(first, last, x, out):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        peak = -np.inf
        for t in range(x.shape[1]):
            v = x[i, t]
            out[i, t] = NAN
            if v == v:
                peak = max(peak, v)
                out[i, t] = v / peak - 1.0
