"""Which commit a reader means: by time, id or tag; and the list of commits."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import icechunk
import numpy as np

from tradewind.errors import InvalidInputError, SnapshotNotFoundError, did_you_mean
from tradewind.store import heads
from tradewind.store.moments import moment

AsOf = str | date | datetime | np.datetime64 | None
BRANCH = "main"
KEEP = "keep-"
"""Begins the tags that hold what run cards name; they are not shown."""
_ID_LENGTH = 20
_ALPHABET = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit of a dataset.

    Times are in UTC. ``rows_added`` and ``rows_changed`` count bars (a symbol at a time).
    """

    snapshot: str
    time: datetime
    message: str
    author: str
    rows_added: int
    rows_changed: int
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, Any], ...] = ()


def commits(repository: icechunk.Repository) -> list[Commit]:
    """Return all commits, newest first, without the empty one every repository begins with."""
    tags: dict[str, list[str]] = {}
    for tag in sorted(repository.list_tags()):
        if tag.startswith(KEEP):
            continue
        tags.setdefault(repository.lookup_tag(tag), []).append(tag)
    return [_commit(s, tags) for s in repository.ancestry(branch=BRANCH) if s.parent_id is not None]


def _commit(info: icechunk.SnapshotInfo, tags: dict[str, list[str]]) -> Commit:
    data = dict(info.metadata)
    data.pop(heads.MARK, None)  # how it is stored, nobody's concern
    return Commit(
        snapshot=info.id,
        time=info.written_at.astimezone(UTC),
        message=info.message,
        author=str(data.pop("author", "")),
        rows_added=int(data.pop("rows_added", 0)),
        rows_changed=int(data.pop("rows_changed", 0)),
        tags=tuple(sorted(tags.get(info.id, ()))),
        metadata=tuple(sorted(data.items())),
    )


def resolve(repository: icechunk.Repository, name: str, as_of: AsOf) -> str:
    """Return the snapshot id that a reader means.

    Parameters
    ----------
    repository
        The dataset's repository.
    name
        The dataset's name, for messages.
    as_of
        A tag, a snapshot id or its beginning (8 characters at least), a time (the last commit at or before
        it; a bare date means the end of that day in UTC), or None for the newest.

    Raises
    ------
    SnapshotNotFoundError
        No commit answers to it.
    """
    if as_of is None:
        return repository.lookup_branch(BRANCH)
    if isinstance(as_of, str):
        tags = repository.list_tags()
        if as_of in tags:
            return repository.lookup_tag(as_of)
        if _looks_like_id(as_of):
            return _by_id(repository, name, as_of)
        try:
            when = moment(as_of, end=True)
        except InvalidInputError:
            raise SnapshotNotFoundError(
                f"{name!r} has no tag, snapshot or time {as_of!r}.",
                f"Give a date, a snapshot id or a tag. {did_you_mean(as_of, tags) if tags else ''}".strip(),
            ) from None
    else:
        when = moment(as_of, end=True)
    return _by_time(repository, name, when)


def _looks_like_id(text: str) -> bool:
    return 8 <= len(text) <= _ID_LENGTH and set(text.upper()) <= _ALPHABET


def _by_id(repository: icechunk.Repository, name: str, text: str) -> str:
    tagged = {repository.lookup_tag(t) for t in repository.list_tags()}
    listed = list(dict.fromkeys([*(c.snapshot for c in commits(repository)), *sorted(tagged)]))
    hits = [s for s in listed if s.startswith(text.upper())]
    if len(hits) == 1:
        return hits[0]
    raise SnapshotNotFoundError(
        f"{len(hits)} snapshots of {name!r} begin with {text!r}."
        if hits
        else f"{name!r} has no snapshot {text!r}.",
        did_you_mean(text, listed),
    )


def _by_time(repository: icechunk.Repository, name: str, when: np.datetime64) -> str:
    listed = commits(repository)
    for commit in listed:
        if np.datetime64(commit.time.replace(tzinfo=None), "ns") <= when:
            return commit.snapshot
    first = f"{listed[-1].time:%Y-%m-%dT%H:%M:%S}Z ({listed[-1].snapshot})" if listed else "none yet"
    raise SnapshotNotFoundError(
        f"{name!r} held nothing at {when.astype('M8[s]')}Z.", f"Its first commit is {first}."
    )
