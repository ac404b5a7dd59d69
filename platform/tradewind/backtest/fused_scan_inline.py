"""Find the next bar that matters to a lane: sixteen comparisons a step, none of them kept.

Most bars change nothing. What a lane waits for depends on its state, so only that one comparison is made, and
its sixteen answers are looked at as the bits of one number.
"""

# mypy: disable-error-code=no-untyped-call
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic as _intrinsic

from tradewind.loops import bare

intrinsic: Any = _intrinsic  # numba's own types know nothing of what it makes

ONE = np.uint64(1)
STEP = 16
WORD = 64
_DOUBLES = ir.VectorType(ir.DoubleType(), STEP)


def _load(context, builder, kind, array, index, many=STEP):  # type: ignore[no-untyped-def]
    data = context.make_array(kind)(context, builder, array).data
    at = builder.bitcast(builder.gep(data, [index]), ir.VectorType(ir.DoubleType(), many).as_pointer())
    return builder.load(at, align=8)


def _splat(builder, value):  # type: ignore[no-untyped-def]
    one = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), STEP), [0] * STEP))


def _bits(builder, answers):  # type: ignore[no-untyped-def]
    return builder.zext(builder.bitcast(answers, ir.IntType(STEP)), ir.IntType(64))


@intrinsic
def _above(typing, a, b, k):  # type: ignore[no-untyped-def]
    """Bit j: ``a[k + j] > b[k + j]``."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        left, right, index = arguments
        x = _load(context, builder, signature.args[0], left, index)
        y = _load(context, builder, signature.args[1], right, index)
        return _bits(builder, builder.fcmp_ordered(">", x, y))

    return types.int64(a, b, types.intp), build


@intrinsic
def _outside(typing, x, middle, deviation, width, sign, k):  # type: ignore[no-untyped-def]
    """Bit j: with a negative sign ``middle - width * deviation > x`` at bar k + j, else ``x`` above it."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        rows = arguments[:3]
        width, sign, index = arguments[3:]
        v, m, d = (
            _load(context, builder, kind, row, index)
            for kind, row in zip(signature.args[:3], rows, strict=True)
        )
        half = builder.fmul(_splat(builder, width), d)
        low = builder.fcmp_ordered(">", builder.fsub(m, half), v)
        high = builder.fcmp_ordered(">", v, builder.fadd(m, half))
        is_low = builder.icmp_signed("<", sign, ir.IntType(64)(0))
        return _bits(builder, builder.select(is_low, low, high))

    return types.int64(x, middle, deviation, types.float64, types.int64, types.intp), build


@intrinsic
def _word(typing, a, b, k):  # type: ignore[no-untyped-def]
    """Bit j of 64: ``a[k + j] > b[k + j]``."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        left, right, index = arguments
        x = _load(context, builder, signature.args[0], left, index, WORD)
        y = _load(context, builder, signature.args[1], right, index, WORD)
        return builder.bitcast(builder.fcmp_ordered(">", x, y), ir.IntType(WORD))

    return types.uint64(a, b, types.intp), build


@intrinsic
def _moved(typing, x, price, side, low, high, k):  # type: ignore[no-untyped-def]
    """Bit j: ``side * (x[k + j] - price)`` is at ``low`` or under it, or at ``high`` or over it."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        price, side, low, high = (_splat(builder, value) for value in arguments[1:5])
        now = _load(context, builder, signature.args[0], arguments[0], arguments[5])
        gap = builder.fmul(side, builder.fsub(now, price))
        found = builder.or_(builder.fcmp_ordered("<=", gap, low), builder.fcmp_ordered(">=", gap, high))
        return _bits(builder, found)

    return types.int64(x, *[types.float64] * 4, types.intp), build


@intrinsic
def lowest(typing, bits):  # type: ignore[no-untyped-def]
    """Number of the lowest bit that is set; there is one."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), build


@bare
def word_above(a, b, k, n):  # type: ignore[no-untyped-def]
    """Bit j: whether ``a`` is above ``b`` at bar ``k + j``, for ``n`` bars, at most 64."""
    if n == WORD:
        return _word(a, b, k)
    found = np.uint64(0)
    for j in range(n):
        if a[k + j] > b[k + j]:
            found |= ONE << np.uint64(j)
    return found


@intrinsic
def _words(typing, a, b, k):  # type: ignore[no-untyped-def]
    """Bit j of 64: ``a[k + j] > b[k + j]``; and ``a[k + j] < b[k + j]``."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        left, right, index = arguments
        x = _load(context, builder, signature.args[0], left, index, WORD)
        y = _load(context, builder, signature.args[1], right, index, WORD)
        found = [builder.bitcast(builder.fcmp_ordered(s, x, y), ir.IntType(WORD)) for s in "><"]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(types.uint64, 2)(a, b, types.intp), build


@bare
def words(a, b, k, n):  # type: ignore[no-untyped-def]
    """Bit j: whether ``a`` is above ``b`` at bar ``k + j``, for ``n`` bars, at most 64; and whether below."""
    if n == WORD:
        return _words(a, b, k)
    return word_above(a, b, k, n), word_above(b, a, k, n)


@bare
def word_outside(x, middle, deviation, width, sign, k, n):  # type: ignore[no-untyped-def]
    """Bit j: whether ``x`` is outside a band at bar ``k + j``: below it with a negative sign, or above it."""
    found = np.uint64(0)
    if n == WORD:
        for j in range(0, WORD, STEP):
            found |= np.uint64(_outside(x, middle, deviation, width, sign, k + j)) << np.uint64(j)
        return found
    for j in range(k, k + n):
        half = width * deviation[j]
        out = middle[j] - half > x[j] if sign < 0 else x[j] > middle[j] + half
        if out:
            found |= ONE << np.uint64(j - k)
    return found


@bare
def first_above(a, b, k, stop):  # type: ignore[no-untyped-def]
    """The first bar from ``k`` on at which ``a`` is above ``b``, or ``stop``."""
    most = a.size - STEP
    while k < stop and k <= most:
        found = _above(a, b, k)
        if found != 0:
            return min(k + lowest(found), stop)
        k += STEP
    while k < stop:
        if a[k] > b[k]:
            return k
        k += 1
    return stop


@bare
def first_of_two(a, b, c, d, k, stop):  # type: ignore[no-untyped-def]
    """The first bar at which ``a`` is above ``b`` or ``c`` above ``d``, or ``stop``."""
    most = a.size - STEP
    while k < stop and k <= most:
        found = _above(a, b, k) | _above(c, d, k)
        if found != 0:
            return min(k + lowest(found), stop)
        k += STEP
    while k < stop:
        if a[k] > b[k] or c[k] > d[k]:
            return k
        k += 1
    return stop


@bare
def first_outside(x, middle, deviation, width, mask, k, stop):  # type: ignore[no-untyped-def]
    """The first bar at which ``x`` is below a band (bit 1 of the mask) or above it (bit 2), or ``stop``."""
    most = x.size - STEP
    while k < stop and k <= most:
        found = 0
        if mask & 1:
            found |= _outside(x, middle, deviation, width, -1, k)
        if mask & 2:
            found |= _outside(x, middle, deviation, width, 1, k)
        if found != 0:
            return min(k + lowest(found), stop)
        k += STEP
    while k < stop:
        half = width * deviation[k]
        if (mask & 1 and middle[k] - half > x[k]) or (mask & 2 and x[k] > middle[k] + half):
            return k
        k += 1
    return stop


@bare
def first_moved(x, price, side, low, high, a, b, k, stop):  # type: ignore[no-untyped-def]
    """The first bar at which ``x`` has moved from a price, with the sign of a side, to ``low`` or to ``high``
    or past them, or ``a`` is above ``b``; else ``stop``."""
    most = x.size - STEP
    while k < stop and k <= most:
        found = _moved(x, price, side, low, high, k) | _above(a, b, k)
        if found != 0:
            return min(k + lowest(found), stop)
        k += STEP
    while k < stop:
        gap = side * (x[k] - price)
        if gap <= low or gap >= high or a[k] > b[k]:
            return k
        k += 1
    return stop
