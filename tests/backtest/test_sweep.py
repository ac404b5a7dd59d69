"""A sweep's figures are those of single backtests, whichever path ran."""

import itertools

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.backtest import Costs, Fill, backtest, sweep
from tradewind.backtest.sweep import SWEPT
from tradewind.report.words import finding
from tradewind.strategies import (
    Bollinger,
    Donchian,
    EmaCross,
    Macd,
    RsiReversion,
    Signals,
    SmaCross,
    Strategy,
    Turtle,
    parameter,
)
from tradewind.testing import synthetic

COSTLY = Costs(per_value=5e-4, per_share=0.004, minimum=1.0, slippage=2e-4)
NO_MINIMUM = Costs(per_value=5e-4, per_share=0.004, slippage=2e-4)
"""With which a lane that goes all in and all out takes the short way."""
MARKETS = {
    "one": synthetic(1, 1500, seed=1),
    "many": synthetic(4, 900, seed=2, late=150),
    "holes": synthetic(3, 1300, seed=3, late=90, holes=0.01),
    "flat": synthetic(2, 300, seed=4).map(lambda f: f.round(0)),
}
CASES = [
    (SmaCross, {"fast": [2, 5, 9, 20], "slow": [7, 10, 33]}),
    (SmaCross(short=True), {"fast": [3, 8], "slow": [12, 40]}),
    (SmaCross, {"fast": [3, 8], "slow": [12], "short": [False, True]}),
    (Macd, {"fast": [3, 8], "slow": [12, 26], "signal": [5, 9]}),
    (Macd(short=True), {"fast": [5], "slow": [12, 26]}),
    (EmaCross, {"fast": [2, 5, 9, 20], "slow": [7, 10, 33]}),
    (RsiReversion(short=True), {"window": [5, 14], "low": [25.0, 35.0], "leave": [45.0, 60.0]}),
    (Bollinger, {"window": [5, 20], "width": [0.5, 2.0]}),
    (Bollinger(short=True), {"window": [5, 20], "width": [1.0, 1.5]}),
    (Bollinger(short=True), {"window": [5, 20], "mode": ["breakout", "reversion"]}),
    (Donchian, {"entry": [10, 20], "exit": [5, 10]}),
    (Donchian(short=True), {"entry": [10, 20], "exit": [5, 10]}),
    (Turtle, {"entry": [10, 20], "exit": [5, 10], "atr": [5, 20]}),
    (Turtle(short=True, risk=0.002), {"entry": [10, 20], "exit": [5], "units": [1, 4]}),
]


def check(grid: tw.backtest.Grid, ds: xr.Dataset, **options) -> None:
    frame = grid.frame()
    assert len(frame) == grid.trials
    for row in frame.to_dict("records"):
        chosen = {p: row[p] for p in grid.parameters}
        single = backtest(grid.strategy(**(grid.fixed | chosen)), ds, **options).metrics
        for name in SWEPT:
            assert row[name] == pytest.approx(single[name], rel=1e-12, abs=1e-13, nan_ok=True), (chosen, name)


@pytest.mark.parametrize("costs", [COSTLY, NO_MINIMUM], ids=["minimum", "none"])
@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("case", range(len(CASES)))
def test_fused_equals_single(case: int, market: str, costs: Costs) -> None:
    strategy, grid = CASES[case]
    found = sweep(strategy, grid, MARKETS[market], costs=costs)
    assert found.path == "fused"
    check(found, MARKETS[market], costs=costs)


def test_fees_above_the_price_end_in_debt_as_in_a_single_run() -> None:
    ds, fees = MARKETS["one"], Costs(per_share=500.0)
    found = sweep("sma_cross", {"fast": [2, 3], "slow": [5, 8]}, ds, costs=fees, cash=1_000.0)
    assert found.path == "fused" and float(found["final_equity"].min()) < 0.0
    frame = found.frame()
    for row in frame.to_dict("records"):
        single = backtest(SmaCross(fast=row["fast"], slow=row["slow"]), ds, costs=fees, cash=1_000.0)
        assert ("all there was has been lost" in finding(single)) == bool((single.equity <= 0.0).any())
        assert row["final_equity"] == pytest.approx(single.metrics["final_equity"], rel=1e-12)
        assert row["final_equity"] > 0.0 or np.isnan(row["sharpe"])


@pytest.mark.parametrize("symbols", [1, 2])
def test_an_account_that_was_ruined_has_no_ratios_though_it_recovers(symbols: int) -> None:
    """Short when the price is fivefold for one bar, bought back at the next: below zero for that bar."""
    before = [np.linspace(80.0, 120.0, 40), np.linspace(120.0, 80.0, 40)]
    price = np.concatenate([*before, [400.0], np.linspace(79.0, 60.0, 40)])
    each = np.tile(price, (symbols, 1))
    ds = synthetic(symbols, price.size, seed=1).map(lambda field: field.copy(data=each))
    strategy, grid = SmaCross(short=True), {"fast": [2, 5], "slow": [20, 70]}
    found = sweep(strategy, grid, ds)
    assert found.path == "fused"
    check(found, ds)
    assert ((found["max_drawdown"] < -1.0) & (found["final_equity"] > 0.0)).any()
    for name in ("sharpe", "sortino", "calmar", "cagr"):
        assert np.isnan(found[name].where(found["max_drawdown"] < -1.0)).all(), name
    general = sweep(strategy, grid, ds, start=ds["time"].values[0])
    assert general.path == "general" and np.isnan(general["sharpe"]).equals(np.isnan(found["sharpe"]))


@pytest.mark.parametrize("fill", list(Fill))
def test_every_fill_rule(fill: Fill) -> None:
    ds = MARKETS["holes"]
    ds = ds.assign(vwap=(ds["high"] + ds["low"]) / 2.0)
    found = sweep("sma_cross", {"fast": [3, 8], "slow": [12, 40]}, ds, costs=COSTLY, fill=fill, cash=5e4)
    check(found, ds, costs=COSTLY, fill=fill, cash=5e4)


def test_long_histories_cross_the_tiles() -> None:
    ds = synthetic(1, 5000, seed=11, holes=0.002)
    found = sweep("sma_cross", {"fast": [5, 700], "slow": [50, 1100]}, ds, costs=COSTLY)
    check(found, ds, costs=COSTLY)


class Steps(Strategy):
    """Somebody's own: long while the close is above the one some bars ago."""

    name = "steps"
    title = "Steps"

    back: int = parameter(5, "bars", minimum=1)

    @property
    def warmup(self) -> int:
        return self.back

    def decide(self, ds: xr.Dataset) -> Signals:
        return Signals((ds["close"] > ds["close"].shift(time=self.back)).astype(float))


def test_the_general_path_for_the_rest() -> None:
    ds = MARKETS["many"]
    found = sweep(Steps, {"back": [3, 10, 20]}, ds, costs=COSTLY)
    assert found.path == "general"
    check(found, ds, costs=COSTLY)
    for special in ({"lot": 10.0}, {"costs": Costs(spread=1e-3)}, {"start": "2011-01-03"}):
        grid = sweep("sma_cross", {"fast": [5], "slow": [20, 30]}, ds, **special)
        assert grid.path == "general", special
        check(grid, ds, **special)


def test_combinations_are_what_making_each_would_be() -> None:
    axes = {"low": [20, 25.0], "window": [np.int64(5), 14], "leave": [45.0, 22.0]}
    fixed = {"short": True}
    made = list(RsiReversion.combinations(fixed, axes))
    for one, values in zip(made, itertools.product(*axes.values()), strict=True):
        wanted = fixed | dict(zip(axes, values, strict=True))
        if RsiReversion.broken(wanted):
            assert one is None
        else:
            plain = RsiReversion(**wanted)
            assert one == plain and one is not None
            assert [type(v) for v in one.values.values()] == [type(v) for v in plain.values.values()]
    with pytest.raises(errors.ParameterError, match="window is at least"):
        list(RsiReversion.combinations({}, {"window": [5, 0]}))


def test_constraints_are_respected_and_counted() -> None:
    found = sweep("sma_cross", {"fast": range(5, 30, 5), "slow": range(10, 40, 10)}, MARKETS["one"])
    assert found.trials == 1 + 3 + 5
    assert int(found["sharpe"].notnull().sum()) == found.trials
    assert np.isnan(found["sharpe"].sel(fast=20, slow=10))


def test_the_best_is_the_best() -> None:
    found = sweep("sma_cross", {"fast": [3, 5, 9], "slow": [20, 40]}, MARKETS["one"], costs=COSTLY)
    assert found.best().metrics.sharpe == pytest.approx(float(found["sharpe"].max()), rel=1e-12)
    assert found.best("max_drawdown").metrics.max_drawdown == pytest.approx(
        float(found["max_drawdown"].max())
    )
    assert found.best("costs").metrics.costs == pytest.approx(float(found["costs"].min()))
    assert found.top(2)["sharpe"].is_monotonic_decreasing
    assert "6 backtests" in repr(found)
    assert "<table" in found._repr_html_()


def test_mistakes() -> None:
    ds = MARKETS["one"]
    with pytest.raises(errors.ParameterError, match="fast"):
        sweep("sma_cross", {"fats": [1]}, ds)
    with pytest.raises(errors.EmptySelectionError, match="fast < slow"):
        sweep("sma_cross", {"fast": [50], "slow": [20]}, ds)
    with pytest.raises(errors.EmptySelectionError):
        sweep("sma_cross", {"fast": []}, ds)
    with pytest.raises(errors.ParameterError, match="several values"):
        sweep("sma_cross", {"fast": 5}, ds)
    with pytest.raises(errors.ParameterError, match="twice"):
        sweep("sma_cross", {"fast": [5, 5]}, ds)
    with pytest.raises(errors.ParameterError, match="at least"):
        sweep("sma_cross", {"fast": [0, 5]}, ds)
    with pytest.raises(errors.NotFoundError, match="sharpe"):
        sweep("sma_cross", {"fast": [5]}, ds)["sharp"]
