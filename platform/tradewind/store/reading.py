"""``tw.open`` and ``tw.catalog``: from a name to a lazy Dataset."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from xarray.core.indexing import LazilyIndexedArray

from tradewind.errors import (
    AdjustmentError,
    DatasetNotFoundError,
    EmptySelectionError,
    FieldNotFoundError,
    InvalidInputError,
    did_you_mean,
)
from tradewind.provenance import holdouts
from tradewind.provenance.recorder import recorder
from tradewind.store import action_fields, guard
from tradewind.store.arrays import Adjustment, Axis, FieldArray, MemberArray
from tradewind.store.catalog import Catalog
from tradewind.store.moments import moment
from tradewind.store.quick_import import keep_dask_out
from tradewind.store.reference import ALWAYS
from tradewind.store.repository import Snapshot, Store
from tradewind.store.revised import VintageArray
from tradewind.store.roots import mine_root, root_of, shared_root
from tradewind.store.snapshots import AsOf
from tradewind.store.spec import ActionKind, Basis, DatasetSpec
from tradewind.vocabulary import DIMS, INSTRUMENT, MEMBER, SYMBOL, TIME, Adjust

keep_dask_out()
AUTO: Final = "auto"
Moment = str | date | datetime | np.datetime64 | None


def open(  # noqa: PLR0917  the public shape of tw.open
    name: str,
    symbols: str | Iterable[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    fields: str | Sequence[str] | None = None,
    as_of: AsOf = None,
    adjust: Adjust | str | None = AUTO,
) -> xr.Dataset:
    """Open a dataset lazily: nothing but the axes is read until values are asked for.

    Parameters
    ----------
    name
        A name from ``tw.catalog()``; ``mine/...`` for one's own.
    symbols
        One symbol or several, in the wanted order; None for all. A ticker means the instrument that had it at
        the end of the read (``end``, the guard's moment, or the last bar); the whole history of that
        instrument is returned, whatever its ticker was earlier. The instrument's stable id works as well.
    start, end
        First and last time, both included: ``"2005"``, ``"2005-06"``, a date, a datetime. A bare year, month
        or day as ``end`` includes all of it. Daily bars are compared by session date, intraday ones by their
        end in UTC.
    fields
        One field or several; None for all. Where the dataset records them, also ``"split"`` (the ratio at
        its bar, else 1; beside raw prices) and ``"dividend"`` (cash a unit at its bar, else 0; beside raw or
        split-adjusted prices): a backtest books both.
    as_of
        What the store knew: a tag, a snapshot id, or a time (a bare date means the end of that day in UTC).
        None for the newest snapshot.
    adjust
        ``"split"`` (prices and volume as if all splits had been in force always), ``"total"`` (prices also
        reduced by the dividends paid later), None (raw, as traded). Left out, it is ``"split"``, or what the
        source delivers where it delivers adjusted prices only.

    Returns
    -------
    xarray.Dataset
        Dims ``(symbol, time)``; NaN where there was no bar. Attributes: ``dataset``, ``snapshot``,
        ``frequency``, ``calendar``, ``publication_lag`` (seconds), ``adjust``, ``source``, ``licence``.

    Raises
    ------
    DatasetNotFoundError, SymbolNotFoundError, FieldNotFoundError, SnapshotNotFoundError
        Nothing of that name; near names are offered.
    EmptySelectionError
        The dataset holds nothing between ``start`` and ``end``.
    AdjustmentError
        The dataset cannot be adjusted that way.
    """
    root, _ = root_of(name)
    view = _snapshot(Store(root), name, as_of)
    how = _adjustment(view.spec, adjust)
    chosen = _fields(view, fields, how)
    axis = Axis(view.spec, view.symbols, view.times)
    adjustment = None
    if how is not None and len(view.actions):
        adjustment = Adjustment(
            axis, view.actions, how, view.blocks("close") if "close" in view.fields else None
        )
    arrays = {
        f: _lazy(f, view, axis, adjustment)
        if f in view.fields
        else action_fields.ActionArray(ActionKind(f), axis, view.actions, how)
        for f in chosen
    }
    variables = {f: xr.Variable(DIMS, LazilyIndexedArray(a)) for f, a in arrays.items()}
    day = _read_day(view, end)
    labels = np.array(view.tickers.labels(day), dtype=object) if view.reference else axis.symbols
    coords: dict[str, Any] = {
        SYMBOL: pd.Index(labels, name=SYMBOL, dtype=object),
        TIME: pd.DatetimeIndex(axis.times, name=TIME),
    }
    if view.reference:
        coords[INSTRUMENT] = (SYMBOL, axis.symbols)
    dataset = xr.Dataset(variables, coords=coords, attrs=_attributes(view, how))
    if symbols is not None:
        wanted = [symbols] if isinstance(symbols, str) else list(symbols)
        dataset = dataset.isel({SYMBOL: view.tickers.resolve(name, wanted, day)})
    selected = _select(dataset, view, start, end)
    if selected.sizes[TIME]:
        holdouts.check(name, selected[TIME].values[-1])
    recorder.read(name, view.id)
    return selected


def _lazy(field: str, view: Snapshot, axis: Axis, adjustment: Adjustment | None) -> FieldArray:
    blocks = view.blocks(field)
    if view.spec.vintages and field == "close":
        return VintageArray(field, blocks, axis, view.vintages)
    return (
        MemberArray(field, blocks, axis) if field == MEMBER else FieldArray(field, blocks, axis, adjustment)
    )


def _snapshot(store: Store, name: str, as_of: AsOf) -> Snapshot:
    try:
        return store.snapshot(name, as_of)
    except DatasetNotFoundError:
        known = [*Store(shared_root()).datasets(), *Store(mine_root()).datasets()]
        raise DatasetNotFoundError(f"There is no dataset {name!r}.", did_you_mean(name, known)) from None


def _adjustment(spec: DatasetSpec, adjust: Adjust | str | None) -> Adjust | None:
    """Decide what to apply; None for nothing."""
    if adjust == AUTO:
        return Adjust.SPLIT if spec.basis is Basis.RAW and ActionKind.SPLIT in spec.actions else None
    try:
        how = None if adjust is None else Adjust(adjust)
    except ValueError:
        raise InvalidInputError(f"adjust={adjust!r} is unknown.", 'Use "split", "total" or None.') from None
    delivered = {Basis.SPLIT: Adjust.SPLIT, Basis.TOTAL: Adjust.TOTAL}.get(spec.basis)
    if delivered is not None:
        if how is delivered:
            return None
        raise AdjustmentError(
            f"The source of {spec.name!r} delivers {delivered}-adjusted prices only, "
            f"so there is no adjust={adjust!r}.",
            f'Leave adjust out, or say adjust="{delivered}".',
        )
    needed = {None: (), Adjust.SPLIT: (ActionKind.SPLIT,), Adjust.TOTAL: tuple(ActionKind)}[how]
    if spec.basis is Basis.LEVEL:
        if how is Adjust.TOTAL:
            raise AdjustmentError(
                f"{spec.name!r} holds levels without dividends; there is no total return to compute.",
                "Leave adjust out.",
            )
        return None
    missing = [str(k) for k in needed if k not in spec.actions]
    if missing:
        raise AdjustmentError(
            f"{spec.name!r} records no {' and no '.join(missing)}s; adjust={adjust!r} would be wrong.",
            "Leave adjust out, or say adjust=None for raw prices.",
        )
    return how


def _fields(view: Snapshot, fields: str | Sequence[str] | None, how: Adjust | None) -> list[str]:
    if fields is None:
        return list(view.fields)
    wanted = [fields] if isinstance(fields, str) else list(fields)
    for field in wanted:
        if field in view.fields:
            continue
        if not action_fields.is_offered(view.spec, field):
            raise FieldNotFoundError(
                f"{view.name!r} has no field {field!r}.", did_you_mean(field, view.fields)
            )
        action_fields.check(view.spec, field, how)
    return wanted


def _attributes(view: Snapshot, how: Adjust | None) -> dict[str, Any]:
    spec = view.spec
    delivered = str(spec.basis) if spec.basis in (Basis.SPLIT, Basis.TOTAL) else "none"
    return {
        "dataset": view.name,
        "snapshot": view.id,
        "frequency": str(spec.frequency),
        "calendar": spec.calendar,
        "publication_lag": spec.publication_lag,
        "adjust": str(how) if how else delivered,
        "source": spec.source,
        "licence": spec.licence,
        **({"vintages": 1} if spec.vintages else {}),
    }


def _read_day(view: Snapshot, end: Moment) -> str:
    """Return the date tickers are understood as of: the selection's end, a guard's moment, the last bar."""
    moments = [] if end is None else [moment(end, end=True)]
    if (until := guard.active()) is not None:
        moments.append(until)
    if view.times.size:
        moments.append(view.times[-1])
    return str(min(moments).astype("M8[D]")) if moments else ALWAYS


def _select(dataset: xr.Dataset, view: Snapshot, start: Moment, end: Moment) -> xr.Dataset:
    if start is not None or end is not None:
        first = 0 if start is None else int(np.searchsorted(view.times, moment(start), side="left"))
        last = len(view.times)
        if end is not None:
            last = int(np.searchsorted(view.times, moment(end, end=True), side="right"))
        if first >= last:
            raise EmptySelectionError(
                f"{view.name!r} holds nothing from {start or 'its start'} to {end or 'its end'}.",
                f"It spans {_day(view.times, 0)} to {_day(view.times, -1)}."
                if len(view.times)
                else "It is empty.",
            )
        dataset = dataset.isel({TIME: slice(first, last)})
    return dataset


def _day(times: np.ndarray, at: int) -> str:
    return str(times[at].astype("M8[D]"))


def catalog() -> Catalog:
    """List the datasets one may read: shared ones, then one's own.

    Returns
    -------
    Catalog
        A table in notebooks and terminals; iterable; ``.search(text)``, ``.to_frame()``.
    """
    found = []
    for store in (Store(shared_root()), Store(mine_root())):
        for name in store.datasets():
            with suppress(DatasetNotFoundError):  # deleted meanwhile, or its first commit never came
                found.append(store.info(name))
    return Catalog(tuple(found))
