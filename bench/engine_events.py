"""What the order desk costs a bar: a compiled strategy, one in plain Python, and backtesting.py's.

Run: ``.venv/bin/python bench/engine_events.py``. The same EMA crossing, in and out with market orders at the
next open, on 98,280 minute bars; equal trades are asserted. backtesting.py runs here, on Python 3.13.
"""

import statistics
import subprocess
import sys
import time
import warnings

import pandas as pd
import tradewind as tw
import xarray as xr
from tradewind.backtest.asking import CLOSE, HELD, market
from tradewind.strategies import Orders, Strategy
from tradewind.testing import synthetic
from tradewind.vocabulary import Frequency

BARS = 98_280
FAST, SLOW, UNITS, WARMUP = 2.0 / 51, 2.0 / 201, 100.0, 400


@tw.backtest.compiled
def compiled(t, bars, state, cash, equity, memory, asks):
    """Long above, flat below."""
    c = bars[CLOSE, 0, t]
    if t == 0:
        memory[0] = memory[1] = c
    memory[0] += (c - memory[0]) * FAST
    memory[1] += (c - memory[1]) * SLOW
    if t < WARMUP:
        return 0
    if memory[0] > memory[1] and state[0, HELD] == 0.0:
        return market(asks, 0, 0, UNITS)
    if memory[0] < memory[1] and state[0, HELD] > 0.0:
        return market(asks, 0, 0, -UNITS)
    return 0


class Compiled(Strategy):
    """The compiled one."""

    name = "bench_compiled"

    @property
    def warmup(self) -> int:
        return WARMUP

    def decide(self, ds: xr.Dataset) -> Orders:
        return Orders(compiled, memory=[0.0, 0.0])


class Plain(Strategy):
    """The same in plain Python."""

    name = "bench_plain"

    @property
    def warmup(self) -> int:
        return WARMUP

    def decide(self, ds: xr.Dataset) -> Orders:
        line = [0.0, 0.0]

        def on_bar(desk: tw.backtest.Desk) -> None:
            c = desk.price()
            if desk.bar == 0:
                line[:] = c, c
            line[0] += (c - line[0]) * FAST
            line[1] += (c - line[1]) * SLOW
            if desk.bar < WARMUP:
                return
            if line[0] > line[1] and desk.position() == 0.0:
                desk.buy(0, UNITS)
            elif line[0] < line[1] and desk.position() > 0.0:
                desk.sell(0, UNITS)

        return Orders(on_bar)


def peer(ds: xr.Dataset) -> tuple[float, int]:
    """backtesting.py's seconds and trades."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from backtesting import Backtest
        from backtesting import Strategy as Base

        class Cross(Base):
            def init(self):
                self.line = [self.data.Close[0]] * 2

            def next(self):
                c = self.data.Close[-1]
                self.line[0] += (c - self.line[0]) * FAST
                self.line[1] += (c - self.line[1]) * SLOW
                if len(self.data) <= WARMUP:
                    return
                if self.line[0] > self.line[1] and not self.position:
                    self.buy(size=int(UNITS))
                elif self.line[0] < self.line[1] and self.position:
                    self.position.close()

        frame = pd.DataFrame(
            {n.title(): ds[n].values[0] for n in ("open", "high", "low", "close", "volume")},
            index=pd.DatetimeIndex(ds["time"].values),
        )
        job = Backtest(frame, Cross, cash=1e6, finalize_trades=False)
        began = time.perf_counter()
        found = job.run()
        return time.perf_counter() - began, len(found["_trades"])


def timed(strategy: Strategy, ds: xr.Dataset) -> tuple[float, int]:
    """Seconds of the public call, and closed trades."""
    began = time.perf_counter()
    result = tw.backtest(strategy, ds, remember=False)
    seconds = time.perf_counter() - began
    return seconds, int((~result.trades["open"]).sum())


def fresh() -> float:
    """Seconds of the first weights backtest in a new process, imports apart."""
    code = (
        "import time, numpy as np, tradewind as tw, sys; sys.path.insert(0, 'bench')\n"
        "from engine_cases import Scripted; from tradewind.testing import synthetic\n"
        "ds = synthetic(500, 2520)\n"
        "ds['weights'] = (('symbol', 'time'), np.full((500, 2520), 0.98 / 500)); tw.backtest\n"
        "began = time.perf_counter(); tw.backtest(Scripted(), ds, costs=tw.Costs(per_value=5e-4))\n"
        "print(time.perf_counter() - began)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> int:
    """Interleave the three, print medians."""
    ds = synthetic(1, BARS, frequency=Frequency.MINUTE)
    timed(Compiled(), ds)
    rounds = [(timed(Compiled(), ds), timed(Plain(), ds), peer(ds)) for _ in range(3)]
    trades = {n for row in rounds for _, n in row}
    assert len(trades) == 1, f"different trades: {trades}"
    ours, plain, theirs = (statistics.median(row[k][0] for row in rounds) for k in range(3))
    print(f"compiled   {BARS / ours / 1e6:8.2f} M bars a second  ({ours * 1e3:.0f} ms, whole public call)")
    print(f"plain      {plain / BARS * 1e6:8.2f} us a bar")
    print(f"backtesting.py {theirs / BARS * 1e6:4.2f} us a bar   {trades.pop()} trades each")
    print(f"first weights backtest in a fresh process: {fresh():.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
