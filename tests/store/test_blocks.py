"""Our reader and writer of chunks beside plain zarr's: equal bit for bit, whatever the layout."""

import pickle
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import icechunk
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from tradewind.store import blocks as blocks_module
from tradewind.store import layout
from tradewind.store.block_writing import write_block
from tradewind.store.blocks import Blocks
from tradewind.store.packing import CorruptChunkError, packing_of
from tradewind.vocabulary import Frequency

ODD = np.array([0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000], dtype=np.uint64).view(np.float64)
"""Not-a-numbers with a payload and a sign, and minus zero."""


@st.composite
def layouts(draw: st.DrawFn) -> layout.Chunks:
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    if draw(st.booleans()):
        return layout.Chunks(rows, columns)
    return layout.Chunks(rows * draw(st.integers(1, 3)), columns * draw(st.integers(1, 3)), (rows, columns))


@st.composite
def keys(draw: st.DrawFn, size: int) -> Any:
    kind = draw(st.sampled_from(["all", "slice", "int", "places"]))
    if kind == "all":
        return slice(None)
    if kind == "int":
        return draw(st.integers(-size, size - 1))
    if kind == "places":
        return np.array(draw(st.lists(st.integers(-size, size - 1), max_size=6)), dtype=np.int64)
    ends = st.one_of(st.none(), st.integers(-size - 2, size + 2))
    return slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, 5, -1, -3])))


def market(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Prices on a grid with holes, late listings, delistings and odd bit patterns."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.uniform(1, 500, shape), 2)
    values[rng.random(shape) < 0.2] = np.nan
    values[rng.random(shape) < 0.05] = rng.choice(ODD)
    for row, (first, last) in enumerate(rng.integers(0, shape[1] + 1, (shape[0], 2))):
        values[row, :first] = np.nan
        if rng.random() < 0.3:
            values[row, last:] = np.nan
    return values


class Place:
    """A repository on disk or in memory with one field."""

    def __init__(self, folder: Path | None, chunks: layout.Chunks, shape: tuple[int, int]) -> None:
        self.folder = folder
        kept = (
            icechunk.in_memory_storage() if folder is None else icechunk.local_filesystem_storage(str(folder))
        )
        self.repository = icechunk.Repository.create(kept)
        session = self.repository.writable_session("main")
        layout.create_field(zarr.create_group(session.store), "close", shape, chunks)
        session.commit("empty")

    def array(self, session: icechunk.Session) -> Any:
        return zarr.open_group(session.store, mode="r" if session.read_only else "r+")["close"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(), chunks=layouts(), rows=st.integers(1, 9), columns=st.integers(1, 40), disk=st.booleans()
)
def test_what_either_writes_both_read_alike(data, chunks, rows: int, columns: int, disk: bool):
    folder = Path(tempfile.mkdtemp(prefix="twb-")) if disk else None
    try:
        place = Place(folder / "r" if folder else None, chunks, (rows, columns))
        want = np.full((rows, columns), np.nan)
        for number in range(data.draw(st.integers(1, 3), label="writes")):
            r0, c0 = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
            r1, c1 = data.draw(st.integers(r0 + 1, rows)), data.draw(st.integers(c0 + 1, columns))
            values = market((r1 - r0, c1 - c0), data.draw(st.integers(0, 999), label="seed"))
            if data.draw(st.booleans(), label="cleared"):
                values[:] = np.nan
            session = place.repository.writable_session("main")
            array = place.array(session)
            if data.draw(st.booleans(), label="ours"):
                write_block(array, slice(r0, r1), slice(c0, c1), values, place.folder)
            else:
                array[r0:r1, c0:c1] = values
            session.commit(f"write {number}", allow_empty=True)
            want[r0:r1, c0:c1] = values
        array = place.array(place.repository.readonly_session("main"))
        plain = np.asarray(array[:])
        assert np.array_equal(plain, want, equal_nan=True)
        ours = Blocks(array, place.folder)
        assert ours.read((slice(None), slice(None))).tobytes() == plain.tobytes()
        for _ in range(4):
            key = (data.draw(keys(rows)), data.draw(keys(columns)))
            got, expected = ours.read(key), _outer(plain, key)
            assert got.shape == expected.shape
            assert got.tobytes() == expected.tobytes()
    finally:
        if folder:
            shutil.rmtree(folder)


def _outer(values: np.ndarray, key: tuple[Any, Any]) -> np.ndarray:
    return values[key[0]][..., key[1]] if not isinstance(key[0], int) else values[key[0]][key[1]]


@pytest.fixture
def stored(tmp_path: Path) -> Place:
    """4 × 30,000 prices in parts, enough for several threads."""
    place = Place(tmp_path / "r", layout.Chunks(4, 10_000, (1, 1_000)), (4, 30_000))
    session = place.repository.writable_session("main")
    write_block(place.array(session), slice(0, 4), slice(0, 30_000), market((4, 30_000), 1), place.folder)
    session.commit("all")
    return place


def test_several_threads_and_one_give_the_same(stored: Place, monkeypatch: pytest.MonkeyPatch):
    array = stored.array(stored.repository.readonly_session("main"))
    everything = (slice(None), slice(None))
    results = []
    for folder in (stored.folder, None):
        for threads in (1, 3):
            monkeypatch.setattr(blocks_module, "SMALL", 0)
            monkeypatch.setattr(blocks_module, "cores", lambda n=threads: n)
            results.append(Blocks(array, folder).read(everything).tobytes())
    assert set(results) == {np.asarray(array[:]).tobytes()}


def test_a_pickled_reader_reads_the_same(stored: Place):
    ours = Blocks(stored.array(stored.repository.readonly_session("main")), stored.folder)
    again = pickle.loads(pickle.dumps(ours))
    key = (slice(1, 3), slice(900, 11_000, 7))
    assert again.read(key).tobytes() == ours.read(key).tobytes()


def test_damaged_bytes_are_an_error(stored: Place):
    assert stored.folder is not None
    for file in (stored.folder / "chunks").iterdir():
        held = bytearray(file.read_bytes())
        held[100] ^= 1
        file.write_bytes(held)
    ours = Blocks(stored.array(stored.repository.readonly_session("main")), stored.folder)
    with pytest.raises(CorruptChunkError, match="checksum"):
        ours.read((slice(None), slice(None)))
    for file in (stored.folder / "chunks").iterdir():
        file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(CorruptChunkError, match="shorter"):
        ours.read((0, slice(None)))


def test_other_packings_are_left_to_zarr():
    array = zarr.create_array({}, shape=(4, 20), chunks=(2, 5), dtype="float64", fill_value=np.nan)
    assert packing_of(array.metadata.to_dict()) is None
    values = market((4, 20), 2)
    write_block(array, slice(0, 4), slice(0, 20), values)
    np.testing.assert_array_equal(Blocks(array).read((np.array([3, 0]), slice(2, 9))), values[[3, 0], 2:9])


@pytest.mark.parametrize("frequency", list(Frequency))
@pytest.mark.parametrize("symbols", [1, 5, 8, 9, 40, 99, 249, 250, 5_000])
def test_every_chunk_shape_is_made_of_whole_parts_of_a_size_worth_compressing(frequency, symbols):
    chunks = layout.chunks_for(frequency, symbols)
    rows, columns = chunks.part or (chunks.symbols, chunks.times)
    assert chunks.symbols % rows == chunks.times % columns == 0
    assert 3_000 <= rows * columns <= 200_000
    assert chunks.symbols < 2 * symbols + rows + 8
