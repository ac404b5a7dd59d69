"""The lock around commits on a local disk."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from tradewind.store.roots import Root
from tradewind.store.storage import memory_lock

LOCKS = ".locks"


@contextmanager
def commit_lock(root: Root, name: str) -> Iterator[None]:
    """Hold a dataset's commit lock.

    Icechunk loses concurrent commits on a local filesystem, which has no conditional writes; on S3 the server
    decides, and nothing is locked here.
    """
    if root.scheme == "file":
        folder = root.folder / LOCKS
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(str(folder / f"{name}.lock")):
            yield
    elif root.scheme == "memory":
        with memory_lock:
            yield
    else:
        yield
