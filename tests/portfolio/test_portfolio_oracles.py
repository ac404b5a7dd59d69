"""Portfolios against PyPortfolioOpt, skfolio and the conditions of an optimum."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from pypfopt import EfficientFrontier, expected_returns, risk_models
from skfolio import optimization
from skfolio.datasets import load_sp500_dataset
from tradewind import errors
from tradewind.portfolio import exact, solvers
from tradewind.portfolio.estimates import Moments
from tradewind.testing import synthetic

SHARED = Path(__file__).resolve().parents[3] / "shared"


def as_array(frame: pd.DataFrame) -> xr.DataArray:
    """Prices as the SDK gives them."""
    coords = {"symbol": frame.columns.to_numpy(), "time": frame.index.to_numpy()}
    return xr.DataArray(frame.to_numpy(float).T, coords, ("symbol", "time"), attrs={"frequency": "1d"})


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    """Twenty US stocks, skfolio's own sample."""
    return load_sp500_dataset().loc["2012":"2016"]


def test_the_published_maximum_sharpe() -> None:
    """PyPortfolioOpt's own test, to all its digits."""
    path = SHARED / "data" / "pypfopt" / "stock_prices.csv.gz"
    if not path.is_file():
        pytest.skip(f"PyPortfolioOpt's prices are missing: put them at {path}")
    cases = json.loads((SHARED / "cases.json").read_text())["cases"]
    published = next(c for c in cases if c["id"] == "pypfopt_max_sharpe")["expected"]
    found = tw.portfolio.maximum_sharpe(
        as_array(pd.read_csv(path, index_col=0, parse_dates=True)), risk_free=0.02
    )
    assert found.expected_return == pytest.approx(published["return"], rel=1e-12)
    assert found.volatility == pytest.approx(published["volatility"], rel=1e-12)
    assert found.sharpe == pytest.approx(published["sharpe"], rel=1e-12)
    assert float(found.weights.sum()) == pytest.approx(1.0)
    assert float(found.weights.min()) >= 0.0


@pytest.mark.parametrize("gaps", [False, True])
def test_the_frontier_of_pypfopt(prices: pd.DataFrame, gaps: bool) -> None:
    given = prices.copy()
    if gaps:
        given.iloc[:300, :3] = np.nan
    mean = expected_returns.mean_historical_return(given)
    covariance = risk_models.sample_cov(given)
    known = tw.portfolio.moments(as_array(given))
    np.testing.assert_allclose(known.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(known.covariance, covariance, rtol=1e-9, atol=1e-14)
    array = as_array(given)
    cases: list[tuple[Any, Any, float]] = [
        (lambda e: e.min_volatility(), tw.portfolio.minimum_variance(array), 1e-6),
        (
            lambda e: e.max_sharpe(risk_free_rate=0.0),
            tw.portfolio.maximum_sharpe(array, risk_free=0.0),
            1e-4,
        ),
        (lambda e: e.efficient_return(0.15), tw.portfolio.mean_variance(array, target_return=0.15), 1e-4),
        (lambda e: e.efficient_risk(0.15), tw.portfolio.mean_variance(array, target_volatility=0.15), 1e-3),
        (lambda e: e.max_quadratic_utility(3), tw.portfolio.mean_variance(array, aversion=3), 1e-3),
    ]
    for solve, found, near in cases:
        frontier = EfficientFrontier(mean, covariance)
        solve(frontier)
        np.testing.assert_allclose(found.weights.values, frontier.weights, atol=near)
        earned, risk, _ = frontier.portfolio_performance()
        assert (found.expected_return, found.volatility) == pytest.approx((earned, risk), rel=1e-4)


def test_short_sales_and_most_of_one(prices: pd.DataFrame) -> None:
    array = as_array(prices)
    mean, covariance = expected_returns.mean_historical_return(prices), risk_models.sample_cov(prices)
    for low, high in ((-1.0, 1.0), (0.0, 0.15), (0.01, 0.2)):
        frontier = EfficientFrontier(mean, covariance, weight_bounds=(low, high))
        frontier.min_volatility()
        found = tw.portfolio.minimum_variance(array, lower=low, upper=high)
        np.testing.assert_allclose(found.weights.values, frontier.weights, atol=1e-5)
        frontier = EfficientFrontier(mean, covariance, weight_bounds=(low, high))
        frontier.max_sharpe(risk_free_rate=0.0)
        found = tw.portfolio.maximum_sharpe(array, lower=low, upper=high)
        assert found.sharpe == pytest.approx(frontier.portfolio_performance()[2], rel=1e-6)


def test_against_skfolio(prices: pd.DataFrame) -> None:
    """Its own estimators on the same returns; ours see arithmetic means."""
    returns = prices.pct_change().dropna().to_numpy()
    array, how = as_array(prices), tw.portfolio.Estimate(mean="arithmetic")
    pairs = [
        (optimization.InverseVolatility(), tw.portfolio.inverse_volatility(array, estimate=how), 1e-9),
        (optimization.MeanRisk(), tw.portfolio.minimum_variance(array, estimate=how), 5e-4),
        (optimization.RiskBudgeting(), tw.portfolio.risk_parity(array, estimate=how), 1e-4),
        (
            optimization.HierarchicalRiskParity(),
            tw.portfolio.hierarchical_risk_parity(array, estimate=how),
            1e-6,
        ),
        (
            optimization.MeanRisk(objective_function=optimization.ObjectiveFunction.MAXIMIZE_RATIO),
            tw.portfolio.maximum_sharpe(array, estimate=how),
            5e-4,
        ),
    ]
    for estimator, found, near in pairs:
        np.testing.assert_allclose(
            found.weights.values, estimator.fit(returns).weights_, atol=near, err_msg=found.method
        )


def test_risk_parity_spreads_the_risk(prices: pd.DataFrame) -> None:
    found = tw.portfolio.risk_parity(as_array(prices))
    np.testing.assert_allclose(found.risk.values, 0.05, atol=1e-5)
    budget = {str(s): 1.0 for s in prices.columns[:4]} | {str(prices.columns[5]): 4.0}
    found = tw.portfolio.risk_parity(as_array(prices[list(budget)]), budget=budget)
    np.testing.assert_allclose(found.risk.values, [0.125] * 4 + [0.5], atol=1e-4)


def test_exact_answers_are_the_solvers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random problems: what is proved optimal without a solver is what skfolio's finds."""
    rng = np.random.default_rng(0)
    for trial in range(12):
        n = int(rng.integers(2, 12))
        returns = rng.normal(0.0004, 0.01, (60, n)) @ rng.normal(0, 1, (n, n))
        known = Moments(
            symbols=np.arange(n), mean=returns.mean(axis=0) * 252, covariance=np.cov(returns.T) * 252,
            returns=returns, periods=252.0,
        )  # fmt: skip
        upper = 1.0 if trial % 2 else 2.0 / n
        found = exact.minimum_variance(known.covariance, 0.0, upper)
        if found is None:  # a cap may be beyond the quick way; without one it always answers
            assert upper < 1.0
            continue
        quick = exact.maximum_sharpe(known.mean, known.covariance, 1.0) if (known.mean > 0).any() else None
        with monkeypatch.context() as patch:
            patch.setattr(exact, "minimum_variance", lambda *_: None)
            patch.setattr(exact, "maximum_sharpe", lambda *_: None)
            slow = solvers.minimum_variance(known, 0.0, upper)
            assert found @ known.covariance @ found == pytest.approx(slow @ known.covariance @ slow, rel=1e-5)
            if (known.mean > 0).any():
                slow = solvers.maximum_sharpe(known)
                assert quick is not None
                ratios = [w @ known.mean / np.sqrt(w @ known.covariance @ w) for w in (quick, slow)]
                assert ratios[0] >= ratios[1] * (1 - 1e-9)
                assert ratios[0] == pytest.approx(ratios[1], rel=1e-4)


def test_mistakes_are_told() -> None:
    ds = synthetic(["A", "B", "C"], 60, seed=1)
    with pytest.raises(errors.ParameterError, match="sum to 1"):
        tw.portfolio.minimum_variance(ds, upper=0.2)
    with pytest.raises(errors.ParameterError, match="one of"):
        tw.portfolio.mean_variance(ds)
    with pytest.raises(errors.InvalidInputError, match="out of reach"):
        tw.portfolio.mean_variance(ds, target_return=90.0)
    with pytest.raises(errors.InvalidInputError, match="risk-free"):
        tw.portfolio.maximum_sharpe(ds, risk_free=50.0)
    with pytest.raises(errors.InvalidInputError, match="'a'"):
        tw.portfolio.risk_parity(ds, budget={"a": 1.0})
    with pytest.raises(errors.ParameterError, match="single"):
        tw.portfolio.hierarchical_risk_parity(ds, linkage="singel")
    gone = ds.copy(deep=True)
    gone["close"].values[0] = np.nan
    with pytest.raises(errors.EmptySelectionError, match="A"):
        tw.portfolio.equal_weight(gone)
    shown = tw.portfolio.equal_weight(ds)
    assert "3 of 3 assets" in repr(shown)
    assert "share of risk" in shown._repr_html_()


def test_no_more_can_be_earned_than_the_bounds_allow() -> None:
    values = np.array([0.1, -0.2, 0.3, 0.05])
    assert exact.largest(values, 0.0, 1.0) == pytest.approx(0.3)
    assert exact.largest(values, 0.0, 0.4) == pytest.approx(0.4 * 0.3 + 0.4 * 0.1 + 0.2 * 0.05)
    assert exact.largest(values, np.array([0.0, 0.5, 0.0, 0.0]), 1.0) == pytest.approx(-0.1 + 0.15)
    assert exact.largest(values, 0.0, 0.1) == pytest.approx(0.025)  # the rest is cash
    assert exact.largest(values, -np.inf, np.inf) == np.inf
