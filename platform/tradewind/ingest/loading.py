"""``tw.ingest.file`` and ``tw.ingest.frame``: one call from a table to a commit."""

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tradewind.errors import DatasetNotFoundError, InvalidInputError, NotAllowedError, did_you_mean
from tradewind.ingest.tables import TableShape, read_table, to_batch
from tradewind.store.batch import Action, Batch
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.store.spec import ActionKind, Basis, DatasetSpec
from tradewind.store.writing import Change, write
from tradewind.vocabulary import Frequency


def frame(
    data: Any,
    dataset: str,
    *,
    symbol: str | None = None,
    columns: Mapping[str, str] | None = None,
    wide: str | None = None,
    time_zone: str = "UTC",
    bar_start: bool = False,
    frequency: Frequency | str | None = None,
    calendar: str | None = None,
    basis: Basis | str | None = None,
    actions: tuple[Action, ...] = (),
    description: str | None = None,
    source: str | None = None,
    licence: str | None = None,
    message: str = "",
) -> Change:
    """Merge a table into a dataset, creating it at first use.

    Parameters
    ----------
    data
        A pandas or polars frame, an Arrow table, an xarray Dataset, or a path.
    dataset
        ``mine/...``, or a shared one you may write.
    symbol
        The symbol of a table without a column for it.
    columns
        Their column names to ours, where the names do not say it.
    wide
        The field of a table with one column a symbol.
    time_zone
        Of times without a zone, intraday only.
    bar_start
        Whether intraday bars are stamped at their start.
    frequency, calendar, basis, description, source, licence
        Of a new dataset, or to change an old one's. By default: found from the times; ``24/7`` if there are
        weekend bars, else ``XNYS``; raw prices.
    actions
        Splits and dividends that belong to the prices.
    message
        What the commit says.

    Returns
    -------
    Change
        What was added and changed. The same table twice changes nothing.

    Raises
    ------
    InvalidInputError, DataQualityError
        The table is not usable; nothing was written.
    NotAllowedError
        The dataset is read-only here.
    """
    shape = TableShape(
        symbol=symbol, columns=columns or {}, wide=wide, time_zone=time_zone, bar_start=bar_start
    )
    root, bare = root_of(dataset)
    store = Store(root)
    held = existing(store, dataset)
    wanted = _choice(Frequency, frequency, "frequency")
    batch, found = to_batch(
        read_table(data), shape, frequency=wanted or (held.frequency if held else None), actions=actions
    )
    facts: dict[str, Any] = {"description": description, "source": source, "licence": licence}
    facts |= {"calendar": calendar, "basis": _choice(Basis, basis, "basis"), "frequency": wanted}
    spec = described(held, bare, batch, found, {k: v for k, v in facts.items() if v is not None})
    return commit(store, spec, batch, message=message)


def file(path: str | Path, dataset: str, **options: Any) -> Change:
    """Merge a CSV, Parquet or Arrow file into a dataset; the options are those of ``frame``.

    Parameters
    ----------
    path
        The file; its name becomes the source where none is given.
    dataset
        ``mine/...``, or a shared one you may write.
    options
        See ``frame``.
    """
    path = Path(path)
    options.setdefault("message", f"From {path.name}")
    return frame(path, dataset, **options)


def existing(store: Store, name: str) -> DatasetSpec | None:
    """Return a dataset's description, or None where there is none yet."""
    try:
        return store.snapshot(name).spec
    except DatasetNotFoundError:
        return None


def described(
    held: DatasetSpec | None, name: str, batch: Batch, frequency: Frequency, facts: dict[str, Any]
) -> DatasetSpec:
    """Return the description that goes with a batch."""
    kinds = tuple(dict.fromkeys(a.kind for a in batch.actions))
    if held is not None:
        if "frequency" in facts and facts["frequency"] is not held.frequency:
            raise InvalidInputError(
                f"{name!r} holds {held.frequency} bars.", f"Put {facts['frequency']} bars into another one."
            )
        all_kinds = tuple(k for k in ActionKind if k in held.actions or k in kinds)
        return replace(held, **facts, actions=all_kinds)
    weekday = (batch.times.astype("M8[D]").astype(np.int64) + 3) % 7  # 0 is Monday: 1970 began on a Thursday
    weekend = bool((weekday >= 5).any())
    facts = {"calendar": "24/7" if weekend else "XNYS", "frequency": frequency, **facts}
    return DatasetSpec(name=name, actions=kinds, **facts)


def commit(store: Store, spec: DatasetSpec, batch: Batch, **options: Any) -> Change:
    """Write a batch, saying in our own words where a dataset may not be written."""
    try:
        return write(store, spec, batch, **options)
    except OSError as problem:
        if problem.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise NotAllowedError(
            f"{store.root.prefix + spec.name!r} is read-only here.",
            "Write to mine/..., or ask for the right to write it and submit a job.",
        ) from problem


def _choice[T: (Frequency, Basis)](kind: type[T], value: T | str | None, what: str) -> T | None:
    try:
        return None if value is None else kind(value)
    except ValueError:
        known = [str(k) for k in kind]
        raise InvalidInputError(f"{value!r} is no {what}.", did_you_mean(str(value), known)) from None
