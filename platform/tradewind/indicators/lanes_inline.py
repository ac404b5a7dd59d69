"""Eight symbols side by side: vectors for loops in which each bar needs the one before.

Along time such a loop waits for its own last result; across symbols it does not (:mod:`.tiles_inline` turns
symbols side by side). The same vectors serve loops over eight bars of one symbol. The arithmetic of a lane is
that of a plain loop, operation by operation.
"""

# mypy: disable-error-code=no-untyped-call
import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, overload, register_model

from tradewind.loops import inline

intrinsic: Any = _intrinsic  # numba's own types know nothing of what it makes

LANES = 8


class _Lanes(types.Type):  # type: ignore[misc, unused-ignore]
    """Eight float64, or eight answers to a comparison."""


vector = _Lanes("eight float64")
mask = _Lanes("eight bool")
DOUBLES = ir.VectorType(ir.DoubleType(), LANES)


class _VectorModel(models.PrimitiveModel):  # type: ignore[misc, unused-ignore]
    def __init__(self, manager, kind) -> None:  # type: ignore[no-untyped-def]
        super().__init__(manager, kind, DOUBLES if kind is vector else ir.VectorType(ir.IntType(1), LANES))


register_model(_Lanes)(_VectorModel)


def _splat(builder, value):  # type: ignore[no-untyped-def]
    one = builder.insert_element(ir.Constant(DOUBLES, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
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
def negated(typing, value):  # type: ignore[no-untyped-def]
    """The number with the other sign in every lane."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fneg(arguments[0])

    return vector(vector), build


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


@intrinsic
def bits(typing, condition):  # type: ignore[no-untyped-def]
    """Which lanes the condition holds in, one bit each, the first the lowest."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], ir.IntType(LANES))

    return types.uint8(mask), build


@intrinsic
def lowest(typing, word):  # type: ignore[no-untyped-def]
    """Return the place of the lowest bit that is set in a number which is not zero."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), build


def pointer(context, builder, kind, array, *at):  # type: ignore[no-untyped-def]
    made = context.make_array(kind)(context, builder, array)
    found = cgutils.get_item_pointer(context, builder, kind, made, at)
    return builder.bitcast(found, DOUBLES.as_pointer())


def eighth(builder, index):  # type: ignore[no-untyped-def]
    return builder.mul(index, ir.Constant(index.type, LANES))


@intrinsic
def load(typing, tile, bar):  # type: ignore[no-untyped-def]
    """Read a bar of a tile."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        at = pointer(context, builder, tile, arguments[0], eighth(builder, arguments[1]))
        return builder.load(at, align=8)

    return vector(tile, types.intp), build


@intrinsic
def save(typing, tile, bar, value):  # type: ignore[no-untyped-def]
    """Write a bar of a tile."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        at = pointer(context, builder, tile, arguments[0], eighth(builder, arguments[1]))
        builder.store(arguments[2], at, align=8)
        return context.get_dummy_value()

    return types.none(tile, types.intp, vector), build


@intrinsic
def load_at(typing, values, index):  # type: ignore[no-untyped-def]
    """Read eight values of a one-dimensional array, wherever they begin."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load(pointer(context, builder, values, *arguments), align=8)

    return vector(values, types.intp), build


@intrinsic
def save_at(typing, values, index, value):  # type: ignore[no-untyped-def]
    """Write eight values into a one-dimensional array, wherever they begin."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        builder.store(arguments[2], pointer(context, builder, values, *arguments[:2]), align=8)
        return context.get_dummy_value()

    return types.none(values, types.intp, vector), build


def _unary(name):  # type: ignore[no-untyped-def]
    @intrinsic
    def act(typing, value):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            form = ir.FunctionType(DOUBLES, [DOUBLES])
            function = cgutils.get_or_insert_function(builder.module, form, f"llvm.{name}.v{LANES}f64")
            return builder.call(function, arguments)

        return vector(vector), build

    return act


@intrinsic
def fused(typing, a, b, c):  # type: ignore[no-untyped-def]
    """``a * b + c`` of vectors or numbers, rounded once."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind, name = (DOUBLES, f"v{LANES}f64") if a is vector else (ir.DoubleType(), "f64")
        form = ir.FunctionType(kind, [kind] * 3)
        function = cgutils.get_or_insert_function(builder.module, form, f"llvm.fma.{name}")
        return builder.call(function, arguments)

    return a(a, a, a), build


@inline
def over(value, count):  # type: ignore[no-untyped-def]
    """``value / count`` for a whole number, to the last bit, without the slow division (Markstein 1990)."""
    near = 1.0 / count
    guess = value * near
    rest = fused(guess, splat(-count), value)
    return fused(rest, splat(near), guess)


def _behind(lanes):  # type: ignore[no-untyped-def]
    @intrinsic
    def act(typing, before, now):  # type: ignore[no-untyped-def]
        """What stood some lanes earlier, where two vectors follow one another."""

        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            order = [LANES - lanes + k for k in range(LANES)]
            return builder.shuffle_vector(
                *arguments, ir.Constant(ir.VectorType(ir.IntType(32), LANES), order)
            )

        return vector(vector, vector), build

    return act


behind1, behind2, behind4, behind6 = (_behind(n) for n in (1, 2, 4, 6))
root = _unary("sqrt")
size = _unary("fabs")
