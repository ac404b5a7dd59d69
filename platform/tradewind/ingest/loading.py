"""``tw.ingest.file`` and ``tw.ingest.frame``: one call from a table to a commit."""

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tradewind.errors import DatasetNotFoundError, InvalidInputError, NotAllowedError, did_you_mean, word_of
from tradewind.ingest.quality import Check, Context, Policy, inspect
from tradewind.ingest.tables import TableShape, read_table, to_batch
from tradewind.store.actions import KINDS
from tradewind.store.batch import Action, Batch
from tradewind.store.merging import Change, place_times, places
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.store.spec import ActionKind, Basis, DatasetSpec
from tradewind.store.writing import write
from tradewind.vocabulary import Frequency

FINDINGS_KEPT = 200
CONTEXT_BARS = 64


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
    accept: Iterable[str] = (),
    policy: Policy | None = None,
    against: str | None = None,
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
    accept
        Names of checks of the quality gate whose findings were looked at and are right.
    policy
        A stricter or looser gate.
    against
        Another dataset to compare closes with.
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
    wanted = choice(Frequency, frequency, "frequency")
    reading = to_batch(
        read_table(data), shape, frequency=wanted or (held.frequency if held else None), actions=actions
    )
    facts: dict[str, Any] = {"description": description, "source": source, "licence": licence}
    facts |= {"calendar": calendar, "basis": choice(Basis, basis, "basis"), "frequency": wanted}
    spec = described(
        held, bare, reading.batch, reading.frequency, {k: v for k, v in facts.items() if v is not None}
    )
    gate = Gate(accept=accept, policy=policy, against=against, duplicates=reading.duplicates)
    return commit(store, spec, reading.batch, gate, message=message)


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
    weekend = bool((weekday >= 5).mean() > 0.1)
    owner = os.environ.get("TRADEWIND_USER", "")
    facts = {"calendar": "24/7" if weekend else "XNYS", "frequency": frequency, "owner": owner, **facts}
    return DatasetSpec(name=name, actions=kinds, **facts)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """How a batch passes the quality gate.

    Parameters
    ----------
    accept
        Names of checks whose findings were looked at and are right.
    policy
        Other than the default one.
    against
        Another dataset to compare closes with.
    duplicates
        Equal rows that were merged on the way.
    """

    accept: Iterable[str] = ()
    policy: Policy | None = None
    against: str | None = None
    duplicates: int = 0

    @property
    def effective(self) -> Policy:
        """The policy with the accepted checks in it."""
        policy = self.policy or Policy()
        known = [str(c) for c in Check]
        for name in self.accept:
            if name not in known:
                raise InvalidInputError(f"{name!r} is no check.", did_you_mean(name, known))
        return replace(policy, accept=policy.accept | {Check(n) for n in self.accept})


def commit(store: Store, spec: DatasetSpec, batch: Batch, gate: Gate | None = None, **options: Any) -> Change:
    """Pass a batch through the quality gate and write what readers may see.

    Findings go into the commit's metadata, rows kept aside into the dataset's quarantine.
    """
    gate = gate or Gate()
    name = store.root.prefix + spec.name
    batch = identified(store, name, batch)
    held, context = _context(store, name, batch)
    other = _closes(gate.against, batch) if gate.against else None
    known = replace(batch, actions=_merged(held, batch.actions))
    verdict = inspect(known, spec, gate.effective, context=context, other=other, duplicates=gate.duplicates)
    metadata = dict(options.pop("metadata", {}))
    if verdict.findings:
        metadata["findings"] = [f.to_dict() for f in verdict.findings[:FINDINGS_KEPT]]
    clean = replace(verdict.batch, actions=batch.actions)
    try:
        return write(store, spec, clean, quarantined=verdict.quarantined, metadata=metadata, **options)
    except OSError as problem:
        if problem.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise NotAllowedError(
            f"{name!r} is read-only here.",
            "Write to mine/..., or ask for the right to write it and submit a job.",
        ) from problem


def _merged(held: tuple[Action, ...], new: tuple[Action, ...]) -> tuple[Action, ...]:
    """Join recorded and new actions; a new one replaces its old self, NaN takes it back."""
    joined = {(a.symbol, a.kind, a.ex_date): a for a in (*held, *new)}
    return tuple(a for a in joined.values() if not np.isnan(a.value))


def identified(store: Store, name: str, batch: Batch) -> Batch:
    """Translate tickers into the ids they meant during the batch, where the dataset has reference data."""
    try:
        view = store.snapshot(name)
    except DatasetNotFoundError:
        return batch
    if not view.reference or not batch.times.size:
        return batch
    first, last = (str(batch.times[i].astype("M8[D]")) for i in (0, -1))
    ids = {s: view.tickers.id_during(s, first, last) for s in batch.symbols}
    actions = tuple(replace(a, symbol=ids.get(a.symbol, a.symbol)) for a in batch.actions)
    return replace(batch, symbols=tuple(ids[s] for s in batch.symbols), actions=actions)


def _context(store: Store, name: str, batch: Batch) -> tuple[tuple[Action, ...], Context | None]:
    """Return the recorded actions of a batch's symbols, and the closes just before it."""
    try:
        view = store.snapshot(name)
    except DatasetNotFoundError:
        return (), None
    rows = places(view.symbols, batch.symbols)
    table = view.actions.where(np.isin(view.actions.instrument, rows[rows >= 0]))
    actions = tuple(
        Action(symbol=str(view.symbols[i]), kind=KINDS[k], ex_date=d, value=float(v))
        for i, k, d, v in zip(table.instrument, table.kind, table.ex_date, table.value, strict=True)
    )
    stop = int(np.searchsorted(view.times, batch.times[0])) if batch.times.size else 0
    start = max(0, stop - CONTEXT_BARS)
    if "close" not in view.fields or start == stop:
        return actions, None
    closes = np.full((len(rows), stop - start), np.nan)
    closes[rows >= 0] = view.array("close").oindex[rows[rows >= 0], slice(start, stop)]
    return actions, Context(closes=closes, times=view.times[start:stop])


def _closes(other: str, batch: Batch) -> np.ndarray:
    """Read another dataset's raw closes at a batch's cells; NaN where it has none."""
    root, _ = root_of(other)
    view = Store(root).snapshot(other)
    rows, cols = places(view.symbols, batch.symbols), place_times(view.times, batch.times)
    found = np.full((len(rows), len(cols)), np.nan)
    i, j = np.flatnonzero(rows >= 0), np.flatnonzero(cols >= 0)
    if i.size and j.size:
        found[np.ix_(i, j)] = view.array("close").oindex[rows[i], cols[j]]
    return found


def choice[T: (Frequency, Basis)](kind: type[T], value: T | str | None, what: str) -> T | None:
    """Return what a word stands for; None stays None."""
    return None if value is None else word_of(kind, value, f"{value!r} is no {what}.")
