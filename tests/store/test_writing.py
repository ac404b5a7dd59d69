"""Writers: exact, idempotent, in any order; two at once lose nothing and hide nothing."""

import multiprocessing as mp
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from makers import batch, days, spec
from tradewind.errors import ConflictError, InvalidInputError
from tradewind.store import layout, merging
from tradewind.store.batch import Action, Batch
from tradewind.store.repository import Snapshot, Store
from tradewind.store.spec import ActionKind
from tradewind.store.writing import write
from tradewind.vocabulary import Frequency

_counter = iter(range(10**9))


def fresh() -> Store:
    return Store(f"memory://writing-{next(_counter)}")


def table(view: Snapshot) -> dict[tuple[str, str, int], float]:
    """Every finite cell of a snapshot."""
    found = {}
    for field in view.fields:
        values = np.asarray(view.array(field)[:])
        for i, j in np.argwhere(np.isfinite(values)):
            found[field, view.symbols[i], int(view.times[j].astype("M8[D]").astype(int))] = values[i, j]
    return found


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
cell = st.one_of(finite, st.just(float("nan")))
symbol = st.sampled_from(["A", "BB", "C-1", "Ω", "E"])


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    symbols = draw(st.lists(symbol, min_size=1, max_size=4, unique=True))
    places = sorted(draw(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True)))
    fields = draw(st.lists(st.sampled_from(["close", "volume", "open"]), min_size=1, max_size=3, unique=True))
    shape = (len(symbols), len(places))
    values = {
        f: np.array(draw(st.lists(cell, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))).reshape(
            shape
        )
        for f in fields
    }
    return Batch(symbols=tuple(symbols), times=days(places), values=values)


def model(applied: list[Batch]) -> dict[tuple[str, str, int], float]:
    """What a dictionary would hold."""
    held: dict[tuple[str, str, int], float] = {}
    for one in applied:
        for field, values in one.values.items():
            for i, j in np.argwhere(np.isfinite(values)):
                day = int(one.times[j].astype("M8[D]").astype(int))
                held[field, one.symbols[i], day] = values[i, j]
    return held


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(applied=st.lists(batches(), min_size=1, max_size=5), rows=st.integers(1, 3), columns=st.integers(1, 9))
def test_any_batches_in_any_chunking_read_back_exactly(applied: list[Batch], rows: int, columns: int):
    store = fresh()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging.layout, "chunks_for", lambda *_: layout.Chunks(rows, columns))
        for one in applied:
            write(store, spec(), one)
            assert write(store, spec(), one).empty
    view = store.snapshot("prices")
    assert table(view) == model(applied)
    assert (np.diff(view.times.astype(np.int64)) > 0).all()
    assert len(set(view.symbols.tolist())) == len(view.symbols)


@settings(max_examples=25, deadline=None)
@given(values=st.lists(finite, min_size=64, max_size=64), order=st.permutations(range(8)))
def test_the_order_of_appends_never_changes_a_read(values: list[float], order: list[int]):
    grid = np.array(values).reshape(4, 16)
    whole, parts = fresh(), fresh()
    symbols = ["A", "B", "C", "D"]
    write(whole, spec(), batch(symbols, range(16), close=grid))
    for part in order:
        places = range(2 * part, 2 * part + 2)
        write(parts, spec(), batch(symbols, places, close=grid[:, 2 * part : 2 * part + 2]))
    assert table(whole.snapshot("prices")) == table(parts.snapshot("prices"))


@pytest.mark.parametrize("frequency", list(Frequency))
def test_prices_keep_every_bit_and_times_their_precision_at_every_frequency(frequency: Frequency):
    store = fresh()
    rng = np.random.default_rng(5)
    step = {"ns": 1, "s": 60 * 10**9, "D": 86_400 * 10**9}[layout.time_unit(frequency)]
    times = (np.int64(1_700_006_400) * 10**9 // step * step + np.arange(9_000) * step).astype("M8[ns]")
    values = rng.normal(size=(3, 9_000)) * 10.0 ** rng.integers(-300, 300, size=(3, 9_000))
    values[rng.random(values.shape) < 0.1] = np.nan
    one = Batch(symbols=("A", "B", "C"), times=times, values={"close": values})
    write(store, spec(frequency=frequency), one)
    view = store.snapshot("prices")
    np.testing.assert_array_equal(view.times, times)
    assert np.asarray(view.array("close")[:]).tobytes() == values.tobytes()


def test_a_second_writer_reapplies_its_batch_and_conflicts_only_on_the_same_cells():
    store = fresh()
    base = write(store, spec(), batch("AB", range(4), close=1.0)).snapshot
    write(store, spec(), batch("A", [1], close=2.0))
    after = write(store, spec(), batch("B", [1], close=3.0), base=base)
    assert after.rows_changed == 1
    with pytest.raises(ConflictError, match="close of A at 2020-01-02"):
        write(store, spec(), batch("AB", [1, 2], close=4.0), base=base)
    assert table(store.snapshot("prices"))["close", "A", 18263] == 2.0  # 2020-01-02
    same = batch("A", [1], close=2.0)
    assert write(store, spec(), same, base=base).empty  # the same value is no conflict


def test_actions_are_added_replaced_and_taken_back():
    store = fresh()

    def act(value: float, day: str = "2020-01-03") -> Batch:
        action = Action(symbol="A", kind=ActionKind.SPLIT, ex_date=np.datetime64(day), value=value)
        return Batch(symbols=(), times=days([]), values={}, actions=(action,))

    write(store, spec(), batch("A", range(5), close=8.0))
    assert write(store, spec(), act(2.0)).actions_added == 1
    assert write(store, spec(), act(2.0)).empty
    write(store, spec(), act(4.0))
    write(store, spec(), act(3.0, "2020-01-05"))
    assert store.snapshot("prices").actions.value.tolist() == [4.0, 3.0]
    write(store, spec(), act(float("nan")))
    assert store.snapshot("prices").actions.value.tolist() == [3.0]


def test_bad_batches_are_refused_before_anything_is_written():
    with pytest.raises(InvalidInputError, match="twice"):
        batch(["A", "A"], [1], close=1.0)
    with pytest.raises(InvalidInputError, match="increasing"):
        batch("A", [2, 1], close=1.0)
    with pytest.raises(InvalidInputError, match="increasing"):
        batch("A", [1, 1], close=1.0)
    with pytest.raises(InvalidInputError, match="close"):
        batch("A", [1], closed=1.0)
    with pytest.raises(InvalidInputError, match="float64"):
        Batch(symbols=("A",), times=days([1]), values={"close": np.zeros((1, 2))})


def _append(url: str, who: int, count: int) -> int:
    store = Store(url)
    return sum(not write(store, spec(), batch([f"W{who}"], [i], close=float(i))).empty for i in range(count))


def test_two_processes_append_at_once_and_no_commit_is_lost(tmp_path: Path):
    url = f"file://{tmp_path}"
    with mp.get_context("spawn").Pool(2) as pool:
        claimed = pool.starmap(_append, [(url, 0, 15), (url, 1, 15)])
    store = Store(url)
    assert claimed == [15, 15]
    assert len(table(store.snapshot("prices"))) == 30
    assert sum(c.rows_added for c in store.history("prices")) == 30


def test_threads_of_one_process_append_at_once(tmp_path: Path):
    url = f"file://{tmp_path}"
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda who: _append(url, who, 6), range(4)))
    assert sum(claimed) == 24
    assert len(table(Store(url).snapshot("prices"))) == 24
