"""Eight symbols side by side: vectors for loops in which each bar needs the one before.

Along time such a loop waits for its own last result; across symbols it does not. A tile of eight rows is
turned so that a bar's eight values lie side by side, the loop works on them as one vector, and the tile of
results is turned back. The arithmetic of a lane is that of a plain loop, operation by operation.
"""

# mypy: disable-error-code=no-untyped-call
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, overload, register_model

from tradewind.loops import inline

intrinsic: Any = _intrinsic  # numba's own types know nothing of what it makes

LANES = 8
BARS = 64
"""Bars of a tile; a multiple of eight."""


class _Lanes(types.Type):  # type: ignore[misc, unused-ignore]
    """Eight float64, or eight answers to a comparison."""


vector = _Lanes("eight float64")
mask = _Lanes("eight bool")
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)


class _VectorModel(models.PrimitiveModel):  # type: ignore[misc, unused-ignore]
    def __init__(self, manager, kind) -> None:  # type: ignore[no-untyped-def]
        super().__init__(manager, kind, _DOUBLES if kind is vector else ir.VectorType(ir.IntType(1), LANES))


register_model(_Lanes)(_VectorModel)


def _splat(builder, value):  # type: ignore[no-untyped-def]
    one = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


@intrinsic
def splat(typing, value):  # type: ignore[no-untyped-def]
    """The same number in every lane."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return _splat(builder, arguments[0])

    return vector(types.float64), build


def _binary(operation, answer, emit):  # type: ignore[no-untyped-def]
    def make(left, right):  # type: ignore[no-untyped-def]
        @intrinsic
        def act(typing, a, b):  # type: ignore[no-untyped-def]
            def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
                a, b = (
                    v if k is vector or k is mask else _splat(builder, v)
                    for k, v in zip((left, right), arguments, strict=True)
                )
                return emit(builder, a, b)

            return answer(left, right), build

        return act

    kinds = ((mask, mask),) if answer is mask and operation in (operator.and_, operator.or_) else (
        (vector, vector), (vector, types.float64), (types.float64, vector))  # fmt: skip
    made = {pair: make(*pair) for pair in kinds}

    @overload(operation, inline="always")
    def choose(a, b):  # type: ignore[no-untyped-def]
        act = made.get((a, b))
        return None if act is None else (lambda a, b: act(a, b))  # noqa: PLW0108  an overload is a plain function


for _operation, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"),
                          (operator.truediv, "fdiv")):  # fmt: skip
    _binary(_operation, vector, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _operation, _sign in ((operator.gt, ">"), (operator.ge, ">="), (operator.lt, "<"), (operator.le, "<="),
                          (operator.eq, "==")):  # fmt: skip
    _binary(_operation, mask, lambda builder, a, b, sign=_sign: builder.fcmp_ordered(sign, a, b))
_binary(operator.and_, mask, lambda builder, a, b: builder.and_(a, b))
_binary(operator.or_, mask, lambda builder, a, b: builder.or_(a, b))


@intrinsic
def pick(typing, condition, yes, no):  # type: ignore[no-untyped-def]
    """``yes`` in the lanes where the condition holds, ``no`` in the others; masks or vectors."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.select(*arguments)

    return yes(condition, yes, no), build


@intrinsic
def everywhere(typing, condition):  # type: ignore[no-untyped-def]
    """Whether the condition holds in all lanes."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        bits = builder.bitcast(arguments[0], ir.IntType(LANES))
        return builder.icmp_unsigned("==", bits, ir.Constant(ir.IntType(LANES), 2**LANES - 1))

    return types.boolean(mask), build


def _pointer(context, builder, kind, array, *at):  # type: ignore[no-untyped-def]
    made = context.make_array(kind)(context, builder, array)
    found = cgutils.get_item_pointer(context, builder, kind, made, at)
    return builder.bitcast(found, _DOUBLES.as_pointer())


def _eighth(builder, index):  # type: ignore[no-untyped-def]
    return builder.mul(index, ir.Constant(index.type, LANES))


@intrinsic
def load(typing, tile, bar):  # type: ignore[no-untyped-def]
    """Read a bar of a tile."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        at = _pointer(context, builder, tile, arguments[0], _eighth(builder, arguments[1]))
        return builder.load(at, align=8)

    return vector(tile, types.intp), build


@intrinsic
def save(typing, tile, bar, value):  # type: ignore[no-untyped-def]
    """Write a bar of a tile."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        at = _pointer(context, builder, tile, arguments[0], _eighth(builder, arguments[1]))
        builder.store(arguments[2], at, align=8)
        return context.get_dummy_value()

    return types.none(tile, types.intp, vector), build


@intrinsic
def load_at(typing, values, index):  # type: ignore[no-untyped-def]
    """Read eight values of a one-dimensional array, wherever they begin."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load(_pointer(context, builder, values, *arguments), align=8)

    return vector(values, types.intp), build


@intrinsic
def save_at(typing, values, index, value):  # type: ignore[no-untyped-def]
    """Write eight values into a one-dimensional array, wherever they begin."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        builder.store(arguments[2], _pointer(context, builder, values, *arguments[:2]), align=8)
        return context.get_dummy_value()

    return types.none(values, types.intp, vector), build


@intrinsic
def copy(typing, source, start, target, at, count):  # type: ignore[no-untyped-def]
    """Copy values from one one-dimensional array to another."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array, start, other, at, count = arguments
        read = _pointer(context, builder, source, array, start)
        written = _pointer(context, builder, target, other, at)
        cgutils.raw_memcpy(builder, written, read, count, ir.Constant(count.type, 8))
        return context.get_dummy_value()

    return types.none(source, types.intp, target, types.intp, types.intp), build


def _unary(name):  # type: ignore[no-untyped-def]
    @intrinsic
    def act(typing, value):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            form = ir.FunctionType(_DOUBLES, [_DOUBLES])
            function = cgutils.get_or_insert_function(builder.module, form, f"llvm.{name}.v{LANES}f64")
            return builder.call(function, arguments)

        return vector(vector), build

    return act


@intrinsic
def _fused(typing, a, b, c):  # type: ignore[no-untyped-def]
    """``a * b + c``, rounded once."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        form = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
        function = cgutils.get_or_insert_function(builder.module, form, f"llvm.fma.v{LANES}f64")
        return builder.call(function, arguments)

    return vector(vector, vector, vector), build


@inline
def over(value, count):  # type: ignore[no-untyped-def]
    """``value / count`` for a whole number, to the last bit, without the slow division (Markstein 1990)."""
    near = 1.0 / count
    guess = value * near
    rest = _fused(guess, splat(-count), value)
    return _fused(rest, splat(near), guess)


root = _unary("sqrt")
size = _unary("fabs")


def _turned(builder, rows):  # type: ignore[no-untyped-def]
    """Transpose eight vectors of eight in three rounds: single values, pairs, fours."""

    def mix(a, b, order):  # type: ignore[no-untyped-def]
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), LANES), order))

    for width in (1, 2, 4):
        low = [k if not k & width else k - width + LANES for k in range(LANES)]
        high = [k + width if not k & width else k + LANES for k in range(LANES)]
        after = list(rows)
        for k in range(LANES):
            if not k & width:
                after[k] = mix(rows[k], rows[k + width], low)
                after[k + width] = mix(rows[k], rows[k + width], high)
        rows = after
    return rows


@intrinsic
def turn_in(typing, rows, first, bar, tile, at):  # type: ignore[no-untyped-def]
    """Eight bars of eight rows, turned into a tile."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array, first, bar, target, at = arguments
        found = [
            builder.load(
                _pointer(context, builder, rows, array, builder.add(first, ir.Constant(first.type, k)), bar),
                align=8,
            )
            for k in range(LANES)
        ]
        for k, value in enumerate(_turned(builder, found)):
            place = _eighth(builder, builder.add(at, ir.Constant(at.type, k)))
            builder.store(value, _pointer(context, builder, tile, target, place), align=8)
        return context.get_dummy_value()

    return types.none(rows, types.intp, types.intp, tile, types.intp), build


@intrinsic
def turn_out(typing, tile, at, rows, first, bar):  # type: ignore[no-untyped-def]
    """Eight bars of a tile, turned back into eight rows."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        source, at, array, first, bar = arguments
        found = [
            builder.load(
                _pointer(
                    context, builder, tile, source, _eighth(builder, builder.add(at, ir.Constant(at.type, k)))
                ),
                align=8,
            )
            for k in range(LANES)
        ]
        for k, value in enumerate(_turned(builder, found)):
            row = builder.add(first, ir.Constant(first.type, k))
            builder.store(value, _pointer(context, builder, rows, array, row, bar), align=8)
        return context.get_dummy_value()

    return types.none(tile, types.intp, rows, types.intp, types.intp), build


@inline
def new_tile():  # type: ignore[no-untyped-def]
    """A tile of unknown values."""
    return np.full(BARS * LANES, np.nan)


@inline
def fill(rows, first, many, bar, bars, tile):  # type: ignore[no-untyped-def]
    """Turn bars of up to eight rows into a tile; bars before the first are left as they are."""
    k = 0
    if bar < 0:
        k = min(-bar, bars)
    if many == LANES:
        while k + LANES <= bars:
            turn_in(rows, first, bar + k, tile, k)
            k += LANES
    for j in range(many):
        for q in range(k, bars):
            tile[q * LANES + j] = rows[first + j, bar + q]


@inline
def spill(tile, rows, first, many, bar, bars):  # type: ignore[no-untyped-def]
    """Turn a tile back into rows."""
    k = 0
    if many == LANES:
        while k + LANES <= bars:
            turn_out(tile, k, rows, first, bar + k)
            k += LANES
    for j in range(many):
        for q in range(k, bars):
            rows[first + j, bar + q] = tile[q * LANES + j]
