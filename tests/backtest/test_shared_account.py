"""The compiled shared account against its plain twin, over random markets, costs and targets."""

import numpy as np
import pytest
import shared_twin
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tradewind.backtest import Costs, backtest
from tradewind.strategies import Signals, Strategy, Units, Weights
from tradewind.testing import synthetic


class Given(Strategy):
    """Wants what a test says."""

    name = "given"
    title = "Given"

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Signals | Weights | Units:
        kind, target = ds.attrs["script"]
        return kind(xr.DataArray(target, ds["close"].coords, ds["close"].dims))


costs = st.fixed_dictionaries(
    {
        "per_value": st.sampled_from([0.0, 1e-4, 0.01]),
        "per_share": st.sampled_from([0.0, 0.005]),
        "minimum": st.sampled_from([0.0, 0.0, 2.0]),
        "slippage": st.sampled_from([0.0, 1e-3]),
        "impact": st.sampled_from([0.0, 0.0, 0.1]),
        "power": st.sampled_from([0.5, 2.0]),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    symbols=st.integers(1, 4),
    bars=st.integers(2, 70),
    costs=costs,
    units=st.booleans(),
    lot=st.sampled_from([0.0, 0.0, 1.0, 10.0]),
    borrow=st.booleans(),
    lag=st.sampled_from([0, 1]),
    holes=st.sampled_from([0.0, 0.2]),
    quiet=st.floats(0.0, 1.0),
)
def test_equals_its_plain_twin(seed, symbols, bars, costs, units, lot, borrow, lag, holes, quiet) -> None:
    ds = synthetic(symbols, bars, seed=seed, holes=holes, volatility=0.8)
    assume(bool(ds["close"].notnull().any()))
    rng = np.random.default_rng(seed)
    ds["dividend"] = (ds["close"].dims, np.where(rng.random((symbols, bars)) < 0.1, 0.7, 0.0))
    shape = (symbols, bars)
    target = rng.integers(-40, 80, shape).astype(float) if units else rng.uniform(-0.4, 0.9, shape)
    target = np.where(rng.random(shape) < 0.1, 0.0, target)
    target[rng.random(shape) < quiet] = np.nan
    fill = "next open" if lag else "same close"
    ds.attrs["script"] = (Units if units else Weights, target)
    rules = {k: v for k, v in costs.items() if k != "power"}
    result = backtest(
        Given(),
        ds,
        costs=Costs(**rules, impact_power=costs["power"]),
        lot=lot,
        borrow=borrow,
        fill=fill,
        cash=1e4,
    )
    market = {
        "price": ds["open" if lag else "close"].values.tolist(),
        "mark": ds["close"].values.tolist(),
        "volume": ds["volume"].values.tolist(),
        "dividend": ds["dividend"].values.tolist(),
    }
    cash, equity, held, fees = shared_twin.run(
        market, target.tolist(), units=units, capital=1e4, costs=costs, lot=lot, lag=lag, borrow=borrow
    )
    np.testing.assert_allclose(result.equity.values, equity, rtol=1e-8, atol=1e-5)
    np.testing.assert_allclose(result.cash.values, cash, rtol=1e-8, atol=1e-4)
    np.testing.assert_allclose(result.positions.values.T, held, rtol=1e-7, atol=1e-6)
    assert result.costs["commission"] == pytest.approx(fees, rel=1e-7, abs=1e-5)
    mark = ds["close"].ffill("time").fillna(0.0).values
    rebuilt = result.cash.values + (result.positions.values * mark).sum(axis=0)
    np.testing.assert_allclose(rebuilt, result.equity.values, rtol=1e-8, atol=1e-6)
    spent = (result.fills["value"] + result.fills["fee"]).sum() - result.books.income.sum()
    assert result.cash.values[-1] == pytest.approx(1e4 - spent, rel=1e-8, abs=1e-6)
    if not borrow and not units:
        short = (target < 0).any()
        assert short or result.cash.values.min() > -1e-6


def test_details_are_those_of_the_first_run() -> None:
    ds = synthetic(3, 200, seed=1, holes=0.05)
    ds.attrs["script"] = (Weights, np.random.default_rng(0).dirichlet(np.ones(4), 200).T[:3])
    result = backtest(Given(), ds, costs=Costs(per_value=1e-3))
    mark = ds["close"].ffill("time").fillna(0).values
    rebuilt = result.cash.values + (result.positions.values * mark).sum(axis=0)
    np.testing.assert_allclose(rebuilt, result.equity.values, rtol=1e-12)
    assert result.fills["fee"].sum() == pytest.approx(result.costs["commission"])


def test_dividends_go_to_cash() -> None:
    ds = synthetic(1, 5, seed=1)
    ds["dividend"] = (ds["close"].dims, [[0.0, 1.0, 2.0, 0.0, 0.0]])
    ds.attrs["script"] = (Units, [[10.0, np.nan, np.nan, np.nan, np.nan]])
    result = backtest(Given(), ds, cash=1e4)
    spent = 10 * ds["open"].values[0, 1]
    assert result.cash.values[-1] == pytest.approx(1e4 - spent + 20.0)
    assert result.books.income.tolist() == [0, 0, 20, 0, 0]


@pytest.mark.parametrize("borrow", [False, True])
@pytest.mark.parametrize("invested", [0.9, 1.0, 1.4])
def test_rebalancing_every_bar_equals_the_twin_and_its_own_details(borrow: bool, invested: float) -> None:
    """The short cut for dense weights and linear costs."""
    ds = synthetic(6, 120, seed=4, volatility=0.6)
    rng = np.random.default_rng(1)
    target = rng.dirichlet(np.ones(6), 120).T * invested
    target[rng.random(target.shape) < 0.2] = 0.0
    target[0] *= -0.5
    ds.attrs["script"] = (Weights, target)
    costs = {
        "per_value": 1e-3,
        "per_share": 0.01,
        "minimum": 0.0,
        "slippage": 5e-4,
        "impact": 0.0,
        "power": 0.5,
    }
    rules = {k: v for k, v in costs.items() if k != "power"}
    result = backtest(Given(), ds, costs=Costs(**rules), borrow=borrow, cash=1e4)
    none = np.zeros(target.shape)
    market = {"price": ds["open"].values, "mark": ds["close"].values, "volume": none, "dividend": none}
    cash, equity, held, fees = shared_twin.run(
        {k: v.tolist() for k, v in market.items()}, target.tolist(), units=False, capital=1e4, costs=costs,
        lot=0.0,
        lag=1, borrow=borrow,
    )  # fmt: skip
    np.testing.assert_allclose(result.equity.values, equity, rtol=1e-10)
    np.testing.assert_allclose(result.cash.values, cash, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(result.positions.values.T, held, rtol=1e-8, atol=1e-8)
    assert result.costs["commission"] == pytest.approx(fees, rel=1e-9)
    rebuilt = result.cash.values + (result.positions.values * ds["close"].values).sum(axis=0)
    np.testing.assert_allclose(rebuilt, result.equity.values, rtol=1e-10)
