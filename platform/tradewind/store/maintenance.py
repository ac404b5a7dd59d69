"""Looking after datasets: tags, verify, compact, expire, collect garbage."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icechunk
import numpy as np

from tradewind.errors import ConflictError, InvalidInputError, TradewindError
from tradewind.provenance.card import RunCard
from tradewind.store import heads, layout, storage
from tradewind.store.block_writing import write_block
from tradewind.store.blocks import Blocks
from tradewind.store.locks import commit_lock
from tradewind.store.repository import Snapshot, Store
from tradewind.store.snapshots import BRANCH, KEEP, AsOf, resolve

Progress = Callable[[str], None]
GRACE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a check of one snapshot found; ``problems`` is empty where all is well."""

    dataset: str
    snapshot: str
    arrays: int
    values: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Expired:
    """Which snapshots an expiry releases; nothing was done where ``dry_run``."""

    dataset: str
    snapshots: tuple[str, ...]
    dry_run: bool


def tag(store: Store, name: str, label: str, as_of: AsOf = None) -> str:
    """Give a snapshot a name that never moves; return the snapshot's id.

    Parameters
    ----------
    store, name
        The dataset.
    label
        Letters, digits, ``.``, ``_`` and ``-``.
    as_of
        Which snapshot; the newest by default.

    Raises
    ------
    ConflictError
        The tag exists, or existed once, on another snapshot.
    """
    if not label or label.startswith(KEEP) or not all(c.isalnum() or c in "._-" for c in label):
        raise InvalidInputError(f"{label!r} cannot be a tag.", "Use letters, digits, '.', '_' and '-'.")
    repository = store.repository(name)
    snapshot = resolve(repository, name, as_of)
    if label in repository.list_tags():
        held = repository.lookup_tag(label)
        if held == snapshot:
            return snapshot
        raise ConflictError(
            f"Tag {label!r} of {name!r} names {held}.", "Tags never move; choose another name."
        )
    with commit_lock(store.root, name.removeprefix(store.root.prefix)):
        try:
            repository.create_tag(label, snapshot)
        except icechunk.IcechunkError as problem:
            raise ConflictError(
                f"Tag {label!r} of {name!r} cannot be made again.", "Tags never move; choose another name."
            ) from problem
    return snapshot


def verify(store: Store, name: str, *, as_of: AsOf = None, progress: Progress | None = None) -> Verified:
    """Read every chunk of a snapshot, checksums included, and check what must always hold.

    Parameters
    ----------
    store, name
        The dataset.
    as_of
        Which snapshot; the newest by default.
    progress
        Called with the name of each array.
    """
    view = store.snapshot(name, as_of, fresh=True)
    problems: list[str] = []
    values = 0
    shape = (len(view.symbols), len(view.times))
    if len(set(view.symbols.tolist())) != shape[0]:
        problems.append("a symbol occurs twice")
    if (np.diff(view.times.astype(np.int64)) <= 0).any():
        problems.append("times do not increase")
    if len(view.actions) and (view.actions.instrument >= shape[0]).any():
        problems.append("an action belongs to no symbol")
    for field in view.fields:
        if progress:
            progress(field)
        array = view.blocks(field)
        rows = layout.chunks_of(view.array(field)).symbols
        if array.shape != shape:
            problems.append(f"{field} is {array.shape}, the axes are {shape}")
        try:
            for start in range(0, shape[0], rows):
                values += int(np.isfinite(array.read((slice(start, start + rows), slice(None)))).sum())
        except (TradewindError, icechunk.IcechunkError, ValueError, RuntimeError, OSError) as problem:
            problems.append(f"{field} cannot be read: {str(problem).splitlines()[0]}")
    return Verified(
        dataset=name, snapshot=view.id, arrays=len(view.fields), values=values, problems=tuple(problems)
    )


def compact(
    store: Store,
    name: str,
    *,
    chunks: layout.Chunks | None = None,
    progress: Progress | None = None,
) -> str:
    """Rewrite a dataset's newest snapshot in another chunk shape, or its best one; readers notice nothing.

    The rewrite is one commit on top of the history, checked against the old arrays before it is made.

    Parameters
    ----------
    store, name
        The dataset.
    chunks
        The wanted shape; by default the measured one for its size and frequency.
    progress
        Called with the name of each array.

    Returns
    -------
    str
        The snapshot's id.

    Raises
    ------
    ConflictError
        Somebody else committed meanwhile; nothing was changed.
    """
    repository = store.repository(name)
    bare = name.removeprefix(store.root.prefix)
    with commit_lock(store.root, bare):
        session = repository.writable_session(BRANCH)
        folder = storage.folder_of(store.root, bare)
        view = Snapshot(name, session.snapshot_id, session.store, folder)
        wanted = chunks or layout.chunks_for(view.spec.frequency, len(view.symbols))
        for field in view.fields:
            if progress:
                progress(field)
            _rewrite(view, field, wanted)
        heads.keep(view.group, layout.encode_time(view.times, view.spec.frequency), view.symbols.tolist())
        facts = {
            "author": "maintenance",
            "chunks": [wanted.symbols, wanted.times],
            heads.MARK: heads.VERSION,
        }
        try:
            return session.commit(f"Compacted to {wanted.symbols} × {wanted.times}", metadata=facts)
        except icechunk.ConflictError as problem:
            raise ConflictError(f"{name!r} was written while it was compacted.", "Try again.") from problem


def _rewrite(view: Snapshot, field: str, wanted: layout.Chunks) -> None:
    everything = (slice(None), slice(None))
    values = view.blocks(field).read(everything)
    del view.group[field]
    layout.create_field(view.group, field, (values.shape[0], values.shape[1]), wanted)
    new: Any = view.group[field]
    write_block(new, *everything, values, view.folder)
    if Blocks(new, view.folder).read(everything).tobytes() != values.tobytes():
        raise TradewindError(f"{field} of {view.name!r} would have changed in the rewrite; nothing was done.")


def pinned(runs: Path) -> dict[str, set[str]]:
    """Return the snapshots that run cards name, by dataset.

    Parameters
    ----------
    runs
        The folder of the runs.
    """
    found: dict[str, set[str]] = {}
    for path in runs.glob("*/**/run.json"):
        try:
            card = RunCard.load(path)
        except (OSError, ValueError, TypeError, AttributeError):
            continue
        for read in card.datasets:
            found.setdefault(read["dataset"], set()).add(read["snapshot"])
    return found


def expire(
    store: Store,
    name: str,
    older_than: datetime,
    *,
    keep: Iterable[str] = (),
    dry_run: bool = False,
) -> Expired:
    """Forget snapshots of long ago, but none that a tag or a run card names.

    What a reader would have got at ``older_than`` or later stays exact: the commit that was the newest at
    that time is kept. Asking for an earlier time raises afterwards. ``collect_garbage`` frees the space.

    Parameters
    ----------
    store, name
        The dataset.
    older_than
        With a time zone.
    keep
        Snapshots that must stay, as ``pinned`` returns them.
    dry_run
        Only say what would be released.
    """
    if older_than.tzinfo is None:
        raise InvalidInputError("older_than has no time zone.", "Give an aware datetime.")
    repository = store.repository(name)
    commits = store.history(name)
    before = [c for c in commits if c.time <= older_than]
    if not before:
        return Expired(dataset=name, snapshots=(), dry_run=dry_run)
    boundary = before[0]
    tagged = {c.snapshot for c in commits if c.tags}
    wanted = set(keep)
    released = tuple(c.snapshot for c in before[1:] if c.snapshot not in tagged | wanted)
    if dry_run or not released:
        return Expired(dataset=name, snapshots=released, dry_run=dry_run)
    with commit_lock(store.root, name.removeprefix(store.root.prefix)):
        held = repository.list_tags()
        for snapshot in wanted & {c.snapshot for c in before[1:]}:
            if KEEP + snapshot not in held:
                repository.create_tag(KEEP + snapshot, snapshot)
        gone = repository.expire_snapshots(boundary.time.astimezone(UTC))
    return Expired(dataset=name, snapshots=tuple(sorted(gone)), dry_run=False)


def collect_garbage(
    store: Store, name: str, *, older_than: datetime | None = None, dry_run: bool = False
) -> dict[str, Any]:
    """Delete objects that no snapshot needs any more.

    Writers are shut out on a local disk. On S3 a write that began before ``older_than`` and has not committed
    yet would lose its objects: the bound is a day ago by default, and may not be later than an hour ago.

    Parameters
    ----------
    store, name
        The dataset.
    older_than
        Objects written later stay.
    dry_run
        Only count.

    Returns
    -------
    dict
        Counts of deleted objects and bytes.
    """
    bound = older_than or datetime.now(UTC) - GRACE
    if store.root.scheme == "s3" and bound > datetime.now(UTC) - timedelta(hours=1):
        raise InvalidInputError("Garbage younger than an hour may be a write under way.")
    with commit_lock(store.root, name.removeprefix(store.root.prefix)):
        done = store.repository(name).garbage_collect(bound, dry_run=dry_run)
    names = ("bytes_deleted", "chunks_deleted", "manifests_deleted", "snapshots_deleted")
    return {n: getattr(done, n) for n in names}
