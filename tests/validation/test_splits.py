"""Purged and combinatorial splits against skfolio's and scikit-learn's; bands; the choice among variants."""

from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from skfolio.model_selection import CombinatorialPurgedCV
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_score
from tradewind import errors
from tradewind.testing import synthetic
from tradewind.validation import CombinatorialPurged, PurgedKFold, bootstrap, cross_validate


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))


@pytest.mark.parametrize(("folds", "tests", "horizon", "embargo"), [(6, 2, 0, 0), (8, 3, 4, 3), (5, 2, 2, 0)])
def test_combinatorial_splits_are_skfolios(folds: int, tests: int, horizon: int, embargo: int) -> None:
    ours = CombinatorialPurged(folds=folds, tests=tests, horizon=horizon, embargo=embargo)
    theirs = CombinatorialPurgedCV(
        n_folds=folds, n_test_folds=tests, purged_size=horizon, embargo_size=embargo
    )
    rows = np.zeros((203 // folds * folds, 1))
    found = list(ours.split(rows))
    assert len(found) == ours.get_n_splits() == theirs.get_n_splits()
    for (train, test), (their_train, their_test) in zip(found, theirs.split(rows), strict=True):
        np.testing.assert_array_equal(train, their_train)
        np.testing.assert_array_equal(test, np.concatenate(their_test))
    assert len(ours.paths()) == theirs.n_test_paths
    for path in ours.paths():
        assert all(fold in ours.tested()[split] for fold, split in enumerate(path))


def test_no_training_label_reaches_into_the_test() -> None:
    for train, test in PurgedKFold(folds=4, horizon=7, embargo=5).split(100):
        first, last = test.min(), test.max()
        assert not ((train + 7 >= first) & (train <= last)).any()
        assert not ((train > last) & (train <= last + 7 + 5)).any()
    for ours, theirs in zip(PurgedKFold(folds=7).split(101), KFold(7).split(np.zeros(101)), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_scikit_learn_takes_them() -> None:
    x = np.random.default_rng(0).normal(size=(120, 2))
    scores = cross_val_score(LinearRegression(), x, x @ [1.0, 2.0], cv=CombinatorialPurged(horizon=2))
    assert len(scores) == 15
    assert scores.min() > 0.999


def test_impossible_splits_are_told() -> None:
    with pytest.raises(errors.ParameterError, match="tests"):
        CombinatorialPurged(folds=4, tests=4)
    with pytest.raises(errors.ParameterError, match="nothing to train"):
        list(PurgedKFold(folds=2, horizon=60).split(100))
    with pytest.raises(errors.ParameterError, match="10 folds"):
        list(PurgedKFold(folds=10).split(5))


def test_the_choice_is_judged_on_bars_it_did_not_see() -> None:
    ds = synthetic(2, 600, seed=3)
    grid = tw.sweep("sma_cross", {"fast": [3, 8, 15], "slow": [20, 40]}, ds)
    found = cross_validate(grid, CombinatorialPurged(folds=6, tests=2, horizon=5, embargo=5))
    assert len(found.choices) == 15
    assert found.returns.sizes == {"path": 5, "time": 600}
    everything = grid.returns().values
    for path in found.returns.values:
        for k in range(6):  # each fold of a path is some variant's own returns there
            span = slice(k * 100, k * 100 + 100)
            assert any(np.array_equal(path[span], row[span]) for row in everything)
    assert found.best == pytest.approx(float(grid["sharpe"].max()), rel=1e-6)
    assert "hindsight" in repr(found)
    assert "judged" in found._repr_html_()
    one = cross_validate(grid, PurgedKFold(folds=5))
    assert one.returns.sizes["path"] == 1
    with pytest.raises(errors.InvalidInputError):
        cross_validate(tw.sweep("sma_cross", {"fast": [3]}, ds))


def test_bands_cover_what_they_should() -> None:
    """On independent normal returns the band's width is that of the Sharpe ratio's standard error."""
    values = np.random.default_rng(1).normal(0.0005, 0.01, 1000)
    found = bootstrap(values, block=1, draws=1500)
    s = found.figures.loc["sharpe"]
    width = (s["95 %"] - s["5 %"]) / np.sqrt(252)
    assert width == pytest.approx(2 * 1.645 / np.sqrt(1000), rel=0.1)
    assert s["50 %"] == pytest.approx(s["actual"], abs=0.2)
    assert bootstrap(values, block=1, draws=50).figures.equals(bootstrap(values, block=1, draws=50).figures)
    rng = np.random.default_rng(2)
    calm = np.repeat(rng.normal(0, 0.01, 100), 10)  # ten equal bars in a row: blocks matter
    assert bootstrap(calm).block > 5
    result = tw.backtest(tw.strategies.BuyAndHold(), synthetic(1, 300))
    bands = bootstrap(result, draws=100)
    assert bands.growth.dims == ("level", "time")
    assert "nine times in ten" in repr(bands)
    with pytest.raises(errors.InvalidInputError):
        bootstrap(np.zeros(3))
