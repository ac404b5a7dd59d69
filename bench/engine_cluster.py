"""A sweep on one and on two Dask workers, what a task costs, and what that means for a thousand workers."""

import heapq
import statistics
import time
from typing import Any

from engine_cases import Slow
from report import Figure
from tradewind.backtest import sweep
from tradewind.compute import cluster
from tradewind.testing import synthetic

WIRE = 1.0e9 / 8.0
"""Bytes a second between machines: a common network of 1 Gbit/s."""


def on_workers(workers: int, ds: Any, backs: list[int]) -> tuple[float, float]:
    """Seconds of the sweep, and seconds of an empty task beside others."""
    with cluster(workers) as client:
        client.submit(sum, [1, 2]).result()
        sweep(Slow, {"back": backs[: 4 * workers]}, ds, client=client)  # imports, compiled code
        began = time.perf_counter()
        sweep(Slow, {"back": backs}, ds, client=client)
        took = time.perf_counter() - began
        began = time.perf_counter()
        client.gather(client.map(abs, range(1000), pure=False))
        task = (time.perf_counter() - began) / 1000
    return took, task


def simulate(workers: int, tasks: int, seconds: float, overhead: float, bytes_of_data: float) -> float:
    """Seconds until the last of equal tasks ends: one scheduler hands them out, to whoever is free first.

    The data reach the workers as a tree: each that has them sends them on to two others.
    """
    depth, reached = 0, 1
    while reached < workers:
        reached += 2 * reached
        depth += 1
    start = 2 * depth * bytes_of_data / WIRE
    free = [start] * workers
    heapq.heapify(free)
    scheduler = last = start
    for _ in range(tasks):
        scheduler += overhead
        begin = max(scheduler, heapq.heappop(free))
        last = max(last, begin + seconds)
        heapq.heappush(free, begin + seconds)
    return last


def dask_figures(quick: bool, rounds: int) -> list[Figure]:
    """Two workers beside one, interleaved; then the plan."""
    ds = synthetic(4, 20_000)
    backs = list(range(1, 60 if quick else 800))
    ones, twos, tasks = [], [], []
    for _ in range(1 if quick else min(rounds, 2)):
        took, task = on_workers(1, ds, backs)
        ones.append(took)
        tasks.append(task)
        twos.append(on_workers(2, ds, backs)[0])
    one, two, task = (statistics.median(v) for v in (ones, twos, tasks))
    each = one / len(backs)
    # Tasks must be long beside what one costs the scheduler, and many enough that nobody
    # waits for the last: the plan is the length that ends first
    many, machines = 10_000_000, 1000
    plans = []
    for length in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0):
        per_task = max(1, int(length / each))
        total = simulate(machines, -(-many // per_task), per_task * each, task, float(ds.nbytes))
        plans.append((total, length))
    total, length = min(plans)
    share = many * each / machines / total
    return [
        Figure("Dask: sweep of plain Python, two workers", two, "s", one, 1.8, "ratio", True),
        Figure("Dask: what a task costs", task * 1e3, "ms"),
        Figure(f"Dask, simulated: {many:,} variants on 1,000 workers, tasks of {length:g} s", total, "s"),
        Figure("Dask, simulated: share of the 1,000 workers' time that is work", share, ""),
    ]
