"""Tiles: bars of eight symbols side by side, for loops in which each bar needs the one before.

A tile of eight rows is turned so that a bar's eight values lie side by side, the loop works on them as one
vector, and the tile of results is turned back.
"""

# mypy: disable-error-code=no-untyped-call
import numpy as np
from llvmlite import ir
from numba.core import types

from tradewind.indicators.lanes_inline import LANES, eighth, intrinsic, pointer
from tradewind.indicators.memory_inline import aligned, fetch, misfit, store_past
from tradewind.loops import bare, inline

BARS = 64
"""Bars of a tile; a multiple of eight."""
AHEAD = 2 * BARS
"""How far ahead of its use a bar is asked for: more rows are read at once than the processor foresees."""


def turned(builder, rows):  # type: ignore[no-untyped-def]
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
        found = []
        for k in range(LANES):
            row = builder.add(first, ir.Constant(first.type, k))
            place = pointer(context, builder, rows, array, row, bar)
            fetch(builder, place, AHEAD)
            found.append(builder.load(place, align=8))
        for k, value in enumerate(turned(builder, found)):
            bar = eighth(builder, builder.add(at, ir.Constant(at.type, k)))
            builder.store(value, pointer(context, builder, tile, target, bar), align=8)
        return context.get_dummy_value()

    return types.none(rows, types.intp, types.intp, tile, types.intp), build


def _out(store):  # type: ignore[no-untyped-def]
    @intrinsic
    def turn_out(typing, tile, at, rows, first, bar):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            source, at, array, first, bar = arguments
            found = []
            for k in range(LANES):
                place = eighth(builder, builder.add(at, ir.Constant(at.type, k)))
                found.append(builder.load(pointer(context, builder, tile, source, place), align=8))
            for k, value in enumerate(turned(builder, found)):
                row = builder.add(first, ir.Constant(first.type, k))
                store(builder, value, pointer(context, builder, rows, array, row, bar))
            return context.get_dummy_value()

        return types.none(tile, types.intp, rows, types.intp, types.intp), build

    return turn_out


_turn_out = _out(lambda builder, value, at: builder.store(value, at, align=8))
_turn_past = _out(store_past)


@inline
def new_tile():  # type: ignore[no-untyped-def]
    """A tile of unknown values."""
    tile = aligned(BARS * LANES)
    tile[:] = np.nan
    return tile


@bare
def fill(rows, first, many, bar, bars, tile):  # type: ignore[no-untyped-def]
    """Turn bars of up to eight rows into a tile."""
    k = 0
    if many == LANES:
        while k + LANES <= bars:
            turn_in(rows, first, bar + k, tile, k)
            k += LANES
    for j in range(many):
        for q in range(k, bars):
            tile[q * LANES + j] = rows[first + j, bar + q]


@bare
def spill(tile, rows, first, many, bar, bars, past):  # type: ignore[no-untyped-def]
    """Turn a tile back into rows; ``past`` the cache, if all begin on a line."""
    k = 0
    if many == LANES:
        lines = rows.shape[1] % LANES == 0 and misfit(rows, first, bar) == 0
        if lines and past:
            while k + LANES <= bars:
                _turn_past(tile, k, rows, first, bar + k)
                k += LANES
        while k + LANES <= bars:
            _turn_out(tile, k, rows, first, bar + k)
            k += LANES
    for j in range(many):
        for q in range(k, bars):
            rows[first + j, bar + q] = tile[q * LANES + j]
