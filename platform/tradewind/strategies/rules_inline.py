"""Rules of one bar, compiled into the single run's loop and into the sweeps'.

A change here makes the caches of all loops that use it stale; see :mod:`tradewind.loops`.
"""

from tradewind.loops import bare


@bare
def turtle_bar(  # type: ignore[no-untyped-def]
    v,
    top,
    bottom,
    out_low,
    out_high,
    n,
    risk,
    units_most,
    step,
    stop,
    short,
    side,
    units,
    share,
    price,
    noise,
):
    """Side, units, a unit's share, the last entry's price and its N after a bar.

    One unit risks ``risk`` of the capital per N (the average true range at entry). Another is added each
    ``step`` N in favour, up to ``units_most``; all leave at the opposite, shorter channel or ``stop`` N
    against the last entry.
    """
    if not (v == v and top == top and n == n):
        return side, units, share, price, noise
    if side != 0.0:
        gone = side * (v - price) <= -stop * noise
        if side > 0.0 and v < out_low:
            gone = True
        if side < 0.0 and v > out_high:
            gone = True
        if gone:
            side = 0.0
            units = 0.0
        elif units < units_most and side * (v - price) >= step * noise:
            units += 1.0
            price = v
    if side == 0.0 and n > 0.0:
        if v > top:
            side = 1.0
        elif v < bottom and short:
            side = -1.0
        if side != 0.0:
            units = 1.0
            price = v
            noise = n
            share = risk * v / noise
    return side, units, share, price, noise


@bare
def turtle_share(side, units, share):  # type: ignore[no-untyped-def]
    """The share of the capital to hold, at most all of it."""
    return min(1.0, max(-1.0, side * units * share))
