"""Lazily read arrays behind xarray variables: raw chunks, adjustment, guard."""

from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from tradewind.calendars import known_at
from tradewind.store import guard
from tradewind.store.actions import ActionTable, Adjuster
from tradewind.store.blocks import Blocks
from tradewind.store.heads import from_runs, runs
from tradewind.store.spec import DatasetSpec
from tradewind.vocabulary import Adjust


class Axis:
    """A snapshot's symbol and time axes, with what is needed to say when a bar was known.

    A graph of Dask's carries it to the scheduler and from there to each worker: it is small when pickled.
    """

    def __init__(self, spec: DatasetSpec, symbols: np.ndarray, times: np.ndarray) -> None:
        self.spec = spec
        self.symbols = symbols
        self.times = times
        self.guarded: np.datetime64 | None = None
        self._runs: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        if self._runs is None:
            self._runs = runs(self.times.view(np.int64))
        return self.__dict__ | {"guarded": self.until(), "times": None, "_runs": self._runs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.times = from_runs(state["_runs"]).view("M8[ns]")

    def until(self) -> np.datetime64 | None:
        """Return the moment this process's guards, or the one the data was sent under, hold at."""
        here = guard.active()
        if here is None or self.guarded is None:
            return self.guarded if here is None else here
        return min(here, self.guarded)

    def check(self, times: np.ndarray) -> np.datetime64 | None:
        """Refuse a read of times that were not known under the guard; return the guard's moment."""
        until = self.until()
        if until is not None and times.size:
            spec = self.spec
            latest = times.max(keepdims=True)
            known = known_at(latest, frequency=spec.frequency, code=spec.calendar, lag=spec.lag)
            guard.check(spec.name, known, until)
        return until


class Adjustment:
    """Adjusters of one opened dataset, one per guard moment: an old guard adjusts as it was known then."""

    def __init__(self, axis: Axis, table: ActionTable, adjust: Adjust, close: Blocks | None) -> None:
        self._axis = axis
        self._table = table
        self._adjust = adjust
        self._close = close
        self._held: dict[np.datetime64 | None, Adjuster] = {}

    def under(self, until: np.datetime64 | None) -> Adjuster:
        """Return the adjuster that knows the actions in force at a moment."""
        if until not in self._held:
            table = self._table
            if until is not None:
                table = table.where(table.ex_date.astype("M8[ns]") <= until)
            self._held[until] = Adjuster(table, self._adjust, self._close_before)
        return self._held[until]

    def _close_before(self, instrument: int, dates: np.ndarray) -> np.ndarray:
        if self._close is None:
            return np.full(len(dates), np.nan)
        row = self._close.read((instrument, slice(None)))
        good = np.flatnonzero(np.isfinite(row))
        days = self._axis.times[good].astype("M8[D]")
        place = np.searchsorted(days, dates) - 1
        before = np.full(len(dates), np.nan)
        before[place >= 0] = row[good[place[place >= 0]]]
        return before


class FieldArray(BackendArray):
    """One field (symbol, time), read when indexed.

    Parameters
    ----------
    field
        The field's name.
    blocks
        The stored array.
    axis
        The snapshot's axes.
    adjustment
        How to adjust, or None for raw values.
    """

    def __init__(self, field: str, blocks: Blocks, axis: Axis, adjustment: Adjustment | None) -> None:
        self.field = field
        self.blocks = blocks
        self.axis = axis
        self.adjustment = adjustment
        self.shape = (len(axis.symbols), len(axis.times))
        self.dtype = blocks.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        result: np.ndarray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return result

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        times = self.axis.times[key[1]]
        until = self.axis.check(np.atleast_1d(times))
        values = self.blocks.read((key[0], key[1]))
        if self.adjustment is None:
            return values
        instruments = np.atleast_1d(np.arange(self.shape[0])[key[0]])
        adjuster = self.adjustment.under(until)
        moments = np.atleast_1d(times)
        adjuster.apply(self.field, instruments, moments, values.reshape(len(instruments), len(moments)))
        return values


class MemberArray(FieldArray):
    """Membership of a universe: true or false; where nothing was ever said, false."""

    def __init__(self, field: str, blocks: Blocks, axis: Axis) -> None:
        super().__init__(field, blocks, axis, None)
        self.dtype = np.dtype(np.bool_)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        member: np.ndarray = super()._read(key) > 0.5
        return member
