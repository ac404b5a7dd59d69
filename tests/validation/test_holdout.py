"""A sealed holdout stays closed but for looks on the record; trials keep their figures."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from tradewind import errors
from tradewind.ingest.samples import SAMPLES
from tradewind.provenance import ledger
from tradewind.settings import Settings
from tradewind.testing import synthetic
from tradewind.validation import holdout, look, seal
from tradewind.validation.overfit import trials_variance

DS = synthetic(2, 800, seed=3)
FIRST = str(DS["time"].values[600])[:10]
BEFORE = str(DS["time"].values[599])[:10]


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "trials.sqlite"
    monkeypatch.setenv(ledger.LEDGER, str(path))
    return path


def test_a_sealed_span_is_closed_but_for_looks_on_the_record() -> None:
    assert holdout("synthetic") is None
    sealed = seal(DS, FIRST, "final judgement")
    assert "looked at 0 times" in repr(sealed)
    strategy = tw.strategies.SmaCross(fast=3, slow=20)
    with pytest.raises(errors.HoldoutError, match=FIRST):
        tw.backtest(strategy, DS)
    with pytest.raises(errors.HoldoutError):
        tw.sweep("sma_cross", {"fast": [3, 5]}, DS)
    assert tw.backtest(strategy, DS, end=BEFORE).metrics.trades > 0
    with look("synthetic", "the one judgement") as seen:
        assert tw.backtest(strategy, DS).equity.sizes["time"] == 800
        tw.sweep("turtle", {"entry": [20, 30]}, DS)  # runs in threads
    assert [x.reason for x in seen.looks] == ["the one judgement"]
    with pytest.raises(errors.HoldoutError):
        tw.backtest(strategy, DS)
    found = holdout("synthetic")
    assert found is not None
    assert len(found.looks) == 1
    assert "looked at once" in repr(found)


def test_a_seal_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seal(DS, FIRST)
    seal("synthetic", FIRST)  # known by now
    with pytest.raises(errors.ConflictError, match=FIRST):
        seal("synthetic", "2030")
    with pytest.raises(errors.InvalidInputError, match="why"):
        look("synthetic", " ").__enter__()
    with pytest.raises(errors.InvalidInputError, match="sealed"):
        look("another", "curious").__enter__()
    with pytest.raises(errors.InvalidInputError, match="time"):
        seal(DS, "soon")
    with pytest.raises(errors.InvalidInputError, match="time"):
        seal(DS, None)  # type: ignore[arg-type]
    monkeypatch.setenv(ledger.PROJECT, "another")
    tw.backtest(tw.strategies.BuyAndHold(), DS)
    monkeypatch.setenv(ledger.LEDGER, "/proc/nowhere/trials.sqlite")
    with pytest.raises(errors.UnavailableError):
        seal(DS, FIRST)


def test_the_store_refuses_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path / "state")
    monkeypatch.setattr("tradewind.ingest.samples.SAMPLES", [s for s in SAMPLES if "factors" in s.spec.name])
    tw.ingest.samples.seed(settings)
    monkeypatch.setenv("TRADEWIND_STORE_URL", settings.store)
    with pytest.raises(errors.DatasetNotFoundError, match="Did you mean 'us-factors'"):
        seal("us-factor", "2020")
    assert holdout("us-factor") is None
    seal("us-factors", "2020")
    with pytest.raises(errors.HoldoutError, match="2020-01-01"):
        tw.open("us-factors")
    opened = tw.open("us-factors", end="2019")
    assert str(opened["time"].values[-1])[:4] == "2019"
    with look("us-factors", "final"):
        assert str(tw.open("us-factors")["time"].values[-1])[:4] == "2022"


def test_a_dataset_is_sealed_by_the_name_it_goes_by() -> None:
    with pytest.raises(errors.DatasetNotFoundError, match=r"nothing is sealed.*seal\(ds"):
        seal("synthetic", FIRST)
    tw.backtest(tw.strategies.BuyAndHold(), DS)
    assert seal("synthetic", FIRST) == holdout(DS)  # the ledger knows it
    with look(DS, "by the dataset itself") as seen:
        assert len(seen.looks) == 1
    with pytest.raises(errors.InvalidInputError, match="attrs"):
        seal(DS.drop_attrs(), FIRST)
    with pytest.raises(errors.InvalidInputError, match="DataArray"):
        seal(DS["close"], FIRST)  # type: ignore[arg-type]


def test_a_tight_search_after_a_wide_one_remembers_the_wide_one() -> None:
    """The variance of all trials counts, not that of the last sweep alone."""
    wide = tw.sweep("sma_cross", {"fast": range(2, 20, 2), "slow": range(20, 200, 20)}, DS)
    tight = tw.sweep("sma_cross", {"fast": [10, 11], "slow": [60, 61]}, DS)
    assert tight.overfitting().luck == pytest.approx(wide.overfitting().luck, rel=0.1)
    alone = np.var(tight["sharpe"].values / np.sqrt(252), ddof=1)
    of_all = trials_variance(
        tight["sharpe"].values.ravel(), np.array(ledger.trials("synthetic").sharpes), 84, 800
    )
    assert of_all > 4 * alone
    ratios = ledger.trials("synthetic").sharpes
    assert len(ratios) == ledger.trials("synthetic").count == wide.trials + 3  # one was tried before
    best = max(ratios) * np.sqrt(252)
    assert best == pytest.approx(float(wide["sharpe"].max()), rel=1e-4)


def test_trials_of_unknown_figure_count_as_worthless_ones() -> None:
    own = np.array([0.1, 0.1001])
    assert trials_variance(own, own, 2, 100) == pytest.approx(5e-9)
    assert trials_variance(own, own, 1000, 100) == pytest.approx(0.01, rel=0.01)
    assert trials_variance(own[:1], own[:1], 1, 100) == 0.0


def test_symbols_fill_and_first_bar_make_another_variant() -> None:
    s = tw.strategies.SmaCross(fast=3, slow=20)
    for options in ({}, {"costs": tw.Costs(per_value=1e-3)}, {"end": BEFORE}, {"cash": 5.0}):
        tw.backtest(s, DS, **options)
    assert ledger.trials("synthetic").count == 1
    tw.backtest(s, DS, fill="next close")
    tw.backtest(s, DS, start=FIRST)
    tw.backtest(s, DS.isel(symbol=[0]))
    assert ledger.trials("synthetic").count == 4


def test_an_older_ledger_is_read_on(own_ledger: Path) -> None:
    with sqlite3.connect(own_ledger) as old:
        old.execute("CREATE TABLE tries (project TEXT, dataset TEXT, strategy TEXT, at TEXT, variants BLOB)")
        old.execute("INSERT INTO tries VALUES ('default', 'synthetic', 'x', '2026', ?)", (b"12345678",))
    old.close()
    assert ledger.trials("synthetic").count == 1
    tw.backtest(tw.strategies.BuyAndHold(), DS)
    found = ledger.trials("synthetic")
    assert (found.count, len(found.sharpes)) == (2, 1)


def test_the_report_says_how_many_were_tried(tmp_path: Path) -> None:
    lone = tw.backtest(tw.strategies.SmaCross(fast=3, slow=20), DS)
    assert "One variant was tried" in lone.report(tmp_path / "one.html").read_text()
    tw.sweep("sma_cross", {"fast": range(2, 12), "slow": range(20, 60, 2)}, DS)
    text = lone.report(tmp_path / "many.html").read_text()
    assert "200 variants were tried on these data" in text
    assert "luck alone" in text
