"""What a backtest reads by itself: bars for the warm-up, a universe, a benchmark."""

from datetime import datetime
from functools import cache, lru_cache

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.checking import dataset_of, numeric, ordered_times
from tradewind.backtest.options import moment_of
from tradewind.errors import (
    DatasetNotFoundError,
    EmptySelectionError,
    HoldoutError,
    InvalidInputError,
    TradewindError,
    did_you_mean,
)
from tradewind.lazy import lazy
from tradewind.metrics.calendar import When
from tradewind.strategies import Strategy
from tradewind.vocabulary import INSTRUMENT, MEMBER, SYMBOL, TIME

# Icechunk starts threads when it is imported, and the warm process that kernels are forked from imports this.
reading = lazy("tradewind.store.reading")
universes = lazy("tradewind.store.universes")

OVERLAP = 20
"""Bars on which what is read must equal what was given before the two are joined."""
KEPT = 64_000_000
"""Bytes of earlier bars that stay in memory after a run."""


def opened(ds: xr.Dataset | str, end: When) -> xr.Dataset:
    """Take a dataset, or open it by name up to a time.

    Raises
    ------
    InvalidInputError
        It is neither.
    """
    if isinstance(ds, str):
        found: xr.Dataset = reading.open(ds, end=end)
        return found
    return dataset_of(ds)


def first_bar(ds: xr.Dataset, start: When) -> int:
    """Return the index of the first bar at or after a time.

    Raises
    ------
    EmptySelectionError
        No bar is left.
    """
    if start is None:
        return 0
    found = int(np.searchsorted(ds[TIME].values, moment_of(start, "start")))
    if found >= ds.sizes[TIME]:
        raise EmptySelectionError(f"The dataset has no bar at or after {start}.", _span(ds))
    return found


def until(ds: xr.Dataset, end: When) -> xr.Dataset:
    """Return a dataset's bars up to a time, which means what it means to ``tw.open``.

    Raises
    ------
    EmptySelectionError
        No bar is left.
    """
    if end is None:
        return ds
    stop = int(np.searchsorted(ds[TIME].values, moment_of(end, "end", end=True), side="right"))
    if not stop:
        raise EmptySelectionError(f"The dataset has no bar up to {end}.", _span(ds))
    return ds if stop == ds.sizes[TIME] else ds.isel({TIME: slice(None, stop)})


def _span(ds: xr.Dataset) -> str:
    times = ds[TIME].values
    return f"It spans {str(times[0])[:10]} to {str(times[-1])[:10]}." if times.size else "It is empty."


def warmed(strategy: Strategy, ds: xr.Dataset, start: When) -> xr.Dataset:
    """Put the bars of the store that a strategy's decisions rest on in front of a dataset.

    All earlier ones if the strategy ``remembers``, else those its warm-up lacks. Only where ``start`` says
    what is to be traded, the dataset comes from the store (its attributes name it), and the bars both have
    are equal: a dataset whose prices were changed is left as it is.
    """
    name, snapshot = str(ds.attrs.get("dataset", "")), str(ds.attrs.get("snapshot", ""))
    if start is None or not name or not snapshot or not ds.sizes[TIME]:
        return ds
    times = ds[TIME].values
    missing = strategy.warmup - int(np.searchsorted(times, moment_of(start, "start")))
    if missing <= 0 and not strategy.remembers:
        return ds
    ids = ds[INSTRUMENT if INSTRUMENT in ds.coords else SYMBOL].values
    adjust = str(ds.attrs["adjust"]) if ds.attrs.get("adjust") not in (None, "", "none") else None
    last = pd.Timestamp(times[min(OVERLAP, len(times)) - 1]).to_pydatetime()
    try:
        earlier = _earlier(name, snapshot, tuple(str(i) for i in np.atleast_1d(ids)), adjust, last)
    except TradewindError:  # not a dataset of this store
        return ds
    fields = [n for n in ds.data_vars if n in earlier.data_vars and {SYMBOL, TIME} == set(ds[n].dims)]
    count = int(np.searchsorted(earlier[TIME].values, times[0]))
    if not count or "close" not in fields:
        return ds
    both = earlier[["close"]].isel({TIME: slice(count, None)})
    if not both.sizes[TIME] or not _equal(both, ds[["close"]].isel({TIME: slice(0, both.sizes[TIME])})):
        return ds
    first = 0 if strategy.remembers else max(0, count - missing)
    return _joined(earlier[fields].isel({TIME: slice(first, count)}), ds)


@lru_cache(maxsize=4)
def _earlier(
    name: str, snapshot: str, ids: tuple[str, ...], adjust: str | None, last: datetime
) -> xr.Dataset:
    """All bars of a dataset up to a time; kept if they are few, because a sweep asks with each variant."""
    found: xr.Dataset = reading.open(name, list(ids), end=last, as_of=snapshot, adjust=adjust)
    return found.load() if found.nbytes <= KEPT else found


def _joined(before: xr.Dataset, ds: xr.Dataset) -> xr.Dataset:
    """A dataset with bars in front of it; what these do not have is unknown there."""
    fields = {}
    for name in before.data_vars:
        dims = ds[name].dims
        values = (before[name].transpose(*dims).values, ds[name].values)
        fields[name] = (dims, np.concatenate(values, axis=dims.index(TIME)), ds[name].attrs)
    others = ds.drop_vars(list(fields)).reindex(
        {TIME: np.concatenate((before[TIME].values, ds[TIME].values))}
    )
    return others.assign(fields)[list(ds.data_vars)]


def _equal(one: xr.Dataset, other: xr.Dataset) -> bool:
    a = one["close"].transpose(SYMBOL, TIME).values
    b = other["close"].transpose(SYMBOL, TIME).values
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=0.0, equal_nan=True))


@lru_cache(maxsize=64)
def _splits(name: str, snapshot: str, ids: tuple[str, ...], first: datetime, last: datetime) -> xr.DataArray:
    """The splits recorded for some bars; a sweep asks for the same ones with each variant."""
    found: xr.DataArray = reading.open(name, list(ids), first, last, "split", snapshot, None)["split"].load()
    return found


@cache
def _records_splits(name: str, snapshot: str) -> bool:
    """Whether a dataset of the store has splits beside its raw prices."""
    try:
        found = reading.open(name, fields="split", adjust=None, as_of=snapshot)
    except HoldoutError:  # its last part is sealed; what is traded lies before that
        return True
    except TradewindError:  # not of this store, or of something that is never split
        return False
    return bool(found.sizes[TIME])


def refuse_raw_splits(ds: xr.Dataset) -> None:
    """Refuse raw prices of the store across a split that nothing in the dataset speaks of.

    Raises
    ------
    InvalidInputError
        The position would lose what the split takes off the price.
    """
    name, snapshot = str(ds.attrs.get("dataset", "")), str(ds.attrs.get("snapshot", ""))
    if ds.attrs.get("adjust") != "none" or "split" in ds.data_vars or "close" not in ds.data_vars:
        return
    if not (name and snapshot and ds.sizes[TIME] > 1 and _records_splits(name, snapshot)):
        return
    times, ids = ds[TIME].values, ds[INSTRUMENT if INSTRUMENT in ds.coords else SYMBOL].values
    first, last = (pd.Timestamp(t).to_pydatetime() for t in (times[0], times[-1]))
    held = _splits(name, snapshot, tuple(str(i) for i in np.atleast_1d(ids)), first, last)
    ratio = held.reindex({TIME: times}, fill_value=1.0).values
    close = ds["close"].transpose(SYMBOL, TIME).values
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.log(close[:, 1:] / close[:, :-1])
        there = np.log(ratio[:, 1:])
        jumped = (there != 0.0) & (np.abs(step + there) < np.abs(there) / 2.0)  # not taken out by hand
    if jumped.any():
        i, t = np.argwhere(jumped)[0]
        raise InvalidInputError(
            f"These prices are raw, and {ds[SYMBOL].values[i]} was split {ratio[i, t + 1]:g} for 1 on "
            f"{str(times[t + 1])[:10]}: the position would seem to lose it.",
            'Open them with adjust="split", or with the fields "split" and "dividend" as well.',
        )


def with_universe(ds: xr.Dataset, universe: xr.DataArray | str | None) -> xr.Dataset:
    """Give a dataset a ``member`` field: who belonged to a universe at each bar, as known then.

    Raises
    ------
    InvalidInputError
        The universe has no symbol of the dataset, or other dims.
    """
    if universe is None:
        return ds
    member = universes.universe(universe) if isinstance(universe, str) else universe
    numeric(member, "The universe")
    placed = member.astype(float).reindex({SYMBOL: ds[SYMBOL].values, TIME: ds[TIME].values}, fill_value=0.0)
    if not float(placed.sum()) > 0.0:
        raise InvalidInputError("The universe has no member among the dataset's symbols and times.")
    return ds.assign({MEMBER: placed.drop_vars(set(placed.coords) - {SYMBOL, TIME})})


def members_only(target: np.ndarray, ds: xr.Dataset) -> np.ndarray:
    """Want nothing of what is no member, whatever the strategy wants: it is sold when it leaves."""
    if MEMBER not in ds.data_vars:
        return target
    inside = np.asarray(ds[MEMBER].transpose(SYMBOL, TIME).values, dtype=float) == 1.0
    return np.where(inside, target, 0.0)


def benchmark_prices(benchmark: xr.DataArray | str, ds: xr.Dataset) -> xr.DataArray:
    """Return a benchmark's prices: of a symbol of the dataset, or of ``"dataset"`` or ``"dataset:symbol"``.

    Raises
    ------
    InvalidInputError
        There is no such symbol, or the dataset has several and none is named.
    """
    if isinstance(benchmark, xr.DataArray):
        return benchmark
    symbols = [str(s) for s in ds[SYMBOL].values]
    if benchmark in symbols:
        return ds["close"].isel({SYMBOL: symbols.index(benchmark)})
    name, _, symbol = benchmark.partition(":")
    last = pd.Timestamp(ds[TIME].values[-1]).to_pydatetime()
    try:
        found: xr.Dataset = reading.open(name, symbols=symbol or None, end=last, fields="close")
    except DatasetNotFoundError:
        raise InvalidInputError(
            f"The benchmark {benchmark!r} is neither a symbol of the dataset nor a dataset.",
            did_you_mean(benchmark, symbols),
        ) from None
    if found.sizes[SYMBOL] != 1:
        raise InvalidInputError(
            f"{name!r} has {found.sizes[SYMBOL]} symbols.", f'Name one: benchmark="{name}:SYMBOL".'
        )
    return found["close"].isel({SYMBOL: 0}).rename(benchmark)


def reference(benchmark: xr.DataArray | str | None, ds: xr.Dataset) -> np.ndarray | None:
    """Return a benchmark's prices at a dataset's bars, the last known one carried on; None if there is none.

    Raises
    ------
    InvalidInputError
        It is not one series over time, or ends before the first bar or begins after the last.
    """
    if benchmark is None:
        return None
    series = benchmark_prices(benchmark, ds)
    series = series.squeeze([d for d, n in series.sizes.items() if n == 1 and d != TIME], drop=True)
    if series.dims != (TIME,):
        raise InvalidInputError(f"A benchmark is one series over time; this one has dims {series.dims}.")
    ordered_times(series.indexes.get(TIME), "benchmark")
    known, times = series[TIME].values, ds[TIME].values
    if series.dtype.kind not in "fiu":
        raise InvalidInputError(f"The benchmark holds {series.dtype} values, not numbers.")
    found = np.asarray(series.reindex({TIME: times}, method="ffill").values, dtype=float)
    if not np.isfinite(found).any() or known[-1] < times[0]:
        its = f"{str(known[0])[:10]} to {str(known[-1])[:10]}" if known.size else "none"
        raise InvalidInputError(
            f"The benchmark has no price from {str(times[0])[:10]} to {str(times[-1])[:10]}.",
            f"Give one of the same dates; its own times are {its}.",
        )
    return found
