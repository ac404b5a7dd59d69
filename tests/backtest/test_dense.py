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
    symbols=st.sampled_from([1, 2, 3, 5, 8, 11]),
    bars=st.integers(2, 300),
    per_value=st.sampled_from([0.0, 5e-4, 0.02]),
    slippage=st.sampled_from([0.0, 1e-3]),
    per_share=st.sampled_from([0.0, 0.0, 5e-3]),
    invested=st.sampled_from([0.5, 0.97, 1.0]),
    hole=st.sampled_from(["none", "weight", "price"]),
    weights=st.sampled_from(["anew", "anew", "some", "constant", "equal"]),
    lag=st.sampled_from([0, 1]),
    borrow=st.booleans(),
)
def test_equals_the_twin(
    seed, symbols, bars, per_value, slippage, per_share, invested, hole, weights, lag, borrow
) -> None:
    ds = synthetic(symbols, bars, seed=seed, volatility=0.6)
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.ones(symbols), bars).T * invested * rng.choice([1.0, 1.0, -0.3], (symbols, 1))
    if weights == "some":
        target[rng.random(target.shape) < 0.5] = 0.0
    elif weights != "anew":
        target[:] = target[:, :1] if weights == "constant" else invested / symbols
    where = (int(rng.integers(symbols)), int(rng.integers(bars)))
    if hole == "weight":
        target[where] = np.nan
    elif hole == "price":
        for name in ("open", "high", "low", "close"):
            ds[name].values[where] = np.nan
    costs = {"per_value": per_value, "slippage": slippage, "per_share": per_share, "minimum": 0.0,
             "impact": 0.0, "power": 0.5}  # fmt: skip
    result = run(ds, target, costs=Costs(per_value=per_value, slippage=slippage, per_share=per_share),
                 cash=1e4, borrow=borrow, fill="next open" if lag else "same close")  # fmt: skip
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


def _weights(kind: str, symbols: int, bars: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "equal":
        return np.full((symbols, bars), 0.98 / symbols)
    anew = rng.dirichlet(np.ones(symbols), bars).T
    if kind == "slow":
        anew = np.abs(1.0 + np.cumsum(rng.normal(0.0, 0.02, anew.shape), axis=1))
    elif kind == "some":
        anew = (rng.random(anew.shape) < 0.1).astype(float)
    elif kind == "short":
        anew = rng.normal(0.0, 1.0, anew.shape)
    elif kind == "by turns":  # few are near to the change from bought to sold, then many, then few
        anew[:, 500:900] = anew[:, 500:501]
    return anew / np.abs(anew).sum(axis=0) * (1.0 if kind == "all" else 0.98)


@pytest.mark.parametrize("kind", ["anew", "equal", "slow", "some", "short", "by turns", "all"])
def test_who_computes_it_and_the_future_change_nothing(kind, monkeypatch) -> None:
    ds = synthetic(101, 2400, seed=3)
    for name in ("open", "high", "low", "close"):  # a crash, and calm before and after it
        ds[name].values[:, 1500:] *= 0.7
    target = _weights(kind, 101, 2400)
    costs = Costs(per_value=5e-4, slippage=1e-4)
    monkeypatch.setattr(dense, "WORTH_A_THREAD", 10**9)
    one = run(ds, target, costs=costs)
    monkeypatch.setattr(dense, "WORTH_A_THREAD", 1)
    for ahead in (12, 33, 77, 300):  # blocks begin elsewhere each time
        monkeypatch.setattr(dense, "AHEAD", ahead)
        two = run(ds, target, costs=costs)
        np.testing.assert_array_equal(one.equity.values, two.equity.values)
        np.testing.assert_array_equal(one.cash.values, two.cash.values)
    for bars in (700, 1000):
        part = run(ds.isel(time=slice(0, bars)), target[:, :bars], costs=costs)
        np.testing.assert_array_equal(part.equity.values, one.equity.values[:bars])
    value = (one.positions.values * ds["close"].values).sum(axis=0)
    most = 1e-11 if kind == "equal" else 1e-12  # 101 equal ones, added up, round the same way at every bar
    np.testing.assert_allclose(one.cash.values + value, one.equity.values, rtol=most)
