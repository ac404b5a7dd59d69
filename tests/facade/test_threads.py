"""Helper threads work beside their caller, not in turn with it."""

import os
import threading
import time

import pytest
from tradewind.threads import beside, cores

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
