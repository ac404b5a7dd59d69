"""Figures that others published, reproduced through the public calls.

The data of LEAN and zipline cases lies beside the project (``../shared/data``) where it was given; a test
whose data is missing is skipped by name. The rules are those of ``../shared/cases.json``.
"""

import io
import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind.strategies import Orders, Signals, Strategy, Units

SHARED = Path(__file__).resolve().parents[3] / "shared"
LEAN = SHARED / "data" / "lean" / "Data" / "equity" / "usa"
needs_lean = pytest.mark.skipif(
    not LEAN.is_dir(), reason=f"LEAN's sample data is missing: put its Data folder at {LEAN.parents[1]}"
)


def expected(case: str) -> dict:
    """What a case's source published."""
    path = SHARED / "cases.json"
    if not path.is_file():
        pytest.skip(f"the published figures are missing: put cases.json at {path}")
    return next(c for c in json.loads(path.read_text())["cases"] if c["id"] == case)["expected"]


def lean_daily(ticker: str) -> pd.DataFrame:
    """Raw daily bars of a ticker as LEAN keeps them: prices times 10,000."""
    with zipfile.ZipFile(LEAN / "daily" / f"{ticker}.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    frame = pd.read_csv(io.StringIO(text), names=["time", "open", "high", "low", "close", "volume"])
    frame.index = pd.to_datetime(frame.pop("time").str[:8], format="%Y%m%d").rename("time")
    frame[["open", "high", "low", "close"]] /= 10_000.0
    return frame


def factors(ticker: str) -> pd.DataFrame:
    """LEAN's factor file: rows hold for the days up to their date."""
    frame = pd.read_csv(
        LEAN / "factor_files" / f"{ticker}.csv", names=["date", "price", "split", "reference"]
    )
    frame.index = pd.to_datetime(frame.pop("date").astype(str), format="%Y%m%d")
    return frame


def dataset(frame: pd.DataFrame, ticker: str) -> xr.Dataset:
    """One symbol's bars as a dataset."""
    return xr.Dataset(
        {str(c): (("symbol", "time"), frame[c].to_numpy(float)[None, :]) for c in frame.columns},
        {"symbol": [ticker], "time": frame.index.to_numpy()},
        {"dataset": f"lean-{ticker}", "frequency": "1d", "calendar": "XNYS"},
    )


class BuyOnce(Strategy):
    """Buy a share of the capital at the first close, in whole units by that close, and keep them."""

    name = "buy_once"
    title = "Buy once"

    value: float = tw.strategies.parameter(1e5, "money to put in", minimum=0.0)
    fee: float = tw.strategies.parameter(0.0, "commission to keep back", minimum=0.0)

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Units:
        close = ds["close"]
        target = xr.full_like(close, np.nan)
        target[:, 0] = np.floor((self.value - self.fee) / close[:, 0])
        return Units(target)


class BuyTenADay(Strategy):
    """zipline's first example: ten more every day."""

    name = "buy_ten_a_day"
    title = "Buy ten a day"

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Units:
        days = np.arange(1, ds.sizes["time"] + 1) * 10.0
        return Units(xr.zeros_like(ds["close"]) + xr.DataArray(days, dims="time"))


class HoldOneBar(Strategy):
    """Buy after the first bar, sell after the second."""

    name = "hold_one_bar"
    title = "Hold one bar"

    units: float = tw.strategies.parameter(1.0, "units to buy", minimum=0.0)

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Units:
        target = xr.full_like(ds["close"], np.nan)
        target[:, 0], target[:, 1] = self.units, 0.0
        return Units(target)


class OrderOnce(Strategy):
    """One market order."""

    name = "order_once"
    title = "Order once"

    bar: int = tw.strategies.parameter(0, "bar to order at", minimum=0)
    units: float = tw.strategies.parameter(1.0, "units to buy, or to sell")

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Orders:
        def on_bar(desk: tw.backtest.Desk) -> None:
            if desk.bar == self.bar:
                desk.order(0, self.units)

        return Orders(on_bar)


class SmaCrossClosedAtTheEnd(tw.strategies.SmaCross):
    """backtesting.py closes what is open at the last bar's open."""

    name = "sma_cross_closed"

    def decide(self, ds: xr.Dataset) -> Signals:
        target = super().decide(ds).target.copy()
        target[:, -2] = 0.0
        return Signals(target)


@needs_lean
def test_lean_daily() -> None:
    """BasicTemplateDailyAlgorithm: SPY bought once, to the cent."""
    want = expected("lean_daily")
    bars, table = lean_daily("spy"), factors("spy")
    factor = (table["price"] * table["split"]).reindex(bars.index, method="bfill")
    for field in ("open", "high", "low", "close"):
        bars[field] *= factor
    ds = dataset(bars.loc["2013-10-08":"2013-10-17"], "SPY")
    result = tw.backtest(
        BuyOnce(value=0.9975 * 1e5, fee=3.49), ds, costs=tw.Costs(per_share=0.005, minimum=1.0), cash=1e5
    )
    assert result.metrics.final_equity == pytest.approx(want["end_equity"], abs=0.005)
    assert result.costs["commission"] == pytest.approx(want["fees"], abs=0.0051)
    assert len(result.orders) == want["orders"]
    assert -result.metrics.max_drawdown * 100 == pytest.approx(want["drawdown_pct"], abs=0.05)


@needs_lean
def test_lean_dividend() -> None:
    """DividendRegressionAlgorithm: half in SPY at raw prices, dividends to cash."""
    want = expected("lean_dividend")
    bars, table = lean_daily("spy"), factors("spy")
    following = table["price"].shift(-1)
    paid = (table["reference"] * (1.0 - table["price"] / following)).round(2)
    bars["dividend"] = 0.0
    for day, amount in paid.dropna().items():
        after = bars.index[bars.index > day]
        if amount > 0 and len(after):
            bars.loc[after[0], "dividend"] = amount
    ds = dataset(bars.loc["1998-01-02":"2005-12-30"], "SPY")
    result = tw.backtest(
        BuyOnce(value=0.9975 * 0.5e5), ds, costs=tw.Costs(per_share=0.005, minimum=1.0), cash=1e5
    )
    assert result.costs["commission"] == pytest.approx(want["fees"], abs=0.0051)
    assert result.metrics.final_equity == pytest.approx(want["end_equity"], abs=0.005)
    assert -result.metrics.max_drawdown * 100 == pytest.approx(want["drawdown_pct"], abs=0.05)
    a_year = tw.metrics.calendar_cagr(result.returns, until="2005-12-31", days=365)
    assert a_year * 100 == pytest.approx(want["cagr_pct"], abs=0.0005)


@needs_lean
def test_zipline_buy_apple() -> None:
    """The beginner tutorial: ten shares a day with the volume-share impact, cash to the cent."""
    want = expected("zipline_buyapple")
    ds = dataset(lean_daily("aapl").loc["2016-01-04":"2016-01-29"], "AAPL")
    result = tw.backtest(
        BuyTenADay(),
        ds,
        costs=tw.Costs(per_share=0.0075, minimum=1.0, impact=0.1, impact_power=2.0),
        cash=1e7,
        fill="next close",
    )
    assert float(result.cash.sel(time="2016-01-05")) == pytest.approx(want["2016-01-05 cash"], abs=0.05)
    assert float(result.equity.sel(time="2016-01-08")) == pytest.approx(
        want["2016-01-08 portfolio value"], abs=0.05
    )


def _goog() -> Path:
    spec = find_spec("backtesting")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "test" / "GOOG.csv"


def test_backtesting_py_sma_cross() -> None:
    """test_compute_stats on GOOG: long and short, all in whole shares, no costs."""
    want = expected("backtesting_py_sma")
    frame = pd.read_csv(_goog(), index_col=0, parse_dates=True).rename(columns=str.lower)
    result = tw.backtest(
        SmaCrossClosedAtTheEnd(fast=10, slow=30, short=True), dataset(frame, "GOOG"), cash=1e4, lot=1.0
    )
    assert len(result.trades) == want["trades"]
    assert result.metrics.final_equity == pytest.approx(want["equity_final"], abs=0.005)
    assert result.metrics.max_drawdown * 100 == pytest.approx(want["max_drawdown_pct"], rel=1e-9)
    assert result.metrics.sqn == pytest.approx(want["sqn"], rel=1e-9)
    # Their returns begin with the second bar
    returns, figures = result.returns[1:], tw.metrics
    assert figures.sharpe(returns, geometric=True) == pytest.approx(want["sharpe"], rel=1e-9)
    assert figures.cagr(returns) * 100 == pytest.approx(21.191099249053224, rel=1e-9)
    assert figures.calendar_cagr(result.returns) * 100 == pytest.approx(21.160245705962623, rel=1e-9)
    assert figures.volatility(returns, geometric=True) * 100 == pytest.approx(36.49716090702389, rel=1e-9)
    assert figures.sortino(returns, geometric=True) == pytest.approx(1.0853434352488662, rel=1e-9)
    assert figures.calmar(returns) == pytest.approx(0.44166409202994605, rel=1e-9)
    trades = result.trades
    assert trades["return"].max() * 100 == pytest.approx(53.59595229490424, rel=1e-9)
    assert trades["return"].min() * 100 == pytest.approx(-18.39887353835481, rel=1e-9)
    assert result.metrics.hit_rate * 100 == pytest.approx(46.96969696969697, rel=1e-12)
    assert result.metrics.expectancy * 100 == pytest.approx(3.2748078066748834, rel=1e-9)
    assert figures.kelly(trades["profit"]) == pytest.approx(0.1518705127029717, rel=1e-9)
    assert figures.omega(trades["return"]) == pytest.approx(
        2.167945974262033, rel=1e-9
    )  # of returns, not money
    falls = tw.metrics.drawdowns(result.equity.values, result.equity["time"].values, 1000)
    assert falls["depth"].mean() * 100 == pytest.approx(-5.925851581948801, rel=1e-9)
    held = trades["exit_time"] - trades["entry_time"]
    assert held.max() == pd.Timedelta(days=183)


def test_backtesting_py_commissions() -> None:
    """test_spread_commission and test_commissions: bought in one bar, sold in the next, their units."""
    frame = pd.read_csv(_goog(), index_col=0, parse_dates=True).rename(columns=str.lower)[1:20]
    ds = dataset(frame, "GOOG")
    published = (
        (tw.Costs(per_value=0.01), 89.0, (9781.28, 9846.04)),
        (tw.Costs(fixed=100.0, per_value=0.01), 47.0, (9784.50, 9718.69)),
    )
    for costs, units, equity in published:
        result = tw.backtest(HoldOneBar(units=units), ds, costs=costs, cash=1e4)
        assert result.equity.values[1:3] == pytest.approx(equity, abs=0.005), str(costs)
    steps = pd.DataFrame(
        {n: [1.0, 1.0, 4.0] for n in ("open", "high", "low", "close")}, index=frame.index[:3]
    )
    costs = tw.Costs(fixed=10.0, per_value=0.01)
    result = tw.backtest(HoldOneBar(units=100.0), dataset(steps, "STEP"), costs=costs, cash=5e3)
    assert result.metrics.final_equity == 5000.0 + 300.0 - (10.0 + 1.0 + 10.0 + 4.0)
    assert result.costs["commission"] == 25.0


def test_zipline_volume_share() -> None:
    """test_orders_limit: 100 asked of a bar of 2,000, of which 2.5 % are given, at a price impact of 0.1."""
    times = pd.date_range("2006-01-05 14:31", periods=5, freq="1min", name="time")
    closes = [3.0, 3.5, 4.0, 3.5, 3.0]
    frame = pd.DataFrame({"close": closes, "high": closes, "low": closes, "volume": 2000.0}, index=times)
    for bar, units, price in ((2, 100.0, 3.50021875), (0, -100.0, 3.49978125)):
        result = tw.backtest(
            OrderOnce(bar=bar, units=units),
            dataset(frame, "A133"),
            costs=tw.Costs(impact=0.1, impact_power=2.0, participation=0.025),
            cash=1e5,
        )
        first = result.fills.iloc[0]
        assert first["quantity"] == units / 2
        assert first["price"] == pytest.approx(price, rel=1e-12)
