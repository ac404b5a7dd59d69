"""Ask the processor for memory before it is needed.

Loops that read a short piece of many rows begin at another place all the time, which the processor's own
guessing does not follow.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

# mypy: disable-error-code=no-untyped-call
from numba.core import cgutils, types

from tradewind.indicators.lanes_inline import intrinsic
from tradewind.indicators.memory_inline import fetch
from tradewind.loops import bare

LINE = 8
"""Numbers in a line of the cache."""
BEHIND_FIRST = 2


@intrinsic
def _fetch(typing, table, row, column):  # type: ignore[no-untyped-def]
    """Bring the line of one cell into the cache of the second level; no result."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = signature.args[0]
        made = context.make_array(kind)(context, builder, arguments[0])
        cell = cgutils.get_item_pointer(context, builder, kind, made, arguments[1:])
        fetch(builder, cell, 0, BEHIND_FIRST)
        return context.get_dummy_value()

    return types.none(table, types.intp, types.intp), build


@bare
def prefetch(table, row, first, last):  # type: ignore[no-untyped-def]
    """Ask for columns ``first`` to ``last - 1`` of a row, if there is such a row."""
    if row < table.shape[0]:
        for column in range(first, last, LINE):
            _fetch(table, row, column)
