"""What merging a batch changes inside one writable session."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tradewind.store import heads, layout, reference
from tradewind.store.actions import KINDS, ActionTable
from tradewind.store.batch import Action, Batch
from tradewind.store.block_writing import write_block
from tradewind.store.blocks import Blocks
from tradewind.store.reference import Instrument
from tradewind.store.spec import KEY, DatasetSpec
from tradewind.store.vintages import COLUMNS, VINTAGES
from tradewind.vocabulary import SYMBOL, TIME


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a commit did. ``snapshot`` is the head afterwards; nothing was committed where ``empty``."""

    snapshot: str
    rows_added: int = 0
    rows_changed: int = 0
    symbols_added: int = 0
    actions_added: int = 0
    instruments_changed: int = 0
    quarantined: int = 0
    described: bool = False
    vintages_added: int = 0

    @property
    def empty(self) -> bool:
        """Whether the dataset already held all of it."""
        counts = (self.rows_added, self.rows_changed, self.symbols_added, self.actions_added,
                  self.vintages_added)  # fmt: skip
        return not (any(counts) or self.instruments_changed or self.quarantined or self.described)


def prepare(target: Any, spec: DatasetSpec, batch: Batch) -> zarr.Group:
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
            layout.create_field(group, field, like.shape, layout.chunks_of(like))
        group.attrs["fields"] = known + new
    return group


def places(held: np.ndarray, wanted: tuple[str, ...]) -> np.ndarray:
    """Return the places of symbols on a symbol axis, -1 where it lacks them."""
    index = {s: i for i, s in enumerate(held.tolist())}
    return np.array([index.get(s, -1) for s in wanted], dtype=np.int64)


def place_times(held: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the places of times on a sorted axis, -1 where it lacks them."""
    place = np.searchsorted(held, wanted)
    hit = (place < len(held)) & (
        held[np.minimum(place, max(len(held) - 1, 0))] == wanted if len(held) else False
    )
    return np.where(hit, place, -1)


def apply(
    group: zarr.Group,
    spec: DatasetSpec,
    batch: Batch,
    quarantined: Sequence[dict[str, Any]] = (),
    folder: Path | None = None,
) -> Change:
    """Merge a batch into an open group, writing only what differs.

    Parameters
    ----------
    group
        The root group of a writable session.
    spec
        The dataset's description.
    batch
        Bars, actions, reference data.
    quarantined
        Rows to keep aside.
    folder
        The repository's folder, or None where it has none.
    """
    symbols = np.asarray(group[SYMBOL][:]).astype(object)  # type: ignore[index]
    times = layout.decode_time(np.asarray(group[TIME][:]), spec.frequency)  # type: ignore[index]
    fields: list[str] = list(group.attrs["fields"])  # type: ignore[arg-type]
    known = set(symbols.tolist())
    named = dict.fromkeys((*batch.symbols, *(a.symbol for a in batch.actions)))
    new_symbols = [s for s in named if s not in known]
    later = not times.size or not batch.times.size or batch.times[0] > times[-1]
    merged = np.concatenate([times, batch.times]) if later else np.union1d(times, batch.times)
    first_new = int(np.searchsorted(merged, batch.times[0])) if batch.times.size else len(merged)
    all_symbols = [*symbols.tolist(), *new_symbols]
    shape = (len(all_symbols), len(merged))
    rows = places(np.array(all_symbols, dtype=object), batch.symbols)
    cols = np.searchsorted(merged, batch.times)
    shifted = len(merged) != len(times) and not np.array_equal(merged[: len(times)], times)
    only_new = bool(cols.size) and int(cols.min()) >= len(
        times
    )  # a pure append: there is nothing to compare with
    added = np.zeros((len(batch.symbols), len(batch.times)), dtype=bool)
    changed = added.copy()
    had_any = added.copy()
    for field in fields:
        array: zarr.Array[Any] = group[field]  # type: ignore[assignment]
        old = Blocks(array, folder).read((slice(None), slice(None))) if shifted else None
        if array.shape != shape:
            array.resize(shape)
        if old is not None:
            _respread(array, old, times, merged, folder)
        held = np.full(added.shape, np.nan) if only_new else _read_block(array, rows, cols, folder)
        had_any |= np.isfinite(held)
        wanted = batch.values.get(field)
        if wanted is None:
            continue
        new = np.isfinite(wanted) & ~(held == wanted)
        if new.any():
            added |= new & np.isnan(held)
            changed |= new & np.isfinite(held)
            filled = np.where(np.isfinite(wanted), wanted, held)
            _write_cells(array, (rows, cols), filled, new, folder)
    if len(merged) != len(times):
        _store_axis(group, TIME, layout.encode_time(merged, spec.frequency), 0 if shifted else first_new)
    if new_symbols:
        _store_axis(group, SYMBOL, np.array(all_symbols, dtype=object), len(symbols))
    actions = _add_actions(group, all_symbols, batch.actions)
    instruments = _add_instruments(group, batch.instruments)
    figures = _add_vintages(group, all_symbols, batch)
    described = group.attrs.get(KEY) != spec.to_attributes()
    if described:
        group.attrs[KEY] = spec.to_attributes()
    heads.keep(group, layout.encode_time(merged, spec.frequency), all_symbols)
    return Change(
        snapshot="",
        rows_added=int((added & ~had_any).sum()),
        rows_changed=int(((added | changed) & had_any).sum()),
        symbols_added=len(new_symbols),
        actions_added=actions,
        instruments_changed=instruments,
        vintages_added=figures,
        quarantined=_keep_aside(group, quarantined),
        described=described,
    )


def _store_axis(group: zarr.Group, name: str, values: np.ndarray, start: int) -> None:
    array: zarr.Array[Any] = group[name]  # type: ignore[assignment]
    start = min(start, array.shape[0])
    array.resize((len(values),))
    array[start:] = values[start:]


def _respread(
    array: "zarr.Array[Any]", old: np.ndarray, times: np.ndarray, merged: np.ndarray, folder: Path | None
) -> None:
    """Move stored columns to their new places, from the first that moves."""
    target = np.searchsorted(merged, times)
    first = int(np.flatnonzero(target != np.arange(len(times)))[0]) if len(times) else 0
    wide = np.full((array.shape[0], len(merged) - first), np.nan)
    wide[: old.shape[0], target[first:] - first] = old[:, first:]
    write_block(array, slice(0, array.shape[0]), slice(first, len(merged)), wide, folder)


def _read_block(
    array: "zarr.Array[Any]", rows: np.ndarray, cols: np.ndarray, folder: Path | None
) -> np.ndarray:
    if not rows.size or not cols.size:
        return np.full((len(rows), len(cols)), np.nan)
    return Blocks(array, folder).read((rows, cols))


def _write_cells(
    array: "zarr.Array[Any]",
    at: tuple[np.ndarray, np.ndarray],
    values: np.ndarray,
    new: np.ndarray,
    folder: Path | None,
) -> None:
    """Write the smallest box around the new cells, so that untouched chunks stay."""
    i, j = np.flatnonzero(new.any(axis=1)), np.flatnonzero(new.any(axis=0))
    r, c = at[0][i], at[1][j]
    box = (slice(int(r.min()), int(r.max()) + 1), slice(int(c.min()), int(c.max()) + 1))
    whole = (box[0].stop - box[0].start, box[1].stop - box[1].start) == (len(i), len(j))
    if whole and (np.diff(r) == 1).all() and (np.diff(c) == 1).all():
        block = values if values.shape == (len(i), len(j)) else values[np.ix_(i, j)]
    else:
        block = np.empty((len(i), len(j))) if whole else Blocks(array, folder).read(box)
        block[np.ix_(r - r.min(), c - c.min())] = values[np.ix_(i, j)]
    write_block(array, *box, block, folder)


def _keep_aside(group: zarr.Group, rows: Sequence[dict[str, Any]]) -> int:
    if not rows:
        return 0
    array: Any = group.get(layout.QUARANTINE)
    held = layout.read_json(array)
    known = {json.dumps(r, sort_keys=True) for r in held}
    new = [r for r in rows if json.dumps(r, sort_keys=True) not in known]
    if new:
        array = layout.create_blob(group, layout.QUARANTINE) if array is None else array
        stored = np.frombuffer(json.dumps(held + new, separators=(",", ":")).encode(), dtype=np.uint8)
        array.resize(stored.shape)
        array[:] = stored
    return len(new)


def _add_instruments(group: zarr.Group, instruments: tuple[Instrument, ...]) -> int:
    if not instruments:
        return 0
    array: Any = group.get(layout.REFERENCE)
    held = reference.decode(layout.read_json(array))
    new = [i for i in instruments if held.get(i.id) != i]
    if new:
        stored = reference.encode((held | {i.id: i for i in new}).values())
        array = layout.create_blob(group, layout.REFERENCE) if array is None else array
        array.resize(stored.shape)
        array[:] = stored
    return len(new)


def _add_vintages(group: zarr.Group, symbols: list[str], batch: Batch) -> int:
    """Add published figures that are not stored yet; the same one said otherwise takes its place."""
    if batch.vintages is None:
        return 0
    array: Any = group.get(VINTAGES)
    array = layout.create_table(group, VINTAGES, COLUMNS) if array is None else array
    held = np.asarray(array[:])
    place = {s: i for i, s in enumerate(symbols)}
    where = np.array([place[s] for s in batch.symbols], dtype=np.int64)
    new = replace(batch.vintages, instrument=where[batch.vintages.instrument]).encode()
    known = {tuple(c[:3]): c[3] for c in held.T}
    count = sum(bool(known.get(tuple(c[:3])) != c[3]) for c in new.T)
    if count:
        known.update({tuple(c[:3]): c[3] for c in new.T})
        stored = np.array([(*k, v) for k, v in sorted(known.items())]).T
        array.resize(stored.shape)
        array[:] = stored
    return count


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
        if np.isnan(column[3]):
            count += rows.pop(key, None) is not None
        elif key not in rows or not np.array_equal(rows[key], column, equal_nan=True):
            rows[key] = column
            count += 1
    if count:
        stored = np.stack([rows[k] for k in sorted(rows)], axis=1) if rows else np.empty((len(held), 0))
        array.resize(stored.shape)
        array[:] = stored
    return count
