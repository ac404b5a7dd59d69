"""Merge a batch into a dataset: one atomic commit, idempotent, never over somebody else's change."""

import getpass
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import icechunk
import numpy as np

from tradewind.errors import ConflictError, DatasetNotFoundError, UnavailableError
from tradewind.store import heads, storage
from tradewind.store.batch import Batch
from tradewind.store.locks import commit_lock
from tradewind.store.merging import Change, apply, place_times, places, prepare
from tradewind.store.repository import Snapshot, Store
from tradewind.store.snapshots import BRANCH
from tradewind.store.spec import DatasetSpec

ATTEMPTS = 20


def write(
    store: Store,
    spec: DatasetSpec,
    batch: Batch,
    *,
    message: str = "",
    author: str = "",
    metadata: dict[str, Any] | None = None,
    base: str | None = None,
    quarantined: Sequence[dict[str, Any]] = (),
) -> Change:
    """Merge a batch into a dataset, creating the dataset at first use.

    Parameters
    ----------
    store
        The root.
    spec
        The dataset's description; a changed one is stored with the batch.
    batch
        Bars and actions.
    message, author, metadata
        What the commit says of itself.
    base
        The snapshot the batch was made from; by default the head when the call begins.
    quarantined
        Rows that the quality gate kept aside: stored with the commit, never read as data.

    Returns
    -------
    Change
        What was done; the same batch twice does nothing the second time.

    Raises
    ------
    ConflictError
        Somebody else changed the same cells since ``base`` to other values. The batch is still in the
        caller's hands, and nothing was written.
    """
    name = store.root.prefix + spec.name
    facts = {"author": author or _user(), **(metadata or {})}
    try:
        repository = _open_or_create(store, name, spec)
        base = base or repository.lookup_branch(BRANCH)
        for _ in range(ATTEMPTS):
            with commit_lock(store.root, spec.name):
                session = repository.writable_session(BRANCH)
                head = session.snapshot_id
                group = prepare(session.store, spec, batch)
                if head != base:
                    _check_conflict(name, repository, base, head, batch)
                change = apply(group, spec, batch, quarantined, storage.folder_of(store.root, spec.name))
                if change.empty:
                    return replace(change, snapshot=head)
                counts = {"rows_added": change.rows_added, "rows_changed": change.rows_changed}
                try:
                    snapshot = session.commit(
                        message or _message(change), metadata={**counts, **facts, heads.MARK: heads.VERSION}
                    )
                except icechunk.ConflictError:
                    continue  # somebody else was first: apply the batch to the new head
                return replace(change, snapshot=snapshot)
    except icechunk.IcechunkError as problem:
        raise UnavailableError(
            f"{name!r} could not be written: {storage.reason(problem)}",
            "The batch is still in your hands: write it again; what arrived is not added twice.",
        ) from problem
    raise UnavailableError(f"{name!r} is being written by too many others at once.", "Try again.")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _message(change: Change) -> str:
    return (
        f"{change.rows_added:,} bars added, {change.rows_changed:,} changed, {change.actions_added} actions"
    )


def _open_or_create(store: Store, name: str, spec: DatasetSpec) -> icechunk.Repository:
    try:
        return store.repository(name)
    except DatasetNotFoundError:
        with commit_lock(store.root, spec.name):
            icechunk.Repository.open_or_create(
                storage.storage_of(store.root, spec.name), config=storage.config()
            )
        return store.repository(name)


def _check_conflict(name: str, repository: icechunk.Repository, base: str, head: str, batch: Batch) -> None:
    """Refuse where somebody else set a cell of this batch to another value since its base."""
    before, after = (_cells(name, repository, s, batch) for s in (base, head))
    clashes = 0
    where = ""
    for field, wanted in batch.values.items():
        old, new = before[field], after[field]
        differs = ~((old == new) | (np.isnan(old) & np.isnan(new)))
        clash = differs & np.isfinite(wanted) & (wanted != new)
        if clash.any():
            clashes += int(clash.sum())
            i, j = np.argwhere(clash)[0]
            where = where or f"{field} of {batch.symbols[i]} at {batch.times[j].astype('M8[s]')}"
    if clashes:
        raise ConflictError(
            f"Somebody else changed {clashes} cells of {name!r} that this batch sets, first {where}.",
            "Read the dataset again, decide, and write with base= its snapshot.",
        )


def _cells(name: str, repository: icechunk.Repository, snapshot: str, batch: Batch) -> dict[str, np.ndarray]:
    """Read a snapshot's values at a batch's cells; NaN where it has none."""
    shape = (len(batch.symbols), len(batch.times))
    found = {f: np.full(shape, np.nan) for f in batch.values}
    try:
        view = Snapshot.read(repository, name, snapshot)
    except FileNotFoundError:
        return found
    rows, cols = places(view.symbols, batch.symbols), place_times(view.times, batch.times)
    i, j = np.flatnonzero(rows >= 0), np.flatnonzero(cols >= 0)
    if i.size and j.size:
        for field, block in found.items():
            if field in view.fields:
                block[np.ix_(i, j)] = view.blocks(field).read((rows[i], cols[j]))
    return found
