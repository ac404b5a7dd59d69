"""Killed writers, racing writers, full disks, lost connections: the last commit stays readable and whole."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from fault_writer import day, revisions
from makers import batch, spec
from tcp_proxy import TcpProxy
from test_writing import table
from tradewind.errors import ConflictError, UnavailableError
from tradewind.store import maintenance, storage
from tradewind.store.repository import Store
from tradewind.store.roots import Root
from tradewind.store.writing import write

HERE = Path(__file__).parent


class Writer:
    """One run of the writer process, killed at a random moment."""

    def __init__(self, root: Root, seed: int) -> None:
        text = json.dumps({"url": root.url, "s3": asdict(root.s3)})
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fault_writer.py"), text, str(seed)],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def run(self, seconds: float) -> tuple[dict[int, int], set[tuple[int, int]]]:
        """Let it write for a while, kill it, and return what it committed and what it had begun."""
        done: dict[int, int] = {}
        tried: set[tuple[int, int]] = set()
        assert self._process.stdout is not None
        killer: threading.Timer | None = None
        for line in self._process.stdout:
            said = json.loads(line) if line.endswith("\n") else {}
            if "ready" in said:
                killer = threading.Timer(seconds, self._process.send_signal, (signal.SIGKILL,))
                killer.start()
            elif "trying" in said:
                tried.add((said["trying"], said["revision"]))
            elif "done" in said:
                done[said["done"]] = said["revision"]
        self._process.stdout.close()
        self._process.wait(timeout=60)
        assert killer is not None, "the writer never began"
        return done, tried


def kill_writers(root: Root, times: int, seed: int) -> int:
    """Kill the writer again and again; each time all that was acknowledged is there, whole, and no more."""
    chance = random.Random(seed)
    store = Store(root)
    write(store, spec(), day(0, 0))
    known, begun = {0: 0}, set[tuple[int, int]]()
    for number in range(times):
        done, tried = Writer(root, seed * 1000 + number).run(chance.uniform(0.0, 0.6))
        known |= done
        begun |= (
            tried  # the last request of a killed writer may still arrive at an S3 server, even much later
        )
        held = revisions(store.snapshot("prices"))
        for place, revision in known.items():
            assert place in held, f"day {place} is lost after kill {number}"
            assert held[place] >= revision, f"day {place} went back after kill {number}"
        strangers = {(p, r) for p, r in held.items() if known.get(p) != r}
        assert strangers <= begun, f"cells that nobody wrote: {strangers - begun}"
        known = held
    assert maintenance.verify(store, "prices").problems == ()
    return len(known)


def test_killed_writers_leave_every_commit_whole_on_disk(tmp_path: Path):
    assert kill_writers(Root(f"file://{tmp_path}"), times=4, seed=11) > 1


@pytest.mark.s3
@pytest.mark.slow
def test_killed_writers_leave_every_commit_whole_on_s3(s3_root: Root):
    assert kill_writers(s3_root, times=3, seed=12) > 1


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [13, 15, 17, 19])
def test_200_kills_on_disk(tmp_path: Path, seed: int):
    """Fifty for each seed."""
    assert kill_writers(Root(f"file://{tmp_path}"), times=50, seed=seed) > 12


@pytest.mark.faults
@pytest.mark.s3
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [14, 16, 18, 20])
def test_200_kills_on_s3(s3_root: Root, seed: int):
    """Fifty for each seed."""
    assert kill_writers(s3_root, times=50, seed=seed) > 12


def race(root: Root, rounds: int) -> None:
    """Two writers race: different cells both arrive, the same cell raises for exactly one of them."""
    store = Store(root)
    write(store, spec(), batch("AB", [0], close=0.0))
    for i in range(1, rounds + 1):
        base = store.snapshot("prices").id
        same = i % 3 == 0
        rows = ("A", "A") if same else ("A", "B")
        outcome: list[str] = []
        gate = threading.Barrier(2)

        def go(who: int, rows=rows, base=base, i=i, outcome=outcome, gate=gate) -> None:
            gate.wait()
            try:
                write(Store(root), spec(), batch([rows[who]], [i], close=i + who / 10), base=base)
                outcome.append("ok")
            except ConflictError:
                outcome.append("conflict")

        both = [threading.Thread(target=go, args=(who,)) for who in (0, 1)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert sorted(outcome) == (["conflict", "ok"] if same else ["ok", "ok"])
        held = table(store.snapshot("prices"))
        here = {s: v for (f, s, d), v in held.items() if d == 18262 + i}
        assert len(here) == (1 if same else 2)


def test_racing_writers_lose_nothing_and_hide_nothing_on_disk(tmp_path: Path):
    race(Root(f"file://{tmp_path}"), 9)


@pytest.mark.s3
def test_racing_writers_lose_nothing_and_hide_nothing_on_s3(s3_root: Root):
    race(s3_root, 9)


@pytest.mark.faults
def test_100_races_on_disk(tmp_path: Path):
    race(Root(f"file://{tmp_path}"), 100)


@pytest.mark.faults
@pytest.mark.s3
def test_100_races_on_s3(s3_root: Root):
    race(s3_root, 100)


_FULL = """
import resource, signal, sys
import numpy as np
from makers import batch, spec
from tradewind.errors import UnavailableError
from tradewind.store.repository import Store
from tradewind.store.writing import write
store = Store(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
values = np.random.default_rng(1).normal(size=(3, 4000))
try:
    write(store, spec(), batch("XYZ", range(10, 4010), close=values))
except (UnavailableError, OSError) as problem:
    print("refused", type(problem).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(write(store, spec(), batch("XYZ", range(10, 4010), close=values)).rows_added)
"""


@pytest.mark.parametrize("limit", [0, 100, 700, 5_000, 40_000])
def test_a_disk_that_is_full_refuses_and_a_retry_succeeds(tmp_path: Path, limit: int):
    """No file may grow beyond the limit: the kernel answers like a full disk, at any stage of a commit."""
    store = Store(f"file://{tmp_path}")
    write(store, spec(), day(0, 0))
    before = table(store.snapshot("prices"))
    command = [sys.executable, "-c", _FULL, f"file://{tmp_path}", str(limit)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["refused UnavailableError", "12000"], done.stdout
    held = table(store.snapshot("prices"))
    assert len(held) == len(before) + 12_000
    assert maintenance.verify(store, "prices").problems == ()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.parametrize(
    "points", [(1_500, 9_000), pytest.param((0, 4_000, 20_000, 40_000), marks=pytest.mark.faults)]
)
def test_a_dropped_connection_raises_and_a_retry_adds_nothing_twice(s3_root: Root, points: tuple[int, ...]):
    """The connection dies after some bytes, each time further on; the commit is there once in the end."""
    good = Store(s3_root)
    write(good, spec(), day(0, 0))
    port = int(s3_root.s3.endpoint.rsplit(":", 1)[1])
    refused = 0
    for number, allowed in enumerate(points, start=1):
        with TcpProxy(port) as proxy:
            through = Store(replace(s3_root, s3=replace(s3_root.s3, endpoint=proxy.endpoint)))
            through.snapshot("prices")
            proxy.cut_after(allowed)
            try:
                write(through, spec(), day(number, 0))
            except UnavailableError:
                refused += 1
        assert set(revisions(good.snapshot("prices"))) >= set(range(number))
        write(good, spec(), day(number, 0))
        assert revisions(good.snapshot("prices")) == dict.fromkeys(range(number + 1), 0)
    assert refused >= 1
    started = time.monotonic()
    assert maintenance.verify(good, "prices").problems == ()
    assert time.monotonic() - started < 60


@pytest.mark.s3
def test_an_answer_that_never_comes_is_asked_for_again(s3_root: Root, monkeypatch: pytest.MonkeyPatch):
    """A connection that stays open and silent would be waited for, for ever."""
    monkeypatch.setattr(storage, "ANSWER_SECONDS", 1)
    write(Store(s3_root), spec(), day(0, 0))
    with TcpProxy(int(s3_root.s3.endpoint.rsplit(":", 1)[1])) as proxy:
        proxy.lose(answers=2)
        through = Store(replace(s3_root, s3=replace(s3_root.s3, endpoint=proxy.endpoint)))
        started = time.monotonic()
        assert revisions(through.snapshot("prices")) == {0: 0}
        assert 1.0 < time.monotonic() - started < 20
