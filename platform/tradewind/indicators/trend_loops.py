"""Direction and trend, row by row. A bar counts where all its fields are known."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write

NAN = np.nan


@loop(INT, INT, read(), read(), read(), INT, INT, write(), write(), write())
def dmi(first, last, high, low, close, window, seed, adx, plus, minus):  # type: ignore[no-untyped-def]
    # Wilder's sums: the first `seed` changes are added up, then each sum loses a window-th and gains the new.
    for i in range(first, last):
        seen = -1
        h0 = 0.0
        l0 = 0.0
        c0 = 0.0
        up = 0.0
        down = 0.0
        tr = 0.0
        total = 0.0
        smooth = 0.0
        count = 0
        for t in range(close.shape[1]):
            h = high[i, t]
            lo = low[i, t]
            c = close[i, t]
            adx[i, t] = NAN
            plus[i, t] = NAN
            minus[i, t] = NAN
            if h != h or lo != lo or c != c:
                continue
            seen += 1
            if seen > 0:
                rise = h - h0
                fall = l0 - lo
                u = 0.0
                d = 0.0
                if fall > 0.0 and rise < fall:
                    d = fall
                elif rise > 0.0 and rise > fall:
                    u = rise
                r = max(h, c0) - min(lo, c0)
                if seen <= seed:
                    up += u
                    down += d
                    tr += r
                else:
                    up += u - up / window
                    down += d - down / window
                    tr += r - tr / window
                if seen >= window:
                    a = 0.0
                    b = 0.0
                    if abs(tr) >= 1e-14:
                        a = 100.0 * (up / tr)
                        b = 100.0 * (down / tr)
                    plus[i, t] = a
                    minus[i, t] = b
                    count += 1
                    both = a + b
                    dx = 100.0 * (abs(b - a) / both) if abs(both) >= 1e-14 else NAN
                    if count <= window:
                        if dx == dx:
                            total += dx
                        if count == window:
                            smooth = total / window
                    elif dx == dx:
                        smooth = (smooth * (window - 1) + dx) / window
                    if count >= window:
                        adx[i, t] = smooth
            h0 = h
            l0 = lo
            c0 = c


@loop(INT, INT, read(), read(), read(), read(), FLOAT, write(), write())
def supertrend(first, last, high, low, close, noise, width, line, side):  # type: ignore[no-untyped-def]
    # Bands around the middle of the bar that only tighten while the close stays on their side.
    for i in range(first, last):
        upper = NAN
        lower = NAN
        before = NAN
        now = 1.0
        for t in range(close.shape[1]):
            line[i, t] = NAN
            side[i, t] = NAN
            c = close[i, t]
            a = noise[i, t]
            if a != a or c != c:
                continue
            middle = (high[i, t] + low[i, t]) / 2.0
            top = middle + width * a
            bottom = middle - width * a
            if upper == upper:
                if not (top < upper or before > upper):
                    top = upper
                if not (bottom > lower or before < lower):
                    bottom = lower
                if now > 0.0 and c < bottom:
                    now = -1.0
                elif now < 0.0 and c > top:
                    now = 1.0
            upper = top
            lower = bottom
            before = c
            line[i, t] = lower if now > 0.0 else upper
            side[i, t] = now
