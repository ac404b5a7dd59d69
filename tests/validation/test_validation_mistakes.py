"""What the honest statistics are given: sweeps as they are, and clear words for what they cannot use."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.provenance import ledger
from tradewind.testing import synthetic
from tradewind.validation import (
    CombinatorialPurged,
    PurgedKFold,
    backtest_overfitting,
    bootstrap,
    cross_validate,
    overfitting,
    reality_check,
    walk_forward,
)

DS = synthetic(2, 300, seed=3)
AXES = {"fast": [3, 5], "slow": [20, 40]}
RETURNS = np.random.default_rng(0).normal(0.0, 0.01, 300)


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ledger.LEDGER, str(tmp_path / "trials.sqlite"))


def test_a_sweep_stands_for_its_returns() -> None:
    grid = tw.sweep("sma_cross", AXES, DS)
    returns = grid.returns()
    expected = backtest_overfitting(returns.values)
    for given in (grid, returns, returns.T):
        assert backtest_overfitting(given).probability == expected.probability
        assert reality_check(given, draws=50) == reality_check(returns.values, draws=50)


def test_trials_that_never_moved_are_worth_nothing() -> None:
    """Their Sharpe ratio is 0 in every half, not rounding over rounding."""
    flat = np.full((3, 240), 1e-4)
    assert set(np.round(backtest_overfitting(flat).logits, 12)) == {0.0}


def test_missing_returns_are_left_out_of_the_bootstrap() -> None:
    holed = RETURNS.copy()
    holed[[7, 100]] = np.nan
    times = pd.date_range("2020", periods=300)
    known = bootstrap(np.delete(RETURNS, [7, 100]), draws=100)
    for given in (holed, pd.Series(holed), xr.DataArray(holed, {"time": times}, ("time",))):
        found = bootstrap(given, draws=100)
        assert found.loss == known.loss
        assert 0.0 < found.loss < 1.0
        pd.testing.assert_frame_equal(found.figures, known.figures)
        assert found.figures.notna().all(axis=None)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: walk_forward("sma_cross", AXES, DS, train="504", test=50), "train is a whole number"),
        (lambda: walk_forward("sma_cross", AXES, DS, train=100.5, test=50), "train is a whole number"),
        (lambda: walk_forward("sma_cross", AXES, DS, train=100, test=0), "test is at least 1"),
        (lambda: walk_forward("sma_cross", AXES, DS, train=300, test=50), "fit into the 300 bars"),
        (
            lambda: walk_forward("sma_cross", AXES, DS, train=100, test=50, start="2020-06-01"),
            "has no start.*\n?.*ds.sel",
        ),
        (lambda: walk_forward("sma_cross", {"fast": 3}, DS, train=100, test=50), "several values"),
        (lambda: walk_forward("sma_cross", DS, AXES, train=100, test=50), "Dataset"),
        (lambda: PurgedKFold(1), "folds is at least 2, not 1"),
        (lambda: PurgedKFold(folds="5"), "folds is a whole number"),
        (lambda: PurgedKFold(5, horizon=-1), "horizon is at least 0"),
        (lambda: CombinatorialPurged(6, tests="2"), "tests is a whole number"),
        (lambda: CombinatorialPurged(6, tests=6), "below folds"),
        (lambda: backtest_overfitting("sma_cross"), "not a str.*sweep"),
        (lambda: backtest_overfitting(RETURNS), r"at least two trials.*not \(300,\)"),
        (lambda: backtest_overfitting(np.stack([RETURNS] * 2), "12"), "blocks is a whole number"),
        (lambda: backtest_overfitting(np.stack([RETURNS] * 2), 3), "even"),
        (lambda: reality_check(np.stack([RETURNS] * 2), [0.1]), "300 bars"),
        (lambda: reality_check(np.stack([RETURNS] * 2), "sp500"), "not a str"),
        (lambda: reality_check(np.stack([RETURNS] * 2), draws=0), "draws is at least 1"),
        (lambda: bootstrap("x"), "no returns, but a str"),
        (lambda: bootstrap(np.stack([RETURNS] * 2)), "one series"),
        (lambda: bootstrap(np.append(RETURNS, np.inf)), "infinite"),
        (lambda: bootstrap(RETURNS, draws="9"), "draws is a whole number"),
        (lambda: bootstrap(RETURNS, block=0.5), "block is at least 1"),
        (lambda: cross_validate("sma_cross"), "a sweep, not a str"),
        (lambda: overfitting("sma_cross"), "a sweep, not of a str"),
    ],
)
def test_mistakes_are_told(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(errors.InvalidInputError, match=told):
        call()


def test_splits_take_their_folds_as_scikit_learn_does() -> None:
    assert PurgedKFold(4) == PurgedKFold(folds=4)
    assert CombinatorialPurged(4, tests=2) == CombinatorialPurged(folds=4, tests=2)
    grid = tw.sweep("sma_cross", AXES, DS)
    with pytest.raises(errors.ParameterError, match="PurgedKFold"):
        cross_validate(grid, 5)  # type: ignore[arg-type]


def test_a_walk_goes_through_values_as_often_as_it_needs_them() -> None:
    once = walk_forward(
        "sma_cross", {"fast": iter([3, 5]), "slow": (s for s in (20, 40))}, DS, train=150, test=50
    )
    again = walk_forward("sma_cross", AXES, DS, train=150, test=50)
    pd.testing.assert_frame_equal(once.choices, again.choices)
