"""The worked examples of the papers, as published."""

import math
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from tradewind import errors
from tradewind.testing import synthetic
from tradewind.validation import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)


def test_deflated_sharpe_of_the_paper() -> None:
    """Bailey and López de Prado 2014: a yearly Sharpe of 2.5, the best of 100, is not significant."""
    variance = 0.5 / 250
    assert expected_best_sharpe(100, variance) == pytest.approx(0.1132, abs=5e-5)
    found = deflated_sharpe(
        2.5 / math.sqrt(250), 1250, trials=100, variance=variance, skewness=-3, kurtosis=10
    )
    assert found == pytest.approx(0.9003968344493903, rel=1e-12)


def test_probabilistic_sharpe_of_the_paper() -> None:
    """Bailey and López de Prado 2012: the same ratio, less sure when returns are skewed and fat-tailed."""
    assert probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(0.458, 24, skewness=-2.448, kurtosis=10.164) == pytest.approx(0.913, abs=5e-4)


def test_minimum_track_record_is_where_the_probabilistic_sharpe_is_sure() -> None:
    bars = minimum_track_record(0.1, skewness=-0.5, kurtosis=5.0, confidence=0.95)
    assert probabilistic_sharpe(0.1, math.ceil(bars), skewness=-0.5, kurtosis=5.0) >= 0.95
    assert probabilistic_sharpe(0.1, math.floor(bars), skewness=-0.5, kurtosis=5.0) <= 0.95
    assert minimum_track_record(0.1, benchmark=0.2) == math.inf


def test_the_best_of_worthless_trials_is_as_good_as_expected() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0, 1 / math.sqrt(1000), (400, 200)).max(axis=1).mean()
    assert drawn == pytest.approx(expected_best_sharpe(200, 1 / 1000), rel=0.02)


def test_a_sweep_is_judged_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))
    ds = synthetic(1, 1500, seed=8, drift=0.0)
    grid = tw.sweep("sma_cross", {"fast": [3, 5, 8], "slow": [20, 30, 40]}, ds)
    found = grid.overfitting()
    assert found.trials == 9
    assert found.best == pytest.approx(float(grid["sharpe"].max()), rel=1e-9)
    assert 0 <= found.deflated <= 1
    assert "best of 9 trials" in found.verdict
    assert "luck" in found._repr_html_()
    more = grid.overfitting(trials=5000)
    assert more.luck > found.luck
    assert more.deflated < found.deflated
    with pytest.raises(errors.ParameterError):
        grid.overfitting(trials=3)
