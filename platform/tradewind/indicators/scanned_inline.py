"""Linear recursions along time, eight bars of one symbol at once: ``a[t] = keep[t] * a[t - 1] + gain[t]``.

Two bars one after the other are again of that form, so in three rounds every bar of a vector is stated by
what stood before the vector (Kogge and Stone 1973). Vectors begin at multiples of eight bars and a lane is
made of the lanes before it alone: neither later bars nor chunks change a digit.
"""

# mypy: disable-error-code=no-untyped-call
from llvmlite import ir
from numba.core import types

from tradewind.indicators.lanes_inline import (
    LANES,
    behind1,
    behind2,
    behind4,
    fused,
    intrinsic,
    splat,
    vector,
)
from tradewind.loops import bare


@intrinsic
def newest(typing, value):  # type: ignore[no-untyped-def]
    """The last lane."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.extract_element(arguments[0], ir.Constant(ir.IntType(32), LANES - 1))

    return types.float64(vector), build


@bare
def kept(keep):  # type: ignore[no-untyped-def]
    """What is kept of two and of four bars, and of all that stood before the vector."""
    one = splat(1.0)
    two = keep * behind1(one, keep)
    four = two * behind2(one, two)
    return two, four, four * behind4(one, four)


@bare
def gained(gain, keep, two, four):  # type: ignore[no-untyped-def]
    """What is gained since the vector began."""
    zero = splat(0.0)
    gain = fused(keep, behind1(zero, gain), gain)
    gain = fused(two, behind2(zero, gain), gain)
    return fused(four, behind4(zero, gain), gain)


@bare
def stated(gain, all_kept, before):  # type: ignore[no-untyped-def]
    """The vector's bars, from the bar before it, and its last one, by the shortest way."""
    return (
        fused(all_kept, splat(before), gain),
        fused(newest(all_kept), before, newest(gain)),
    )
