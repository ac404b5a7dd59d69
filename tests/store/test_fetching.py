"""A read fetches the chunks its selection touches, each once, and nothing else."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from icechunk import IcechunkStore
from makers import batch, spec
from tradewind.store import layout, merging
from tradewind.store.repository import Store
from tradewind.store.writing import write


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Chunks of fields fetched so far, of a dataset with 6 × 40 values in chunks of 2 × 10."""
    monkeypatch.setenv("TRADEWIND_STORE_URL", f"file://{tmp_path}")
    with monkeypatch.context() as patch:
        patch.setattr(merging.layout, "chunks_for", lambda *_: layout.Chunks(2, 10))
        values = np.arange(240.0).reshape(6, 40) + 1
        write(Store(f"file://{tmp_path}"), spec(), batch("ABCDEF", range(40), close=values, open=values))
    seen: Counter[str] = Counter()
    real = IcechunkStore.get

    async def counting(self, key, prototype, byte_range=None):
        if "/c/" in key and key.split("/")[0] in ("close", "open"):
            seen[key] += 1
        return await real(self, key, prototype, byte_range)

    monkeypatch.setattr(IcechunkStore, "get", counting)
    return seen


@pytest.mark.parametrize(
    ("select", "chunks"),
    [
        ({"symbols": "C"}, {f"close/c/1/{j}" for j in range(4)}),
        ({"start": "2020-01-15", "end": "2020-01-15"}, {f"close/c/{i}/1" for i in range(3)}),
        ({"symbols": ["F", "A"], "end": "2020-01-12"}, {f"close/c/{i}/{j}" for i in (0, 2) for j in (0, 1)}),
        ({}, {f"close/c/{i}/{j}" for i in range(3) for j in range(4)}),
    ],
)
def test_only_what_is_selected_is_fetched_and_once(fetched: Counter[str], select: dict, chunks: set[str]):
    opened = tw.open("prices", fields="close", **select)
    assert not fetched
    opened["close"].to_numpy()
    assert set(fetched) == chunks
    assert set(fetched.values()) == {1}


def test_dask_chunks_along_the_stored_ones_fetch_each_once(fetched: Counter[str]):
    opened = tw.open("prices")["close"].chunk({"symbol": 2, "time": 10})
    assert float(opened.sum().compute(scheduler="synchronous")) == sum(range(1, 241))
    assert len(fetched) == 12
    assert set(fetched.values()) == {1}
