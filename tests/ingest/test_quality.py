"""The gate: every defect put into real or realistic prices is found, named and kept out of readers' sight."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from tradewind.errors import DataQualityError, InvalidInputError
from tradewind.ingest.lean_files import MARKETS, LeanReader, Resolution
from tradewind.store.batch import Action
from tradewind.store.repository import Store
from tradewind.store.roots import mine_root
from tradewind.store.spec import ActionKind

pytestmark = pytest.mark.usefixtures("stores")
FIELDS = ["open", "high", "low", "close", "volume"]
AT = 700


@pytest.fixture(scope="session")
def apple(real_data: Path) -> pd.DataFrame:
    """Real AAPL days 2010 to 2013: no split, no defect known."""
    reader = LeanReader(real_data / "lean/Data/equity/usa", MARKETS["usa"], Resolution.DAILY)
    frame = reader.bars("aapl").to_pandas().set_index("time")
    return frame.loc["2011-02-01":"2014-05-30", FIELDS].rename_axis("time")


def findings(name: str) -> dict[str, dict]:
    newest = tw.history(name)[0]
    return {f["check"]: f for f in dict(newest.metadata).get("findings", [])}


def quarantine(name: str) -> list[dict]:
    return Store(mine_root()).snapshot(name).quarantine


def test_clean_real_prices_pass_without_a_finding(apple: pd.DataFrame):
    change = tw.ingest.frame(apple, "mine/aapl", symbol="AAPL")
    assert change.rows_added == len(apple)
    assert findings("mine/aapl") == {}


def set_cell(frame: pd.DataFrame, field: str, value: float, rows: slice = slice(AT, AT + 1)) -> pd.DataFrame:
    bad = frame.copy()
    bad.iloc[rows, bad.columns.get_loc(field)] = value
    return bad


def ten_times(frame: pd.DataFrame) -> pd.DataFrame:
    bad = frame.copy()
    bad.iloc[AT, :4] *= 10
    return bad


def frozen(frame: pd.DataFrame) -> pd.DataFrame:
    bad = frame.copy()
    bad.iloc[AT : AT + 6] = bad.iloc[AT - 1].to_numpy()
    return bad


def weekend(frame: pd.DataFrame) -> pd.DataFrame:
    extra = frame.iloc[[AT]].set_axis([pd.Timestamp("2013-11-16")])
    return pd.concat([frame, extra]).rename_axis("time")


KEPT_ASIDE = {
    "spike": (ten_times, 1),
    "inconsistent": (lambda f: set_cell(f, "high", f["low"].iloc[AT] * 0.99), 1),
    "non_positive": (lambda f: set_cell(f, "low", -1.0), 1),
    "negative_volume": (lambda f: set_cell(f, "volume", -5.0), 1),
    "infinite": (lambda f: set_cell(f, "close", np.inf), 1),
    "extreme": (lambda f: set_cell(f, "high", f["close"].iloc[AT] * 3), 1),
    "stale": (frozen, 6),
    "no_session": (weekend, 1),
}


@pytest.mark.parametrize("check", KEPT_ASIDE)
def test_a_defect_is_found_named_and_kept_out(apple: pd.DataFrame, check: str):
    damage, count = KEPT_ASIDE[check]
    bad = damage(apple)
    tw.ingest.frame(bad, "mine/bad", symbol="AAPL")
    assert check in findings("mine/bad")
    assert findings("mine/bad")[check]["severity"] == "quarantine"
    kept = quarantine("mine/bad")
    assert len(kept) == count
    assert check in {r["check"] for r in kept}
    seen = tw.open("mine/bad", adjust=None).to_dataframe().dropna(how="all").droplevel("symbol")[FIELDS]
    aside = pd.to_datetime([r["time"] for r in kept])
    good = bad.drop(index=aside).sort_index()
    assert seen.index.equals(good.index)
    np.testing.assert_array_equal(seen.to_numpy(), good.to_numpy())
    assert tw.ingest.frame(bad, "mine/bad", symbol="AAPL").empty  # and twice is once


def test_missing_sessions_are_named(apple: pd.DataFrame):
    tw.ingest.frame(apple.drop(index=apple.index[AT : AT + 3]), "mine/gap", symbol="AAPL")
    found = findings("mine/gap")["gap"]
    assert found["severity"] == "warn"
    assert found["message"].startswith(f"3 sessions missing, first {apple.index[AT].date()}")


def test_duplicates_are_merged_and_named_and_contradictions_refused(apple: pd.DataFrame):
    twice = pd.concat([apple, apple.iloc[[AT, AT + 1]]])
    tw.ingest.frame(twice, "mine/twice", symbol="AAPL")
    assert findings("mine/twice")["duplicate"]["message"].startswith("2 rows")
    other = apple.iloc[[AT]].assign(close=1.0)
    with pytest.raises(DataQualityError, match="contradict"):
        tw.ingest.frame(pd.concat([apple, other]), "mine/other", symbol="AAPL")


def test_an_unrecorded_split_is_refused_until_it_is_recorded_or_accepted(apple: pd.DataFrame):
    split = apple.copy()
    split.iloc[AT:, :4] /= 7
    split.iloc[AT:, 4] *= 7
    with pytest.raises(DataQualityError, match="jump") as caught:
        tw.ingest.frame(split, "mine/split", symbol="AAPL")
    assert "accept=['jump']" in caught.value.hint
    day = np.datetime64(split.index[AT].date())
    action = Action(symbol="AAPL", kind=ActionKind.SPLIT, ex_date=day, value=7.0)
    assert tw.ingest.frame(split, "mine/split", symbol="AAPL", actions=(action,)).rows_added == len(split)
    np.testing.assert_allclose(
        tw.open("mine/split")["close"].values[0] * 7, apple["close"].to_numpy(), rtol=0.9
    )
    assert tw.ingest.frame(split, "mine/accepted", symbol="AAPL", accept=["jump"]).rows_added == len(split)
    with pytest.raises(InvalidInputError, match="jump"):
        tw.ingest.frame(split, "mine/x", symbol="AAPL", accept=["jumps"])


def test_a_wrong_unit_is_refused_in_the_next_days_batch_too(apple: pd.DataFrame):
    tw.ingest.frame(apple.iloc[:AT], "mine/daily", symbol="AAPL")
    cents = apple.iloc[AT : AT + 1].copy()
    cents.iloc[:, :4] *= 100
    with pytest.raises(DataQualityError, match="jump"):
        tw.ingest.frame(cents, "mine/daily", symbol="AAPL")
    assert tw.ingest.frame(apple.iloc[AT : AT + 1], "mine/daily", symbol="AAPL").rows_added == 1


def test_disagreement_with_another_source(apple: pd.DataFrame):
    tw.ingest.frame(apple, "mine/first", symbol="AAPL")
    bad = set_cell(apple, "close", apple["close"].iloc[AT] * 1.03)
    bad["high"] = bad[["high", "close"]].max(axis=1)
    tw.ingest.frame(bad, "mine/second", symbol="AAPL", against="mine/first")
    assert findings("mine/second")["disagreement"]["count"] == 1
    assert np.isnan(tw.open("mine/second")["close"].values[0, AT])


def test_columns_mixed_up_refuse_the_whole_batch(apple: pd.DataFrame):
    mixed = apple.rename(columns={"high": "low", "low": "high"})
    with pytest.raises(DataQualityError, match="inconsistent"):
        tw.ingest.frame(mixed, "mine/mixed", symbol="AAPL")


def test_believable_crashes_only_warn(real_data: Path):
    """AAPL lost 52 % on 2000-09-29, on ten times its usual volume."""
    change = tw.ingest.lean(real_data / "lean/Data", "mine/us", symbols=["aapl"])
    assert change.rows_added + change.quarantined == 5849
    assert findings("mine/us")["move"]["first"].startswith("2000-09-29")
    json.dumps(findings("mine/us"))
