"""Where and how a sweep runs changes nothing of what it finds."""

import numpy as np
import pytest
from tradewind.backtest import Costs, sweep
from tradewind.backtest.fused import MEASURED
from tradewind.compute import cluster
from tradewind.strategies import Turtle
from tradewind.testing import synthetic

DS = synthetic(1, 1500, seed=5)
GRID = {"fast": range(2, 12), "slow": range(12, 40, 4)}
COSTS = Costs(per_value=5e-4)


@pytest.mark.parametrize("symbols", [1, 3])
def test_without_statistics_the_rest_is_the_same(symbols: int) -> None:
    ds = synthetic(symbols, 900, seed=6, holes=0.01)
    whole = sweep("sma_cross", GRID, ds, costs=COSTS)
    light = sweep("sma_cross", GRID, ds, costs=COSTS, statistics=False)
    assert set(light.metrics) == set(whole.metrics) - MEASURED
    for name in light.metrics:
        np.testing.assert_allclose(light[name], whole[name], rtol=1e-12, atol=1e-13)
    assert light.choice() == whole.choice("total_return")
    assert "Total return" in light._repr_html_()


@pytest.mark.parametrize("options", [{}, {"lot": 1.0}])
def test_progress_is_told_and_may_end_it(options: dict) -> None:
    seen: list[tuple[int, int]] = []
    found = sweep("sma_cross", GRID, DS, progress=lambda done, of: seen.append((done, of)), **options)
    assert seen[-1] == (found.trials, found.trials)
    assert [d for d, _ in seen] == sorted({d for d, _ in seen})

    def enough(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep("sma_cross", GRID, DS, progress=enough, **options)


def test_dask_workers_find_the_same() -> None:
    with cluster(1) as client:
        seen: list[int] = []
        grid = {"entry": [10, 20], "exit": [5, 10]}
        found = sweep(Turtle, grid, DS, costs=COSTS, client=client, progress=lambda d, _: seen.append(d))
        lots = sweep("sma_cross", GRID, DS, lot=1.0, client=client)
    here = sweep(Turtle, grid, DS, costs=COSTS)
    assert found.path == "fused on Dask"
    assert lots.path == "general on Dask"
    assert seen[-1] == found.trials
    for name in here.metrics:
        np.testing.assert_array_equal(found[name], here[name])
    np.testing.assert_array_equal(lots["sharpe"], sweep("sma_cross", GRID, DS, lot=1.0)["sharpe"])
