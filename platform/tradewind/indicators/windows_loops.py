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
