"""From an index on an axis to the pieces of chunks it touches."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Run = slice | np.ndarray


@dataclass(frozen=True)
class Piece:
    """What one part gives along one axis: ``source`` inside the part goes to ``target`` of the result."""

    part: int
    source: Run
    target: Run

    @property
    def count(self) -> int:
        """How many places it fills."""
        return self.target.stop - self.target.start if isinstance(self.target, slice) else len(self.target)

    def whole(self, part: int) -> bool:
        """Return whether all of a part of this length is taken, in its own order, to one stretch."""
        return isinstance(self.source, slice) and isinstance(self.target, slice) and self.count == part


@dataclass(frozen=True)
class AxisPlan:
    """The pieces of one axis, by chunk."""

    length: int
    chunks: dict[int, list[Piece]]


def plan(key: Any, size: int, part: int, chunk: int) -> AxisPlan:
    """Split an index among the parts of an axis.

    Parameters
    ----------
    key
        A slice, an integer, or an array of integers in any order.
    size
        The axis' length.
    part, chunk
        The lengths of what is compressed together and of what is stored together.
    """
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        if step == 1:
            return _straight(start, max(start, stop), part, chunk)
        positions = np.arange(start, stop, step)
    else:
        positions = np.atleast_1d(np.asarray(key, dtype=np.int64))
        if positions.size and not (-size <= positions.min() and positions.max() < size):
            raise IndexError(f"index out of bounds for an axis of {size}")
        positions = np.where(positions < 0, positions + size, positions)
    return _scattered(positions, part, chunk)


def _straight(start: int, stop: int, part: int, chunk: int) -> AxisPlan:
    chunks: dict[int, list[Piece]] = {}
    at = start
    while at < stop:
        number = at // part
        end = min((number + 1) * part, stop)
        base = number * part
        piece = Piece(number, slice(at - base, end - base), slice(at - start, end - start))
        chunks.setdefault(base // chunk, []).append(piece)
        at = end
    return AxisPlan(stop - start, chunks)


def _scattered(positions: np.ndarray, part: int, chunk: int) -> AxisPlan:
    chunks: dict[int, list[Piece]] = {}
    order = np.argsort(positions // part, kind="stable")
    numbers = (positions // part)[order]
    for targets in np.split(order, np.flatnonzero(np.diff(numbers)) + 1) if order.size else []:
        number = int(positions[targets[0]]) // part
        piece = Piece(number, _run(positions[targets] - number * part), _run(targets))
        chunks.setdefault(number * part // chunk, []).append(piece)
    return AxisPlan(len(positions), chunks)


def _run(places: np.ndarray) -> Run:
    """Return places as a slice where they follow one another."""
    if len(places) == 1 or (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def box(rows: Run, columns: Run) -> Any:
    """Return what indexes the rectangle of two runs."""
    if isinstance(rows, slice) or isinstance(columns, slice):
        return rows, columns
    return np.ix_(rows, columns)
