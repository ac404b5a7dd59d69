"""``tw.resample``: coarser bars by the calendar's sessions; ``tw.align``: two calendars on one axis."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

import numpy as np
import xarray as xr

from tradewind import calendars
from tradewind.errors import InvalidInputError, word_of
from tradewind.store import revised
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.vocabulary import DIMS, INSTRUMENT, SYMBOL, TIME, Frequency

_ORDER = (Frequency.TICK, Frequency.MINUTE, Frequency.HOUR, Frequency.DAY, Frequency.WEEK, Frequency.MONTH)
Reducer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def resample(dataset: xr.Dataset, frequency: Frequency | str) -> xr.Dataset:
    """Make coarser bars out of finer ones, or out of ticks.

    Hours and minutes are counted from each session's open, and the last bar of a session ends with its close;
    a bar's time is its end in UTC. Days are sessions: what trades before the open or after the close, by the
    exchange's own date, belongs to that day. Weeks begin on Monday; weeks and months carry the date of their
    last session that has data. Open is the first value that exists, high and low are extremes, close, bid,
    ask and open interest the last value, volume and trades sums, vwap is weighted by volume, funding and
    dividends are sums, splits products.
    Ticks have ``close`` (the price) and ``volume``. A bar without any value is NaN.

    Parameters
    ----------
    dataset
        From ``tw.open`` (its ``frequency`` and ``calendar`` attributes are used), dims ``(symbol, time)``;
        lazy dask arrays stay lazy.
    frequency
        ``1min``, ``1h``, ``1d``, ``1w`` or ``1mo``, coarser than the dataset's own.

    Raises
    ------
    InvalidInputError
        Not a coarser frequency, or the dataset does not say its own.
    """
    wanted = word_of(Frequency, frequency, f"{frequency!r} is no frequency.")
    if "frequency" not in dataset.attrs or "calendar" not in dataset.attrs:
        raise InvalidInputError(
            "The dataset does not say its frequency and calendar.", "Use one from tw.open."
        )
    held = Frequency(dataset.attrs["frequency"])
    if _ORDER.index(wanted) <= _ORDER.index(held):
        raise InvalidInputError(
            f"{wanted} bars cannot be made of {held} bars.", "Ask for a coarser frequency."
        )
    labels, starts = _bins(dataset[TIME].values, held, wanted, str(dataset.attrs["calendar"]))
    result = {}
    for name, values in dataset.data_vars.items():
        result[name] = _reduced(values, starts, _REDUCERS.get(str(name), _last))
    prices = dataset.data_vars.get("close")
    if prices is not None:
        for name, reducer in (("open", _first), ("high", _highest), ("low", _lowest)):
            if name not in dataset.data_vars:
                result[name] = _reduced(prices, starts, reducer)
    if "vwap" in dataset.data_vars and "volume" in dataset.data_vars:
        volume = dataset["volume"]
        money = _reduced(dataset["vwap"] * volume, starts, _sum)
        result["vwap"] = money / result["volume"].where(result["volume"] > 0)
    made = xr.Dataset(result, attrs={**dataset.attrs, "frequency": str(wanted)})
    return made.assign_coords({TIME: labels})


def _bins(times: np.ndarray, held: Frequency, wanted: Frequency, code: str) -> tuple[np.ndarray, np.ndarray]:
    """Return each new bar's time and the place where its first old bar lies."""
    if not times.size:
        return times, np.empty(0, dtype=np.int64)
    days = calendars.session_dates(times, code) if held.intraday else times.astype("M8[D]")
    if wanted.intraday:
        keys = _session_ends(times, days, wanted, code)
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        return keys[starts], starts
    if wanted is Frequency.WEEK:
        groups = (days.astype(np.int64) + 3) // 7  # Monday begins a week
    elif wanted is Frequency.MONTH:
        groups = days.astype("M8[M]").astype(np.int64)
    else:
        groups = days.astype(np.int64)
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    last = np.concatenate([starts[1:], [len(times)]]) - 1
    return days[last].astype("M8[ns]"), starts


def _session_ends(times: np.ndarray, days: np.ndarray, wanted: Frequency, code: str) -> np.ndarray:
    """Return the end of the bar that each finer bar (by its end) belongs to."""
    step = np.timedelta64(timedelta(minutes=1) if wanted is Frequency.MINUTE else timedelta(hours=1))
    step = step.astype("m8[ns]")
    opens, closes = calendars.session_hours(days, code)
    count = -((opens - times) // step)  # how many steps after the open the bar ends, rounded up
    ends: np.ndarray = opens + count * step
    inside = (times > opens) & (times <= closes)
    return np.where(inside, np.minimum(ends, closes), ends)


def _reduced(values: xr.DataArray, starts: np.ndarray, reducer: Reducer) -> xr.DataArray:
    chunked = values.chunks is not None
    made: xr.DataArray = xr.apply_ufunc(
        reducer,
        values.chunk({TIME: -1}) if chunked else values,
        kwargs={"starts": starts},
        input_core_dims=[[TIME]],
        output_core_dims=[[TIME]],
        exclude_dims={TIME},
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {TIME: len(starts)}},
        output_dtypes=[np.float64],
    )
    return made


def _highest(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.fmax.reduceat(values, starts, axis=-1)
    return result


def _lowest(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.fmin.reduceat(values, starts, axis=-1)
    return result


def _sum(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    there = np.add.reduceat(~np.isnan(values), starts, axis=-1, dtype=np.int64) > 0
    return np.where(there, np.add.reduceat(np.nan_to_num(values, nan=0.0), starts, axis=-1), np.nan)


def _product(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.multiply.reduceat(np.nan_to_num(values, nan=1.0), starts, axis=-1)
    return result


def _first(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    size = values.shape[-1]
    place = np.where(np.isnan(values), size, np.arange(size))
    return _taken(values, np.minimum.reduceat(place, starts, axis=-1), size)


def _last(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    place = np.where(np.isnan(values), -1, np.arange(values.shape[-1]))
    return _taken(values, np.maximum.reduceat(place, starts, axis=-1), -1)


def _taken(values: np.ndarray, place: np.ndarray, nothing: int) -> np.ndarray:
    found = np.take_along_axis(values, np.where(place == nothing, 0, place), axis=-1)
    return np.where(place == nothing, np.nan, found)


_REDUCERS: dict[str, Reducer] = {
    "open": _first, "high": _highest, "low": _lowest, "volume": _sum, "trades": _sum, "funding": _sum,
    "split": _product, "dividend": _sum,
}  # fmt: skip


class How(StrEnum):
    """How two datasets are brought onto one time axis."""

    INNER = "inner"
    """Times that both have."""
    OUTER = "outer"
    """Times that either has; NaN where a dataset has none."""
    KNOWN = "known"
    """The first one's times; of the second, what was known when the first one's bar became known."""


def align(first: xr.Dataset, second: xr.Dataset, how: How | str = How.KNOWN) -> tuple[xr.Dataset, xr.Dataset]:
    """Bring two datasets of different calendars, or different frequencies, onto one time axis.

    Parameters
    ----------
    first, second
        From ``tw.open``, dims ``(symbol, time)``.
    how
        ``known`` (the default) never looks ahead: beside each bar of the first stands the latest bar of the
        second that was known by the time the first one's was, NaN before there is any. ``inner`` and
        ``outer`` compare times, or session dates of daily bars, and say nothing about what was known when.

    Returns
    -------
    tuple of xarray.Dataset
        Both on the same time axis; the symbols stay.
    """
    wanted = word_of(How, how, f"how={how!r} is unknown.")
    if wanted is How.KNOWN:
        if second.attrs.get("vintages"):
            return first, _beside(first, second)
        place = np.searchsorted(_known(second), _known(first), side="right") - 1
        beside = second.isel({TIME: np.maximum(place, 0)}).assign_coords({TIME: first[TIME].values})
        there = xr.DataArray(place >= 0, dims=TIME, coords={TIME: first[TIME].values})
        return first, (beside if bool((place >= 0).all()) else beside.where(there))
    a, b = first[TIME].values, second[TIME].values
    if wanted is How.INNER:
        both = np.intersect1d(a, b)
        return first.sel({TIME: both}), second.sel({TIME: both})
    axis = np.union1d(a, b)
    return first.reindex({TIME: axis}), second.reindex({TIME: axis})


def _beside(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Return what was public of a revised dataset at each bar of another, as it was said to be then."""
    name, snapshot = str(second.attrs["dataset"]), str(second.attrs["snapshot"])
    view = Store(root_of(name)[0]).snapshot(name, snapshot)
    names = second[INSTRUMENT].values if INSTRUMENT in second.coords else second[SYMBOL].values
    where = {str(s): i for i, s in enumerate(view.symbols)}
    values = revised.beside(view, [where[str(s)] for s in names], _known(first))
    axes = {SYMBOL: second[SYMBOL], TIME: first[TIME].values}
    return xr.Dataset({"close": xr.DataArray(values, axes, DIMS)}, attrs=second.attrs)


def _known(dataset: xr.Dataset) -> np.ndarray:
    attributes = dataset.attrs
    if "frequency" not in attributes or "calendar" not in attributes:
        raise InvalidInputError("A dataset does not say its frequency and calendar.", "Use one from tw.open.")
    return calendars.known_at(
        dataset[TIME].values.astype("M8[ns]"),
        frequency=Frequency(attributes["frequency"]),
        code=str(attributes["calendar"]),
        lag=timedelta(seconds=float(attributes.get("publication_lag", 0.0))),
    )
