"""Bands, channels and ranges, row by row."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write

NAN = np.nan
REFRESH = 512


@loop(INT, INT, read(), INT, write(), write())
def mean_and_deviation(first, last, x, window, mean, deviation):  # type: ignore[no-untyped-def]
    # Sums of values shifted by a nearby one, begun afresh every REFRESH bars: no digits are lost to
    # cancellation, however long the history or high the price.
    for i in range(first, last):
        row = x[i]
        run = 0
        s1 = 0.0
        s2 = 0.0
        base = 0.0
        fresh = 0
        for t in range(row.size):
            v = row[t]
            mean[i, t] = NAN
            deviation[i, t] = NAN
            if v != v:
                run = 0
                continue
            run += 1
            if run == 1:
                base = v
                s1 = 0.0
                s2 = 0.0
                fresh = 0
            if run > window and fresh >= REFRESH:
                base = v
                s1 = 0.0
                s2 = 0.0
                fresh = 0
                for k in range(t - window + 1, t):
                    d = row[k] - base
                    s1 += d
                    s2 += d * d
            elif run > window:
                d = row[t - window] - base
                s1 -= d
                s2 -= d * d
            d = v - base
            s1 += d
            s2 += d * d
            fresh += 1
            if run >= window:
                m = s1 / window
                spread = s2 / window - m * m
                mean[i, t] = m + base
                deviation[i, t] = np.sqrt(spread if spread > 0.0 else 0.0)


@loop(INT, INT, read(), INT, FLOAT, write(), write(), write())
def bollinger(first, last, x, window, width, upper, middle, lower):  # type: ignore[no-untyped-def]
    mean_and_deviation(first, last, x, window, middle, upper)
    for i in range(first, last):
        up = upper[i]
        mid = middle[i]
        low = lower[i]
        for t in range(up.size):
            half = width * up[t]
            up[t] = mid[t] + half
            low[t] = mid[t] - half


@loop(INT, INT, read(), read(), read(), INT, write())
def atr(first, last, high, low, close, window, out):  # type: ignore[no-untyped-def]
    # Wilder's smoothing of the true range; the first bar has none, for want of a close before it.
    keep = window - 1.0
    for i in range(first, last):
        before = NAN
        a = 0.0
        seen = 0
        for t in range(close.shape[1]):
            h = high[i, t]
            low_ = low[i, t]
            c = close[i, t]
            out[i, t] = NAN
            if h != h or low_ != low_ or c != c:
                continue
            if before == before:
                top = h if h > before else before
                bottom = low_ if low_ < before else before
                true_range = top - bottom
                seen += 1
                if seen > window:
                    a = (a * keep + true_range) / window
                else:
                    a += true_range
                    if seen == window:
                        a /= window
                if seen >= window:
                    out[i, t] = a
            before = c


@loop(INT, INT, read(), read(), INT, write(), write(), write())
def donchian(first, last, high, low, window, upper, middle, lower):  # type: ignore[no-untyped-def]
    # A queue of candidates for the highest and the lowest: each bar enters and leaves once, whatever the
    # window.
    hq = np.empty(window + 1, np.int64)
    lq = np.empty(window + 1, np.int64)
    size = window + 1
    for i in range(first, last):
        h = high[i]
        lo = low[i]
        run = 0
        hs = 0
        he = 0
        ls = 0
        le = 0
        for t in range(h.size):
            a = h[t]
            b = lo[t]
            upper[i, t] = NAN
            middle[i, t] = NAN
            lower[i, t] = NAN
            if a != a or b != b:
                run = 0
                hs = 0
                he = 0
                ls = 0
                le = 0
                continue
            run += 1
            while he > hs and h[hq[(he - 1) % size]] <= a:
                he -= 1
            hq[he % size] = t
            he += 1
            while le > ls and lo[lq[(le - 1) % size]] >= b:
                le -= 1
            lq[le % size] = t
            le += 1
            if hq[hs % size] <= t - window:
                hs += 1
            if lq[ls % size] <= t - window:
                ls += 1
            if run >= window:
                top = h[hq[hs % size]]
                bottom = lo[lq[ls % size]]
                upper[i, t] = top
                lower[i, t] = bottom
                middle[i, t] = (top + bottom) / 2.0
