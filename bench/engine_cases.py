"""What bench/engine.py measures: indicators against TA-Lib, sweeps, and two strategies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import talib
import xarray as xr
from tradewind import indicators as ti
from tradewind.strategies import Signals, Strategy, Weights, parameter

Row = dict[str, np.ndarray]


def _donchian(row: Row) -> tuple[np.ndarray, ...]:
    """The three lines that ours answers."""
    upper, lower = talib.MAX(row["high"], 20), talib.MIN(row["low"], 20)
    return upper, (upper + lower) / 2.0, lower


INDICATORS: dict[str, tuple[Callable[[xr.Dataset], Any], Callable[[Row], Any]]] = {
    "sma": (lambda d: ti.sma(d, 20), lambda r: talib.SMA(r["close"], 20)),
    "ema": (lambda d: ti.ema(d, 20), lambda r: talib.EMA(r["close"], 20)),
    "wma": (lambda d: ti.wma(d, 20), lambda r: talib.WMA(r["close"], 20)),
    "dema": (lambda d: ti.dema(d, 20), lambda r: talib.DEMA(r["close"], 20)),
    "tema": (lambda d: ti.tema(d, 20), lambda r: talib.TEMA(r["close"], 20)),
    "kama": (lambda d: ti.kama(d, 30), lambda r: talib.KAMA(r["close"], 30)),
    "rsi": (lambda d: ti.rsi(d, 14), lambda r: talib.RSI(r["close"], 14)),
    "macd": (ti.macd, lambda r: talib.MACD(r["close"])),
    "bollinger": (ti.bollinger, lambda r: talib.BBANDS(r["close"], 20, 2, 2)),
    "atr": (ti.atr, lambda r: talib.ATR(r["high"], r["low"], r["close"], 14)),
    "dmi": (ti.dmi, lambda r: (talib.ADX(r["high"], r["low"], r["close"], 14),
                               talib.PLUS_DI(r["high"], r["low"], r["close"], 14),
                               talib.MINUS_DI(r["high"], r["low"], r["close"], 14))),
    "stochastic": (ti.stochastic, lambda r: talib.STOCH(r["high"], r["low"], r["close"], 5, 3, 0, 3, 0)),
    "williams_r": (ti.williams_r, lambda r: talib.WILLR(r["high"], r["low"], r["close"], 14)),
    "cci": (ti.cci, lambda r: talib.CCI(r["high"], r["low"], r["close"], 14)),
    "mfi": (ti.mfi, lambda r: talib.MFI(r["high"], r["low"], r["close"], r["volume"], 14)),
    "obv": (ti.obv, lambda r: talib.OBV(r["close"], r["volume"])),
    "roc": (ti.roc, lambda r: talib.ROC(r["close"], 10)),
    "momentum": (ti.momentum, lambda r: talib.MOM(r["close"], 10)),
    "aroon": (ti.aroon, lambda r: talib.AROON(r["high"], r["low"], 14)),
    "parabolic_sar": (ti.parabolic_sar, lambda r: talib.SAR(r["high"], r["low"], 0.02, 0.2)),
    "donchian": (ti.donchian, _donchian),
    "rolling_max": (ti.rolling_max, lambda r: talib.MAX(r["close"], 20)),
    "rolling_min": (ti.rolling_min, lambda r: talib.MIN(r["close"], 20)),
    "correlation": (lambda d: ti.correlation(d, d["close"][0], 30),
                    lambda r: talib.CORREL(r["close"], r["market"], 30)),
    "beta": (lambda d: ti.beta(d, d["close"][0], 5), lambda r: talib.BETA(r["market"], r["close"], 5)),
}  # fmt: skip


@dataclass(frozen=True)
class SweepCase:
    """A sweep, with how many times a combination's bars are to be faster than vectorbt's.

    ``peer`` is its job in bench/engine_peer.py, where vectorbt can do the same.
    """

    strategy: str
    grid: dict[str, list[Any]]
    goal: float
    peer: bool = True


def sweeps(quick: bool) -> dict[str, SweepCase]:
    """The sweeps; ``quick`` takes a few combinations of each."""
    thin = 8 if quick else 1
    fast = list(range(5, 45))[::thin]
    tenths = [1.0 + 0.1 * k for k in range(10)][::thin]
    return {
        "sma_cross": SweepCase("sma_cross", {"fast": fast, "slow": list(range(50, 300, 10))}, 150),
        "macd": SweepCase(
            "macd",
            {
                "fast": [8, 10, 12, 14, 16][::thin],
                "slow": list(range(20, 40, 2)),
                "signal": [5, 7, 9, 11, 13],
            },
            100,
        ),
        "bollinger": SweepCase("bollinger", {"window": list(range(10, 60, 2)), "width": tenths}, 100),
        "rsi": SweepCase(
            "rsi_reversion",
            {"window": list(range(5, 30))[::thin], "low": [20.0, 25.0, 30.0], "leave": [45.0, 50.0, 60.0]},
            100,
        ),
        "donchian": SweepCase(
            "donchian", {"entry": list(range(20, 60, 2))[::thin], "exit": list(range(5, 20))}, 100
        ),
        "turtle": SweepCase(
            "turtle", {"entry": list(range(20, 60, 2))[::thin], "exit": list(range(5, 20))}, 100, peer=False
        ),
    }


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


class Slow(Strategy):
    """A user's strategy in plain Python, one pass over the bars."""

    name = "slow_python"
    title = "Plain Python"

    back: int = parameter(5, "bars", minimum=1)

    @property
    def warmup(self) -> int:
        return self.back

    def decide(self, ds: xr.Dataset) -> Signals:
        close = ds["close"]
        out = []
        for row in close.transpose("symbol", "time").values:
            wanted, best = [], 0.0
            for t, v in enumerate(row.tolist()):
                best = max(best * 0.999, v)
                wanted.append(1.0 if t >= self.back and v > 0.98 * best else 0.0)
            out.append(wanted)
        return Signals(close.transpose("symbol", "time").copy(data=np.array(out)))
