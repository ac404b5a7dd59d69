"""Stored chunks as bytes: from their files where the dataset is a folder, else through Icechunk."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from icechunk import IcechunkStore
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

Place = tuple[int, int]
Use = Callable[[Place, bytes | None], None]
T = TypeVar("T")
AT_ONCE = 64
_NATIVE, _INLINE = 1, 3


class FileSpan:
    """A span of an open file, sliced like the bytes it holds.

    Parameters
    ----------
    file
        Descriptor.
    offset, length
        The span; it ends where the file does.
    """

    def __init__(self, file: int, offset: int, length: int) -> None:
        self._file, self._offset = file, offset
        self._length = max(0, min(length, os.fstat(file).st_size - offset))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._length)
        return os.pread(self._file, max(0, stop - start), self._offset + start)


Stored = bytes | FileSpan


class Chunks:
    """The stored chunks of one array.

    Icechunk spends as much time on a chunk of a local disk as decoding it takes; it is asked where the chunks
    lie, and the files are read directly. On S3 and in memory it delivers them.

    Parameters
    ----------
    store
        An Icechunk session's.
    path
        The array's, in it.
    folder
        The repository's folder, or None where it has none.
    """

    def __init__(self, store: Any, path: str, folder: Path | None) -> None:
        self._store, self._path, self._folder = store, path, folder
        self._files: dict[Place, tuple[str, int, int] | bytes] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_files": None}

    @property
    def local(self) -> bool:
        """Whether ``get`` reads files, at no cost worth overlapping."""
        return self._folder is not None and isinstance(self._store, IcechunkStore)

    def locate(self) -> dict[Place, tuple[str, int, int] | bytes]:
        """Return where each chunk lies: file, offset and length; small ones come along as bytes."""
        if self._files is None:
            self._files = sync(self._locate())
        return self._files

    def get(self, place: Place) -> bytes | None:
        """Return one chunk's bytes; None where it was never written."""
        return self.visit(place, lambda data: None if data is None else data[:])

    def visit(self, place: Place, use: Callable[[Stored | None], T]) -> T:
        """Hand a chunk to ``use``, which takes the slices of it that it needs; only those are read."""
        found = self.locate().get(place)
        if not isinstance(found, tuple):
            return use(found)
        name, offset, length = found
        try:
            file = os.open(f"{self._folder}/chunks/{name}", os.O_RDONLY)
        except FileNotFoundError:
            return use(sync(self._ask(place)))  # Icechunk says what is missing
        try:
            return use(FileSpan(file, offset, length))
        finally:
            os.close(file)

    def all(self, places: Sequence[Place]) -> dict[Place, bytes | None]:
        """Return several chunks' bytes."""
        if self.local:
            return {p: self.get(p) for p in places}
        return dict(zip(places, sync(self._ask_all(places)), strict=True))

    async def _ask_all(self, places: Sequence[Place]) -> list[bytes | None]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(place: Place) -> bytes | None:
            async with slots:
                return await self._ask(place)

        return await asyncio.gather(*(one(p) for p in places))

    def each(self, places: Sequence[Place], use: Use, pool: Executor, lanes: int) -> None:
        """Fetch chunks at once and hand each to ``use`` as it arrives, ``lanes`` of them at a time."""
        sync(self._each(places, use, pool, lanes))

    async def _each(self, places: Sequence[Place], use: Use, pool: Executor, lanes: int) -> None:
        loop = asyncio.get_running_loop()
        fetching, using = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(lanes)

        async def one(place: Place) -> None:
            async with fetching:
                data = await self._ask(place)
                async with using:
                    await loop.run_in_executor(pool, use, place, data)

        done = await asyncio.gather(*(one(p) for p in places), return_exceptions=True)
        for problem in done:
            if isinstance(problem, BaseException):
                raise problem

    async def _ask(self, place: Place) -> bytes | None:
        key = f"{self._path}/c/{place[0]}/{place[1]}"
        found = await self._store.get(key, default_buffer_prototype())
        return None if found is None else found.to_bytes()

    async def _locate(self) -> dict[Place, tuple[str, int, int] | bytes]:
        found: dict[Place, tuple[str, int, int] | bytes] = {}
        store: Any = self._store
        async for coords, kinds, names, offsets, lengths, inlined in store.array_chunk_iterator(self._path):
            places = [(int(i), int(j)) for i, j in coords]
            whole = zip(
                places, np.asarray(kinds).tolist(), names, offsets.tolist(), lengths.tolist(), strict=True
            )
            for row, (place, kind, name, offset, length) in enumerate(whole):
                if kind == _NATIVE:
                    found[place] = (name, offset, length)
                elif kind == _INLINE:
                    found[place] = inlined[row]
                else:
                    raise NotImplementedError(f"Chunk {place} of {self._path} lies outside its repository.")
        return found
