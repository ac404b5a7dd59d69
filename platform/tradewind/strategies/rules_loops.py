"""Rules with a memory, row by row: from indicator values to wanted positions."""

import numpy as np

from tradewind.loops import FLOAT, INT, loop, read, write
from tradewind.strategies.rules_inline import turtle_bar, turtle_share

NAN = np.nan


@loop(INT, INT, read(), read(), FLOAT, write())
def crossing(first, last, a, b, below, out):  # type: ignore[no-untyped-def]
    # 1 from the bar at which `a` crosses above `b`, `below` from the one at which it crosses under it. The
    # first bar only sets the side; touching is not crossing.
    for i in range(first, last):
        side = 0
        known = False
        want = NAN
        for t in range(a.shape[1]):
            x = a[i, t]
            y = b[i, t]
            if x == x and y == y:
                now = 1 if x > y else (-1 if x < y else 0)
                if not known:
                    side = now
                    known = True
                elif now != 0 and now != side:
                    want = 1.0 if now == 1 else below
                    side = now
            out[i, t] = want


@loop(INT, INT, read(), read(), read(), read(), INT, INT, write())
def band(first, last, x, upper, middle, lower, breakout, short, out):  # type: ignore[no-untyped-def]
    # Reversion enters where the price leaves the band and expects it back; breakout goes with it. Both end
    # at the middle.
    for i in range(first, last):
        want = 0.0
        for t in range(x.shape[1]):
            v = x[i, t]
            m = middle[i, t]
            if v == v and m == m:
                if breakout == 1:
                    if v > upper[i, t]:
                        want = 1.0
                    elif v < lower[i, t] and short == 1:
                        want = -1.0
                    elif (want > 0.0 and v < m) or (want < 0.0 and v > m):
                        want = 0.0
                elif v < lower[i, t]:
                    want = 1.0
                elif v > upper[i, t] and short == 1:
                    want = -1.0
                elif (want > 0.0 and v > m) or (want < 0.0 and v < m):
                    want = 0.0
            out[i, t] = want


@loop(INT, INT, read(), read(), read(), read(), read(), read(), FLOAT, INT, FLOAT, FLOAT, INT, write())
def turtle(first, last, x, top, bottom, out_low, out_high, n, risk, units_most, step, stop, short, out):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        side = 0.0
        units = 0.0
        share = 0.0
        price = 0.0
        noise = 0.0
        for t in range(x.shape[1]):
            side, units, share, price, noise = turtle_bar(
                x[i, t], top[i, t], bottom[i, t], out_low[i, t], out_high[i, t], n[i, t], risk, units_most,
                step, stop, short == 1, side, units, share, price, noise,
            )  # fmt: skip
            out[i, t] = turtle_share(side, units, share)


@loop(INT, INT, read(), read(), read(), read(), read(), INT, write())
def channel(first, last, x, top, bottom, out_low, out_high, short, out):  # type: ignore[no-untyped-def]
    # A breakout enters, a close beyond the shorter channel leaves; a bar that does both turns the position
    # round.
    for i in range(first, last):
        want = 0.0
        for t in range(x.shape[1]):
            v = x[i, t]
            if (want > 0.0 and v < out_low[i, t]) or (want < 0.0 and v > out_high[i, t]):
                want = 0.0
            if want == 0.0:
                if v > top[i, t]:
                    want = 1.0
                elif v < bottom[i, t] and short == 1:
                    want = -1.0
            out[i, t] = want
