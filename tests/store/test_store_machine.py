"""A state machine: ingest, correct, tag, expire, read as of any time, against dictionaries."""

import time
from datetime import datetime

import hypothesis.strategies as st
import numpy as np
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from makers import batch, spec
from test_writing import table
from tradewind.errors import SnapshotNotFoundError
from tradewind.store import layout, maintenance
from tradewind.store.repository import Store
from tradewind.store.writing import write

_count = iter(range(10**9))


class StoreMachine(RuleBasedStateMachine):
    """The model keeps a dictionary of all cells for every commit."""

    snapshots = Bundle("snapshots")

    def __init__(self) -> None:
        super().__init__()
        self.store = Store(f"memory://machine-{next(_count)}")
        self.held: dict = {}
        self.commits: list[tuple[str, datetime, dict]] = []
        self.tags: dict[str, dict] = {}
        self.expired: set[str] = set()

    def _note(self, snapshot: str) -> None:
        commit = self.store.history("prices")[0]
        assert commit.snapshot == snapshot
        self.commits.append((snapshot, commit.time, dict(self.held)))
        time.sleep(0.002)  # commit times have microseconds

    @rule(
        target=snapshots,
        symbols=st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=3, unique=True),
        places=st.lists(st.integers(0, 40), min_size=1, max_size=5, unique=True).map(sorted),
        field=st.sampled_from(["close", "volume"]),
        value=st.floats(0.01, 1e6),
    )
    def ingest(self, symbols, places, field, value):
        """New bars and corrections alike."""
        change = write(self.store, spec(), batch(symbols, places, **{field: value}))
        for symbol in symbols:
            for place in places:
                self.held[field, symbol, 18262 + place] = value
        if not change.empty:
            self._note(change.snapshot)
        return change.snapshot

    @precondition(lambda self: self.commits)
    @rule(rows=st.integers(1, 4), columns=st.integers(2, 20))
    def compact(self, rows, columns):
        """Another layout, nothing else."""
        self._note(maintenance.compact(self.store, "prices", chunks=layout.Chunks(rows, columns)))

    @rule(snapshot=snapshots)
    def tag(self, snapshot):
        """A tag on any snapshot that still exists."""
        if snapshot in self.expired:
            return
        label = f"t{len(self.tags)}"
        maintenance.tag(self.store, "prices", label, snapshot)
        self.tags[label] = next(cells for s, _, cells in self.commits if s == snapshot)

    @precondition(lambda self: len(self.commits) > 2)
    @rule(part=st.floats(0, 1))
    def expire(self, part):
        """Forget the older part of the history."""
        cutoff = self.commits[int(part * (len(self.commits) - 1))][1]
        self.expired |= set(maintenance.expire(self.store, "prices", cutoff).snapshots)

    @rule(snapshot=snapshots)
    def read_as_of_id(self, snapshot):
        """Exactly what was committed then, or a clear refusal."""
        expected = next(cells for s, _, cells in self.commits if s == snapshot)
        try:
            view = self.store.snapshot("prices", snapshot)
        except SnapshotNotFoundError:
            assert snapshot in self.expired
            return
        assert table(view) == expected

    @precondition(lambda self: self.commits)
    @rule(part=st.floats(0, 1))
    def read_as_of_time(self, part):
        """What a reader would have got at that moment, or a clear refusal."""
        snapshot, when, expected = self.commits[int(part * (len(self.commits) - 1))]
        try:
            view = self.store.snapshot("prices", when)
        except SnapshotNotFoundError:
            # what lies before the oldest commit that is left in the line cannot be asked for by time
            assert self.store.history("prices")[-1].time > when
            return
        assert view.id == snapshot
        assert table(view) == expected

    @invariant()
    def tags_and_head_are_right(self):
        """Tags keep their cells, the head has the latest."""
        if not self.commits:
            return
        view = self.store.snapshot("prices")
        assert table(view) == self.held
        assert (np.diff(view.times.astype(np.int64)) > 0).all()
        for label, cells in self.tags.items():
            assert table(self.store.snapshot("prices", label)) == cells


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=12, stateful_step_count=14, deadline=None)
