"""More of LEAN's regression algorithms, as its ``ExpectedStatistics`` give them (commit 24863901).

Each is written the way a user would: bars as a dataset, the rule as a strategy, LEAN's brokerage as costs.
LEAN fills a market order of an intraday bar at once, at the bar's quote or close: here that is the next bar's
open, so ``filled_at`` moves those prices one bar on.
"""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind.strategies import Decision, Orders, Strategy, Units

EQUITY = Path(__file__).resolve().parents[3] / "shared" / "data" / "lean" / "Data" / "equity" / "usa"
pytestmark = pytest.mark.skipif(
    not EQUITY.is_dir(), reason=f"LEAN's sample data is missing: put its Data folder at {EQUITY.parents[1]}"
)
FEES = tw.Costs(per_share=0.005, minimum=1.0)
PRICES = ("open", "high", "low", "close")
WEEK = ("20131007", "20131008", "20131009", "20131010", "20131011")


def zipped(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """A LEAN file; prices are written times 10,000."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    frame = pd.read_csv(io.StringIO(text), names=["time", *names])
    priced = [n for n in names if n in PRICES]
    frame[priced] /= 10_000.0
    return frame


def bars(ticker: str, resolution: str) -> pd.DataFrame:
    """Raw daily or hourly bars, stamped at their start."""
    frame = zipped(EQUITY / resolution / f"{ticker}.zip", (*PRICES, "volume"))
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame.pop("time"), format="%Y%m%d %H:%M"), name="time")
    return frame


def minutes(ticker: str, kind: str, names: tuple[str, ...]) -> pd.DataFrame:
    """Raw minutes of a week's regular sessions."""
    days = []
    for day in WEEK:
        frame = zipped(EQUITY / "minute" / ticker / f"{day}_{kind}.zip", names)
        frame.index = pd.Timestamp(day) + pd.to_timedelta(frame.pop("time"), unit="ms")
        days.append(frame.between_time("09:30", "15:59"))
    return pd.concat(days).rename_axis("time")


def adjusted(frame: pd.DataFrame, ticker: str) -> pd.DataFrame:
    """Prices times the factor of their day."""
    table = pd.read_csv(EQUITY / "factor_files" / f"{ticker}.csv", names=["date", "price", "split", "last"])
    table.index = pd.to_datetime(table["date"].astype(str), format="%Y%m%d")
    days = pd.DatetimeIndex(frame.index).normalize()
    factor = (table["price"] * table["split"]).reindex(days.unique(), method="bfill").reindex(days)
    priced = [n for n in frame.columns if n in PRICES]
    return frame.assign(**{n: frame[n] * factor.to_numpy() for n in priced})


def filled_at(frame: pd.DataFrame, prices: pd.Series) -> pd.DataFrame:
    """The same bars, orders of a bar filled at that bar's price of a series."""
    return frame.assign(open=prices.reindex(frame.index).ffill().shift().fillna(frame["open"]))


def dataset(frame: pd.DataFrame, ticker: str, **attrs: str) -> xr.Dataset:
    """One symbol's bars as a dataset."""
    return xr.Dataset(
        {str(c): (("symbol", "time"), frame[c].to_numpy(float)[None, :]) for c in frame.columns},
        {"symbol": [ticker], "time": frame.index.to_numpy()},
        {"dataset": f"lean-{ticker}", **attrs},
    )


def units_for(equity: float, price: float, share: float = 1.0, held: float = 0.0) -> float:
    """LEAN's SetHoldings(share): the units to order, 0.25 % kept free, the fee included."""
    target = 0.9975 * equity * share
    while True:
        count = float((np.floor if share > 0.0 else np.ceil)(target / price - held))
        target = (0.9975 * equity - max(1.0, 0.005 * abs(count))) * share
        if abs(held + count) * price <= abs(target):
            return count


def doing(rule: Callable[[xr.Dataset], Decision]) -> Strategy:
    """A strategy of one function."""

    class Rule(Strategy):
        name = "rule"
        title = "A rule of LEAN's"

        @property
        def warmup(self) -> int:
            return 0

        def decide(self, ds: xr.Dataset) -> Decision:
            return rule(ds)

    return Rule()


def all_in(ds: xr.Dataset) -> Units:
    """Everything at the first close."""
    target = xr.full_like(ds["close"], np.nan)
    target[:, 0] = units_for(1e5, float(ds["close"][0, 0]))
    return Units(target)


def macd_trend(ds: xr.Dataset, short: bool) -> Orders:
    """In above the signal line by a quarter of a per cent, out (or short) below it by as much."""
    lines = tw.indicators.macd(ds["close"], 12, 26, 9, seed="each")
    above = (lines["histogram"] / tw.indicators.ema(ds["close"], 12)).values[0]

    def on_bar(desk: tw.backtest.Desk) -> None:
        held = desk.position()
        if held <= 0.0 and above[desk.bar] > 0.0025:
            desk.order(0, units_for(desk.equity, desk.price(), 1.0, held))
        elif short and held >= 0.0 and above[desk.bar] < -0.0025:
            desk.order(0, units_for(desk.equity, desk.price(), -1.0, held))
        elif held > 0.0 and above[desk.bar] < -0.0025:
            desk.close()

    return Orders(on_bar)


@pytest.mark.parametrize(
    ("short", "equity", "fees", "fall", "won", "a_year"),
    [(False, 137751.04, 468.54, 0.349, 0.57, 0.02952), (True, 70553.97, 797.27, 0.529, 0.44, -0.03119)],
    ids=["MACDTrendAlgorithm", "ConvertToFrameworkAlgorithm"],
)
def test_macd(short: bool, equity: float, fees: float, fall: float, won: float, a_year: float) -> None:
    """Eleven years of SPY, long or flat, and long or short."""
    frame = adjusted(bars("spy", "daily"), "spy").loc["2004-01-01":"2014-12-31"]
    ds = dataset(frame, "SPY", frequency="1d", calendar="XNYS")
    result = tw.backtest(doing(partial(macd_trend, short=short)), ds, costs=FEES, cash=1e5, borrow=True)
    assert result.metrics.final_equity == pytest.approx(equity, abs=0.005)
    assert result.costs["commission"] == pytest.approx(fees, abs=0.005)
    assert -result.metrics.max_drawdown == pytest.approx(fall, abs=0.0005)
    assert result.metrics.hit_rate == pytest.approx(won, abs=0.005)
    found = tw.metrics.calendar_cagr(result.returns, since="2004-01-01", until="2015-01-01", days=365)
    assert found == pytest.approx(a_year, abs=0.000005)


def test_two_symbols_share_the_cash() -> None:
    """MarginRemainingRegressionAlgorithm: 70 % SPY from 2007, 30 % AAPL from 2009."""
    parts = [
        dataset(adjusted(bars(s, "daily"), s).loc["2007-01-01":"2009-12-31"], s.upper())
        for s in ("spy", "aapl")
    ]

    def rule(ds: xr.Dataset) -> Orders:
        def on_bar(desk: tw.backtest.Desk) -> None:
            if desk.bar == 0:
                desk.order("SPY", units_for(desk.equity, desk.price("SPY"), 0.7))
            elif desk.time >= np.datetime64("2009") and not desk.position("AAPL") + desk.working("AAPL"):
                desk.order("AAPL", units_for(desk.equity, desk.price("AAPL"), 0.3))

        return Orders(on_bar)

    result = tw.backtest(doing(rule), xr.concat(parts, "symbol"), costs=FEES, cash=1e5)
    assert result.metrics.final_equity == pytest.approx(119303.75, abs=0.005)
    assert result.costs["commission"] == pytest.approx(45.18, abs=0.0051)
    assert -result.metrics.max_drawdown == pytest.approx(0.421, abs=0.0005)
    assert len(result.orders) == 2


def test_basic_template_on_minutes() -> None:
    """BasicTemplateAlgorithm: SPY bought at the first minute's ask."""
    trades = adjusted(minutes("spy", "trade", (*PRICES, "volume")), "spy")
    quotes = ("bo", "bh", "bl", "bid", "bs", "ao", "ah", "al", "close", "as")
    asks = adjusted(minutes("spy", "quote", quotes), "spy")["close"]
    ds = dataset(filled_at(trades, asks), "SPY")
    result = tw.backtest(doing(all_in), ds, costs=FEES, cash=1e5, borrow=True)
    assert result.metrics.final_equity == pytest.approx(101691.92, abs=0.005)
    assert result.costs["commission"] == pytest.approx(3.44, abs=0.005)
    assert -result.metrics.max_drawdown == pytest.approx(0.022, abs=0.0005)


def quoted(ticker: str) -> pd.DataFrame:
    """A week's minutes whose orders are filled at the quotes; those after the close at the next open."""
    trades = adjusted(minutes(ticker, "trade", (*PRICES, "volume")), ticker)
    sides = ("bo", "bh", "bl", "close", "bs", "ao", "ah", "al", "open", "as")  # the closes of bid and ask
    quotes = adjusted(minutes(ticker, "quote", sides), ticker).reindex(trades.index).ffill()
    middle = (quotes["close"] + quotes["open"]) / 2.0
    frame = filled_at(trades, middle).assign(half_spread=((quotes["open"] - middle) / middle).shift())
    days = pd.DatetimeIndex(frame.index).normalize()
    first = np.concatenate(([True], days[1:] != days[:-1]))
    frame.loc[first, "open"], frame.loc[first, "half_spread"] = trades["open"][first], 0.0
    return frame


def average_crosses(ds: xr.Dataset) -> Orders:
    """SPY by its own averages of minutes, IBM by shorter ones of SPY."""
    spy = ds["close"].sel(symbol=["SPY"])
    m10, m30, m60 = (tw.indicators.ema(spy, w).values[0] for w in (10, 30, 60))
    rules = (("SPY", 0.5, m30 > m60), ("IBM", 0.2, m10 > m30))

    def on_bar(desk: tw.backtest.Desk) -> None:
        if np.isnan(m60[desk.bar]):
            return
        for symbol, share, up in rules:
            held, price = desk.position(symbol), desk.price(symbol)
            small = abs(0.9975 * desk.equity * share - held * price) < 0.002 * desk.equity
            if up[desk.bar] and not small and not np.isnan(price):
                desk.order(symbol, units_for(desk.equity, price, share, held))
            elif not up[desk.bar]:
                desk.close(symbol)

    return Orders(on_bar)


def test_average_crosses_on_minutes() -> None:
    """StatisticsResultsAlgorithm: 94 orders of two symbols, at the quotes."""
    parts = [dataset(quoted(s), s.upper()) for s in ("spy", "ibm")]
    ds = xr.concat(parts, "symbol", join="outer")
    result = tw.backtest(doing(average_crosses), ds, costs=FEES, cash=1e5, borrow=True)
    assert len(result.orders) == 94
    assert result.metrics.final_equity == pytest.approx(100221.61, abs=0.005)
    assert result.costs["commission"] == pytest.approx(114.39, abs=0.005)
    assert -result.metrics.max_drawdown == pytest.approx(0.008, abs=0.0005)


def test_bid_and_ask() -> None:
    """ZeroFeeRegressionAlgorithm: bought at the first minute's ask, sold at the second one's bid."""
    ds = dataset(quoted("spy"), "SPY")

    def in_and_out(ds: xr.Dataset) -> Units:
        target = xr.full_like(ds["close"], np.nan)
        target[:, 0], target[:, 1] = np.floor(0.9975 * 1e5 / float(ds["close"][0, 0])), 0.0
        return Units(target)

    result = tw.backtest(doing(in_and_out), ds, cash=1e5, borrow=True)
    assert result.metrics.final_equity == pytest.approx(99952.34, abs=0.005)
    assert result.costs["spread"] > 0.0


def test_basic_template_on_hours() -> None:
    """BasicTemplateHourlyAlgorithm: SPY bought at the first hour's close."""
    frame = adjusted(bars("spy", "hour"), "spy").loc["2013-10-07":"2013-10-11"]
    ds = dataset(filled_at(frame, frame["close"]), "SPY")
    result = tw.backtest(doing(all_in), ds, costs=FEES, cash=1e5, borrow=True)
    assert result.metrics.final_equity == pytest.approx(101529.08, abs=0.005)
    assert -result.metrics.max_drawdown == pytest.approx(0.020, abs=0.0005)


def test_market_on_close() -> None:
    """MarketOnCloseOrderRegressionAlgorithm: one SPY at the close of its second day."""
    frame = adjusted(bars("spy", "daily"), "spy").loc["2021-03-01":"2021-03-03"]

    def one(ds: xr.Dataset) -> Units:
        return Units(xr.ones_like(ds["close"]))

    result = tw.backtest(doing(one), dataset(frame, "SPY"), costs=FEES, cash=1e5, fill="next close")
    assert result.metrics.final_equity == pytest.approx(99993.90, abs=0.005)


def test_raw_prices_across_a_split_and_a_change_of_ticker() -> None:
    """RawDataRegressionAlgorithm: GOOGL, which was GOOG before it was split."""
    frame = pd.concat(
        [
            bars("goog", "daily").loc["2014-03-25":"2014-04-02"],
            bars("googl", "daily").loc["2014-04-03":"2014-04-07"],
        ]
    ).assign(split=1.0)
    frame.loc["2014-04-03", "split"] = 2.0
    result = tw.backtest(doing(all_in), dataset(frame, "GOOGL", frequency="1d"), costs=FEES, cash=1e5)
    assert result.metrics.final_equity == pytest.approx(93054.5, abs=0.005)
    assert result.costs["commission"] == pytest.approx(1.0)
    assert -result.metrics.max_drawdown == pytest.approx(0.069, abs=0.0005)


@pytest.mark.parametrize(("resolution", "published"), [("daily", 98919.60), ("hour", 98460.68)])
def test_short_across_a_split(resolution: str, published: float) -> None:
    """EquitySplitHoldings{Daily,Hour}RegressionAlgorithm: AAPL short, split seven for one."""
    frame = bars("aapl", resolution).loc["2014-06-05":"2014-06-11"].assign(split=1.0)
    if resolution == "hour":
        frame = filled_at(frame, frame["close"])
    frame.loc[frame.loc["2014-06-09":].index[0], "split"] = 0.25 / 0.0357143  # as the factor file has it

    def short(ds: xr.Dataset) -> Units:
        return Units(-all_in(ds).target)

    result = tw.backtest(doing(short), dataset(frame, "AAPL"), costs=FEES, cash=1e5, lot=1.0)
    assert result.metrics.final_equity == pytest.approx(published, abs=0.005)
    assert result.orders["kind"].tolist() == ["target", "fraction"]
    assert result.costs["commission"] == pytest.approx(1.0)
    assert -float(result.positions[0, -1]) == 1077.0
