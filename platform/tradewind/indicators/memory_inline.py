"""How the loops meet memory: on cache lines, ahead of need, and past the cache where a call exceeds it.

Results are then stored without being read first and without pushing out what is read: a third less traffic
for a moving average.
"""

# mypy: disable-error-code=no-untyped-call
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from tradewind.indicators.lanes_inline import LANES, intrinsic, load_at, pointer, save_at, vector
from tradewind.loops import bare, inline

LINE = 64
BEYOND = 2**22
"""Values that a call reads and writes in all (32 MB) from which on results are stored past the cache."""


@intrinsic
def copy(typing, source, start, target, at, count):  # type: ignore[no-untyped-def]
    """Copy values from one one-dimensional array to another."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array, start, other, at, count = arguments
        read = pointer(context, builder, source, array, start)
        written = pointer(context, builder, target, other, at)
        cgutils.raw_memcpy(builder, written, read, count, ir.Constant(count.type, 8))
        return context.get_dummy_value()

    return types.none(source, types.intp, target, types.intp, types.intp), build


def fetch(builder, place, ahead):  # type: ignore[no-untyped-def]
    """Emit a prefetch of the line some values ahead of a place, which need not be the array's.

    Into the caches behind the first: there it would push out what is being worked on.
    """
    word, byte, number = ir.IntType(64), ir.IntType(8), ir.IntType(32)
    at = builder.add(builder.ptrtoint(place, word), ir.Constant(word, 8 * ahead))
    form = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
    call = cgutils.get_or_insert_function(builder.module, form, "llvm.prefetch.p0")
    constants = [ir.Constant(number, v) for v in (0, 2, 1)]  # to read; not the first cache; data
    builder.call(call, [builder.inttoptr(at, byte.as_pointer()), *constants])


@intrinsic
def prefetch(typing, values, index):  # type: ignore[no-untyped-def]
    """Ask for the line of a one-dimensional array's value, which may lie past its end."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        array, index = arguments
        origin = pointer(context, builder, values, array, ir.Constant(index.type, 0))
        word = ir.IntType(64)
        at = builder.add(builder.ptrtoint(origin, word), builder.mul(index, ir.Constant(word, 8)))
        fetch(builder, builder.inttoptr(at, origin.type), 0)
        return context.get_dummy_value()

    return types.none(values, types.intp), build


@intrinsic
def misfit(typing, values, *index):  # type: ignore[no-untyped-def]
    """How many values lie between one and the next cache line."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        word = ir.IntType(64)
        place = pointer(context, builder, values, arguments[0], *cgutils.unpack_tuple(builder, arguments[1]))
        number = builder.lshr(builder.ptrtoint(place, word), ir.Constant(word, 3))
        return builder.and_(builder.neg(number), ir.Constant(word, LANES - 1))

    return types.intp(values, types.StarArgTuple(index)), build


def store_past(builder, value, at):  # type: ignore[no-untyped-def]
    """Emit a store of a whole line that passes the cache by."""
    stored = builder.store(value, at, align=LINE)
    mark = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
    stored.set_metadata("nontemporal", mark)


@intrinsic
def save_past(typing, values, index, value):  # type: ignore[no-untyped-def]
    """Write eight values that begin on a line, past the cache."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        store_past(builder, arguments[2], pointer(context, builder, values, *arguments[:2]))
        return context.get_dummy_value()

    return types.none(values, types.intp, vector), build


@intrinsic
def settle(typing):  # type: ignore[no-untyped-def]
    """What was stored past the cache is in memory before what comes after; the end of every loop."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), build


@inline
def aligned(count):  # type: ignore[no-untyped-def]
    """Working memory for some values, on cache lines: vectors that cross them cost twice as much."""
    raw = np.empty(count + LANES)
    skip = -(raw.ctypes.data // 8) % LANES
    return raw[skip : skip + count]


@bare
def put(source, at, row, start, n, past):  # type: ignore[no-untyped-def]
    """Copy ``n`` results into a row, past the cache if they are many."""
    if not past:
        copy(source, at, row, start, n)
        return
    k = min(n, misfit(row, start))
    copy(source, at, row, start, k)
    while k + LANES <= n:
        save_past(row, start + k, load_at(source, at + k))
        k += LANES
    copy(source, at + k, row, start + k, n - k)


PLAIN, PAST, LATER = 0, 1, 2


@bare
def way_to(row, start, past):  # type: ignore[no-untyped-def]
    """How results reach a row: as they come (past the cache or not), or later, where lines do not fit."""
    if not past:
        return PLAIN
    return PAST if misfit(row, start) == 0 else LATER


@bare
def emit(value, k, n, row, start, buffer, way):  # type: ignore[no-untyped-def]
    """Hand on eight of ``n`` results, those from number ``k`` on; :func:`finish` hands on what is left."""
    if way == LATER or k + LANES > n:
        save_at(buffer, k, value)
    elif way == PAST:
        save_past(row, start + k, value)
    else:
        save_at(row, start + k, value)


@bare
def finish(n, row, start, buffer, way):  # type: ignore[no-untyped-def]
    """Hand on those of ``n`` results that wait in the buffer."""
    if way == LATER:
        put(buffer, 0, row, start, n, True)
    else:
        whole = n // LANES * LANES
        copy(buffer, whole, row, start + whole, n - whole)
