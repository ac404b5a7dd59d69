"""What is rounding is no risk, and days are counted by the market that trades them."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind import metrics
from tradewind.backtest.statistics import longest_below_peak
from tradewind.backtest.trial import sharpe_per_bar
from tradewind.metrics.performance import ROUNDING, STEADY, nothing_but_rounding
from tradewind.testing import synthetic

ULP = np.finfo(float).eps
BARS = 2520
ONE_ULP = np.concatenate(([ULP / 2], np.zeros(BARS - 1)))
OVER_SPREAD = ("sharpe", "skewness", "kurtosis")
OVER_LOSS = ("sortino", "calmar", "omega", "tail_ratio")


@pytest.mark.parametrize("returns", [ONE_ULP, -ONE_ULP, np.resize([ULP, -ULP, 0.0], BARS)])
def test_rounding_is_no_risk(returns: np.ndarray) -> None:
    for name in (*OVER_SPREAD, *OVER_LOSS):
        assert np.isnan(getattr(metrics, name)(returns)), name
    assert metrics.volatility(returns) == 0.0
    assert metrics.volatility(returns, geometric=True) == 0.0
    assert metrics.downside_deviation(returns) == 0.0


@pytest.mark.parametrize("each", [0.001, -3e-4, 0.3])
def test_a_constant_return_has_no_sharpe_ratio(each: float) -> None:
    price = np.cumprod(np.full(BARS, 1.0 + each))
    for returns in (np.full(BARS, each), price[1:600] / price[:599] - 1.0):
        for name in OVER_SPREAD:
            assert np.isnan(getattr(metrics, name)(returns)), name
        assert np.isnan(metrics.sharpe(returns, 252, 0.02))
        assert np.isnan(metrics.sharpe(returns, geometric=True))
    assert np.isnan(metrics.beta(np.linspace(-0.1, 0.1, BARS), np.full(BARS, each)))


def test_small_returns_keep_their_figures() -> None:
    """A small position in a large account is a risk all the same."""
    returns = np.random.default_rng(2).normal(5e-4, 0.01, 1000)
    for name in ("sharpe", "sortino", "omega", "skewness", "kurtosis"):
        figure = getattr(metrics, name)
        assert figure(returns * 1e-10) == pytest.approx(figure(returns), rel=1e-4)


def test_the_rule_in_numbers() -> None:
    """As the sweeps' statistics copy it."""
    assert (ROUNDING, STEADY) == (2.0**-46, 2.0**-16)
    spreads = np.array([ROUNDING, ROUNDING * 1.01, 1e-9, 1.6e-8, 0.0])
    means = np.array([0.0, 1e-10, 1e-3, -1e-3, 0.0])
    assert nothing_but_rounding(spreads, means).tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("symbols", [3, 30, 77])
def test_an_account_that_never_trades_has_no_sharpe_ratio(symbols: int) -> None:
    ds = synthetic(symbols, 300, seed=1)
    found = tw.backtest(tw.strategies.SmaCross(fast=200, slow=299), ds, cash=1e6 / 3).metrics
    assert found.trades == 0.0
    assert np.isnan([found.sharpe, found.sortino, found.calmar]).all()
    assert found.volatility == found.longest_drawdown == 0.0


@pytest.mark.parametrize("symbols", [1, 3, 30, 77])
def test_nor_has_one_of_a_sweep(symbols: int) -> None:
    """30 slices of a third of a million add up to more than all of it, 77 to less, by some last digits."""
    ds = synthetic(symbols, 300, seed=1)
    found = tw.sweep("sma_cross", {"fast": [5, 200], "slow": [20, 299]}, ds, cash=1e6 / 3)
    assert found.path == "fused"
    trading, _, idle = found.frame().to_dict("records")
    assert trading["trades"] > 0 and np.isfinite(trading["sharpe"])
    assert idle["trades"] == 0.0
    assert np.isnan([idle["sharpe"], idle["sortino"], idle["calmar"]]).all()
    assert idle["volatility"] == idle["longest_drawdown"] == 0.0


def test_the_ledger_counts_no_rounding() -> None:
    moved = 1e5 * np.cumprod(1.0 + np.array([ULP, 0.0, 0.0, -ULP]))
    assert np.isnan(sharpe_per_bar(moved, 1e5))
    assert np.isnan(sharpe_per_bar(1e5 * np.cumprod(np.full(50, 1.001)), 1e5))
    assert sharpe_per_bar(np.array([110.0, 132.0]), 100.0) == pytest.approx(0.15 / np.std([0.1, 0.2], ddof=1))


def test_a_fall_by_rounding_is_no_drawdown() -> None:
    begun = 100.0 * (1.0 - 2.0 * ULP)
    assert longest_below_peak(np.array([begun, begun, begun, 110.0, 109.0, 111.0]), 100.0) == 1
    assert longest_below_peak(np.array([110.0, 110.0 * (1.0 - 2.0 * ULP), 111.0]), 100.0) == 0
    assert longest_below_peak(np.array([99.0, 99.5, 100.0, 99.0]), 100.0) == 2


def test_reality_has_spread() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(metrics.skewness(np.array([])))
        assert np.isnan(metrics.omega(np.array([])))


def days(freq: str, bars: int, start: str = "2021-01-01") -> np.ndarray:
    return pd.date_range(start, periods=bars, freq=freq).values


RIYADH = pd.bdate_range("2021-01-03", periods=400, freq="C", weekmask="Sun Mon Tue Wed Thu").values


@pytest.mark.parametrize(
    ("time", "frequency", "calendar", "expected"),
    [
        (days("D", 400), "1d", "", 365.0),
        (days("D", 400), "", "", 365.0),
        (days("D", 91), "1d", "", 365.0),
        (days("D", 80), "1d", "", 365.0),
        (days("D", 13), "1d", "", 252.0),  # too short to tell
        (days("D", 400), "1d", "XNYS", 252.0),  # what the dataset says wins
        (days("B", 400), "1d", "24/7", 365.0),
        (days("B", 400), "1d", "", 252.0),
        (days("C", 400), "1d", "", 252.0),
        (RIYADH, "1d", "", 252.0),
        (days("W-SUN", 200), "", "", 52.0),
        (days("ME", 60), "", "", 12.0),
        (days("h", 24 * 120), "1h", "", 24.0 * 365.0),
        (days("h", 24 * 120), "", "", 24.0 * 365.0),
    ],
)  # fmt: skip
def test_days_are_counted_by_their_weekends(
    time: np.ndarray, frequency: str, calendar: str, expected: float
) -> None:
    assert metrics.periods_per_year(time, frequency, calendar) == expected


def test_a_coin_has_365_days_in_every_figure() -> None:
    prices = 100.0 * np.exp(np.random.default_rng(1).normal(0, 0.02, (2, 400)).cumsum(axis=1))
    coords = {"symbol": ["BTC", "ETH"], "time": days("D", 400)}
    ds = xr.Dataset({"close": xr.DataArray(prices, coords, ("symbol", "time"))})
    assert tw.backtest(tw.strategies.BuyAndHold(), ds).setting.periods == 365.0
    assert tw.portfolio.moments(ds).periods == 365.0
