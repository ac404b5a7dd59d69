"""Figures of the store beyond single reads: a fresh process, four times the symbols, two Dask workers.

``bench/store.py`` calls these; run as a program, this file is the fresh process of ours.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from report import Figure, interleaved
from store_data import Case

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", "9"))
WORK_SECONDS = float(os.environ.get("DASK_SECONDS", "20"))


def fresh(case: Case, where: dict[str, str], place: str, peers: Path) -> list[Figure]:
    """Open by name and read one symbol's closes in a process that has done nothing but its imports."""
    asked = json.dumps({"case": case.name, "where": where, "symbol": case.names[37 % case.symbols]})
    commands = {
        "ours": [sys.executable, str(HERE / "store_more.py"), asked],
        "sym": [str(peers), str(HERE / "store_peers.py"), asked],
    }
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    reads: dict[str, list[float]] = {name: [] for name in commands}
    whole: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS + 1):
        for name, command in commands.items():
            begin = time.perf_counter()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            whole[name].append((time.perf_counter() - begin) * 1e3)
            reads[name].append(json.loads(done.stdout.splitlines()[-1])["ms"])
    read, all_ = ({k: median(v[1:]) for k, v in times.items()} for times in (reads, whole))
    title = f"{case.name} {place}: fresh process"
    return [
        Figure(f"{title}, open and one symbol", read["ours"], "ms", read["sym"], 1.0, "ratio", at_least=True),
        Figure(f"{title}, with its imports", all_["ours"], "ms", all_["sym"]),
    ]


def _fresh_ours(asked: dict[str, str]) -> None:
    import tradewind as tw

    opener = tw.open
    started = time.perf_counter()
    values = opener(asked["case"], symbols=asked["symbol"], fields="close")["close"].to_numpy()
    spent = (time.perf_counter() - started) * 1e3
    assert np.isfinite(values).any()
    print(json.dumps({"ms": spent}))


def scaling(case: Case, write_some: Callable[[Case], None]) -> list[Figure]:
    """Compare the panel of all symbols with that of a quarter of them."""
    import tradewind as tw

    quarter = Case(f"{case.name}-quarter", case.symbols // 4, case.bars, case.minutes)
    write_some(quarter)

    def panel(name: str) -> None:
        tw.open(name, fields="close")["close"].to_numpy()

    works = [partial(panel, name) for name in (quarter.name, case.name)]
    interleaved(*works, rounds=2)
    small, large = interleaved(*works, rounds=2 * ROUNDS + 1)
    work = f"{case.name} disk: panel of {case.symbols} symbols over that of {quarter.symbols}"
    return [Figure(work, large / small, "×", goal=4.4)]


def workers(case: Case) -> list[Figure]:
    """Time a mean of the closes on one single-threaded Dask worker process and on two."""
    spent = {}
    repeats = 0
    for count in (1, 2):
        with _Cluster(case.name, count) as mean:
            mean(2)  # imports, first touch
            if not repeats:
                begin = time.perf_counter()
                mean(8)
                repeats = max(8, round(WORK_SECONDS / (time.perf_counter() - begin) * 8))
            begin = time.perf_counter()
            mean(repeats)
            spent[count] = time.perf_counter() - begin
    work = f"{case.name} disk: mean of all closes by Dask, {repeats} times"
    return [
        Figure(f"{work}, on one worker", spent[1], "s"),
        Figure(f"{work}, on two", spent[2], "s", spent[1], 1.7, "ratio", at_least=True),
    ]


class _Cluster:
    """Single-threaded worker processes; entered, it gives a function that does the work some times."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._count = name, count

    def __enter__(self) -> Callable[[int], None]:
        import tradewind as tw
        from distributed import Client, LocalCluster

        self._cluster = LocalCluster(
            n_workers=self._count, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self._client = Client(self._cluster)
        opened = tw.open(self._name, fields="close")["close"]
        made = iter(range(10**9))

        def mean(times: int) -> None:
            rounds = [
                self._client.compute(
                    opened.chunk({"symbol": 100, "time": -1}, token=f"round-{next(made)}").mean()
                )
                for _ in range(times)
            ]  # few, large tasks, under way while further ones are described
            self._client.gather(rounds)

        return mean

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._cluster.close()


if __name__ == "__main__":
    _fresh_ours(json.loads(sys.argv[1]))
