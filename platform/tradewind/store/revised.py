"""Reading revised series: under a guard, beside prices, and as a table of everything published."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.provenance.recorder import recorder
from tradewind.store import guard
from tradewind.store.arrays import Axis, FieldArray
from tradewind.store.blocks import Blocks
from tradewind.store.repository import Snapshot, Store
from tradewind.store.roots import root_of
from tradewind.store.vintages import VintageTable

if TYPE_CHECKING:
    import pandas as pd

    from tradewind.store.snapshots import AsOf


class VintageArray(FieldArray):
    """A revised field: the newest figures, or under a guard those that had been published.

    Parameters
    ----------
    field, blocks, axis
        As for any field.
    table
        Everything that was published.
    """

    def __init__(self, field: str, blocks: Blocks, axis: Axis, table: VintageTable) -> None:
        super().__init__(field, blocks, axis, None)
        self.table = table

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        until = self.axis.until()
        if until is None:
            return super()._read(key)
        rows = np.atleast_1d(np.arange(self.shape[0])[key[0]])
        times = np.atleast_1d(self.axis.times[key[1]])
        values = np.full((len(rows), len(times)), np.nan)
        for place, row in enumerate(rows.tolist()):
            series = self.table.series(row)
            periods, first = series.first_known()
            touched = np.isin(periods.astype("M8[ns]"), times)
            guard.check(self.axis.spec.name, first[touched].astype("M8[ns]"), until)
            known, figures = series.by(until)
            at = np.searchsorted(known.astype("M8[ns]"), times)
            hit = at < len(known)
            hit[hit] = known.astype("M8[ns]")[at[hit]] == times[hit]
            values[place, hit] = figures[at[hit]]
        shape = tuple(
            n for n, k in zip(values.shape, key, strict=True) if not isinstance(k, int | np.integer)
        )
        return values.reshape(shape)


def beside(view: Snapshot, instruments: list[int], moments: np.ndarray) -> np.ndarray:
    """Return the newest period's figure that was public at each moment, as it was said to be then.

    Parameters
    ----------
    view
        A dataset with vintages.
    instruments
        Positions on its symbol axis (n).
    moments
        ``datetime64[ns]`` in UTC, increasing (m).

    Returns
    -------
    numpy.ndarray
        (n, m), NaN before the first publication, and later than a guard holds at.
    """
    until = guard.active()
    found = np.full((len(instruments), len(moments)), np.nan)
    for place, instrument in enumerate(instruments):
        series = view.vintages.series(instrument)
        order = np.argsort(series.known, kind="stable")
        newest, current = np.datetime64("NaT", "s"), np.nan
        figures = np.empty(len(order))
        for step, at in enumerate(order.tolist()):  # a revision of an older period changes nothing here
            if np.isnat(newest) or series.time[at] >= newest:
                newest, current = series.time[at], series.value[at]
            figures[step] = current
        at = np.searchsorted(series.known[order].astype("M8[ns]"), moments, side="right") - 1
        found[place, at >= 0] = figures[at[at >= 0]]
    if until is not None:
        found[:, moments > until] = np.nan
    return found


def vintages(name: str, symbol: str | None = None, as_of: "AsOf" = None) -> "pd.DataFrame":
    """Return everything that was ever published of a revised dataset.

    Parameters
    ----------
    name
        A dataset made by ``tw.ingest.vintages``.
    symbol
        One series; all by default.
    as_of
        What the store knew: a tag, a snapshot id or a time.

    Returns
    -------
    pandas.DataFrame
        Columns ``symbol``, ``time`` (the period), ``known`` (when it was published, UTC) and ``value``, in
        that order. Under a guard, what was published later is left out.
    """
    import pandas as pd

    view = Store(root_of(name)[0]).snapshot(name, as_of)
    recorder.read(name, view.id)
    table = view.vintages
    frame = pd.DataFrame(
        {"symbol": view.symbols[table.instrument], "time": table.time.astype("M8[ns]"),
         "known": table.known.astype("M8[ns]"), "value": table.value}
    )  # fmt: skip
    if symbol is not None:
        at = view.tickers.resolve(name, [symbol], "9999-12-31")[0]
        frame = frame[table.instrument == at]
    if (until := guard.active()) is not None:
        frame = frame[frame["known"].to_numpy().astype("M8[ns]") <= until]
    return frame.reset_index(drop=True)
