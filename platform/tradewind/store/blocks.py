"""Read and write blocks of a stored array: only the chunks a selection touches, each once, on all cores."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tradewind.store.fetching import Chunks, Place, Stored
from tradewind.store.packing import ABSENT, packing_of
from tradewind.store.selection import AxisPlan, Piece, box, plan
from tradewind.threads import cores

SMALL = 150_000
"""Values below which another thread is not worth waking."""


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="tradewind-store")


def lanes() -> int:
    """Return how many threads a call may use: one in another's thread, who shares out the cores."""
    return cores() if threading.current_thread() is threading.main_thread() else 1


def spread(work: Callable[[Any], None], items: list[Any], parallel: int) -> None:
    """Do work on every item, on this thread and others; the first error is raised when all have stopped."""
    if parallel <= 1 or len(items) <= 1:
        for item in items:
            work(item)
        return
    queue = iter(items)  # a list's iterator may be shared between threads

    def some() -> None:
        for item in queue:
            work(item)

    helpers = [_pool(os.getpid()).submit(some) for _ in range(min(parallel, len(items)) - 1)]
    try:
        some()
    finally:
        for helper in helpers:
            helper.exception()
    for helper in helpers:
        helper.result()


class Blocks:
    """One stored array (symbol, time), read in blocks.

    Parameters
    ----------
    array
        The zarr array; where it is packed in a way of its own, zarr reads it.
    folder
        The repository's folder, or None where it has none.
    """

    def __init__(self, array: "zarr.Array[Any]", folder: Path | None = None) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.dtype = np.dtype(array.dtype)
        self._packing = packing_of(array.metadata.to_dict())
        self._chunks = Chunks(array.store, array.path, folder)
        self._array = array if self._packing is None else None

    @classmethod
    def stored(cls, store: Any, path: str, document: dict[str, Any], folder: Path | None) -> "Blocks | None":
        """Return the blocks of an array as its stored metadata says; None where zarr has to read it.

        Making a zarr array takes longer than reading a symbol.
        """
        packing = packing_of(document)
        if packing is None:
            return None
        blocks = cls.__new__(cls)
        blocks.shape, blocks.dtype = tuple(document["shape"]), np.dtype(np.float64)
        blocks._packing, blocks._chunks, blocks._array = packing, Chunks(store, path, folder), None
        return blocks

    def read(self, key: tuple[Any, Any]) -> np.ndarray:
        """Return a selection as numpy's outer indexing would.

        Parameters
        ----------
        key
            For each axis an integer, a slice or an array of integers.
        """
        packing = self._packing
        if packing is None:
            return self._by_zarr(key)
        rows, columns = (
            plan(k, n, p, c) for k, n, p, c in zip(key, self.shape, packing.part, packing.chunk, strict=True)
        )
        out = np.empty((rows.length, columns.length))
        if out.size:
            self._fill(out, rows, columns)
        for axis in (1, 0):
            if isinstance(key[axis], int | np.integer):
                out = out.squeeze(axis)
        return out

    def _by_zarr(self, key: tuple[Any, Any]) -> np.ndarray:
        assert self._array is not None
        plain = all(isinstance(k, int | np.integer | slice) for k in key)
        return np.asarray(self._array[key] if plain else self._array.oindex[key])

    def _fill(self, out: np.ndarray, rows: AxisPlan, columns: AxisPlan) -> None:
        places = [(i, j) for i in rows.chunks for j in columns.chunks]

        def use(place: Place, data: Stored | None) -> None:
            self._unpack(data, rows.chunks[place[0]], columns.chunks[place[1]], out)

        def visit(place: Place) -> None:
            self._chunks.visit(place, partial(use, place))

        if self._chunks.local:
            parallel = lanes() if self._work(rows, columns) > SMALL else 1
            self._chunks.locate()
            spread(visit, places, parallel)
        else:
            self._chunks.each(places, use, _pool(os.getpid()), lanes())

    def _work(self, rows: AxisPlan, columns: AxisPlan) -> int:
        """Return how many values must be decoded."""
        assert self._packing is not None
        parts = [sum(len(pieces) for pieces in axis.chunks.values()) for axis in (rows, columns)]
        return parts[0] * parts[1] * self._packing.part[0] * self._packing.part[1]

    def _unpack(self, data: Stored | None, rows: list[Piece], columns: list[Piece], out: np.ndarray) -> None:
        """Decode what a selection needs of one chunk into the result."""
        packing = self._packing
        assert packing is not None
        if data is None:
            for row in rows:
                for column in columns:
                    out[box(row.target, column.target)] = packing.fill
            return
        index = packing.index(data).tolist()
        height, width = packing.grid
        scratch = np.empty(packing.part)
        flat = scratch.reshape(-1)
        for row in rows:
            line = index[row.part % height]
            for column in columns:
                offset, length = line[column.part % width]
                target = box(row.target, column.target)
                if offset == length == ABSENT:
                    out[target] = packing.fill
                elif (
                    row.whole(packing.part[0])
                    and column.whole(packing.part[1])
                    and out[target].flags.c_contiguous
                ):
                    packing.decode(data, offset, length, out[target].reshape(-1))
                else:
                    packing.decode(data, offset, length, flat)
                    out[target] = scratch[box(row.source, column.source)]
