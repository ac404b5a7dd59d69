"""A read fetches the chunks its selection touches, each once, and nothing else; on disk and elsewhere."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from icechunk import IcechunkStore
from makers import batch, spec
from tradewind.store import layout, merging
from tradewind.store.repository import Store
from tradewind.store.writing import write
from zarr.core.sync import sync

_opened: Counter[str] = Counter()
_watched: list[str] = []


def _notice(event: str, arguments: tuple) -> None:
    """Python's own account of every file it opens."""
    if (
        event == "open"
        and _watched
        and isinstance(arguments[0], str)
        and arguments[0].startswith(_watched[0])
    ):
        _opened[arguments[0].rsplit("/", 1)[1]] += 1


sys.addaudithook(_notice)  # stays for good, and does nothing while nothing is watched


class Fetches:
    """Counts chunks of fields: from their files, or out of Icechunk's store."""

    def __init__(self, folder: Path | None, seen: Counter[str]) -> None:
        self._files: dict[str, str] = {}
        self._seen = seen
        if folder is not None:
            _watched[:] = [str(folder / "prices" / "chunks")]
            _opened.clear()
            self._files = sync(self._names(Store(f"file://{folder}")))

    @staticmethod
    async def _names(store: Store) -> dict[str, str]:
        source = store.repository("prices").readonly_session("main").store
        return {
            name: f"{field}/c/{i}/{j}"
            for field in ("close", "open")
            async for coords, _, names, *_ in source.array_chunk_iterator(field)
            for (i, j), name in zip(coords.tolist(), names, strict=True)
        }

    @property
    def chunks(self) -> dict[str, int]:
        """How often each was fetched."""
        if not self._files:
            return dict(self._seen)
        return {self._files[name]: count for name, count in _opened.items()}


@pytest.fixture(params=["disk", "memory"])
def fetches(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetches]:
    """A dataset of 6 × 2000 values in chunks of 2 × 500, each of 1 × 250 parts."""
    url = f"file://{tmp_path}" if request.param == "disk" else f"memory://{tmp_path}"
    monkeypatch.setenv("TRADEWIND_STORE_URL", url)
    seen: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        patch.setattr(merging.layout, "chunks_for", lambda *_: layout.Chunks(2, 500, (1, 250)))
        values = np.random.default_rng(5).uniform(1, 2, (6, 2000))  # too many digits to be stored inline
        write(Store(url), spec(), batch("ABCDEF", range(2000), close=values, open=values))
    real = IcechunkStore.get

    async def counting(self, key, prototype, byte_range=None):
        if "/c/" in key and key.split("/")[0] in ("close", "open"):
            seen[key] += 1
        return await real(self, key, prototype, byte_range)

    monkeypatch.setattr(IcechunkStore, "get", counting)
    yield Fetches(tmp_path if request.param == "disk" else None, seen)
    _watched.clear()


SELECTIONS = [
    ({"symbols": "C"}, {f"close/c/1/{j}" for j in range(4)}),
    ({"start": "2021-06-15", "end": "2021-06-15"}, {f"close/c/{i}/1" for i in range(3)}),
    ({"symbols": ["F", "A"], "end": "2021-06-15"}, {f"close/c/{i}/{j}" for i in (0, 2) for j in (0, 1)}),
    ({}, {f"close/c/{i}/{j}" for i in range(3) for j in range(4)}),
]


@pytest.mark.parametrize(("select", "chunks"), SELECTIONS)
def test_only_what_is_selected_is_fetched_and_once(fetches: Fetches, select: dict, chunks: set[str]):
    opened = tw.open("prices", fields="close", **select)
    assert not fetches.chunks
    opened["close"].to_numpy()
    assert fetches.chunks == dict.fromkeys(chunks, 1)


def test_dask_chunks_along_the_stored_ones_fetch_each_once(fetches: Fetches):
    opened = tw.open("prices")["close"]
    chunked = opened.chunk({"symbol": 2, "time": 500})
    total = float(chunked.sum().compute(scheduler="synchronous"))
    assert fetches.chunks == {f"close/c/{i}/{j}": 1 for i in range(3) for j in range(4)}
    assert total == pytest.approx(float(opened.sum()))


def test_a_chunk_file_that_is_gone_is_an_error_not_missing_values(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TRADEWIND_STORE_URL", f"file://{tmp_path}")
    values = np.random.default_rng(5).uniform(1, 2, (6, 2000))
    write(Store(f"file://{tmp_path}"), spec(), batch("ABCDEF", range(2000), close=values))
    for file in (tmp_path / "prices" / "chunks").iterdir():
        file.unlink()
    with pytest.raises(Exception, match="object not found"):
        tw.open("prices")["close"].to_numpy()
