"""The short cut for rebalancing every bar: equal to the plain twin, handed over where it ends, causal."""

import numpy as np
import pytest
import shared_twin
from hypothesis import given, settings
from hypothesis import strategies as st
from test_shared_account import Given
from tradewind.backtest import Costs, backtest, dense
from tradewind.strategies import Weights
from tradewind.testing import synthetic


def run(ds, target, **options):
    """Backtest weights."""
    ds.attrs["script"] = (Weights, target)
    return backtest(Given(), ds, **options)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    symbols=st.integers(1, 5),
    bars=st.integers(2, 300),
    per_value=st.sampled_from([0.0, 5e-4, 0.02]),
    slippage=st.sampled_from([0.0, 1e-3]),
    invested=st.sampled_from([0.5, 0.97, 1.0]),
    hole=st.sampled_from(["none", "weight", "price"]),
    weights=st.sampled_from(["anew", "anew", "constant", "equal"]),
    lag=st.sampled_from([0, 1]),
    borrow=st.booleans(),
)
def test_equals_the_twin(
    seed, symbols, bars, per_value, slippage, invested, hole, weights, lag, borrow
) -> None:
    ds = synthetic(symbols, bars, seed=seed, volatility=0.6)
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.ones(symbols), bars).T * invested * rng.choice([1.0, 1.0, -0.3], (symbols, 1))
    if weights != "anew":
        target[:] = target[:, :1] if weights == "constant" else invested / symbols
    where = (int(rng.integers(symbols)), int(rng.integers(bars)))
    if hole == "weight":
        target[where] = np.nan
    elif hole == "price":
        for name in ("open", "high", "low", "close"):
            ds[name].values[where] = np.nan
    costs = {"per_value": per_value, "slippage": slippage, "per_share": 0.0, "minimum": 0.0, "impact": 0.0,
             "power": 0.5}  # fmt: skip
    result = run(ds, target, costs=Costs(per_value=per_value, slippage=slippage), cash=1e4, borrow=borrow,
                 fill="next open" if lag else "same close")  # fmt: skip
    none = np.zeros(target.shape).tolist()
    market = {"price": ds["open" if lag else "close"].values.tolist(), "mark": ds["close"].values.tolist(),
              "volume": none, "dividend": none}  # fmt: skip
    cash, equity, held, fees = shared_twin.run(
        market, target.tolist(), units=False, capital=1e4, costs=costs, lot=0.0, lag=lag, borrow=borrow
    )
    np.testing.assert_allclose(result.equity.values, equity, rtol=1e-10)
    np.testing.assert_allclose(result.cash.values, cash, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(result.positions.values.T, held, rtol=1e-8, atol=1e-8)
    assert result.costs["commission"] == pytest.approx(fees, rel=1e-9, abs=1e-9)


def test_two_threads_give_the_very_same_and_the_future_changes_nothing(monkeypatch) -> None:
    ds = synthetic(101, 2400, seed=3)
    target = np.random.default_rng(0).dirichlet(np.ones(101), 2400).T * 0.98
    costs = Costs(per_value=5e-4, slippage=1e-4)
    two = run(ds, target, costs=costs)
    monkeypatch.setattr(dense, "WORTH_A_THREAD", 10**9)
    one = run(ds, target, costs=costs)
    np.testing.assert_array_equal(one.equity.values, two.equity.values)
    np.testing.assert_array_equal(one.cash.values, two.cash.values)
    part = run(ds.isel(time=slice(0, 1000)), target[:, :1000], costs=costs)
    np.testing.assert_array_equal(part.equity.values, two.equity.values[:1000])
    value = (two.positions.values * ds["close"].values).sum(axis=0)
    np.testing.assert_allclose(two.cash.values + value, two.equity.values, rtol=1e-12)
