"""``tw.ingest.vintages``: series that are revised after publication, with every figure ever published."""

from typing import Any

import numpy as np
import polars as pl

from tradewind.errors import DataQualityError, InvalidInputError
from tradewind.ingest.loading import existing
from tradewind.ingest.tables import TableShape, read_table, time_column, to_batch
from tradewind.store.batch import Batch
from tradewind.store.merging import Change
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.store.spec import Basis, DatasetSpec
from tradewind.store.vintages import VintageTable
from tradewind.store.writing import write
from tradewind.vocabulary import Frequency

_KNOWN = ("known", "published", "released", "release_date", "realtime_start")
_END_OF_DAY = np.timedelta64(86_399, "s")


def vintages(
    data: Any,
    dataset: str,
    *,
    frequency: Frequency | str = Frequency.MONTH,
    calendar: str = "24/7",
    description: str = "",
    source: str = "",
    licence: str = "",
    message: str = "",
) -> Change:
    """Store figures with the moment each was published; the newest of a period is what readers get.

    Under a guard they get what had been published by then, and a period that had not been published at all
    raises.

    Parameters
    ----------
    data
        A table (frame or file): ``symbol``, ``time`` (the period), ``known`` (also ``realtime_start``, as
        ALFRED calls it) and ``value``. A date without a time of day was published by the end of that day.
    dataset
        ``mine/...``, or a shared one you may write.
    frequency, calendar, description, source, licence
        Of a new dataset.
    message
        What the commit says.

    Raises
    ------
    InvalidInputError
        A column is missing.
    DataQualityError
        One moment has two figures for one period, or a figure is not finite.
    """
    table = read_table(data)
    known_name = next((c for c in table.columns if c.lower() in _KNOWN), None)
    value_name = next((c for c in table.columns if c.lower() in ("value", "close")), None)
    if known_name is None or value_name is None:
        raise InvalidInputError("The table needs the columns symbol, time, known and value.")
    table = table.rename({known_name: "known", value_name: "close"})
    known = _moments(table["known"])
    table = table.with_columns(pl.col("close").cast(pl.Float64)).with_columns(
        pl.Series("_known", known.astype("M8[us]"))
    )
    if not table["close"].is_finite().fill_null(False).all():
        raise DataQualityError("A figure is missing or infinite.", "Leave such rows out.")
    times = next(c for c in table.columns if c.lower() in ("time", "date", "period", "observation_date"))
    key = ["symbol", times, "_known"]
    if "symbol" not in table.columns:
        raise InvalidInputError("The table has no column 'symbol'.")
    if (table.group_by(key).agg(pl.col("close").n_unique())["close"] > 1).any():
        raise DataQualityError("Two rows give different figures for one period at one moment.", "Keep one.")
    table = table.unique(key).sort(key)
    shape = TableShape(columns={times: "time"} if times != "time" else {})
    newest = table.group_by(["symbol", times], maintain_order=True).last()
    root, bare = root_of(dataset)
    store = Store(root)
    bars = Frequency(frequency)
    batch = to_batch(newest.drop("known", "_known"), shape, frequency=bars).batch
    every = _table(table, times, batch)
    held = existing(store, dataset)
    if held is not None and not held.vintages:
        raise InvalidInputError(f"{dataset!r} holds no vintages.", "Put them into another dataset.")
    spec = held or DatasetSpec(
        name=bare, frequency=bars, calendar=calendar, basis=Basis.LEVEL, description=description,
        source=source, licence=licence, adjustments="revised, with vintages", vintages=True,
    )  # fmt: skip
    if held is not None:
        batch = _newest_only(store, dataset, batch, every)
    told = message or f"{len(every):,} figures of {len(batch.symbols)} series"
    full = Batch(symbols=batch.symbols, times=batch.times, values=batch.values, vintages=every)
    return write(store, spec, full, message=told)


def _moments(column: pl.Series) -> np.ndarray:
    shape = TableShape()
    moments, dates_only = time_column(column, shape)
    seconds = moments.astype("M8[s]")
    return seconds + _END_OF_DAY if dates_only else seconds


def _table(table: pl.DataFrame, times: str, batch: Batch) -> VintageTable:
    """Return every figure, with places on the batch's symbol axis."""
    place = {s: i for i, s in enumerate(batch.symbols)}
    periods, _ = time_column(table[times], TableShape())
    return VintageTable(
        instrument=np.array([place[s] for s in table["symbol"].cast(pl.String).to_list()]),
        time=periods.astype("M8[D]").astype("M8[s]"),
        known=table["_known"].to_numpy().astype("M8[s]"),
        value=table["close"].to_numpy(),
    )


def _newest_only(store: Store, dataset: str, batch: Batch, every: VintageTable) -> Batch:
    """Leave the stored figure of a period alone where a later publication than this batch's is stored."""
    view = store.snapshot(dataset)
    rows = {str(s): i for i, s in enumerate(view.symbols)}
    values = batch.values["close"].copy()
    for i, symbol in enumerate(batch.symbols):
        if symbol not in rows:
            continue
        stored, coming = view.vintages.series(rows[symbol]), every.series(i)
        latest = dict(zip(stored.time.tolist(), stored.known.tolist(), strict=True))
        new = dict(zip(coming.time.tolist(), coming.known.tolist(), strict=True))
        for j, period in enumerate(batch.times.astype("M8[s]").tolist()):
            if period in latest and period in new and latest[period] > new[period]:
                values[i, j] = np.nan
    return Batch(symbols=batch.symbols, times=batch.times, values={"close": values})
