"""A root with its datasets, and one dataset at one snapshot."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import zarr
from zarr.api.asynchronous import open_group
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from tradewind.errors import DatasetNotFoundError, InvalidInputError, UnavailableError, did_you_mean
from tradewind.store import heads, layout, reference, storage
from tradewind.store.actions import ActionTable
from tradewind.store.blocks import Blocks
from tradewind.store.catalog import DatasetInfo
from tradewind.store.reference import Instrument, Tickers
from tradewind.store.roots import Root, s3_options
from tradewind.store.snapshots import AsOf, Commit, commits, resolve
from tradewind.store.spec import KEY, DatasetSpec
from tradewind.store.vintages import COLUMNS, VINTAGES, VintageTable
from tradewind.vocabulary import SYMBOL, TIME

DELETED_AT = "tradewind_deleted_at"
"""In a repository's own metadata: since when it is hidden."""


class Store:
    """All datasets below one root.

    Parameters
    ----------
    url
        ``file:///folder``, ``s3://bucket/prefix`` or ``memory://name``, or a ready ``Root``.
    """

    def __init__(self, url: str | Root) -> None:
        self.root = url if isinstance(url, Root) else Root(url, s3_options())

    def __repr__(self) -> str:
        return f"Store({self.root.url!r})"

    def datasets(self) -> list[str]:
        """Return the names of all datasets, sorted."""
        return [self.root.prefix + name for name in storage.names(self.root)]

    def repository(self, name: str) -> icechunk.Repository:
        """Open a dataset's repository.

        Raises
        ------
        DatasetNotFoundError
            There is none of that name.
        """
        bare = name.removeprefix(self.root.prefix)
        try:
            repository = storage.open_repository(self.root, bare)
            if DELETED_AT in repository.get_metadata():
                raise self._missing(name)
            return repository
        except (icechunk.RepositoryNotFoundError, InvalidInputError):
            raise self._missing(name) from None
        except icechunk.IcechunkError as problem:
            raise UnavailableError(
                f"Dataset {name!r} cannot be opened: {storage.reason(problem)}", "Is the store reachable?"
            ) from problem

    def _missing(self, name: str) -> DatasetNotFoundError:
        return DatasetNotFoundError(
            f"There is no dataset {name!r}.", did_you_mean(name, [n for n in self.datasets() if n != name])
        )

    def snapshot(self, name: str, as_of: AsOf = None, *, fresh: bool = False) -> "Snapshot":
        """Open a dataset at a snapshot.

        Parameters
        ----------
        name
            The dataset's name.
        as_of
            Tag, snapshot id or time; None for the newest.
        fresh
            Whether to go to the stored bytes, past what this process has cached.
        """
        repository = self.repository(name)
        found = resolve(repository, name, as_of)
        bare = name.removeprefix(self.root.prefix)
        folder = storage.folder_of(self.root, bare)
        try:
            if fresh:
                repository = icechunk.Repository.open(storage.storage_of(self.root, bare))
                return Snapshot.read(repository, name, found, folder)
            return _held(repository, name, found, folder)
        except FileNotFoundError:  # made, but its first commit never came
            raise self._missing(name) from None

    def history(self, name: str) -> list[Commit]:
        """Return a dataset's commits, newest first."""
        return commits(self.repository(name))

    def info(self, name: str, as_of: AsOf = None) -> DatasetInfo:
        """Describe a dataset as the catalog shows it.

        Parameters
        ----------
        name
            The dataset's name.
        as_of
            Tag, snapshot id or time; None for the newest.
        """
        view = self.snapshot(name, as_of)
        spec = view.spec
        written = self.repository(name).lookup_snapshot(view.id).written_at
        times = view.times
        return DatasetInfo(
            name=name,
            description=spec.description,
            frequency=spec.frequency,
            calendar=spec.calendar,
            start=times[0] if times.size else np.datetime64("NaT"),
            end=times[-1] if times.size else np.datetime64("NaT"),
            symbols=len(view.symbols),
            fields=view.fields,
            licence=spec.licence,
            source=spec.source,
            adjustments=spec.adjustments or str(spec.basis),
            snapshot=view.id,
            snapshot_time=written,
            bytes=storage.size(self.root, name.removeprefix(self.root.prefix)),
            owner=spec.owner,
        )


@dataclass(frozen=True)
class Snapshot:
    """One dataset at one commit.

    Parameters
    ----------
    name
        The public name.
    id
        The snapshot's id.
    store
        The session's store.
    folder
        The repository's folder, or None where it has none.
    """

    name: str
    id: str
    store: icechunk.IcechunkStore
    folder: Path | None = None

    @classmethod
    def read(
        cls, repository: icechunk.Repository, name: str, snapshot: str, folder: Path | None = None
    ) -> "Snapshot":
        """Open a snapshot of a repository, with what every reader needs of it.

        Raises
        ------
        FileNotFoundError
            It holds nothing yet.
        """
        packed = repository.lookup_snapshot(snapshot).metadata.get(heads.MARK) == heads.VERSION
        view = cls(name, snapshot, repository.readonly_session(snapshot_id=snapshot).store, folder)
        document = sync(_document(view.store, ""))
        if document is None:
            raise FileNotFoundError(f"Nothing was committed to {name!r} yet.")
        attributes: dict[str, Any] = document.get("attributes", {})
        view.__dict__["attributes"] = attributes
        view._values.update(heads.unpack(attributes.get(heads.ATTRIBUTE)) if packed else {})
        missing = [n for n in heads.FIRST if n not in view._values]
        if missing:
            view._values.update(sync(_read_all(view.store, missing)))
        return view

    @cached_property
    def group(self) -> "zarr.Group":
        """The root group, writable in a writable session."""
        return zarr.open_group(self.store, mode="r" if self.store.read_only else "r+")

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The root group's attributes."""
        return self.group.attrs

    @cached_property
    def spec(self) -> DatasetSpec:
        """The dataset's own description."""
        values: Any = self.attributes.get(KEY)
        if not isinstance(values, dict):
            raise UnavailableError(f"{self.name!r} is no Tradewind dataset.", "It holds no description.")
        return DatasetSpec.from_attributes({**values, "name": self.name.rsplit("/", 1)[-1]})

    def array(self, name: str) -> "zarr.Array[Any]":
        """Return one stored array."""
        found = self._arrays.get(name)
        if found is None:
            stored = self.group[name]
            if not isinstance(stored, zarr.Array):
                raise UnavailableError(f"{name!r} of {self.name!r} is not an array.")
            found = self._arrays[name] = stored
        return found

    def blocks(self, name: str) -> Blocks:
        """Return one field, to be read in blocks."""
        found = self._blocks.get(name)
        if found is None:
            document = sync(_document(self.store, name))
            quick = None if document is None else Blocks.stored(self.store, name, document, self.folder)
            found = self._blocks[name] = quick or Blocks(self.array(name), self.folder)
        return found

    @cached_property
    def _blocks(self) -> dict[str, Blocks]:
        return {}

    @cached_property
    def _values(self) -> dict[str, np.ndarray]:
        """Small arrays that came along when the snapshot was opened."""
        return {}

    def _small(self, name: str) -> np.ndarray:
        found = self._values.get(name)
        return np.asarray(self.array(name)[:]) if found is None else found

    @cached_property
    def _arrays(self) -> "dict[str, zarr.Array[Any]]":
        return {}

    @cached_property
    def times(self) -> np.ndarray:
        """The time axis, ``datetime64[ns]``."""
        return layout.decode_time(self._small(TIME), self.spec.frequency)

    @cached_property
    def symbols(self) -> np.ndarray:
        """The symbol axis, as objects."""
        return self._small(SYMBOL).astype(object)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, in the order they were created."""
        stored: Any = self.attributes.get("fields", [])
        return tuple(str(f) for f in stored)

    @cached_property
    def reference(self) -> dict[str, Instrument]:
        """Reference data of the instruments, by id; empty where the symbols are plain tickers."""
        stored: Any = self._values.get(layout.REFERENCE)
        if stored is None:
            stored = self.group.get(layout.REFERENCE)
        return reference.decode(layout.read_json(stored))

    @cached_property
    def quarantine(self) -> list[dict[str, Any]]:
        """Rows that the quality gate kept aside: symbol, time, check, values."""
        return layout.read_json(self.group.get(layout.QUARANTINE))

    @cached_property
    def tickers(self) -> Tickers:
        """The translation between stored ids and tickers."""
        return Tickers(self.symbols, self.reference)

    @cached_property
    def vintages(self) -> VintageTable:
        """Everything that was published, of a dataset whose figures are revised."""
        stored = self.array(VINTAGES)[:] if self.spec.vintages else np.empty((COLUMNS, 0))
        return VintageTable.decode(np.asarray(stored))

    @cached_property
    def actions(self) -> ActionTable:
        """The corporate actions."""
        return ActionTable.decode(self._small(layout.ACTIONS))


async def _document(store: icechunk.IcechunkStore, path: str) -> dict[str, Any] | None:
    """Return a node's metadata as stored: it lies in the snapshot, so this waits for nothing."""
    found = await store.get(f"{path}/zarr.json".lstrip("/"), default_buffer_prototype())
    document: dict[str, Any] | None = None if found is None else json.loads(found.to_bytes())
    return document


async def _read_all(store: icechunk.IcechunkStore, names: list[str]) -> dict[str, np.ndarray]:
    """Read arrays all at once, as on S3 each wait costs as much; one that does not exist is empty."""
    root = await open_group(store, mode="r")

    async def one(name: str) -> np.ndarray:
        try:
            array: Any = await root.getitem(name)
        except KeyError:
            return np.empty(0, dtype=np.uint8)
        return np.asarray(await array.getitem(slice(None)))

    return dict(zip(names, await asyncio.gather(*(one(n) for n in names)), strict=True))


@lru_cache(maxsize=64)
def _held(repository: icechunk.Repository, name: str, snapshot: str, folder: Path | None) -> Snapshot:
    """Open a snapshot, or return it again with its axes: snapshots never change."""
    return Snapshot.read(repository, name, snapshot, folder)
