"""What a backtest reads by itself: the bars of a warm-up, a universe, a benchmark."""

from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.ingest.samples import SAMPLES, seed
from tradewind.settings import Settings
from tradewind.testing import synthetic


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = Settings(home=tmp_path_factory.mktemp("state"))
    wanted = [s for s in SAMPLES if s.spec.name in ("us-large-caps", "sp500-index", "us-factors")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tradewind.ingest.samples.SAMPLES", wanted)
        seed(settings)
    return settings.store


@pytest.fixture(autouse=True)
def own_home(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_STORE_URL", store)
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))


def test_the_warm_up_is_read_by_itself() -> None:
    strategy = tw.strategies.SmaCross(fast=20, slow=100)
    whole = tw.backtest(strategy, tw.open("us-large-caps"), start="2008-01-02", end="2009-12-31")
    late = tw.backtest(
        strategy, tw.open("us-large-caps", start="2008-01-02"), start="2008-01-02", end="2009-12-31"
    )
    cold = tw.backtest(strategy, tw.open("us-large-caps", start="2008-01-02"), end="2009-12-31")
    assert late.market.time[0] == whole.market.time[0] == np.datetime64("2008-01-02")
    assert not np.array_equal(cold.equity.values, late.equity.values)
    first = np.flatnonzero(late.positions.values.any(axis=0))[0]
    assert first < 100
    by_name = tw.backtest(strategy, "us-large-caps", start="2008-01-02", end="2009-12-31")
    np.testing.assert_array_equal(by_name.equity.values, whole.equity.values)


@pytest.mark.parametrize("adjust", ["split", "total"])
def test_where_a_dataset_begins_changes_nothing_after_start(adjust: str) -> None:
    """Positions held since a crossing long ago and averages with a long memory need all earlier bars."""
    span = {"start": "2008-01-02", "end": "2009-12-31", "borrow": True}
    symbols = ["AAPL", "GOOG", "IBM", "MSFT"]
    whole = tw.open("us-large-caps", symbols, adjust=adjust)
    for name in tw.strategies.names():
        strategy = tw.strategies.get(name)
        expected = tw.backtest(strategy, whole, **span).equity.values
        for first in ("2006", "2007-12", "2008-01-02"):
            late = tw.open("us-large-caps", symbols, start=first, adjust=adjust)
            np.testing.assert_array_equal(tw.backtest(strategy, late, **span).equity.values, expected, name)


def test_what_remembers_nothing_reads_its_warm_up_alone() -> None:
    seen: list[int] = []

    class Forgetful(tw.strategies.SmaCross):
        name = "forgetful"
        remembers = False

        def decide(self, ds: xr.Dataset) -> tw.strategies.Signals:
            seen.append(ds.sizes["time"])
            return super().decide(ds)

    late = tw.open("us-large-caps", start="2008-01-02", end="2009-12-31")
    tw.backtest(Forgetful(fast=20, slow=100), late, start="2008-01-02")
    tw.backtest(Forgetful(fast=20, slow=100), late, start="2008-12-31")
    assert seen == [late.sizes["time"] + 100, late.sizes["time"]]
    grid = tw.sweep(tw.strategies.SmaCross, {"fast": [10, 20]}, late, start="2008-01-02")
    again = tw.backtest(
        tw.strategies.SmaCross(fast=20), "us-large-caps", start="2008-01-02", end="2009-12-31"
    )
    assert float(grid["final_equity"].sel(fast=20)) == pytest.approx(again.metrics.final_equity)


def test_a_dataset_changed_by_hand_is_left_as_it_is() -> None:
    given = tw.open("us-large-caps", start="2008-01-02").load()
    given["close"] = given["close"] * 2.0
    found = tw.backtest(tw.strategies.SmaCross(), given, start="2008-01-02")
    assert not found.positions.values[:, :100].any()
    extra = tw.open("us-large-caps", start="2008-01-02").load()
    extra["mood"] = extra["close"] * 0.0
    warm = tw.backtest(tw.strategies.SmaCross(), extra, start="2008-01-02")
    assert warm.positions.values[:, :100].any()


def test_who_is_no_member_is_not_held() -> None:
    ds = synthetic(4, 300, seed=1)
    member = (ds["close"] > 0).copy()
    member.values[0, 150:] = False
    member.values[1, :100] = False
    for name in ("buy_and_hold", "equal_weight", "sma_cross"):
        options = {"fast": 3, "slow": 10} if name == "sma_cross" else {}
        held = tw.backtest(tw.strategies.get(name, **options), ds, universe=member).positions.values
        assert (held[0, 152:] == 0).all()
        assert (held[1, :100] == 0).all()
        assert held[0, :150].any()
        assert held[1, 102:].any()
    grid = tw.sweep("sma_cross", {"fast": [3, 4], "slow": [10]}, ds, universe=member)
    assert grid.path == "general"
    with pytest.raises(errors.InvalidInputError, match="member"):
        tw.backtest(tw.strategies.BuyAndHold(), ds, universe=member & False)


def test_benchmarks_by_name() -> None:
    ds = tw.open("us-large-caps", start="2005", end="2007")
    result = tw.backtest(tw.strategies.BuyAndHold(), ds, benchmark="sp500-index")
    assert result.benchmark is not None
    index = tw.open("sp500-index", start="2005", end="2007")["close"].values[0]
    assert result.benchmark.values[-1] == pytest.approx(1e6 * index[-1] / index[0], rel=1e-9)
    assert result.setting.benchmark == "sp500-index"
    with pytest.raises(errors.InvalidInputError, match="Name one"):
        tw.backtest(tw.strategies.BuyAndHold(), ds, benchmark="us-large-caps")
    with pytest.raises(errors.InvalidInputError, match="neither"):
        tw.backtest(tw.strategies.BuyAndHold(), ds, benchmark="SPX")
