"""A search finds what a grid would, tries nothing twice, and its figures are single runs'."""

import numpy as np
import pytest
import tradewind as tw
from tradewind import errors
from tradewind.backtest import Costs, backtest
from tradewind.strategies import Bollinger, SmaCross
from tradewind.testing import synthetic

DS = synthetic(2, 700, seed=9)
COSTS = Costs(per_value=5e-4)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_every_variant_is_a_single_run_and_new(method: str) -> None:
    space = {"fast": tw.Between(2, 30), "slow": range(10, 90, 5)}
    found = tw.search("sma_cross", space, DS, trials=60, method=method, costs=COSTS)
    frame = found.frame()
    assert found.trials == len(frame) == 60
    assert not frame[["fast", "slow"]].duplicated().any()
    assert (frame["fast"] < frame["slow"]).all()
    for row in frame.sample(5, random_state=0).to_dict("records"):
        single = backtest(SmaCross(fast=row["fast"], slow=row["slow"]), DS, costs=COSTS).metrics
        assert row["sharpe"] == pytest.approx(single.sharpe, rel=1e-12)
    assert found.best().metrics.sharpe == pytest.approx(frame["sharpe"].max(), rel=1e-12)
    again = tw.search("sma_cross", space, DS, trials=60, method=method, costs=COSTS)
    assert again.frame().equals(frame)


def test_tpe_finds_better_ones_than_chance_does() -> None:
    space = {"window": tw.Between(3, 200), "width": tw.Between(0.1, 4.0), "mode": ["reversion", "breakout"]}
    means = {
        method: np.nanmean(tw.search(Bollinger(), space, DS, trials=120, method=method)["total_return"][60:])
        for method in ("random", "tpe")
    }
    assert means["tpe"] > means["random"]


def test_a_small_space_is_used_up() -> None:
    found = tw.search("sma_cross", {"fast": [3, 5], "slow": [4, 20]}, DS, trials=50)
    assert found.trials == 3
    assert "fast, slow" in repr(found)
    assert found.heatmap() is not None


def test_mistakes() -> None:
    with pytest.raises(errors.ParameterError, match="fats"):
        tw.search("sma_cross", {"fats": [1]}, DS)
    with pytest.raises(errors.ParameterError, match="sharp"):
        tw.search("sma_cross", {"fast": [1]}, DS, metric="sharp")
    with pytest.raises(errors.ParameterError, match="no search"):
        tw.search("sma_cross", {"fast": [1]}, DS, method="luck")
    with pytest.raises(errors.ParameterError, match="no range"):
        tw.Between(5, 3)
    with pytest.raises(errors.EmptySelectionError, match="constraints"):
        tw.search("sma_cross", {"fast": [50], "slow": [20]}, DS)
