"""From a root and a name to Icechunk's storage, on disk, S3 or in memory; listing and size."""

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import icechunk

from tradewind.errors import UnavailableError
from tradewind.store.roots import DELETED, Root
from tradewind.store.spec import check_name

CHUNK_CACHE_BYTES = 64 << 20
if "ICECHUNK_LOG" not in os.environ:
    icechunk.set_logs_filter("error")  # it warns on every local open that commits need the lock we hold below
_memory: dict[tuple[str, str], icechunk.Storage] = {}
_hidden: set[tuple[str, str]] = set()
memory_lock = threading.RLock()


def storage_of(root: Root, name: str) -> icechunk.Storage:
    """Return the storage of one dataset.

    Parameters
    ----------
    root
        Where datasets live.
    name
        The dataset's name in that root.
    """
    check_name(name)
    if root.scheme == "file":
        return icechunk.local_filesystem_storage(str(root.folder / name))
    if root.scheme == "memory":
        with memory_lock:
            return _memory.setdefault((root.url, name), icechunk.in_memory_storage())
    s3 = root.s3
    return icechunk.s3_storage(
        bucket=root.bucket,
        prefix=f"{root.key_prefix}/{name}".strip("/"),
        region=s3.region,
        endpoint_url=s3.endpoint or None,
        allow_http=s3.endpoint.startswith("http://"),
        access_key_id=s3.access_key or None,
        secret_access_key=s3.secret_key or None,
        from_env=None if s3.access_key else True,
        force_path_style=s3.path_style,
    )


def folder_of(root: Root, name: str) -> Path | None:
    """Return the folder of a dataset's repository, or None where it has none."""
    return root.folder / name if root.scheme == "file" else None


CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
"""After this a request to an object store that was not answered is asked again: Icechunk would wait for ever
for a server, or a network, that has lost it."""
_NO_PRELOAD = icechunk.ManifestPreloadConfig(
    max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false()
)
"""Icechunk would fetch the axes' manifests with every session, which come along in another way."""


def config() -> icechunk.RepositoryConfig:
    """Return the configuration every repository is opened with."""
    return icechunk.RepositoryConfig(
        caching=icechunk.CachingConfig(num_bytes_chunks=CHUNK_CACHE_BYTES),
        manifest=icechunk.ManifestConfig(preload=_NO_PRELOAD),
        storage=icechunk.StorageSettings(
            retries=icechunk.StorageRetriesSettings(
                max_tries=5, initial_backoff_ms=100, max_backoff_ms=2_000
            ),
            timeouts=icechunk.StorageTimeoutSettings(
                connect_timeout_ms=CONNECT_SECONDS * 1_000, read_timeout_ms=ANSWER_SECONDS * 1_000
            ),
        ),
    )


@lru_cache(maxsize=64)
def _opened(root: Root, name: str, _identity: int) -> icechunk.Repository:
    return icechunk.Repository.open(storage_of(root, name), config=config())


def open_repository(root: Root, name: str) -> icechunk.Repository:
    """Open a dataset's repository; handles are shared in this process, so that their caches stay warm.

    Raises
    ------
    icechunk.RepositoryNotFoundError
        There is none.
    """
    identity = 0
    if root.scheme == "file":
        try:
            identity = (root.folder / name).stat().st_ino
        except OSError:
            raise icechunk.RepositoryNotFoundError(f"no folder {root.folder / name}") from None
    return _opened(root, name, identity)


def names(root: Root, *, deleted: bool = False) -> list[str]:
    """Return the names of the datasets in a root, sorted.

    Parameters
    ----------
    root
        Where datasets live.
    deleted
        Whether to name those too that are deleted and not purged yet.
    """
    if root.scheme == "file":
        return root.folder_names(deleted=deleted)
    if root.scheme == "memory":
        with memory_lock:
            held = {name for url, name in _memory if url == root.url}
            return sorted(held if deleted else held - {n for url, n in _hidden if url == root.url})
    found = set(_listed(root, ""))
    return sorted(found if deleted else found - set(_listed(root, DELETED)))


def _listed(root: Root, below: str) -> list[str]:
    from botocore.exceptions import BotoCoreError

    base = f"{root.bucket}/{root.key_prefix}".rstrip("/")
    try:
        found = s3_files(root).ls(f"{base}/{below}".rstrip("/"), detail=False, refresh=True)
    except FileNotFoundError:
        return []
    except (OSError, BotoCoreError) as problem:
        if below and isinstance(problem, PermissionError):
            return []  # a sandbox may not look there; it is told of no deleted ones in the first place
        raise UnavailableError(f"The store at {root.url} does not answer: {problem}") from problem
    return [n for n in (str(p).rsplit("/", 1)[-1] for p in found) if n and not n.startswith(".")]


def hide(root: Root, name: str, *, hidden: bool) -> None:
    """Leave a dataset out of listings, or show it again.

    Parameters
    ----------
    root, name
        The dataset.
    hidden
        Whether it is to be left out.
    """
    check_name(name)
    if root.scheme == "memory":
        with memory_lock:
            (_hidden.add if hidden else _hidden.discard)((root.url, name))
        return
    if root.scheme == "file":
        mark = root.folder / DELETED / name
        if hidden:
            mark.parent.mkdir(mode=0o700, exist_ok=True)
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
        return
    key = f"{root.bucket}/{root.key_prefix}".rstrip("/") + f"/{DELETED}/{name}"
    files = s3_files(root)
    if hidden:
        files.pipe_file(key, b"")
    elif files.exists(key):
        files.rm_file(key)


def s3_files(root: Root) -> Any:
    """Return a file system that sees the objects of an S3 root."""
    import s3fs

    return s3fs.S3FileSystem(
        key=root.s3.access_key or None,
        secret=root.s3.secret_key or None,
        endpoint_url=root.s3.endpoint or None,
        client_kwargs={"region_name": root.s3.region},
        config_kwargs={
            "s3": {"addressing_style": "path" if root.s3.path_style else "auto"},
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "retries": {"max_attempts": 2},
        },
    )


def reason(problem: Exception) -> str:
    """Return the cause of an Icechunk error without its stack."""
    lines = [line.strip(" |-`>x") for line in str(problem).splitlines() if line.strip(" |-`>x")]
    return lines[0] if lines else type(problem).__name__


def size(root: Root, name: str) -> int:
    """Return the bytes a dataset takes on disk, all snapshots together; 0 where that would cost a listing."""
    if root.scheme != "file":
        return 0
    total = 0
    for folder, _, files in os.walk(root.folder / name):
        for file in files:
            try:
                total += (Path(folder) / file).stat().st_size
            except OSError:
                continue
    return total
