"""``tw.ingest.universe``: point-in-time membership from intervals or from lists by date."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np

from tradewind import calendars
from tradewind.errors import InvalidInputError
from tradewind.ingest.loading import existing
from tradewind.ingest.tables import read_table
from tradewind.store.batch import Batch
from tradewind.store.merging import Change
from tradewind.store.moments import moment
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.store.spec import Basis, DatasetSpec
from tradewind.store.writing import write
from tradewind.vocabulary import MEMBER, Frequency

Day = str | date | np.datetime64


def universe(
    data: Any,
    dataset: str,
    *,
    until: Day | None = None,
    calendar: str = "XNYS",
    description: str = "",
    source: str = "",
    licence: str = "",
    message: str = "",
) -> Change:
    """Store who belonged to a set, and when.

    Parameters
    ----------
    data
        A table (frame or file) with columns ``symbol``, ``start`` and ``end``: first and last session as a
        member, ``end`` empty for those who still are. Or a mapping from a date to the members from that date
        on, until the next date.
    dataset
        ``mine/...``, or a shared one you may write.
    until
        The last session it speaks about; by default the last date named.
    calendar
        Whose sessions.
    description, source, licence, message
        What dataset and commit say of themselves.

    Raises
    ------
    InvalidInputError
        There is no interval, or one ends before it starts.
    """
    spans = _from_lists(data) if isinstance(data, Mapping) else _from_table(data)
    if not spans:
        raise InvalidInputError("There is no interval to make a universe of.")
    named = [d for _, first, last in spans for d in (first, last) if d is not None]
    stop = moment(until).astype("M8[D]") if until is not None else max(named)
    days = calendars.sessions(calendar, min(named), stop)
    symbols = tuple(sorted({s for s, _, _ in spans}))
    row = {s: i for i, s in enumerate(symbols)}
    member = np.zeros((len(symbols), len(days)))
    for symbol, first, last in spans:
        if last is not None and last < first:
            raise InvalidInputError(f"{symbol!r} leaves on {last}, before it joins on {first}.")
        until_place = len(days) if last is None else np.searchsorted(days, last, side="right")
        member[row[symbol], np.searchsorted(days, first) : until_place] = 1.0
    batch = Batch(symbols=symbols, times=days.astype("M8[ns]"), values={MEMBER: member})
    root, bare = root_of(dataset)
    store = Store(root)
    spec = existing(store, dataset) or DatasetSpec(
        name=bare, frequency=Frequency.DAY, calendar=calendar, basis=Basis.LEVEL, description=description,
        source=source, licence=licence, adjustments="membership",
    )  # fmt: skip
    return write(store, spec, batch, message=message or f"Membership of {len(symbols)} symbols")


_Span = tuple[str, np.datetime64, np.datetime64 | None]


def _from_table(data: Any) -> list[_Span]:
    table = read_table(data)
    for needed in ("symbol", "start"):
        if needed not in table.columns:
            raise InvalidInputError(f"The table has no column {needed!r}.", "It needs symbol, start and end.")
    ends: Iterable[Any] = table["end"] if "end" in table.columns else [None] * table.height
    return [
        (str(s), moment(a).astype("M8[D]"), None if b in (None, "") else moment(b).astype("M8[D]"))
        for s, a, b in zip(table["symbol"], table["start"], ends, strict=True)
    ]


def _from_lists(lists: Mapping[Any, Iterable[str]]) -> list[_Span]:
    dates = sorted((moment(d).astype("M8[D]"), frozenset(members)) for d, members in lists.items())
    spans: list[_Span] = []
    for place, (day, members) in enumerate(dates):
        last = None if place + 1 == len(dates) else dates[place + 1][0] - np.timedelta64(1, "D")
        spans.extend((s, day, last) for s in sorted(members))
    return spans
