"""Conventions other than TA-Lib's, by their named options, against pandas and published examples."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tradewind import errors
from tradewind import indicators as ti
from tradewind.testing import synthetic

DS = synthetic(3, 300, seed=8)
CLOSE = pd.DataFrame(DS["close"].values.T)

# StockCharts' ChartSchool, spreadsheets of the articles on RSI and ATR
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
    46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521,
    45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
]  # fmt: skip
RSI = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46,
       41.87, 45.46, 37.30, 33.08, 37.77]  # fmt: skip
HIGHS = [48.70, 48.72, 48.90, 48.87, 48.82, 49.05, 49.20, 49.35, 49.92, 50.19, 50.12, 49.66, 49.88, 50.19,
         50.36, 50.57, 50.65, 50.43, 49.63, 50.33, 50.29, 50.17, 49.32, 48.50, 48.32, 46.80, 47.80, 48.39,
         48.66, 48.79]  # fmt: skip
LOWS = [47.79, 48.14, 48.39, 48.37, 48.24, 48.64, 48.94, 48.86, 49.50, 49.87, 49.20, 48.90, 49.43, 49.73,
        49.26, 50.09, 50.30, 49.21, 48.98, 49.61, 49.20, 49.43, 48.08, 47.64, 41.55, 44.28, 47.31, 47.20,
        47.90, 47.73]  # fmt: skip
CLOSES = [48.16, 48.61, 48.75, 48.63, 48.74, 49.03, 49.07, 49.32, 49.91, 50.13, 49.53, 49.50, 49.75, 50.03,
          50.31, 50.52, 50.41, 49.34, 49.37, 50.23, 49.24, 49.93, 48.43, 48.18, 46.57, 45.41, 47.77, 47.72,
          48.62, 47.85]  # fmt: skip
ATR = [0.56, 0.59, 0.59, 0.57, 0.62, 0.62, 0.64, 0.67, 0.69, 0.78, 0.78, 1.21, 1.30, 1.38, 1.37, 1.34, 1.32]


def one_symbol(**fields: list[float]) -> xr.Dataset:
    """A dataset of one symbol."""
    days = np.arange(len(next(iter(fields.values())))).astype("M8[D]").astype("M8[ns]")
    return xr.Dataset(
        {n: (("symbol", "time"), np.array([v])) for n, v in fields.items()}, {"symbol": ["A"], "time": days}
    )


def same(found: xr.DataArray, frame: pd.DataFrame, first: int) -> None:
    """Compare with a frame of times as rows; nothing before the first bar that is known."""
    assert found.dims == ("symbol", "time")
    assert bool(np.isnan(found.values[:, :first]).all())
    np.testing.assert_allclose(found.values[:, first:], frame.to_numpy().T[:, first:], rtol=1e-9, atol=1e-9)


def test_stockcharts_examples() -> None:
    rsi = ti.rsi(one_symbol(close=RSI_CLOSES), window=14)
    np.testing.assert_allclose(rsi.values[0, 14:], RSI, atol=0.0051)
    atr = ti.atr(one_symbol(high=HIGHS, low=LOWS, close=CLOSES), window=14, first_range=True)
    assert np.isnan(atr.values[0, :13]).all()
    np.testing.assert_allclose(atr.values[0, 13:], ATR, atol=0.0105)  # from prices with more digits


def test_averages_from_the_first_value() -> None:
    same(ti.ema(DS, window=20, seed="first"), CLOSE.ewm(span=20, adjust=False).mean(), 0)
    line = CLOSE.ewm(span=12, adjust=False).mean() - CLOSE.ewm(span=26, adjust=False).mean()
    found = ti.macd(DS, seed="first")
    same(found["macd"], line, 0)
    same(found["signal"], line.ewm(span=9, adjust=False).mean(), 0)
    same(found["histogram"], line - line.ewm(span=9, adjust=False).mean(), 0)


def test_macd_of_averages_that_start_for_themselves() -> None:
    found = ti.macd(DS, 5, 20, 4, seed="each")
    line = ti.ema(DS, 5) - ti.ema(DS, 20)
    np.testing.assert_array_equal(found["macd"], line)
    np.testing.assert_array_equal(found["signal"], ti.ema(line, 4))
    later = ti.macd(DS, 5, 20, 4)
    assert not np.allclose(later["macd"].values[:, 30], found["macd"].values[:, 30], rtol=1e-9)
    np.testing.assert_allclose(
        later["macd"].values[:, 200:], found["macd"].values[:, 200:], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("smoothing", ["simple", "exponential"])
def test_relative_strength_by_other_smoothings(smoothing: str) -> None:
    change = CLOSE.diff()

    def average(values: pd.DataFrame) -> pd.DataFrame:
        if smoothing == "simple":
            return values.rolling(14).mean()
        seeded = values.copy()
        seeded.iloc[:14] = np.nan
        seeded.iloc[14] = values.iloc[1:15].mean()
        return seeded.ewm(span=14, adjust=False).mean()

    gain, loss = average(change.clip(lower=0.0)), average((-change).clip(lower=0.0))
    same(ti.rsi(DS, 14, smoothing=smoothing), 100.0 - 100.0 / (1.0 + gain / loss), 14)
    still = one_symbol(close=[5.0] * 40)
    assert float(ti.rsi(still, 14, smoothing=smoothing)[0, -1]) == 0.0


def test_true_range_by_other_smoothings() -> None:
    frames = {n: pd.DataFrame(DS[n].values.T) for n in ("high", "low", "close")}
    before = frames["close"].shift()
    ranges = np.fmax(frames["high"], before) - np.fmin(frames["low"], before)
    same(ti.atr(DS, 10, smoothing="simple", first_range=True), ranges.rolling(10).mean(), 9)
    same(ti.atr(DS, 10, smoothing="simple"), ranges.where(before.notna()).rolling(10).mean(), 10)
    wilder = ti.atr(DS, 10, first_range=True).values
    np.testing.assert_allclose(wilder[:, 150:], ti.atr(DS, 10).values[:, 150:], rtol=1e-5)


def test_supertrend_with_the_first_range() -> None:
    """LEAN's and TradingView's begin a bar earlier; the side they take there is soon forgotten."""
    early = ti.supertrend(DS, 10, 3.0, first_range=True)["line"].values
    assert np.isfinite(early[:, 9]).all() and np.isnan(early[:, 8]).all()
    assert ti.registry["supertrend"].first_valid(10, first_range=True) == 9
    middle = (DS["high"] + DS["low"]).values / 2.0
    noise = ti.atr(DS, 10, first_range=True).values
    first = middle[:, 9] - 3.0 * noise[:, 9]
    np.testing.assert_allclose(early[:, 9], first, rtol=1e-12)
    np.testing.assert_allclose(early[:, -1], ti.supertrend(DS, 10, 3.0)["line"].values[:, -1], rtol=1e-6)


def test_bands_of_the_sample() -> None:
    rolling = CLOSE.rolling(20)
    found = ti.bollinger(DS, 20, 2.0, ddof=1)
    same(found["upper"], rolling.mean() + 2.0 * rolling.std(), 19)
    same(found["lower"], rolling.mean() - 2.0 * rolling.std(), 19)


def test_balance_of_volume_from_zero() -> None:
    late = DS.copy(deep=True)
    late["close"].values[0, :7] = np.nan
    np.testing.assert_allclose(
        ti.obv(late, start="zero"),
        ti.obv(late) - np.array([late["volume"].values[i, k] for i, k in enumerate((7, 0, 0))])[:, None],
        rtol=1e-9,
    )


def test_average_since_the_session_began() -> None:
    opens = pd.date_range("2024-03-04 14:31", periods=5, freq="1D")
    times = np.concatenate([d + np.arange(60).astype("m8[m]") for d in opens.values.astype("M8[m]")])
    rng = np.random.default_rng(3)
    fields = {
        n: (("symbol", "time"), rng.uniform(9.0, 11.0, (2, times.size))) for n in ("high", "low", "close")
    }
    ds = xr.Dataset(fields, {"symbol": ["A", "B"], "time": times.astype("M8[ns]")}, {"calendar": "XNYS"})
    ds["volume"] = ds["close"].round() * 100.0
    ds["volume"][0, 60] = 0.0
    ds["close"][1, 70] = np.nan
    found = ti.vwap(ds, anchor="session")
    typical = ((ds["high"] + ds["low"] + ds["close"]) / 3.0).to_pandas().T
    volume = ds["volume"].to_pandas().T.where(typical.notna(), 0.0)
    days = typical.index.date
    money = (typical.fillna(0.0) * volume).groupby(days).cumsum()
    same(found, (money / volume.groupby(days).cumsum()).reset_index(drop=True), 0)
    assert np.isnan(found.values[0, 60]) and np.isfinite(found.values[0, 61])
    np.testing.assert_array_equal(ti.vwap(ds.chunk({"time": 7}), anchor="session").compute(), found)
    assert ti.registry["vwap"].first_valid(anchor="session") == 0


def test_conventions_are_named_and_shown() -> None:
    with pytest.raises(errors.ParameterError, match="wilder"):
        ti.rsi(DS, smoothing="wilders")
    assert ti.parse("rsi(14)").label == "rsi(14)"
    assert ti.parse("rsi(14, smoothing='simple')").label == "rsi(14, smoothing=simple)"
    assert ti.parse("bollinger(20, 2, ddof=1)").label == "bollinger(20, 2, ddof=1)"
    assert "smoothing='wilder'" in repr(ti.registry)
    assert ti.registry["ema"].first_valid(20, seed="first") == 0
    assert ti.registry["atr"].first_valid(14, first_range=True) == 13
    assert ti.registry["macd"].first_valid(seed="each") == 25


def test_lazy_and_eager_are_the_same() -> None:
    lazy = DS.chunk({"symbol": 1, "time": 50})
    options = {"ema": {"seed": "first"}, "rsi": {"smoothing": "simple"}, "obv": {"start": "zero"},
               "atr": {"first_range": True}}  # fmt: skip
    for name, named in options.items():
        function = getattr(ti, name)
        np.testing.assert_array_equal(function(lazy, **named).compute(), function(DS, **named))
