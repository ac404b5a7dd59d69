"""Eight lanes side by side: what their account needs beyond the vectors of the indicators.

A lane's fills come at bars of its own, so eight lanes look up eight different bars at once. All that one bar
has to tell lies side by side in a table, and eight such rows are turned into eight vectors.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

# mypy: disable-error-code=no-untyped-call
from llvmlite import ir
from numba.core import types

from tradewind.indicators.lanes_inline import LANES, intrinsic, mask, vector
from tradewind.indicators.tiles_inline import turned
from tradewind.loops import bare

BITS = types.uint64
"""Type of a word of 64 answers."""
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_WHOLE = ir.VectorType(ir.IntType(64), LANES)
_PAIR = ir.VectorType(ir.DoubleType(), 2)


@intrinsic
def bits(typing, condition):  # type: ignore[no-untyped-def]
    """Bit j: whether the condition holds in lane j."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(LANES)), ir.IntType(64))

    return types.int64(mask), build


@intrinsic
def but(typing, yes, no):  # type: ignore[no-untyped-def]
    """Where the first condition holds and the second does not."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.and_(arguments[0], builder.not_(arguments[1]))

    return mask(mask, mask), build


@intrinsic
def planes(typing, sides, first):  # type: ignore[no-untyped-def]
    """Of 64 bytes, the lowest bit of each as one number, the next bit of each as another, and so on."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = context.make_array(sides)(context, builder, arguments[0]).data
        many = ir.VectorType(ir.IntType(8), 64)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), many.as_pointer())
        read = builder.load(place, align=1)
        none = ir.Constant(many, [0] * 64)
        found = []
        for j in range(LANES):
            kept = builder.and_(read, ir.Constant(many, [1 << j] * 64))
            found.append(builder.bitcast(builder.icmp_unsigned("!=", kept, none), ir.IntType(64)))
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(types.uint64, LANES)(sides, types.intp), build


def _numbers(builder, whole):  # type: ignore[no-untyped-def]
    return [builder.extract_element(whole, ir.IntType(32)(j)) for j in range(LANES)]


def _mixed(builder, a, b, order):  # type: ignore[no-untyped-def]
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


@intrinsic
def looked_up(typing, table, bars):  # type: ignore[no-untyped-def]
    """The eight columns of a table, each at eight bars."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = context.make_array(table)(context, builder, arguments[0]).data
        rows = []
        for bar in _numbers(builder, builder.fptosi(arguments[1], _WHOLE)):
            at = builder.gep(data, [builder.mul(bar, ir.IntType(64)(LANES))])
            rows.append(builder.load(builder.bitcast(at, _DOUBLES.as_pointer()), align=8))
        return context.make_tuple(builder, signature.return_type, turned(builder, rows))

    return types.UniTuple(vector, LANES)(table, vector), build


def _joined(builder, parts):  # type: ignore[no-untyped-def]
    while len(parts) > 1:
        order = list(range(2 * parts[0].type.count))
        parts = [_mixed(builder, a, b, order) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


@intrinsic
def _spans(typing, pairs, width, first, last, span):  # type: ignore[no-untyped-def]
    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array, width, first, last, span = arguments
        data = context.make_array(pairs)(context, builder, array).data
        i64 = ir.IntType(64)
        exponent = builder.lshr(builder.bitcast(span, _WHOLE), ir.Constant(_WHOLE, [52] * LANES))
        level = builder.sub(exponent, ir.Constant(_WHOLE, [1023] * LANES))
        sides = []
        for bars in (first, last):
            found = []
            numbers = zip(
                _numbers(builder, level), _numbers(builder, builder.fptosi(bars, _WHOLE)), strict=True
            )
            for row, bar in numbers:
                at = builder.mul(builder.add(builder.mul(row, width), bar), i64(2))
                place = builder.bitcast(builder.gep(data, [at]), _PAIR.as_pointer())
                found.append(builder.load(place, align=8))
            half = LANES // 2
            sides.append([_joined(builder, found[:half]), _joined(builder, found[half:])])
        wide = []
        for a, b in zip(*sides, strict=True):
            wide.append(builder.select(builder.fcmp_ordered(">", a, b), a, b))
        columns = [_mixed(builder, wide[0], wide[1], list(range(k, 2 * LANES, 2))) for k in range(2)]
        return context.make_tuple(builder, signature.return_type, columns)

    return types.UniTuple(vector, 2)(pairs, types.intp, vector, vector, vector), build


@intrinsic
def _power(typing, number):  # type: ignore[no-untyped-def]
    """The greatest power of two that is not above a number of at least 1."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kept = ir.Constant(_WHOLE, [0x7FF0000000000000] * LANES)
        return builder.bitcast(builder.and_(builder.bitcast(arguments[0], _WHOLE), kept), _DOUBLES)

    return vector(vector), build


@bare
def spans(pairs, first, last, count):  # type: ignore[no-untyped-def]
    """The greatest of each of two columns over the bars from ``first`` up to ``last``.

    ``pairs[level]`` holds the greatest of 2**level bars; ``count`` is how many bars there are, at least 1.
    """
    power = _power(count)
    return _spans(pairs, pairs.shape[1], first, last - power, power)
