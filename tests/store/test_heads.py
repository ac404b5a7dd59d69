"""What comes along with a snapshot is what its arrays hold, whoever wrote last."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from makers import batch, spec
from tradewind.store import heads, layout, maintenance
from tradewind.store.arrays import FieldArray
from tradewind.store.batch import Action
from tradewind.store.reference import Instrument, TickerSpan
from tradewind.store.repository import Snapshot, Store
from tradewind.store.spec import ActionKind
from tradewind.store.writing import write
from tradewind.vocabulary import SYMBOL, TIME
from zarr import open_group


@given(
    times=st.lists(st.integers(-(2**61), 2**61), unique=True, max_size=60).map(sorted),
    symbols=st.lists(st.text(min_size=1), max_size=20),
    actions=hnp.arrays("f8", st.tuples(st.just(len(layout.ACTION_COLUMNS)), st.integers(0, 20))),
    reference=st.none() | st.binary(),
)
def test_what_is_packed_comes_back(times, symbols, actions, reference):
    arrays = {
        TIME: np.array(times, dtype=np.int64),
        SYMBOL: np.array(symbols, dtype=object),
        layout.ACTIONS: actions,
        layout.REFERENCE: None if reference is None else np.frombuffer(reference, dtype=np.uint8),
    }
    found = heads.unpack(heads.pack(arrays))
    for name, values in arrays.items():
        wanted = np.empty(0, dtype=np.uint8) if values is None else values
        assert found[name].shape == wanted.shape
        assert found[name].tolist() == wanted.tolist() or found[name].tobytes() == wanted.tobytes()


def facts(view: Snapshot) -> tuple:
    """All that a head may hold, as readers see it."""
    return (
        view.symbols.tolist(),
        view.times.tolist(),
        view.actions.encode().tobytes(),
        view.reference,
        view.fields,
        view.spec,
    )


def plain(store: Store, snapshot: str) -> Snapshot:
    """The same snapshot, read from its arrays."""
    return Snapshot(
        "prices", snapshot, store.repository("prices").readonly_session(snapshot_id=snapshot).store
    )


def split(symbol: str, day: str, ratio: float) -> Action:
    return Action(symbol=symbol, kind=ActionKind.SPLIT, ex_date=np.datetime64(day), value=ratio)


def changes(store: Store) -> None:
    """Bars, symbols, actions and reference data that come, and change."""
    gone = Instrument(id="B", tickers=(TickerSpan(ticker="OLD", start="2020-01-01", end="2020-01-03"),))
    for number, more in enumerate((
        {},
        {"actions": (split("A", "2020-01-04", 2.0),)},
        {"actions": (split("A", "2020-01-04", 4.0), split("B", "2020-01-02", 3.0))},
        {"instruments": (gone,)},
        {"actions": (split("B", "2020-01-02", float("nan")),)},
    )):  # fmt: skip
        made = batch("ABCDEF"[: number + 2], sorted({2 * number, 1}), close=number + 1.0)
        write(store, spec(), replace(made, **more))
    maintenance.compact(store, "prices", chunks=layout.Chunks(2, 5))


@pytest.mark.parametrize("limit", [heads.LIMIT, 60, 0])
def test_every_snapshot_comes_with_what_its_arrays_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
):
    monkeypatch.setattr(heads, "LIMIT", limit)
    store = Store(f"file://{tmp_path}")
    changes(store)
    commits = store.history("prices")
    assert len(commits) == 6
    for commit in commits:
        assert facts(store.snapshot("prices", commit.snapshot)) == facts(plain(store, commit.snapshot))
        assert heads.MARK not in dict(commit.metadata)


def test_a_writer_that_does_not_pack_is_read_from_the_arrays(tmp_path: Path):
    store = Store(f"file://{tmp_path}")
    changes(store)
    before = store.snapshot("prices")
    session = store.repository("prices").writable_session("main")
    actions = open_group(session.store, mode="r+")[layout.ACTIONS]
    actions[3] = np.asarray(actions[3]) * 10  # type: ignore[index, operator]
    session.commit("by another program")
    after = store.snapshot("prices")
    np.testing.assert_array_equal(after.actions.value, before.actions.value * 10)
    assert facts(after) == facts(plain(store, after.id))
    maintenance.compact(store, "prices", chunks=layout.Chunks(3, 4))
    last = store.snapshot("prices")
    assert facts(last) == facts(plain(store, last.id)) == facts(after)


def test_a_head_is_read_without_touching_the_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = Store(f"file://{tmp_path}")
    changes(store)
    monkeypatch.setattr("tradewind.store.repository._read_all", None)
    monkeypatch.setattr(Snapshot, "array", None)
    assert facts(Store(f"file://{tmp_path}").snapshot("prices"))[0] == list("ABCDEF")


def test_axes_are_small_when_pickled_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A graph of Dask's carries them: a year of minutes is not 800 KB."""
    monkeypatch.setenv("TRADEWIND_STORE_URL", f"file://{tmp_path}")
    write(Store(f"file://{tmp_path}"), spec(), batch("AB", range(5_000), close=1.0))
    opened = tw.open("prices")["close"]
    sent = pickle.dumps(opened.variable._data)
    assert len(sent) < 5_000
    held = pickle.loads(sent)
    while not isinstance(held, FieldArray):
        held = held.array
    np.testing.assert_array_equal(held.axis.times, opened["time"].values)
    assert held.axis.times.dtype == opened["time"].dtype
