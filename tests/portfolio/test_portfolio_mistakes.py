"""What a portfolio cannot be made of is said in our own words, with what to do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.testing import synthetic

P = tw.portfolio
DS = synthetic(6, 300, seed=1)
CLOSE = DS["close"]
FLAT = xr.full_like(CLOSE, 100.0)
ONE_FLAT = CLOSE.copy(deep=True)
ONE_FLAT[0] = 100.0


@pytest.mark.parametrize("rule", [P.risk_parity, P.hierarchical_risk_parity, P.inverse_volatility])
def test_prices_that_never_move_have_no_risk_to_share(rule: Callable[..., Any]) -> None:
    with pytest.raises(errors.InvalidInputError, match=r"never moved: S000.* Leave them out"):
        rule(FLAT)
    if rule is not P.inverse_volatility:  # which gives such an asset nothing
        with pytest.raises(errors.InvalidInputError, match="never moved: S000"):
            rule(ONE_FLAT)


@pytest.mark.parametrize("rule", [P.equal_weight, P.minimum_variance])
def test_without_volatility_there_is_no_sharpe_ratio(rule: Callable[..., Any]) -> None:
    found = rule(FLAT)
    assert np.isnan(found.sharpe)
    assert "Sharpe nan" in repr(found)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"target_return": 50.0}, "return of 5000.00% a year is out of reach: .* the most"),
        ({"target_return": 0.05, "upper": 0.17}, "out of reach"),
        ({"target_volatility": 1e-4}, "volatility of 0.01% a year is out of reach: .* the least"),
        ({"target_volatility": -0.1}, "above 0"),
        ({"aversion": 0.0}, "above 0"),
        ({"aversion": -1.0}, "above 0"),
        ({"aversion": "1"}, "a number"),
        ({"aversion": 1.0, "lower": "a"}, "lower is a number"),
        ({"aversion": 1.0, "upper": {"S001": "b"}}, "upper of S001 is a number"),
        ({"aversion": 1.0, "l2": -1.0}, "l2 is at least 0"),
        ({"aversion": 1.0, "estimate": "ledoit-wolf"}, "tw.portfolio.Estimate"),
    ],
)
def test_what_is_out_of_reach_is_told(wish: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.InvalidInputError, match=told) as caught:
        P.mean_variance(CLOSE, **wish)
    assert "CLARABEL" not in str(caught.value)


def test_what_is_just_within_reach_is_found() -> None:
    calmest = P.minimum_variance(CLOSE)
    near = P.mean_variance(CLOSE, target_volatility=calmest.volatility * 1.001)
    assert near.volatility <= calmest.volatility * 1.0011
    most = float(P.moments(CLOSE).mean.max())
    assert P.mean_variance(CLOSE, target_return=most * 0.999).expected_return >= most * 0.998


def test_a_solver_without_an_answer_does_not_speak_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    import cvxpy

    def fail(*_: Any, **__: Any) -> None:
        raise cvxpy.error.SolverError("Solver 'CLARABEL' failed.")

    monkeypatch.setattr("skfolio.optimization.MeanRisk.fit", fail)
    with pytest.raises(errors.InvalidInputError, match="found no portfolio") as caught:
        P.mean_variance(CLOSE, aversion=1.0)
    assert "CLARABEL" not in str(caught.value)


def test_estimators_are_offered() -> None:
    with pytest.raises(errors.ParameterError, match="ledoit-wolf"):
        P.Estimate(covariance="ledoit")
    with pytest.raises(errors.ParameterError, match="arithmetic, compound"):
        P.Estimate(mean="x")
    for periods in (-1, 0, "252"):
        with pytest.raises(errors.ParameterError, match="periods is"):
            P.Estimate(periods=periods)
    assert P.Estimate(covariance="ledoit_wolf").covariance is P.Covariance.LEDOIT_WOLF


def test_a_cap_below_what_beats_the_rate_is_told() -> None:
    with pytest.raises(errors.InvalidInputError, match="within these bounds"):
        P.maximum_sharpe(CLOSE, upper=0.17)


@pytest.mark.parametrize("given", [CLOSE.tw.frame(), CLOSE.values, CLOSE[0].to_series(), None, "AAPL"])
def test_prices_of_another_kind_are_refused_with_a_way_to_convert_them(given: Any) -> None:
    with pytest.raises(errors.InvalidInputError, match=r"must be an xarray DataArray.*(xr\.|ds\[)"):
        P.minimum_variance(given)


def test_the_way_works() -> None:
    frame = CLOSE.tw.frame()
    there = xr.DataArray(frame.T, dims=("symbol", "time"))
    np.testing.assert_allclose(P.minimum_variance(there).weights, P.minimum_variance(CLOSE).weights)


def test_prices_without_symbols_or_closes_are_refused() -> None:
    with pytest.raises(errors.InvalidInputError, match="symbol, time"):
        P.minimum_variance(CLOSE[0])
    with pytest.raises(errors.FieldNotFoundError, match="close"):
        P.minimum_variance(DS[["volume"]])
