"""Merge a batch into a dataset: one atomic commit, idempotent, never over somebody else's change."""

import getpass
from dataclasses import dataclass, replace
from typing import Any

import icechunk
import numpy as np
import zarr

from tradewind.errors import ConflictError, DatasetNotFoundError, UnavailableError
from tradewind.store import layout, storage
from tradewind.store.actions import KINDS, ActionTable
from tradewind.store.batch import Action, Batch
from tradewind.store.locks import commit_lock
from tradewind.store.repository import Snapshot, Store
from tradewind.store.snapshots import BRANCH
from tradewind.store.spec import KEY, DatasetSpec
from tradewind.vocabulary import SYMBOL, TIME

ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a commit did. ``snapshot`` is the head afterwards; nothing was committed where ``empty``."""

    snapshot: str
    rows_added: int = 0
    rows_changed: int = 0
    symbols_added: int = 0
    actions_added: int = 0
    described: bool = False

    @property
    def empty(self) -> bool:
        """Whether the dataset already held all of it."""
        return not (
            self.rows_added or self.rows_changed or self.symbols_added or self.actions_added or self.described
        )


def write(
    store: Store,
    spec: DatasetSpec,
    batch: Batch,
    *,
    message: str = "",
    author: str = "",
    metadata: dict[str, Any] | None = None,
    base: str | None = None,
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
    repository = _open_or_create(store, name, spec)
    base = base or repository.lookup_branch(BRANCH)
    for _ in range(ATTEMPTS):
        with commit_lock(store.root, spec.name):
            session = repository.writable_session(BRANCH)
            head = session.snapshot_id
            group = _prepare(session.store, spec, batch)
            if head != base:
                _check_conflict(name, repository, base, head, batch)
            change = _apply(group, spec, batch)
            if change.empty:
                return replace(change, snapshot=head)
            facts: dict[str, Any] = {"rows_added": change.rows_added, "rows_changed": change.rows_changed}
            facts |= {"author": author or _user(), **(metadata or {})}
            try:
                snapshot = session.commit(message or _message(change), metadata=facts)
            except icechunk.ConflictError:
                continue
            return replace(change, snapshot=snapshot)
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


def _prepare(target: Any, spec: DatasetSpec, batch: Batch) -> zarr.Group:
    """Open the root group, creating it and missing fields."""
    try:
        group = zarr.open_group(target, mode="r+")
    except FileNotFoundError:
        group = zarr.create_group(target)
        chunks = layout.chunks_for(spec.frequency, len(batch.symbols))
        layout.create_arrays(group, fields=tuple(batch.values), frequency=spec.frequency, chunks=chunks)
        group.attrs["fields"] = list(batch.values)
        return group
    known: list[str] = list(group.attrs["fields"])  # type: ignore[arg-type]
    new = [f for f in batch.values if f not in known]
    if new:
        like: Any = group[known[0]]
        for field in new:
            layout.create_field(group, field, like.shape, layout.Chunks(*like.chunks))
        group.attrs["fields"] = known + new
    return group


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
        group = zarr.open_group(repository.readonly_session(snapshot_id=snapshot).store, mode="r")
    except FileNotFoundError:
        return found
    view = Snapshot(name, snapshot, group)
    rows, cols = _places(view.symbols, batch.symbols), _place_times(view.times, batch.times)
    i, j = np.flatnonzero(rows >= 0), np.flatnonzero(cols >= 0)
    if i.size and j.size:
        for field, block in found.items():
            if field in view.fields:
                block[np.ix_(i, j)] = view.array(field).oindex[rows[i], cols[j]]
    return found


def _places(held: np.ndarray, wanted: tuple[str, ...]) -> np.ndarray:
    index = {s: i for i, s in enumerate(held.tolist())}
    return np.array([index.get(s, -1) for s in wanted], dtype=np.int64)


def _place_times(held: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    place = np.searchsorted(held, wanted)
    hit = (place < len(held)) & (
        held[np.minimum(place, max(len(held) - 1, 0))] == wanted if len(held) else False
    )
    return np.where(hit, place, -1)


def _apply(group: zarr.Group, spec: DatasetSpec, batch: Batch) -> Change:
    symbols = np.asarray(group[SYMBOL][:]).astype(object)  # type: ignore[index]
    times = layout.decode_time(np.asarray(group[TIME][:]), spec.frequency)  # type: ignore[index]
    fields: list[str] = list(group.attrs["fields"])  # type: ignore[arg-type]
    new_symbols = [
        s for s in (*batch.symbols, *(a.symbol for a in batch.actions)) if s not in set(symbols.tolist())
    ]
    new_symbols = list(dict.fromkeys(new_symbols))
    merged = np.union1d(times, batch.times)
    first_new = int(np.searchsorted(merged, batch.times[0])) if batch.times.size else len(merged)
    all_symbols = [*symbols.tolist(), *new_symbols]
    shape = (len(all_symbols), len(merged))
    rows = _places(np.array(all_symbols, dtype=object), batch.symbols)
    cols = np.searchsorted(merged, batch.times)
    shifted = len(merged) != len(times) and not np.array_equal(merged[: len(times)], times)
    added = np.zeros((len(batch.symbols), len(batch.times)), dtype=bool)
    changed = added.copy()
    had_any = added.copy()
    for field in fields:
        array: zarr.Array[Any] = group[field]  # type: ignore[assignment]
        old = np.asarray(array[:, :]) if shifted else None
        if array.shape != shape:
            array.resize(shape)
        if old is not None:
            _respread(array, old, times, merged)
        held = _read_block(array, rows, cols)
        had_any |= np.isfinite(held)
        wanted = batch.values.get(field)
        if wanted is None:
            continue
        new = np.isfinite(wanted) & ~(held == wanted)
        if new.any():
            added |= new & np.isnan(held)
            changed |= new & np.isfinite(held)
            _write_block(array, rows, cols, np.where(np.isfinite(wanted), wanted, held), new)
    if len(merged) != len(times):
        _store_axis(group, TIME, layout.encode_time(merged, spec.frequency), 0 if shifted else first_new)
    if new_symbols:
        _store_axis(group, SYMBOL, np.array(all_symbols, dtype=object), len(symbols))
    actions = _add_actions(group, all_symbols, batch.actions)
    described = group.attrs.get(KEY) != spec.to_attributes()
    if described:
        group.attrs[KEY] = spec.to_attributes()
    return Change(
        snapshot="",
        rows_added=int((added & ~had_any).sum()),
        rows_changed=int(((added | changed) & had_any).sum()),
        symbols_added=len(new_symbols),
        actions_added=actions,
        described=described,
    )


def _store_axis(group: zarr.Group, name: str, values: np.ndarray, start: int) -> None:
    array: zarr.Array[Any] = group[name]  # type: ignore[assignment]
    start = min(start, array.shape[0])
    array.resize((len(values),))
    array[start:] = values[start:]


def _respread(array: "zarr.Array[Any]", old: np.ndarray, times: np.ndarray, merged: np.ndarray) -> None:
    """Move stored columns to their new places, from the first that moves."""
    target = np.searchsorted(merged, times)
    first = int(np.flatnonzero(target != np.arange(len(times)))[0]) if len(times) else 0
    wide = np.full((array.shape[0], len(merged) - first), np.nan)
    wide[: old.shape[0], target[first:] - first] = old[:, first:]
    array[:, first:] = wide


def _read_block(array: "zarr.Array[Any]", rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    if not rows.size or not cols.size:
        return np.full((len(rows), len(cols)), np.nan)
    block = np.asarray(array[int(rows.min()) : int(rows.max()) + 1, int(cols.min()) : int(cols.max()) + 1])
    result: np.ndarray = block[np.ix_(rows - rows.min(), cols - cols.min())]
    return result


def _write_block(
    array: "zarr.Array[Any]", rows: np.ndarray, cols: np.ndarray, values: np.ndarray, new: np.ndarray
) -> None:
    """Write the smallest box around the new cells, so that untouched chunks stay."""
    i, j = np.flatnonzero(new.any(axis=1)), np.flatnonzero(new.any(axis=0))
    r, c = rows[i], cols[j]
    box = (slice(int(r.min()), int(r.max()) + 1), slice(int(c.min()), int(c.max()) + 1))
    whole = (box[0].stop - box[0].start, box[1].stop - box[1].start) == (len(i), len(j))
    block = np.empty((len(i), len(j))) if whole else np.asarray(array[box])
    block[np.ix_(r - r.min(), c - c.min())] = values[np.ix_(i, j)]
    array[box] = block


def _add_actions(group: zarr.Group, symbols: list[str], actions: tuple[Action, ...]) -> int:
    if not actions:
        return 0
    array: zarr.Array[Any] = group[layout.ACTIONS]  # type: ignore[assignment]
    held = np.asarray(array[:])
    place = {s: i for i, s in enumerate(symbols)}
    table = ActionTable(
        instrument=np.array([place[a.symbol] for a in actions]),
        kind=np.array([KINDS.index(a.kind) for a in actions]),
        ex_date=np.array([a.ex_date for a in actions], dtype="M8[D]"),
        value=np.array([a.value for a in actions]),
        known=np.array([a.known for a in actions], dtype="M8[s]"),
    )
    rows = {tuple(c[:3]): c for c in held.T}
    count = 0
    for column in table.encode().T:
        key = tuple(column[:3])
        if key not in rows or not np.array_equal(rows[key], column, equal_nan=True):
            rows[key] = column
            count += 1
    if count:
        stored = np.stack([rows[k] for k in sorted(rows)], axis=1)
        array.resize(stored.shape)
        array[:] = stored
    return count
