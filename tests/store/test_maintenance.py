"""Tags, verify, compact, expire, collect, copy, rename, delete: what must stay stays exactly."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from makers import batch, spec
from tradewind.errors import ConflictError, DatasetNotFoundError, InvalidInputError, SnapshotNotFoundError
from tradewind.provenance.card import RunCard
from tradewind.store import layout, maintenance, moving
from tradewind.store.repository import Store
from tradewind.store.roots import Root
from tradewind.store.writing import write


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five commits: day i holds i."""
    made = Store(f"file://{tmp_path}/a")
    for i in range(5):
        write(made, spec(), batch("ABC", [i], close=float(i), volume=100.0 + i))
    return made


def days_held(store: Store, as_of=None, name: str = "prices") -> list[float]:
    return np.asarray(store.snapshot(name, as_of).array("close")[0]).tolist()


def test_tags_never_move(store: Store):
    old = store.history("prices")[3]
    assert maintenance.tag(store, "prices", "release-1", old.snapshot) == old.snapshot
    assert maintenance.tag(store, "prices", "release-1", old.snapshot) == old.snapshot
    with pytest.raises(ConflictError, match="never move"):
        maintenance.tag(store, "prices", "release-1")
    assert days_held(store, "release-1") == [0.0, 1.0]
    assert store.history("prices")[3].tags == ("release-1",)
    with pytest.raises(InvalidInputError):
        maintenance.tag(store, "prices", "a/b")


def test_compaction_changes_the_layout_and_not_a_bit(store: Store):
    before = days_held(store)
    maintenance.compact(store, "prices", chunks=layout.Chunks(2, 3))
    assert store.snapshot("prices").array("close").chunks == (2, 3)
    assert days_held(store) == before
    write(store, spec(), batch("ABD", [5, 6, 7], close=9.0))
    assert days_held(store) == [*before, 9.0, 9.0, 9.0]
    assert maintenance.verify(store, "prices").problems == ()


def test_verify_finds_a_flipped_bit(store: Store, tmp_path: Path):
    write(store, spec(), batch("ABC", range(100, 400), close=np.random.default_rng(0).normal(size=(3, 300))))
    assert maintenance.verify(store, "prices").problems == ()
    chunk = max((tmp_path / "a/prices/chunks").iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0x10
    chunk.write_bytes(data)
    problems = maintenance.verify(Store(f"file://{tmp_path}/a"), "prices").problems
    assert any("close cannot be read" in p for p in problems)


def test_expiry_keeps_what_tags_and_run_cards_name_and_what_a_later_date_needs(store: Store, tmp_path: Path):
    commits = store.history("prices")[::-1]
    maintenance.tag(store, "prices", "kept", commits[1].snapshot)
    folder = tmp_path / "runs/r1/attempt-1"
    folder.mkdir(parents=True)
    RunCard(
        run_id="r1", template="t", notebook_sha256="", parameters={}, status="succeeded", sdk_version="",
        lock_sha256="", python="", datasets=[{"dataset": "prices", "snapshot": commits[0].snapshot}],
    ).write(folder / "run.json")  # fmt: skip
    keep = maintenance.pinned(tmp_path / "runs")["prices"]
    cutoff = commits[3].time
    would = maintenance.expire(store, "prices", cutoff, keep=keep, dry_run=True)
    assert would.snapshots == (commits[2].snapshot,)
    assert len(store.history("prices")) == 5
    maintenance.expire(store, "prices", cutoff, keep=keep)
    counts = maintenance.collect_garbage(store, "prices", older_than=datetime.now(UTC))
    assert counts["snapshots_deleted"] >= 1
    again = Store(store.root)
    assert [c.snapshot for c in again.history("prices")] == [commits[4].snapshot, commits[3].snapshot]
    assert days_held(again, cutoff) == [0.0, 1.0, 2.0, 3.0]
    assert days_held(again, "kept") == [0.0, 1.0]
    assert days_held(again, commits[0].snapshot) == [0.0]
    with pytest.raises(SnapshotNotFoundError):
        again.snapshot("prices", commits[2].snapshot)
    with pytest.raises(SnapshotNotFoundError, match=commits[3].snapshot):
        again.snapshot("prices", commits[2].time)
    assert maintenance.verify(again, "prices").problems == ()


def copied(source: Store, target: Store) -> None:
    maintenance.tag(source, "prices", "t", source.history("prices")[2].snapshot)
    moving.copy(source, "prices", target)
    assert target.history("prices") == source.history("prices")
    for commit in source.history("prices"):
        assert days_held(target, commit.snapshot) == days_held(source, commit.snapshot)
        assert days_held(target, commit.time) == days_held(source, commit.time)
    assert days_held(target, "t") == days_held(source, "t")
    write(target, spec(), batch("A", [9], close=9.0))
    assert len(source.history("prices")) == 5
    with pytest.raises(ConflictError):
        moving.copy(source, "prices", target)


def test_a_copy_keeps_ids_times_and_tags(store: Store, tmp_path: Path):
    copied(store, Store(f"file://{tmp_path}/b"))


@pytest.mark.s3
def test_a_copy_to_s3_and_back_keeps_ids_times_and_tags(store: Store, tmp_path: Path, s3_root: Root):
    copied(store, Store(s3_root))
    back = Store(f"file://{tmp_path}/c")
    moving.copy(Store(s3_root), "prices", back, "again")
    assert [c.snapshot for c in back.history("again")][1:] == [c.snapshot for c in store.history("prices")]


def test_rename_leaves_readers_at_work_undisturbed(store: Store):
    reader = store.snapshot("prices").array("close")
    moving.rename(store, "prices", "quotes")
    assert np.asarray(reader[0]).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert days_held(store, name="quotes") == [0.0, 1.0, 2.0, 3.0, 4.0]
    with pytest.raises(DatasetNotFoundError):
        store.snapshot("prices")


def test_a_deleted_dataset_can_come_back_until_it_is_purged(store: Store):
    moving.delete(store, "prices")
    with pytest.raises(DatasetNotFoundError):
        store.snapshot("prices")
    assert store.datasets() == []  # hidden at once, not only when it is purged
    assert not moving.purge(store, "prices")
    moving.undelete(store, "prices")
    assert store.datasets() == ["prices"]
    assert days_held(store) == [0.0, 1.0, 2.0, 3.0, 4.0]
    moving.delete(store, "prices")
    assert moving.purge(store, "prices", grace=timedelta(0))
    assert store.datasets() == []


@pytest.mark.s3
def test_a_deleted_dataset_on_s3_is_not_listed(s3_root: Root):
    store = Store(s3_root)
    for name in ("kept", "gone"):
        write(store, spec(name), batch(["AAA"], [0, 1], close=1.0))
    moving.delete(store, "gone")
    assert store.datasets() == ["kept"]
    with pytest.raises(ConflictError):
        moving.copy(store, "kept", store, "gone")
    moving.undelete(store, "gone")
    assert store.datasets() == ["gone", "kept"]
    moving.delete(store, "gone")
    assert moving.purge(store, "gone", grace=timedelta(0))
    assert store.datasets() == ["kept"]


def test_garbage_on_s3_may_not_be_too_young(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="hour"):
        maintenance.collect_garbage(Store("s3://bucket/x"), "prices", older_than=datetime.now(UTC))


def test_a_card_that_is_no_card_pins_nothing(tmp_path: Path):
    (tmp_path / "r/attempt-1").mkdir(parents=True)
    (tmp_path / "r/attempt-1/run.json").write_text(json.dumps([1]))
    assert maintenance.pinned(tmp_path) == {}
