"""``start`` and ``end`` mean what they mean to ``tw.open``; what is sealed after ``end`` is no matter."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.ingest.samples import SAMPLES, seed
from tradewind.settings import Settings
from tradewind.strategies import BuyAndHold
from tradewind.testing import synthetic

HOLD = BuyAndHold()
EAST = timezone(timedelta(hours=-5))
GRID = {"fast": [3, 5], "slow": [12]}
DAILY = synthetic(1, 900, seed=7)  # from 2010-01-04
HOURS = DAILY.assign_coords(time=pd.date_range("2013-12-30T01:00", periods=900, freq="h"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = Settings(home=tmp_path_factory.mktemp("state"))
    wanted = [s for s in SAMPLES if s.spec.name == "us-large-caps"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tradewind.ingest.samples.SAMPLES", wanted)
        seed(settings)
    return settings.store


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))


def last(ds: xr.Dataset, end: Any) -> str:
    found = tw.backtest(HOLD, ds, end=end)
    grid = tw.sweep("sma_cross", GRID, ds, end=end)
    assert grid.path == "fused"
    assert grid.data["time"].values[-1] == found.market.time[-1]
    single = tw.backtest(tw.strategies.SmaCross(fast=3, slow=12), ds, end=end)
    assert float(grid["final_equity"].sel(fast=3, slow=12)) == pytest.approx(
        single.metrics.final_equity, rel=1e-12
    )
    return str(found.market.time[-1])[:16]


@pytest.mark.parametrize(
    ("end", "daily", "hours"),
    [
        ("2013", "2013-06-14T00:00", "2013-12-31T23:00"),
        ("2011", "2011-12-30T00:00", ""),
        ("2011-02", "2011-02-28T00:00", ""),
        ("2014-01-02", "2013-06-14T00:00", "2014-01-02T23:00"),
        (date(2014, 1, 2), "2013-06-14T00:00", "2014-01-02T23:00"),
        (np.datetime64("2014-01-02"), "2013-06-14T00:00", "2014-01-02T23:00"),
        ("2014-01-02T12:00", "2013-06-14T00:00", "2014-01-02T12:00"),
        (datetime(2014, 1, 2, 12, 30), "2013-06-14T00:00", "2014-01-02T12:00"),
        ("2014-01-02T12:00-05:00", "2013-06-14T00:00", "2014-01-02T17:00"),
        (datetime(2014, 1, 2, 12, tzinfo=EAST), "2013-06-14T00:00", "2014-01-02T17:00"),
        (pd.Timestamp("2014-01-02T12:00", tz="UTC"), "2013-06-14T00:00", "2014-01-02T12:00"),
    ],
    ids=str,
)  # fmt: skip
def test_end_is_the_end_of_what_it_names(end: Any, daily: str, hours: str) -> None:
    assert last(DAILY, end) == daily
    if hours:
        assert last(HOURS, end) == hours
    else:
        for call in (tw.backtest, lambda s, ds, end: tw.sweep("sma_cross", GRID, ds, end=end)):
            with pytest.raises(errors.EmptySelectionError, match="no bar up to"):
                call(HOLD, HOURS, end=end)


@pytest.mark.parametrize(
    "start",
    [
        "2011",
        "2011-01-01",
        "2011-01-01T00:00Z",
        date(2011, 1, 1),
        datetime(2011, 1, 1, tzinfo=UTC),
        np.datetime64("2011"),
    ],
    ids=str,
)
def test_start_is_the_start_of_what_it_names(start: Any) -> None:
    assert str(tw.backtest(HOLD, DAILY, start=start).market.time[0])[:10] == "2011-01-03"


def test_no_bar_from_start_on() -> None:
    with pytest.raises(errors.EmptySelectionError, match=r"at or after 2030.*spans 2010-01-04 to"):
        tw.backtest(HOLD, DAILY, start="2030")


def test_as_the_store_says(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_STORE_URL", store)
    for end in ("2007", "2007-06", "2007-06-15", datetime(2007, 6, 15)):
        wanted = tw.open("us-large-caps", end=end)["time"].values[-1]
        assert tw.backtest(HOLD, "us-large-caps", end=end).market.time[-1] == wanted
        assert tw.backtest(HOLD, tw.open("us-large-caps"), end=end).market.time[-1] == wanted
    named = tw.sweep("sma_cross", GRID, "us-large-caps", end="2007")
    given = tw.sweep("sma_cross", GRID, tw.open("us-large-caps"), end="2007")
    xr.testing.assert_identical(named.metrics, given.metrics)
    one = tw.open("us-large-caps", start="2008-01-02").isel(symbol=0)
    assert tw.backtest(tw.strategies.SmaCross(), one, start="2008-01-02").market.symbols.size == 1
    found = tw.search("sma_cross", {"fast": [3, 5]}, "us-large-caps", trials=2, end="2007")
    assert found.data["time"].values[-1] == given.data["time"].values[-1]


def test_a_sweep_before_what_is_sealed(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_STORE_URL", store)
    px = tw.open("us-large-caps")
    tw.validation.seal("us-large-caps", "2008")
    for ds in (px, "us-large-caps"):
        assert tw.sweep("sma_cross", GRID, ds, end="2007").trials == 2
        assert tw.search("sma_cross", {"fast": [3, 5]}, ds, trials=2, end="2007").trials == 2
        with pytest.raises(errors.HoldoutError, match="sealed"):
            tw.sweep("sma_cross", GRID, ds, end="2008")
