"""Portfolios held over time: the calendar, who takes part, no look ahead."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.strategies import rebalance_bars
from tradewind.testing import synthetic
from tradewind.vocabulary import Frequency

NAMES = (
    "equal_weight",
    "inverse_volatility",
    "minimum_variance",
    "maximum_sharpe",
    "risk_parity",
    "hierarchical_risk_parity",
    "volatility_target",
)
OPTIONS = {"window": 60, "rebalance": "month"}


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))


def changed_after(ds: xr.Dataset, bar: int) -> xr.Dataset:
    """The same market with another future."""
    other = ds.copy(deep=True)
    for name in other.data_vars:
        other[name].values[:, bar:] *= np.linspace(1.0, 3.0, ds.sizes["symbol"])[:, None]
    return other


@pytest.mark.parametrize("name", NAMES)
def test_the_future_never_changes_the_past(name: str) -> None:
    ds = synthetic(5, 200, seed=2, late=70, holes=0.01)
    chosen = tw.strategies.get(name, **OPTIONS)
    whole = chosen.decide(ds).target
    cut = 151
    np.testing.assert_array_equal(chosen.decide(changed_after(ds, cut)).target[:, :cut], whole[:, :cut])
    short = chosen.decide(ds.isel(time=slice(0, cut))).target
    np.testing.assert_array_equal(short, whole[:, :cut])
    result = tw.backtest(chosen, ds)
    assert np.isfinite(result.equity.values).all()
    assert result.metrics.trades > 0


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_those_of_the_module(name: str) -> None:
    """At a rebalance the strategy holds what tw.portfolio says of the window that ends there."""
    ds = synthetic(4, 130, seed=5)
    target = tw.strategies.get(name, **OPTIONS).decide(ds).target
    at = int(np.flatnonzero(np.isfinite(target.values).all(axis=0))[-1])
    past = ds.isel(time=slice(at - 60, at + 1))
    how = tw.portfolio.Estimate(mean="arithmetic", covariance="ledoit-wolf")
    plain = tw.portfolio.Estimate(mean="arithmetic")
    if name == "volatility_target":
        base = tw.portfolio.equal_weight(past, estimate=plain)
        expected = base.weights.values * min(1.0, 0.10 / base.volatility)
    elif name in ("equal_weight", "inverse_volatility"):
        expected = getattr(tw.portfolio, name)(past, estimate=plain).weights.values
    else:
        expected = getattr(tw.portfolio, name)(past, estimate=how).weights.values
    np.testing.assert_allclose(target.values[:, at], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("inverse_volatility", {}),
        ("risk_parity", {}),
        ("risk_parity", {"covariance": "sample"}),
        ("hierarchical_risk_parity", {}),
        ("volatility_target", {"base": "inverse volatility"}),
    ],
)
def test_what_did_not_move_has_no_part(name: str, more: dict[str, str]) -> None:
    """The others are held as if it were not there; cash, where nothing moved."""
    ds = synthetic(4, 130, seed=5)
    others = ds.isel(symbol=slice(1, None))
    chosen = tw.strategies.get(name, **OPTIONS, **more)
    target = chosen.decide(ds.where(ds["symbol"] != ds["symbol"][0], 50.0)).target.values
    np.testing.assert_array_equal(target[1:], chosen.decide(others).target.values)
    assert np.nanmax(target[0]) == 0.0
    still = xr.full_like(ds, 50.0)
    assert np.nanmax(chosen.decide(still).target.values) == 0.0
    assert (tw.backtest(chosen, still).positions.values == 0).all()


def test_only_members_are_held() -> None:
    ds = synthetic(4, 200, seed=1)
    member = np.ones((4, 200))
    member[0, 100:] = 0.0
    ds = ds.assign(member=(("symbol", "time"), member))
    for name in ("equal_weight", "minimum_variance"):
        result = tw.backtest(tw.strategies.get(name, **OPTIONS), ds)
        held = result.positions.values[0]
        assert held[90] > 0
        assert (held[130:] == 0).all()


def test_the_calendar_is_the_markets() -> None:
    days = tw.testing.synthetic(1, 260, start="2020-01-01")
    ends = days["time"].values[rebalance_bars(days, "month")]
    expected = pd.Series(days["time"].values).groupby(pd.PeriodIndex(days["time"].values, freq="M")).max()
    # Good Friday and the like are bars of the synthetic market too; its last month is not over
    assert set(ends) <= set(expected.to_numpy())
    assert len(ends) == 11
    assert rebalance_bars(days, "bars", 5).sum() == 52
    quarters = days["time"].values[rebalance_bars(days, "month", 3)]
    np.testing.assert_array_equal(quarters, days["time"].values[rebalance_bars(days, "quarter")])
    assert rebalance_bars(days, "session").all()
    cut = days.isel(time=slice(0, int(np.flatnonzero(rebalance_bars(days, "month"))[3]) + 1))
    assert rebalance_bars(cut, "month")[-1]
    minutes = synthetic(1, 1500, frequency=Frequency.MINUTE)
    closes = minutes["time"].values[rebalance_bars(minutes, "session")]
    assert len(closes) == 1
    with pytest.raises(errors.ParameterError, match="month"):
        rebalance_bars(days, "mnth")


def test_cash_when_nothing_beats_the_rate() -> None:
    ds = synthetic(3, 150, seed=3)
    result = tw.backtest(tw.strategies.MaximumSharpe(window=60, risk_free=50.0), ds)
    assert (result.positions.values == 0).all()


def test_the_volatility_is_near_its_target() -> None:
    ds = synthetic(6, 1500, seed=4, volatility=0.4)
    result = tw.backtest(tw.strategies.VolatilityTarget(target=0.08, window=40), ds)
    assert result.metrics.volatility == pytest.approx(0.08, rel=0.15)


@pytest.mark.parametrize(
    "name", ["minimum_variance", "maximum_sharpe", "risk_parity", "hierarchical_risk_parity"]
)
@pytest.mark.parametrize("most", [0.02, 0.06, 0.3])
def test_no_asset_is_held_above_its_most(name: str, most: float) -> None:
    """Where the assets are too few for all the capital, the rest stays in cash."""
    ds = synthetic(20, 130, seed=1)
    target = tw.strategies.get(name, window=60, most=most).decide(ds).target.values
    held = target[:, np.isfinite(target).all(axis=0)]
    assert held.size
    assert held.max() <= most + 1e-7
    sums = held.sum(axis=0)
    if name == "maximum_sharpe":
        sums = sums[sums > 0.0]  # cash, where nothing that may be held beats the rate
    np.testing.assert_allclose(sums, min(1.0, 20 * most))


def test_two_assets_keep_to_the_most_as_well() -> None:
    ds = synthetic(2, 130, seed=1)
    ds["close"][0] **= 3.0  # thrice as wild
    target = tw.strategies.get("hierarchical_risk_parity", window=60, most=0.6).decide(ds).target.values
    assert np.nanmax(target) == pytest.approx(0.6)
