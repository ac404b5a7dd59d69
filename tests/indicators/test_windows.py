"""Indicators without a TA-Lib twin, against pandas and against their own definitions in plain Python."""

import numpy as np
import pandas as pd
import pytest
import talib
import xarray as xr
from tradewind import errors
from tradewind import indicators as ti
from tradewind.testing import synthetic

DS = synthetic(3, 500, seed=6)
CLOSE = DS["close"].to_pandas().T
LOGS = np.log(CLOSE).diff()


def same(ours: xr.DataArray, theirs: pd.DataFrame, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(
        ours.transpose("time", "symbol").values, theirs.to_numpy(), rtol=tolerance, atol=1e-12
    )


@pytest.mark.parametrize("window", [2, 20, 101])
def test_against_pandas(window: int) -> None:
    rolling = CLOSE.rolling(window)
    same(ti.zscore(DS, window), (CLOSE - rolling.mean()) / rolling.std(ddof=0), 1e-7)
    same(ti.zscore(DS, window, ddof=1), (CLOSE - rolling.mean()) / rolling.std(), 1e-7)
    same(ti.rolling_rank(DS, window), rolling.rank(pct=True))
    for q in (0.0, 0.25, 0.5, 1.0):
        same(ti.rolling_quantile(DS, window, q), rolling.quantile(q))
    same(ti.volatility(DS, window), LOGS.rolling(window).std() * np.sqrt(252), 1e-7)
    same(ti.drawdown(DS), CLOSE / CLOSE.cummax() - 1)


def test_rank_of_ties() -> None:
    x = pd.Series([3.0, 1, 3, 3, 2, 2, 2, 5, 5, 1, 1, 1])
    ours = ti.rolling_rank(xr.DataArray(x.to_numpy(), dims="time"), 5).values
    np.testing.assert_allclose(ours, x.rolling(5).rank(pct=True).to_numpy())


def test_correlation_and_beta_agree_with_talib() -> None:
    market = DS["close"].isel(symbol=0, drop=True)
    for i in (1, 2):
        a, b = DS["close"].values[i], market.values
        np.testing.assert_allclose(
            ti.correlation(DS, market, 30).values[i], talib.CORREL(a, b, 30), rtol=1e-7
        )
        np.testing.assert_allclose(ti.beta(DS, market, 5).values[i], talib.BETA(b, a, 5), rtol=1e-7)
    with pytest.raises(errors.ParameterError, match="other="):
        ti.beta(DS)


def test_range_volatilities_by_their_formulas() -> None:
    row = {f: DS[f].values[0] for f in ("open", "high", "low", "close")}
    w, t = 20, 321
    part = {f: v[t - w + 1 : t + 1] for f, v in row.items()}
    hl = np.log(part["high"] / part["low"])
    co = np.log(part["close"] / part["open"])
    assert ti.parkinson(DS, w).values[0, t] == pytest.approx(np.sqrt((hl**2).mean() / (4 * np.log(2)) * 252))
    klass = (0.5 * hl**2 - (2 * np.log(2) - 1) * co**2).mean()
    assert ti.garman_klass(DS, w).values[0, t] == pytest.approx(np.sqrt(klass * 252))
    night = np.log(part["open"] / row["close"][t - w : t])
    rs = (
        np.log(part["high"] / part["close"]) * np.log(part["high"] / part["open"])
        + np.log(part["low"] / part["close"]) * np.log(part["low"] / part["open"])
    ).mean()
    k = 0.34 / (1.34 + (w + 1) / (w - 1))
    total = night.var(ddof=1) + k * co.var(ddof=1) + (1 - k) * rs
    assert ti.yang_zhang(DS, w).values[0, t] == pytest.approx(np.sqrt(total * 252), rel=1e-9)


def test_volatility_finds_the_one_the_market_was_drawn_with() -> None:
    ds = synthetic(20, 1500, seed=1, volatility=0.3)
    assert float(ti.volatility(ds, 250).isel(time=-1).mean()) == pytest.approx(0.3, rel=0.03)


def test_vwap_keltner_ichimoku() -> None:
    typical = ((DS["high"] + DS["low"] + DS["close"]) / 3).to_pandas().T
    volume = DS["volume"].to_pandas().T
    same(ti.vwap(DS, 20), (typical * volume).rolling(20).sum() / volume.rolling(20).sum())
    channel = ti.keltner(DS, 20, 1.5)
    same(channel["upper"] - channel["middle"], (1.5 * ti.atr(DS, 20)).to_pandas().T)
    cloud = ti.ichimoku(DS)
    high, low = (DS[f].to_pandas().T for f in ("high", "low"))
    same(cloud["lead_b"], ((high.rolling(52).max() + low.rolling(52).min()) / 2).shift(26))


def plain_supertrend(high, low, close, noise, width):
    """Bar by bar, as its inventor describes it."""
    upper = lower = None
    side, out = 1, []
    for t in range(len(close)):
        if np.isnan(noise[t]):
            out.append((np.nan, np.nan))
            continue
        middle = (high[t] + low[t]) / 2
        top, bottom = middle + width * noise[t], middle - width * noise[t]
        if upper is not None:
            top = top if top < upper or close[t - 1] > upper else upper
            bottom = bottom if bottom > lower or close[t - 1] < lower else lower
            if side == 1 and close[t] < bottom:
                side = -1
            elif side == -1 and close[t] > top:
                side = 1
        upper, lower = top, bottom
        out.append((lower if side == 1 else upper, side))
    return np.array(out).T


def test_supertrend_follows_its_definition() -> None:
    ours = ti.supertrend(DS, 10, 2.0)
    for i in range(3):
        rows = [DS[f].values[i] for f in ("high", "low", "close")]
        line, side = plain_supertrend(*rows, talib.ATR(*rows, 10), 2.0)
        np.testing.assert_allclose(ours["line"].values[i], line, rtol=1e-9)
        np.testing.assert_array_equal(ours["side"].values[i], side)
        assert {-1.0, 1.0} <= set(side[20:])
