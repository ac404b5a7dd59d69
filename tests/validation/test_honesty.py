"""The ledger counts what was tried, and the tests of luck find luck and skill where they were put."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from tradewind import errors
from tradewind.provenance import ledger
from tradewind.testing import synthetic
from tradewind.validation import backtest_overfitting, reality_check, walk_forward

DS = synthetic(2, 800, seed=3)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "trials.sqlite"
    monkeypatch.setenv(ledger.LEDGER, str(path))
    return path


def count() -> int:
    return ledger.trials("synthetic").count


def test_every_variant_counts_once_however_it_was_tried() -> None:
    for fast in (3, 5, 5, 8):
        tw.backtest(tw.strategies.SmaCross(fast=fast, slow=40), DS)
    assert count() == 3
    tw.sweep("sma_cross", {"fast": [5, 8, 11], "slow": [40]}, DS)
    assert count() == 4
    tw.sweep("macd", {"fast": [5, 8]}, DS)
    assert ledger.trials("synthetic").by_strategy == {"sma_cross": 4, "macd": 2}
    assert "sma_cross 4" in repr(ledger.trials("synthetic"))


def test_looking_at_the_best_is_no_new_trial() -> None:
    grid = tw.sweep("sma_cross", {"fast": [5, 8], "slow": [30, 40]}, DS)
    grid.best(), grid.overfitting(), grid.returns()
    assert count() == 4


def test_other_processes_and_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    tw.backtest(tw.strategies.SmaCross(fast=3, slow=40), DS)
    code = (
        "import tradewind as tw; ds = tw.testing.synthetic(2, 800, seed=3); "
        "tw.backtest(tw.strategies.SmaCross(fast=4, slow=40), ds)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert count() == 2
    monkeypatch.setenv(ledger.PROJECT, "another")
    assert count() == 0


def test_unnamed_data_and_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    unnamed = DS.copy()
    unnamed.attrs = {}
    tw.backtest(tw.strategies.BuyAndHold(), unnamed)
    assert ledger.trials("").count == 0
    monkeypatch.setenv(ledger.LEDGER, "/proc/nowhere/trials.sqlite")
    assert not ledger.note("x", "y", ["z"])
    assert tw.backtest(tw.strategies.BuyAndHold(), DS).metrics.trades == 2


def test_the_report_uses_the_true_number_of_trials() -> None:
    first = tw.sweep("sma_cross", {"fast": [3, 5], "slow": [20, 30]}, DS).overfitting()
    tw.sweep("sma_cross", {"fast": range(2, 12), "slow": range(20, 60, 2)}, DS)
    again = tw.sweep("sma_cross", {"fast": [3, 5], "slow": [20, 30]}, DS).overfitting()
    assert (first.trials, again.trials, again.swept) == (4, 200, 4)
    assert again.deflated < first.deflated
    assert "(4 here, 196 before)" in again.verdict


def test_noise_is_overfitted_and_skill_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (60, 1200))
    found = [backtest_overfitting(rng.normal(0, 0.01, (40, 600)), 8).probability for _ in range(30)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)
    skilled = noise.copy()
    skilled[7] += 0.002
    assert backtest_overfitting(skilled).probability < 0.02
    assert reality_check(skilled, draws=200)["spa"] < 0.05
    assert reality_check(noise, draws=200)["reality_check"] > 0.05


def test_overfitting_by_hand() -> None:
    """Two trials, four blocks: trial a wins the first two blocks, b the last two, so each half misleads."""
    swing = np.array([1.0, -1.0] * 5) * 0.1
    a = np.concatenate([1 + swing, 1 + swing, -1 + swing, -1 + swing])
    found = backtest_overfitting(np.stack([a, -a]), 4)
    assert found.splits == 6
    assert found.probability == pytest.approx(1.0)
    with pytest.raises(errors.ParameterError):
        backtest_overfitting(np.stack([a, -a]), 5)
    with pytest.raises(errors.InvalidInputError):
        backtest_overfitting(a[None])


def test_walk_forward_never_sees_what_it_trades() -> None:
    grid = {"fast": [3, 8], "slow": [20, 40]}
    walk = walk_forward("sma_cross", grid, DS, train=300, test=100)
    assert len(walk.choices) == 5
    assert walk.returns.sizes["time"] == 500
    changed = DS.copy(deep=True)
    for field in ("open", "high", "low", "close"):
        changed[field].values[:, 600:] *= 1.5
    other = walk_forward("sma_cross", grid, changed, train=300, test=100)
    np.testing.assert_array_equal(walk.returns.values[:300], other.returns.values[:300])
    assert walk.choices["fast"].tolist()[:3] == other.choices["fast"].tolist()[:3]
    assert "5 steps" in repr(walk)
    with pytest.raises(errors.ParameterError):
        walk_forward("sma_cross", grid, DS, train=800, test=100)


def test_a_walk_trades_what_bars_are_left() -> None:
    grid = {"fast": [3, 8], "slow": [20, 40]}
    walk = walk_forward("sma_cross", grid, DS, train=300, test=150)
    assert walk.choices["bars"].tolist() == [150, 150, 150, 50]
    np.testing.assert_array_equal(walk.returns["time"], DS["time"][300:])
    whole = walk_forward("sma_cross", grid, DS.isel(time=slice(None, 750)), train=300, test=150)
    np.testing.assert_array_equal(whole.returns, walk.returns[:450])
    least = walk_forward("sma_cross", grid, DS, train=300, test=499)
    assert least.choices["bars"].tolist() == [499, 1]
    assert walk.idle == least.idle == 0


def test_a_walk_holds_cash_where_nothing_could_be_chosen() -> None:
    """Prices that stand still for the first 400 bars: no variant trades, none has a Sharpe ratio."""
    still = DS.where(np.arange(800) >= 400, 100.0)
    walk = walk_forward("sma_cross", {"fast": [3, 8], "slow": [20, 40]}, still, train=300, test=100)
    assert walk.idle == 2
    assert "2 of them held cash" in repr(walk)
    nothing = walk.choices[["fast", "slow", "trained", "traded"]].isna()
    assert nothing.all(axis=1).tolist() == [True, True, False, False, False]
    assert not walk.returns.values[:200].any() and walk.returns.values[200:].any()
    np.testing.assert_array_equal(walk.returns["time"], DS["time"][300:])
    never = walk_forward(
        "sma_cross", {"fast": [3], "slow": [20]}, still.isel(time=slice(400)), train=300, test=60
    )
    assert never.idle == len(never.choices) == 2 and np.isnan(never.sharpe)
    assert "2 of them held cash" in repr(never)
