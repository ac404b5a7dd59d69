"""Helper threads work beside their caller, not in turn with it."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.threads import _ranges, beside, cores, over_rows

pytestmark = pytest.mark.skipif(
    cores() < 2 or not hasattr(os, "sched_setaffinity"), reason="needs two cores and Linux"
)


def _helper() -> tuple[int, set[int]]:
    time.sleep(0.001)
    return threading.get_native_id(), os.sched_getaffinity(0)


def test_a_helper_keeps_off_the_core_of_whoever_calls_it() -> None:
    everywhere = os.sched_getaffinity(0)
    for _ in range(cores() + 1):  # each helper is there and known
        started = beside(_helper)
        assert started is not None and started.result()
    try:
        for core in sorted(everywhere):
            os.sched_setaffinity(0, {core})
            os.sched_setaffinity(0, everywhere - {core})
            os.sched_setaffinity(0, everywhere)
            helper = beside(_helper)
            assert helper is not None
            thread, allowed = helper.result()
            assert thread != threading.get_native_id()
            assert allowed and allowed < everywhere, "one core is the caller's"
    finally:
        os.sched_setaffinity(0, everywhere)
    assert os.sched_getaffinity(0) == everywhere, "the caller goes where it likes"


def test_what_a_helper_raises_is_raised_where_its_result_is_asked_for() -> None:
    def fail(reason: str) -> None:
        raise ValueError(reason)

    started = beside(fail, "no such row")
    assert started is not None
    with pytest.raises(ValueError, match="no such row"):
        started.result()
    again = beside(int, "7")
    assert again is not None and again.result() == 7, "the helper lives on"


def test_what_no_helper_has_begun_can_be_taken_back() -> None:
    hold, done = threading.Event(), []
    busy = [beside(hold.wait, 10.0) for _ in range(cores() - 1)]
    waiting = beside(done.append, 1)
    assert waiting is not None and waiting.cancel()
    hold.set()
    assert all(b is not None and b.result() for b in busy)
    assert not busy[0].cancel(), "what was done cannot be taken back"  # type: ignore[union-attr]
    last = beside(int)
    assert last is not None and last.result() == 0
    assert done == []


@given(st.integers(1, 3000), st.integers(2, 64), st.integers(1, 9))
def test_ranges_cover_every_row_once_in_whole_grains(rows: int, threads: int, grain: int) -> None:
    found = list(_ranges(rows, threads, grain))
    assert [row for first, last in found for row in range(first, last)] == list(range(rows))
    assert all(first % grain == 0 for first, _ in found)
    lengths = [last - first for first, last in found]
    assert lengths == sorted(lengths, reverse=True), "what is left at the end is small"
    assert lengths[0] <= max(grain, rows / threads), "the first leaves a share for each"


def test_the_caller_does_what_it_has_to_while_rows_are_worked_on() -> None:
    seen = np.zeros(500, np.int64)

    def loop(first: int, last: int, out: np.ndarray) -> None:
        out[first:last] += 1

    for cells in (10, 10**6):  # alone, and with helpers
        caller = over_rows(loop, len(seen), cells, seen, meanwhile=threading.get_native_id)
        assert caller == threading.get_native_id()
    assert (seen == 2).all()
    with pytest.raises(ZeroDivisionError):
        over_rows(loop, len(seen), 10**6, seen, meanwhile=lambda: 1 // 0)


def test_a_process_ends_after_its_helpers_and_a_fork_of_it_at_once() -> None:
    script = """
import os, sys, time
from tradewind.threads import beside
started = beside(time.sleep, 0.5)
began = time.monotonic()
if os.fork() == 0:
    sys.exit(0)
assert os.wait()[1] == 0 and time.monotonic() - began < 0.4, "the fork waits for nobody"
beside(lambda: (time.sleep(0.1), print("ended", flush=True)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
