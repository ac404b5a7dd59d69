"""Loops over eight bars of a symbol at once, against plain definitions, with holes at every place."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tradewind import indicators as ti
from tradewind.testing import synthetic


def holed(rows: int = 12, bars: int = 203) -> xr.Dataset:
    """Rows with ever more holes, each in one field, and a late listing."""
    ds = synthetic(rows, bars, seed=9)
    rng = np.random.default_rng(4)
    for i in range(rows):
        for t in rng.choice(bars, i * i // 4, replace=False):
            ds[str(rng.choice(["high", "low", "close"]))].values[i, t] = np.nan
    for field in ("high", "low", "close"):
        ds[field].values[3, :61] = np.nan
    return ds


DS = holed()


def plain_atr(high: np.ndarray, low: np.ndarray, close: np.ndarray, window: int) -> np.ndarray:
    """Wilder's average true range, bar by bar."""
    out = np.full(close.size, np.nan)
    before, seen, a = np.nan, 0, 0.0
    for t, (h, lo, c) in enumerate(zip(high, low, close, strict=True)):
        if np.isnan(h + lo + c):
            continue
        if not np.isnan(before):
            seen += 1
            true_range = max(h, before) - min(lo, before)
            a = a + true_range if seen <= window else (a * (window - 1) + true_range) / window
            if seen == window:
                a /= window
            if seen >= window:
                out[t] = a
        before = c
    return out


def plain_kama(close: np.ndarray, window: int) -> np.ndarray:
    """Kaufman's average, bar by bar; it begins with the price before the first bar it is known at."""
    out = np.full(close.size, np.nan)
    a = np.nan
    for t in range(close.size):
        part = close[max(0, t - window) : t + 1]
        if part.size <= window or np.isnan(part).any():
            a = close[t]
            continue
        path, gap = np.abs(np.diff(part)).sum(), part[-1] - part[0]
        straight = 1.0 if path <= gap else abs(gap) / path
        a += (close[t] - a) * (straight * (2 / 3 - 2 / 31) + 2 / 31) ** 2
        out[t] = a
    return out


@pytest.mark.parametrize("window", [1, 2, 7, 14])
def test_atr_is_wilders(window: int) -> None:
    found = ti.atr(DS, window).values
    for i in range(DS.sizes["symbol"]):
        row = (DS[field].values[i] for field in ("high", "low", "close"))
        np.testing.assert_allclose(found[i], plain_atr(*row, window), rtol=1e-12)


@pytest.mark.parametrize("window", [2, 8, 13, 70])
def test_kama_is_kaufmans(window: int) -> None:
    found = ti.kama(DS, window).values
    for i in range(DS.sizes["symbol"]):
        np.testing.assert_allclose(found[i], plain_kama(DS["close"].values[i], window), rtol=1e-11)


@pytest.mark.parametrize("window", [1, 2, 5, 8, 13, 24, 32, 47, 70, 120])
def test_wma_weighs_the_newest_most(window: int) -> None:
    found = ti.wma(DS, window).values
    weights = np.arange(1.0, window + 1)
    for i in range(DS.sizes["symbol"]):
        windows = np.lib.stride_tricks.sliding_window_view(DS["close"].values[i], window)
        assert np.isnan(found[i, : window - 1]).all()
        np.testing.assert_allclose(found[i, window - 1 :], windows @ weights / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("window", [3, 8, 13, 16, 24, 47, 70])
def test_correlation_and_beta_are_those_of_pandas(window: int) -> None:
    closes = DS["close"].to_pandas().T
    market = closes.iloc[:, 0]
    for i in range(DS.sizes["symbol"]):
        found = ti.correlation(DS, DS["close"][0], window).values[i]
        np.testing.assert_allclose(found, closes.iloc[:, i].rolling(window).corr(market), rtol=1e-7)
        steps = pd.DataFrame({"own": closes.iloc[:, i], "market": market}).pct_change(fill_method=None)
        moved = steps["own"].rolling(window).cov(steps["market"]) / steps["market"].rolling(window).var()
        found = ti.beta(DS, DS["close"][0], window).values[i]
        np.testing.assert_allclose(found, moved, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["atr", "kama", "wma", "williams_r", "donchian", "stochastic"])
def test_no_bar_of_the_future_changes_a_digit(name: str) -> None:
    whole = ti.registry[name](DS)
    for bars in range(1, 203, 3):
        part = ti.registry[name](DS.isel(time=slice(0, bars)))
        for field in [None] if isinstance(whole, xr.DataArray) else list(whole.data_vars):
            ours, theirs = (r if field is None else r[field] for r in (whole, part))
            np.testing.assert_array_equal(ours.values[:, :bars], theirs.values)
