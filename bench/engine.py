"""``make bench-engine``: indicators, sweeps, a rebalanced portfolio, orders and Dask, beside their peers.

Rounds are interleaved with the peer's, medians and their ratio are shown, and results are compared in the
timed runs. The peers live in an environment of their own (bench/peers-engine.lock), made at first use.
``JSON=1`` prints one document a figure. ``--quick`` takes an eighth of the combinations; ``--only`` runs
parts: indicators, sweeps, weights, orders, dask, first.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tradewind as tw
from engine_cases import INDICATORS, Scripted, sweeps
from engine_cluster import dask_figures
from report import Figure, show
from tradewind.backtest import sweep
from tradewind.testing import synthetic
from tradewind.vocabulary import Frequency

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers"
FEES = 5e-4
COSTS = tw.Costs(per_value=FEES)
IN_A_ROW = 3
"""Calls of ours in a round, as in a loop in a notebook, besides the first: it finds the processor's cache
full of what the peer left there, and is not counted."""
PARTS = ("indicators", "sweeps", "weights", "orders", "dask", "first")
os.environ.setdefault("TRADEWIND_LEDGER", str(Path(tempfile.gettempdir()) / "tradewind-bench-trials.sqlite"))


def peer_python(name: str = "engine") -> Path:
    """Make the environment of some peers if it is missing."""
    python = PEERS / name / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(PEERS / name)], check=True)
        lock = str(HERE / f"peers-{name}.lock")
        subprocess.run(
            ["uv", "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", lock],
            check=True,
        )
    return python


class Peer:
    """A peer's process that keeps what it compiled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [str(peer_python()), str(HERE / "engine_peer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def give(self, **arrays: np.ndarray) -> None:
        """Write what the next jobs read."""
        np.savez(f"{self.folder}/data.npz", **arrays)

    def run(self, job: str) -> tuple[float, float, np.ndarray]:
        """Seconds, peak megabytes, answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"job": job, "folder": self.folder, "fees": FEES}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["peak_mb"], np.load(f"{self.folder}/answer.npy")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def timed(work: Any) -> tuple[float, Any]:
    """Seconds and what came out."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def against(peer: Peer, job: str, ours: Any, gap_of: Any, rounds: int, most: float) -> tuple[float, float]:
    """Interleave, compare, and take medians: ours and the peer's, in seconds."""
    _, _, answer = peer.run(job)
    gap = gap_of(ours(), answer)  # compiled and warm
    mine, theirs = [], []
    for _ in range(rounds):
        seconds, _, answer = peer.run(job)
        theirs.append(seconds)
        ours()
        for _ in range(IN_A_ROW):
            seconds, found = timed(ours)
            mine.append(seconds)
            gap = max(gap, gap_of(found, answer))
    if not gap <= most:
        raise SystemExit(f"{job}: the results differ by {gap:.1e}")
    return statistics.median(mine), statistics.median(theirs)


def peak_of(code: str) -> float:
    """Megabytes that a piece of code adds to a fresh process that has imported and read its data."""
    script = f"""
import os, tempfile
os.environ["TRADEWIND_LEDGER"] = tempfile.mkdtemp() + "/trials.sqlite"
import tradewind as tw
from tradewind.testing import synthetic
from tradewind.backtest import sweep
from tradewind.vocabulary import Frequency
ds = synthetic(1, 98_280, frequency=Frequency.MINUTE)
sweep("sma_cross", {{"fast": [5], "slow": [20]}}, ds)
memory = lambda name: next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith(name))
open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
before = memory("VmRSS")
{code}
print((memory("VmHWM") - before) / 1024)
"""
    return float(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    )


def sweep_figures(peer: Peer, quick: bool, rounds: int) -> list[Figure]:
    ds = synthetic(1, 98_280, frequency=Frequency.MINUTE)
    prices = {"open": ds["open"], "high": ds["high"], "lows": ds["low"], "close": ds["close"]}
    prices = {name: values.values[0] for name, values in prices.items()}
    found = []
    for name, case in sweeps(quick).items():
        grid = sweep(case.strategy, case.grid, ds, costs=COSTS)
        frame = grid.frame()
        work = ds.sizes["time"] * grid.trials / 1e9

        def ours(case=case, **options):
            return sweep(case.strategy, case.grid, ds, costs=COSTS, **options)

        if case.peer:
            peer.give(**prices, **{p: frame[p].to_numpy() for p in grid.parameters})

            def gap(grid, answer) -> float:
                return float(np.max(np.abs(grid.frame()["final_equity"].to_numpy() / answer - 1.0)))

            a, b = against(peer, name, ours, gap, rounds, 1e-6)
        else:
            a, b = statistics.median(timed(ours)[0] for _ in range(rounds + 2)), None
        label = f"sweep {name}, {grid.trials:,} x 98,280 bars, all figures"
        found.append(Figure(label, a, "s", b, case.goal, "ratio", True))
        found.append(
            Figure(
                f"sweep {name}, all figures",
                work / a,
                "G bar·combinations/s",
                goal=0.6 if name == "sma_cross" else None,
                at_least=True,
            )
        )
        if name == "sma_cross":
            light = statistics.median(timed(lambda: ours(statistics=False))[0] for _ in range(rounds + 2))
            found.append(Figure("sweep sma_cross, final values", light, "s", b, 300, "ratio", True))
            found.append(
                Figure(
                    "sweep sma_cross, final values",
                    work / light,
                    "G bar·combinations/s",
                    goal=1.2,
                    at_least=True,
                )
            )
    code = f"sweep('sma_cross', {sweeps(quick)['sma_cross'].grid!r}, ds)"
    found.append(Figure("sweep sma_cross, memory beyond imports and data", peak_of(code), "MB", goal=300))
    return found


def portfolios(symbols: int, bars: int) -> dict[str, np.ndarray]:
    """Target weights a bar: anew each time, a tenth of the symbols, all the same."""
    rng = np.random.default_rng(0)
    tenth = rng.permuted(np.arange(bars * symbols).reshape(bars, symbols) % symbols < symbols // 10, axis=1)
    return {
        "daily": rng.dirichlet(np.ones(symbols), bars) * 0.98,
        "daily, a tenth held": tenth * (9.8 / symbols),
        "daily, equal": np.full((bars, symbols), 0.98 / symbols),
    }


def weights_figures(peer: Peer, rounds: int) -> list[Figure]:
    ds = synthetic(500, 2520)

    def gap(result, answer) -> float:
        return float(np.max(np.abs(result.equity.values / answer - 1.0)))

    def ours():
        return tw.backtest(Scripted(), ds, costs=COSTS, remember=False)

    found = []
    for name, share in portfolios(500, 2520).items():
        ds["weights"] = (("symbol", "time"), np.ascontiguousarray(share.T))
        peer.give(open=ds["open"].values.T, close=ds["close"].values.T, weights=share)
        a, b = against(peer, "weights", ours, gap, rounds, 1e-6)
        found.append(
            Figure(f"weights rebalanced {name}, 500 x 2,520", a * 1e3, "ms", b * 1e3, 300, "ratio", True)
        )
    return found


def indicator_figures(rounds: int) -> list[Figure]:
    return [f for shape in ((500, 2_520), (50, 98_000)) for f in _indicators(*shape, rounds)]


def _indicators(symbols: int, bars: int, rounds: int) -> list[Figure]:
    ds = synthetic(symbols, bars, frequency=Frequency.DAY if bars < 10_000 else Frequency.MINUTE)
    rows = [{str(f): np.ascontiguousarray(ds[f].values[i]) for f in ds.data_vars} for i in range(symbols)]
    for row in rows:
        row["market"] = rows[0]["close"]
    x = ds["close"].values
    buffer, tables = np.empty_like(x), [np.empty_like(x) for _ in range(3)]

    def row_by_row(theirs: Any) -> None:
        """What ours answers as well: (symbol, time), here into the same arrays each time."""
        for i, row in enumerate(rows):
            found = theirs(row)
            for table, one in zip(tables, found if isinstance(found, tuple) else (found,), strict=False):
                table[i] = one

    def medians(ours: Any, theirs: Any) -> tuple[float, ...]:
        works = (lambda: ours(ds), lambda: row_by_row(theirs), lambda: np.copyto(buffer, x))
        taken: tuple[list[float], ...] = ([], [], [])
        for _ in range(rounds):
            for work, seconds in zip(works, taken, strict=True):
                # several in a row: the first finds what the others left in the cache
                seconds += [timed(work)[0] for _ in range(1 + IN_A_ROW)][1:]
        return tuple(statistics.median(seconds) * 1e3 for seconds in taken)

    found = []
    for name, pair in INDICATORS.items():
        mine, talib_s, copy = medians(*pair)
        label = f"{name}, {symbols} x {bars:,}"
        found.append(Figure(f"{label}, TA-Lib", mine, "ms", talib_s, 2.5, "ratio", True))
        if name in {"sma", "ema"}:
            found.append(Figure(f"{label}, times a copy", mine / copy, "x", goal=3.0))
    return found


def order_figures(folder: str, rounds: int) -> list[Figure]:
    import engine_events as events  # compiles its strategy when imported

    ds = synthetic(1, events.BARS, frequency=Frequency.MINUTE).round(
        2
    )  # nautilus_trader knows no finer prices
    names = ("open", "high", "low", "close", "volume")
    np.savez(f"{folder}/orders.npz", time=ds["time"].values, **{n: ds[n].values[0] for n in names})

    def nautilus() -> tuple[float, int]:
        command = [str(peer_python("nautilus")), "-W", "ignore", str(HERE / "nautilus_peer.py"), folder]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return said["seconds"], said["trades"]

    works = (
        lambda: events.timed(events.Compiled(), ds),
        lambda: events.timed(events.Plain(), ds),
        lambda: events.peer(ds),
        nautilus,
    )
    works[0]()
    taken = [[work() for work in works] for _ in range(rounds)]
    trades = {n for row in taken for _, n in row}
    if len(trades) != 1:
        raise SystemExit(f"orders: different trades, {trades}")
    fast, plain, theirs, other = (
        statistics.median(row[k][0] for row in taken) / events.BARS for k in range(4)
    )
    return [
        Figure("orders, compiled function", 1e-6 / fast, "M bars/s", goal=1.0, at_least=True),
        Figure("orders, plain Python beside backtesting.py", plain * 1e6, "µs a bar", theirs * 1e6),
        Figure("orders, plain Python beside nautilus_trader", plain * 1e6, "µs a bar", other * 1e6),
    ]


def first_figures() -> list[Figure]:
    script = """
import time
import tradewind as tw
from tradewind.testing import synthetic
from tradewind.backtest import sweep
ds = synthetic(20, 2520)
tw.strategies.names()
a = time.perf_counter()
tw.indicators.sma(ds["close"], 20); tw.indicators.ema(ds["close"], 20)
b = time.perf_counter()
tw.backtest(tw.strategies.get("sma_cross"), ds, remember=False).metrics
c = time.perf_counter()
sweep("sma_cross", {"fast": [5, 10], "slow": [20, 50]}, ds)
print(b - a, c - b, time.perf_counter() - c)
"""
    rounds = [
        [
            float(v)
            for v in subprocess.run(
                [sys.executable, "-c", script], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        for _ in range(3)
    ]
    names = ("indicators", "backtest", "sweep")
    return [
        Figure(
            f"first call in a fresh process, {name}", statistics.median(r[k] for r in rounds), "s", goal=1.0
        )
        for k, name in enumerate(names)
    ]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    chosen = options.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(folder)
        try:
            parts = {
                "first": first_figures,
                "indicators": lambda: indicator_figures(chosen.rounds),
                "weights": lambda: weights_figures(peer, chosen.rounds),
                "orders": lambda: order_figures(folder, chosen.rounds),
                "sweeps": lambda: sweep_figures(peer, chosen.quick, chosen.rounds),
                "dask": lambda: dask_figures(chosen.quick, chosen.rounds),
            }
            for name, part in parts.items():
                if name in chosen.only:
                    figures += part()
        finally:
            peer.close()
    figures.append(Figure("load of the machine when done", os.getloadavg()[0], ""))
    show("Engine", figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
