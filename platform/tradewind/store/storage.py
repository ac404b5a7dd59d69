"""From a root and a name to Icechunk's storage, on disk, S3 or in memory; listing and size."""

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import icechunk

from tradewind.errors import UnavailableError
from tradewind.store.roots import Root
from tradewind.store.spec import check_name

CHUNK_CACHE_BYTES = 64 << 20
if "ICECHUNK_LOG" not in os.environ:
    icechunk.set_logs_filter("error")  # it warns on every local open that commits need the lock we hold below
_memory: dict[tuple[str, str], icechunk.Storage] = {}
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


def config() -> icechunk.RepositoryConfig:
    """Return the configuration every repository is opened with."""
    return icechunk.RepositoryConfig(
        caching=icechunk.CachingConfig(num_bytes_chunks=CHUNK_CACHE_BYTES),
        storage=icechunk.StorageSettings(
            retries=icechunk.StorageRetriesSettings(max_tries=5, initial_backoff_ms=100, max_backoff_ms=2_000)
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


def names(root: Root) -> list[str]:
    """Return the names of the datasets in a root, sorted."""
    if root.scheme == "file":
        return root.folder_names()
    if root.scheme == "memory":
        with memory_lock:
            return sorted(name for url, name in _memory if url == root.url)
    from botocore.exceptions import BotoCoreError

    files = s3_files(root)
    base = f"{root.bucket}/{root.key_prefix}".rstrip("/")
    try:
        found = files.ls(base, detail=False, refresh=True)
    except FileNotFoundError:
        return []
    except (OSError, BotoCoreError) as problem:
        raise UnavailableError(f"The store at {root.url} does not answer: {problem}") from problem
    return sorted(n for n in (str(p).rsplit("/", 1)[-1] for p in found) if n and not n.startswith("."))


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
            "connect_timeout": 5,
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
