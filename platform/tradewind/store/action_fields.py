"""Corporate actions as fields of a dataset: what a bar brings an account that holds prices as they are."""

from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from tradewind.errors import AdjustmentError
from tradewind.store.actions import KINDS, ActionTable, steps
from tradewind.store.arrays import Axis
from tradewind.store.spec import ActionKind, Basis, DatasetSpec
from tradewind.vocabulary import Adjust

NAMES = tuple(str(kind) for kind in ActionKind)


def is_offered(spec: DatasetSpec, field: str) -> bool:
    """Whether a dataset records a kind of action, and may be asked for it as a field."""
    return field in NAMES and spec.basis is not Basis.LEVEL and ActionKind(field) in spec.actions


def check(spec: DatasetSpec, field: str, adjust: Adjust | None) -> None:
    """Refuse what the prices already contain.

    Raises
    ------
    AdjustmentError
        Splits beside prices without them, or dividends beside prices reduced by them.
    """
    inside = {None: (), Adjust.SPLIT: (ActionKind.SPLIT,), Adjust.TOTAL: tuple(ActionKind)}[adjust]
    if ActionKind(field) in inside:
        raise AdjustmentError(
            f"adjust={str(adjust)!r} takes the {field}s of {spec.name!r} out of its prices already.",
            "Say adjust=None for splits and dividends, adjust='split' for dividends only.",
        )


class ActionArray(BackendArray):
    """Splits or dividends ``(symbol, time)``: those that come into force at a bar.

    Parameters
    ----------
    kind
        ``split``: new units an old one, 1 where there is none. ``dividend``: cash a unit held before the
        bar, in units after the bar's split, 0 where there is none.
    axis
        The snapshot's axes. An action belongs to the first bar on or after its ex-date.
    table
        The dataset's actions.
    adjust
        How the prices are adjusted: beside split-adjusted ones, dividends are too.
    """

    def __init__(self, kind: ActionKind, axis: Axis, table: ActionTable, adjust: Adjust | None) -> None:
        self.kind = kind
        self.axis = axis
        self.table = table
        self.adjust = adjust
        self.shape = (len(axis.symbols), len(axis.times))
        self.dtype = np.dtype(np.float64)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        result: np.ndarray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return result

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        rows, bars = np.arange(self.shape[0])[key[0]], np.arange(self.shape[1])[key[1]]
        until = self.axis.check(np.atleast_1d(self.axis.times[key[1]]))
        table = self.table
        if until is not None:
            table = table.where(table.ex_date.astype("M8[ns]") <= until)
        neutral = 1.0 if self.kind is ActionKind.SPLIT else 0.0
        found = np.full((rows.size, bars.size), neutral)
        places = {int(bar): i for i, bar in enumerate(np.atleast_1d(bars))}
        days = self.axis.times.astype("M8[D]")
        for i, instrument in enumerate(np.atleast_1d(rows)):
            own = table.where(table.instrument == instrument)
            dates, values = self._events(own)
            for bar, value in zip(np.searchsorted(days, dates).tolist(), values.tolist(), strict=True):
                if bar in places:
                    at = (i, places[bar])
                    found[at] = found[at] * value if self.kind is ActionKind.SPLIT else found[at] + value
        return found.reshape(rows.shape + bars.shape)

    def _events(self, own: ActionTable) -> tuple[np.ndarray, np.ndarray]:
        chosen = own.where(own.kind == KINDS.index(self.kind))
        if self.kind is ActionKind.SPLIT:
            return chosen.ex_date, chosen.value
        splits = own.where(own.kind == KINDS.index(ActionKind.SPLIT))
        # Recorded a unit of the day before
        before = steps(splits.ex_date, 1.0 / splits.value)
        eve = chosen.ex_date - np.timedelta64(1, "D")
        factor = before.at(eve)
        if self.adjust is None:
            factor = factor / before.at(chosen.ex_date)
        return chosen.ex_date, chosen.value * factor
