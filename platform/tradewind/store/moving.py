"""Whole datasets: copy with ids and times kept, rename, delete with a grace period."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradewind.errors import ConflictError, InvalidInputError, NotFoundError
from tradewind.store import storage
from tradewind.store.locks import commit_lock
from tradewind.store.repository import DELETED_AT, Store
from tradewind.store.spec import check_name

Progress = Callable[[int, int], None]
ROOT_OBJECT = "repo"
"""The one object of a repository that changes; everything it names is written before it and never changes."""
GRACE = timedelta(days=7)


def copy(
    source: Store, name: str, target: Store, new_name: str = "", *, progress: Progress | None = None
) -> None:
    """Copy a dataset with its history: snapshot ids, commit times and tags stay what they are.

    The objects themselves are copied, the root object first read and last written: a copy taken beside a
    writer is the dataset as it was at one moment.

    Parameters
    ----------
    source, name
        The dataset.
    target, new_name
        Where to, on disk or S3; the same name by default.
    progress
        Called with objects done and objects in all.

    Raises
    ------
    ConflictError
        There is a dataset of that name already.
    """
    bare = name.removeprefix(source.root.prefix)
    new = check_name((new_name or bare).removeprefix(target.root.prefix))
    source.repository(name)
    if new in storage.names(target.root, deleted=True):
        raise ConflictError(
            f"There is a dataset {target.root.prefix + new!r} already.", "Choose another name."
        )
    origin, goal = _objects(source, bare), _objects(target, new)
    head = origin.read(ROOT_OBJECT)
    keys = [k for k in origin.keys() if k != ROOT_OBJECT]  # noqa: SIM118  a method, not a mapping
    with commit_lock(target.root, new):
        for done, key in enumerate(keys):
            if progress:
                progress(done, len(keys))
            goal.write(key, origin.read(key))
        goal.write(ROOT_OBJECT, head)
    if progress:
        progress(len(keys), len(keys))


def rename(store: Store, name: str, new_name: str) -> None:
    """Give a dataset another name; readers of the old one finish undisturbed during the grace period."""
    copy(store, name, store, new_name)
    delete(store, name)


def delete(store: Store, name: str) -> None:
    """Hide a dataset; it can be brought back until ``purge`` removes it for good."""
    repository = store.repository(name)
    with commit_lock(store.root, name.removeprefix(store.root.prefix)):
        repository.update_metadata({DELETED_AT: datetime.now(UTC).isoformat()})
        storage.hide(store.root, name.removeprefix(store.root.prefix), hidden=True)


def undelete(store: Store, name: str) -> None:
    """Bring a deleted dataset back."""
    bare = name.removeprefix(store.root.prefix)
    repository = _deleted(store, name)
    with commit_lock(store.root, bare):
        repository.set_metadata({k: v for k, v in repository.get_metadata().items() if k != DELETED_AT})
        storage.hide(store.root, bare, hidden=False)


def purge(store: Store, name: str, *, grace: timedelta = GRACE) -> bool:
    """Remove a deleted dataset for good, if its grace period is over; say whether it was.

    Parameters
    ----------
    store, name
        A deleted dataset.
    grace
        How long a deleted dataset stays.
    """
    repository = _deleted(store, name)
    since = datetime.fromisoformat(str(repository.get_metadata()[DELETED_AT]))
    if datetime.now(UTC) - since < grace:
        return False
    bare = name.removeprefix(store.root.prefix)
    _objects(store, bare).remove()
    storage.hide(store.root, bare, hidden=False)
    return True


def _deleted(store: Store, name: str) -> Any:
    repository = storage.open_repository(store.root, name.removeprefix(store.root.prefix))
    if DELETED_AT not in repository.get_metadata():
        raise NotFoundError(f"{name!r} is not deleted.")
    return repository


class _Folder:
    """The objects of a dataset on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keys(self) -> Iterator[str]:
        for folder, _, files in os.walk(self._folder):
            for file in files:
                yield str((Path(folder) / file).relative_to(self._folder))

    def read(self, key: str) -> bytes:
        return (self._folder / key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)

    def remove(self) -> None:
        doomed = self._folder.with_name(f".purged-{self._folder.name}-{os.getpid()}")
        self._folder.rename(doomed)
        shutil.rmtree(doomed)


class _Bucket:
    """The objects of a dataset on S3."""

    def __init__(self, store: Store, name: str) -> None:
        self._files = storage.s3_files(store.root)
        self._base = f"{store.root.bucket}/{store.root.key_prefix}".rstrip("/") + f"/{name}"

    def keys(self) -> Iterator[str]:
        for path in self._files.find(self._base, refresh=True):
            yield str(path).removeprefix(self._base + "/")

    def read(self, key: str) -> bytes:
        data: bytes = self._files.cat_file(f"{self._base}/{key}")
        return data

    def write(self, key: str, data: bytes) -> None:
        self._files.pipe_file(f"{self._base}/{key}", data)

    def remove(self) -> None:
        self._files.rm(f"{self._base}/{ROOT_OBJECT}")
        self._files.rm(self._base, recursive=True)


def _objects(store: Store, name: str) -> _Folder | _Bucket:
    if store.root.scheme == "file":
        return _Folder(store.root.folder / name)
    if store.root.scheme == "s3":
        return _Bucket(store, name)
    raise InvalidInputError("Datasets in memory are not copied.", "Ingest them into a store on disk or S3.")
