"""Every indicator against TA-Lib, on random and on real data: same figures, same first valid bar."""

from collections.abc import Callable
from dataclasses import dataclass

import bokeh.sampledata.stocks as stocks
import numpy as np
import pytest
import talib
import xarray as xr
from tradewind import indicators as ti
from tradewind.testing import synthetic


@dataclass(frozen=True)
class Oracle:
    """One indicator and the function that must agree with it, row by row."""

    name: str
    parameters: dict
    theirs: Callable
    unclear: Callable | None = None
    """Bars whose figure hangs on the last bit of a comparison, from the row; they are not compared."""

    def __str__(self) -> str:
        return f"{self.name}{tuple(self.parameters.values())}"


TABLE = [
    *(Oracle("sma", {"window": w}, lambda r, w=w: {"sma": talib.SMA(r["close"], w)}) for w in (2, 20, 200)),
    *(Oracle("ema", {"window": w}, lambda r, w=w: {"ema": talib.EMA(r["close"], w)}) for w in (2, 20, 200)),
    *(Oracle("rsi", {"window": w}, lambda r, w=w: {"rsi": talib.RSI(r["close"], w)}) for w in (2, 14, 50)),
    *(
        Oracle(
            "macd",
            {"fast": f, "slow": s, "signal": g},
            lambda r, f=f, s=s, g=g: dict(
                zip(("macd", "signal", "histogram"), talib.MACD(r["close"], f, s, g), strict=True)
            ),
        )
        for f, s, g in ((12, 26, 9), (3, 10, 16))
    ),
    *(
        Oracle(
            "bollinger",
            {"window": w, "width": k},
            lambda r, w=w, k=k: dict(
                zip(("upper", "middle", "lower"), talib.BBANDS(r["close"], w, k, k), strict=True)
            ),
        )
        for w, k in ((20, 2.0), (5, 1.5), (100, 3.0))
    ),
    *(
        Oracle("atr", {"window": w}, lambda r, w=w: {"atr": talib.ATR(r["high"], r["low"], r["close"], w)})
        for w in (1, 14, 50)
    ),
    *(
        Oracle(
            "donchian",
            {"window": w},
            lambda r, w=w: {"upper": talib.MAX(r["high"], w), "lower": talib.MIN(r["low"], w)},
        )
        for w in (2, 20, 55)
    ),
]


def ties(row: dict, window: int) -> np.ndarray:
    """Bars whose window holds two typical prices that are equal but for rounding."""
    typical = (row["high"] + row["low"] + row["close"]) / 3.0
    near = np.abs(np.diff(typical, prepend=0.0)) < 1e-9 * typical
    return np.convolve(near, np.ones(window))[: near.size] > 0.5


TABLE += [
    *(Oracle(n, {"window": w}, lambda r, f=f, n=n, w=w: {n: f(r["close"], w)})
      for n, f in (("wma", talib.WMA), ("dema", talib.DEMA), ("tema", talib.TEMA), ("kama", talib.KAMA),
                   ("roc", talib.ROC), ("momentum", talib.MOM), ("rolling_max", talib.MAX),
                   ("rolling_min", talib.MIN))
      for w in (3, 20, 61)),
    *(Oracle("dmi", {"window": w}, lambda r, w=w: {
        "adx": talib.ADX(r["high"], r["low"], r["close"], w),
        "plus": talib.PLUS_DI(r["high"], r["low"], r["close"], w),
        "minus": talib.MINUS_DI(r["high"], r["low"], r["close"], w)}) for w in (2, 14, 30)),
    *(Oracle("stochastic", {"window": w, "smooth": k, "signal": d}, lambda r, w=w, k=k, d=d: dict(
        zip("kd", talib.STOCH(r["high"], r["low"], r["close"], w, k, 0, d, 0), strict=True)))
      for w, k, d in ((5, 3, 3), (14, 1, 5))),
    *(Oracle("williams_r", {"window": w}, lambda r, w=w: {
        "williams_r": talib.WILLR(r["high"], r["low"], r["close"], w)}) for w in (5, 14)),
    *(Oracle("cci", {"window": w}, lambda r, w=w: {"cci": talib.CCI(r["high"], r["low"], r["close"], w)})
      for w in (5, 14, 50)),
    *(Oracle("mfi", {"window": w}, lambda r, w=w: {
        "mfi": talib.MFI(r["high"], r["low"], r["close"], r["volume"], w)},
        unclear=lambda r, w=w: ties(r, w)) for w in (2, 14)),
    Oracle("obv", {}, lambda r: {"obv": talib.OBV(r["close"], r["volume"])}),
    *(Oracle("aroon", {"window": w}, lambda r, w=w: dict(
        zip(("down", "up"), talib.AROON(r["high"], r["low"], w), strict=True))) for w in (5, 25)),
    *(Oracle("parabolic_sar", {"step": a, "most": m}, lambda r, a=a, m=m: {
        "parabolic_sar": talib.SAR(r["high"], r["low"], a, m)}) for a, m in ((0.02, 0.2), (0.05, 0.1))),
]  # fmt: skip


def real() -> xr.Dataset:
    """Four large stocks as bokeh ships them, over the years they share."""
    names = ("AAPL", "GOOG", "IBM", "MSFT")
    bars = min(len(getattr(stocks, n)["date"]) for n in names)
    fields = ("open", "high", "low", "close", "volume")
    data = {
        f: (("symbol", "time"), np.array([getattr(stocks, n)[f][-bars:] for n in names], dtype=float))
        for f in fields
    }
    return xr.Dataset(data, {"symbol": list(names), "time": np.array(stocks.IBM["date"][-bars:], "M8[D]")})


MARKETS = {"random": synthetic(4, 900, seed=3), "real": real()}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("oracle", TABLE, ids=str)
def test_agrees_with_talib(oracle: Oracle, market: str) -> None:
    ds = MARKETS[market]
    ours = getattr(ti, oracle.name)(ds, **oracle.parameters)
    for i in range(ds.sizes["symbol"]):
        row = {str(f): np.ascontiguousarray(ds[f].values[i]) for f in ds.data_vars}
        for name, theirs in oracle.theirs(row).items():
            mine = (ours if isinstance(ours, xr.DataArray) else ours[name]).values[i]
            assert np.array_equal(np.isnan(mine), np.isnan(theirs)), f"{name}: another first valid bar"
            known = ~np.isnan(theirs)
            if oracle.unclear is not None:
                unclear = oracle.unclear(row)
                assert unclear.mean() < 0.2
                known &= ~unclear
            scale = np.maximum(np.abs(theirs[known]), np.nanmax(np.abs(theirs)) * 1e-3)
            assert np.max(np.abs(mine[known] - theirs[known]) / scale) < 1e-9, name


@pytest.mark.parametrize("oracle", TABLE, ids=str)
def test_says_its_warm_up(oracle: Oracle) -> None:
    ds = MARKETS["random"]
    ours = getattr(ti, oracle.name)(ds, **oracle.parameters)
    first = ours if isinstance(ours, xr.DataArray) else ours[ti.registry[oracle.name].outputs[0]]
    assert int(np.flatnonzero(first.notnull().values[0])[0]) == ti.registry[oracle.name].first_valid(
        **oracle.parameters
    )
