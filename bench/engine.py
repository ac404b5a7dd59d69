"""``make bench-engine``: indicators, sweeps and a rebalanced portfolio beside TA-Lib and vectorbt.

Rounds are interleaved with the peer's, medians and their ratio are shown, and results are compared in the
timed runs. The peers live in an environment of their own (bench/peers-engine.lock), made at first use.
``JSON=1`` prints JSON. ``--quick`` takes a tenth of the pairs.
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

import numpy as np
import talib
import tradewind as tw
import xarray as xr
from tradewind import indicators as ti
from tradewind.backtest import sweep
from tradewind.strategies import SmaCross, Strategy, Weights, parameter
from tradewind.testing import synthetic
from tradewind.vocabulary import Frequency

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".peers" / "engine"
FEES = 5e-4
os.environ.setdefault("TRADEWIND_LEDGER", str(Path(tempfile.gettempdir()) / "tradewind-bench-trials.sqlite"))


class Scripted(Strategy):
    """Weights that were drawn beforehand."""

    name = "scripted"
    title = "Scripted weights"

    share: float = parameter(0.98, "how much is invested", minimum=0.0, maximum=1.0)

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Weights:
        return Weights(ds["weights"])


def peer_python() -> Path:
    """Make the peers' environment if it is missing."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(PEERS)], check=True)
        lock = str(HERE / "peers-engine.lock")
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


def timed(work) -> tuple[float, object]:
    """Seconds and what came out."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def save(folder: str, **arrays: np.ndarray) -> None:
    for name in ("open", "close", "weights", "fast", "slow"):
        np.save(f"{folder}/{name}.npy", arrays.get(name, np.zeros(1)))


def against(peer: Peer, job: str, ours, compare, rounds: int) -> dict:
    """Interleave, compare, and take medians."""
    peer.run(job), ours()  # compiled and warm
    mine, theirs, peak = [], [], 0.0
    gap = 0.0
    for _ in range(rounds):
        seconds, peak, answer = peer.run(job)
        theirs.append(seconds)
        seconds, found = timed(ours)
        mine.append(seconds)
        gap = max(gap, compare(found, answer))
    a, b = statistics.median(mine), statistics.median(theirs)
    return {"ours_s": a, "vectorbt_s": b, "ratio": b / a, "vectorbt_peak_mb": peak, "largest_gap": gap}


def sweep_case(peer: Peer, quick: bool, rounds: int) -> dict:
    ds = synthetic(1, 98_280, frequency=Frequency.MINUTE)
    fast = list(range(5, 45, 10 if quick else 1))
    slow = list(range(50, 300, 10))
    pairs = [(f, s) for f in fast for s in slow]
    save(peer.folder, open=ds["open"].values[0], close=ds["close"].values[0],
         fast=np.array([f for f, _ in pairs]), slow=np.array([s for _, s in pairs]))  # fmt: skip
    costs = tw.Costs(per_value=FEES)

    def compare(grid, answer) -> float:
        return float(np.max(np.abs(grid["final_equity"].values.ravel() / answer - 1.0)))

    found = against(
        peer, "sweep", lambda: sweep(SmaCross, {"fast": fast, "slow": slow}, ds, costs=costs), compare, rounds
    )
    return found | {"pairs": len(pairs), "g_per_s": ds.sizes["time"] * len(pairs) / found["ours_s"] / 1e9}


def weights_case(peer: Peer, rounds: int) -> dict:
    ds = synthetic(500, 2520)
    share = np.random.default_rng(0).dirichlet(np.ones(500), 2520) * 0.98
    ds["weights"] = (("symbol", "time"), np.ascontiguousarray(share.T))
    save(peer.folder, open=ds["open"].values.T, close=ds["close"].values.T, weights=share)
    costs = tw.Costs(per_value=FEES)

    def compare(result, answer) -> float:
        return float(np.max(np.abs(result.equity.values / answer - 1.0)))

    return against(
        peer, "weights", lambda: tw.backtest(Scripted(), ds, costs=costs, remember=False), compare, rounds
    )


INDICATORS = {
    "sma": (lambda d: ti.sma(d, 20), lambda r: talib.SMA(r["close"], 20)),
    "ema": (lambda d: ti.ema(d, 20), lambda r: talib.EMA(r["close"], 20)),
    "rsi": (lambda d: ti.rsi(d, 14), lambda r: talib.RSI(r["close"], 14)),
    "macd": (ti.macd, lambda r: talib.MACD(r["close"])),
    "bollinger": (ti.bollinger, lambda r: talib.BBANDS(r["close"], 20, 2, 2)),
    "atr": (ti.atr, lambda r: talib.ATR(r["high"], r["low"], r["close"], 14)),
    "dmi": (ti.dmi, lambda r: (talib.ADX(r["high"], r["low"], r["close"], 14),
                                            talib.PLUS_DI(r["high"], r["low"], r["close"], 14),
                                            talib.MINUS_DI(r["high"], r["low"], r["close"], 14))),
    "cci": (ti.cci, lambda r: talib.CCI(r["high"], r["low"], r["close"], 14)),
    "kama": (ti.kama, lambda r: talib.KAMA(r["close"], 30)),
}  # fmt: skip


def indicator_case(rounds: int) -> dict:
    ds = synthetic(500, 2520)
    rows = [{str(f): np.ascontiguousarray(ds[f].values[i]) for f in ds.data_vars} for i in range(500)]
    found = {}
    for name, (ours, theirs) in INDICATORS.items():
        ours(ds), [theirs(r) for r in rows[:3]]
        a, b = [], []
        for _ in range(rounds):
            a.append(timed(lambda ours=ours: ours(ds))[0])
            b.append(timed(lambda theirs=theirs: [theirs(r) for r in rows])[0])
        found[name] = {"ours_s": statistics.median(a), "talib_s": statistics.median(b)}
        found[name]["of_talib"] = found[name]["ours_s"] / found[name]["talib_s"]
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(folder)
        try:
            results = {
                "sma_sweep_minutes": sweep_case(peer, chosen.quick, chosen.rounds),
                "weights_500x2520": weights_case(peer, chosen.rounds),
                "indicators_500x2520": indicator_case(2 * chosen.rounds + 1),
                "load": os.getloadavg()[0],
            }
        finally:
            peer.close()
    if os.environ.get("JSON"):
        print(json.dumps(results, indent=1))
        return 0
    for name in ("sma_sweep_minutes", "weights_500x2520"):
        row = results[name]
        print(f"{name:<20} ours {row['ours_s'] * 1e3:9.1f} ms   vectorbt {row['vectorbt_s'] * 1e3:9.1f} ms   "
              f"{row['ratio']:7.1f} x   equal to {row['largest_gap']:.0e}   "
              f"vectorbt's peak {row['vectorbt_peak_mb']:.0f} MB")  # fmt: skip
    speed = results["sma_sweep_minutes"]["g_per_s"]
    print(f"{'':20} {speed:.2f} G bars x combinations a second, statistics included")
    for name, row in results["indicators_500x2520"].items():
        print(f"{name:<20} ours {row['ours_s'] * 1e3:9.2f} ms   TA-Lib {row['talib_s'] * 1e3:9.2f} ms   "
              f"{row['of_talib']:.2f} of TA-Lib")  # fmt: skip
    print(f"load of the machine while measuring: {results['load']:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
