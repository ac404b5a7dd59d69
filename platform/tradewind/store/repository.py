"""A root with its datasets, and one dataset at one snapshot."""

import asyncio
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import zarr
from zarr.api.asynchronous import open_group
from zarr.core.sync import sync

from tradewind.errors import DatasetNotFoundError, InvalidInputError, UnavailableError, did_you_mean
from tradewind.store import layout, reference, storage
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
    group
        The root group, read-only.
    folder
        The repository's folder, or None where it has none.
    """

    name: str
    id: str
    group: "zarr.Group"
    folder: Path | None = None

    @classmethod
    def read(
        cls, repository: icechunk.Repository, name: str, snapshot: str, folder: Path | None = None
    ) -> "Snapshot":
        """Open a snapshot of a repository."""
        session = repository.readonly_session(snapshot_id=snapshot)
        root, arrays = sync(_open_all(session.store))
        view = cls(name, snapshot, zarr.Group(root), folder)
        for wanted, (array, values) in arrays.items():
            view._arrays[wanted] = zarr.Array(array)
            view._values[wanted] = values
        return view

    @cached_property
    def spec(self) -> DatasetSpec:
        """The dataset's own description."""
        values: Any = self.group.attrs.get(KEY)
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
            found = self._blocks[name] = Blocks(self.array(name), self.folder)
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
        stored: Any = self.group.attrs.get("fields", [])
        return tuple(str(f) for f in stored)

    @cached_property
    def reference(self) -> dict[str, Instrument]:
        """Reference data of the instruments, by id; empty where the symbols are plain tickers."""
        came_along = bool(self._values)
        stored = self._values.get(layout.REFERENCE) if came_along else self.group.get(layout.REFERENCE)
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


async def _open_all(store: icechunk.IcechunkStore) -> tuple[Any, dict[str, tuple[Any, np.ndarray]]]:
    """Open the root group and what every reader needs of it, all at once: on S3 each wait costs as much."""
    root = await open_group(store, mode="r")

    async def one(name: str) -> tuple[str, tuple[Any, np.ndarray] | None]:
        try:
            array: Any = await root.getitem(name)
        except KeyError:
            return name, None
        return name, (array, np.asarray(await array.getitem(slice(None))))

    found = await asyncio.gather(*(one(n) for n in (TIME, SYMBOL, layout.ACTIONS, layout.REFERENCE)))
    return root, {name: opened for name, opened in found if opened is not None}


@lru_cache(maxsize=64)
def _held(repository: icechunk.Repository, name: str, snapshot: str, folder: Path | None) -> Snapshot:
    """Open a snapshot, or return it again with its axes: snapshots never change."""
    return Snapshot.read(repository, name, snapshot, folder)
