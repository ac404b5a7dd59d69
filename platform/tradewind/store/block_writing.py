"""Write a rectangle of a stored array: only the parts it touches are encoded again, on all cores."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from tradewind.store.blocks import lanes, spread
from tradewind.store.fetching import AT_ONCE, Chunks, Place
from tradewind.store.packing import ABSENT, Packing, packing_of
from tradewind.store.selection import plan


def write_block(
    array: "zarr.Array[Any]", rows: slice, columns: slice, values: np.ndarray, folder: Path | None = None
) -> None:
    """Set a rectangle of an array in a writable session, as ``array[rows, columns] = values`` does.

    Parameters
    ----------
    array
        The zarr array; where it is packed in a way of its own, zarr writes it.
    rows, columns
        The rectangle, with steps of one.
    values
        float64, of the rectangle's shape.
    folder
        The repository's folder, or None where it has none.
    """
    packing = packing_of(array.metadata.to_dict())
    if packing is None:
        array[rows, columns] = values
    else:
        _Writing(array, packing, folder).write(rows, columns, values)


class _Writing:
    """One call of ``write_block``."""

    def __init__(self, array: "zarr.Array[Any]", packing: Packing, folder: Path | None) -> None:
        self._store, self._path, self._shape = array.store, array.path, array.shape
        self._chunks, self._packing = Chunks(array.store, array.path, folder), packing
        self._done: dict[Place, bytes] = {}

    def write(self, rows: slice, columns: slice, values: np.ndarray) -> None:
        """Read what stays, encode, store."""
        part, chunk = self._packing.part, self._packing.chunk
        self._rows = plan(rows, self._shape[0], part[0], chunk[0])
        self._columns = plan(columns, self._shape[1], part[1], chunk[1])
        self._values = values
        places = [(i, j) for i in self._rows.chunks for j in self._columns.chunks]
        old = self._chunks.all([p for p in places if not self._covered(p)])
        spread(lambda place: self._pack(place, old.get(place)), places, lanes())
        sync(self._put())

    def _covered(self, place: Place) -> bool:
        """Return whether nothing of a chunk stays."""
        for axis, plan_ in enumerate((self._rows, self._columns)):
            start = place[axis] * self._packing.chunk[axis]
            inside = min(self._packing.chunk[axis], self._shape[axis] - start)
            if sum(piece.count for piece in plan_.chunks[place[axis]]) < inside:
                return False
        return True

    def _pack(self, place: Place, old: bytes | None) -> None:
        packing = self._packing
        height, width = packing.grid
        parts: dict[Place, bytes] = {}
        index = None if old is None else packing.index(old).tolist()
        if old is not None and index is not None:
            for i, line in enumerate(index):
                for j, (offset, length) in enumerate(line):
                    if not offset == length == ABSENT:
                        parts[i, j] = old[offset : offset + length]
        for row in self._rows.chunks[place[0]]:
            for column in self._columns.chunks[place[1]]:
                at = (row.part % height, column.part % width)
                block = np.full(packing.part, packing.fill)
                held = parts.get(at)
                if held and row.count * column.count < block.size:
                    packing.decode(held, 0, len(held), block.reshape(-1))
                block[row.source, column.source] = self._values[row.target, column.target]
                parts[at] = packing.encode(block)
        self._done[place] = packing.join(parts)

    async def _put(self) -> None:
        kind = default_buffer_prototype().buffer
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(place: Place, data: bytes) -> None:
            key = f"{self._path}/c/{place[0]}/{place[1]}"
            async with slots:
                if data:
                    await self._store.set(key, kind.from_bytes(data))
                else:
                    await self._store.delete(key)

        await asyncio.gather(*(one(p, d) for p, d in self._done.items()))
