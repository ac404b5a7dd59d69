"""Datasets for a caller: which ones may be read, what they hold, who else may read them."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tradewind import audit
from tradewind.errors import DatasetNotFoundError, TradewindError, did_you_mean
from tradewind.service.context import Context
from tradewind.service.identity import Identity
from tradewind.service.models import Grants
from tradewind.store import Store, access, coverage
from tradewind.store.catalog import DatasetInfo
from tradewind.store.coverage import Coverage, Quality
from tradewind.store.restatements import Restatements, RunRead, restated
from tradewind.store.restatements import reads as run_reads
from tradewind.store.roots import MINE_PREFIX, from_settings
from tradewind.store.snapshots import Commit

SHOWN_ELSEWHERE = frozenset(
    {"name", "description", "source", "licence", "format", "adjustments", "calendar", "frequency", "owner"}
)
"""Attributes that a dataset's page shows by themselves."""


@dataclass(frozen=True)
class Detail:
    """All that a dataset's page shows."""

    info: DatasetInfo
    commits: Sequence[Commit]
    symbols: Sequence[str]
    attributes: dict[str, Any]
    coverage: Coverage
    quality: Quality
    grants: access.Grants
    restated: Restatements

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.info.to_dict(),
            "symbol_names": list(self.symbols),
            "attributes": self.attributes,
            "readers": list(self.grants.readers),
            "writers": list(self.grants.writers),
            "quality": self.quality.to_dict(),
            "restated_runs": len(self.restated),
            "snapshots": [
                {
                    "snapshot": commit.snapshot,
                    "time": commit.time.isoformat(),
                    "message": commit.message,
                    "author": commit.author,
                    "rows_added": commit.rows_added,
                    "rows_changed": commit.rows_changed,
                    "tags": list(commit.tags),
                }
                for commit in self.commits
            ],
        }


class _Known:
    """What was found out about a snapshot stays true: sizes and spans are read once a snapshot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._infos: dict[tuple[str, str], tuple[str, DatasetInfo]] = {}
        self._coverages: dict[tuple[str, str], Coverage] = {}
        self._qualities: dict[tuple[str, str], tuple[str, Quality]] = {}

    def info(self, store: Store, name: str) -> DatasetInfo:
        """Return a dataset's description, read again only after a new commit."""
        newest = store.repository(name).lookup_branch("main")
        key = (store.root.url, name)
        with self._lock:
            held = self._infos.get(key)
        if held and held[0] == newest:
            return held[1]
        info = store.info(name)
        with self._lock:
            self._infos[key] = (newest, info)
        return info

    def coverage(self, store: Store, name: str) -> Coverage:
        """Return which bars a dataset holds, counted again only after a new commit."""
        view = store.snapshot(name)
        key = (store.root.url, name)
        with self._lock:
            held = self._coverages.get(key)
        if held is None or held.snapshot != view.id:
            held = coverage.of(view)
            with self._lock:
                self._coverages[key] = held
        return held

    def quality(self, store: Store, name: str) -> Quality:
        """Return what the quality gate found, looked up again only after a new commit."""
        newest = store.repository(name).lookup_branch("main")
        key = (store.root.url, name)
        with self._lock:
            held = self._qualities.get(key)
        if held is None or held[0] != newest:
            held = (newest, coverage.quality(store, name))
            with self._lock:
                self._qualities[key] = held
        return held[1]


_known = _Known()


def shared_store(here: Context) -> Store:
    """Return the store of shared datasets."""
    return Store(from_settings(here.settings))


def readable(here: Context, identity: Identity) -> list[str]:
    """Return the names of the shared datasets that the caller may read."""
    return access.readable(here.settings, identity.name, identity.groups, identity.admin_account)


def infos(here: Context, identity: Identity) -> tuple[list[DatasetInfo], list[str]]:
    """Describe what the caller may read.

    Returns
    -------
    tuple
        The descriptions, and the names of datasets that cannot be opened.
    """
    store = shared_store(here)
    found, broken = [], []
    for name in readable(here, identity):
        try:
            found.append(_known.info(store, name))
        except DatasetNotFoundError:
            continue  # made, but its first commit never came
        except TradewindError:
            broken.append(name)
    return found, broken


def detail(here: Context, identity: Identity, name: str) -> Detail:
    """Describe one dataset with its history.

    Raises
    ------
    DatasetNotFoundError
        There is none of that name that the caller may read.
    """
    store = _readable_store(here, identity, name)
    view = store.snapshot(name)
    spec = view.spec.to_attributes()
    return Detail(
        info=_known.info(store, name),
        commits=store.history(name),
        symbols=[str(symbol) for symbol in view.symbols],
        attributes={key: value for key, value in spec.items() if key not in SHOWN_ELSEWHERE and value},
        coverage=_known.coverage(store, name),
        quality=_known.quality(store, name),
        grants=access.grants(here.settings, name),
        restated=restated(store, name, reads(here, identity, name)),
    )


def qualities(here: Context, names: Iterable[str]) -> dict[str, Quality]:
    """Return what the quality gate found in some datasets."""
    store = shared_store(here)
    return {name: _known.quality(store, name) for name in names}


def held(here: Context, identity: Identity, name: str) -> Coverage:
    """Return which bars a dataset holds."""
    return _known.coverage(_readable_store(here, identity, name), name)


def corrected(here: Context, identity: Identity, name: str) -> Restatements:
    """Return the caller's runs, an administrator's everybody's, whose data was changed afterwards."""
    return restated(_readable_store(here, identity, name), name, reads(here, identity, name))


def reads(here: Context, identity: Identity, name: str = "") -> list[RunRead]:
    """Return which runs read a dataset at which snapshot: the caller's, an administrator's everybody's.

    A dataset of a user's own is another one in each home, so of those everybody sees their own runs only.
    """
    own = name.startswith(MINE_PREFIX)
    return [
        read
        for read in run_reads(here.settings.paths.runs)
        if (not name or read.dataset == name) and (read.user == identity.name or (identity.admin and not own))
    ]


def _readable_store(here: Context, identity: Identity, name: str) -> Store:
    names = readable(here, identity)
    if name not in names:
        raise DatasetNotFoundError(
            f"There is no dataset {name!r} that you may read.", did_you_mean(name, names)
        )
    return shared_store(here)


def set_grants(here: Context, identity: Identity, name: str, grants: Grants) -> None:
    """Change who may read and write a dataset."""
    if name not in shared_store(here).datasets():
        raise DatasetNotFoundError(
            f"There is no dataset {name!r}.", did_you_mean(name, shared_store(here).datasets())
        )
    access.set_grants(here.settings, name, readers=grants.readers, writers=grants.writers)
    audit.record(
        here.settings,
        identity.name,
        "grants.set",
        name,
        readers=", ".join(grants.readers),
        writers=", ".join(grants.writers),
    )
