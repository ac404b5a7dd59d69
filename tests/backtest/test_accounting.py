"""Right to the cent: hand-made cases, invariants, and look-ahead."""

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.backtest import Costs, Fill, backtest
from tradewind.strategies import (
    Bollinger,
    BuyAndHold,
    Donchian,
    EmaCross,
    Macd,
    RsiReversion,
    Signals,
    SmaCross,
    Strategy,
    Turtle,
    Weights,
)
from tradewind.testing import synthetic

DS = synthetic(4, 700, seed=5, late=90, holes=0.01)
EVERY = [SmaCross(fast=5, slow=20), SmaCross(fast=5, slow=20, short=True), Macd(), Bollinger(short=True),
         Bollinger(mode="breakout"), Turtle(short=True), BuyAndHold(),
         Donchian(short=True), EmaCross(fast=5, slow=20), RsiReversion(short=True)]  # fmt: skip
COSTS = Costs(per_value=5e-4, per_share=0.005, minimum=1.0, slippage=2e-4)


class Scripted(Strategy):
    """Wants what a test says."""

    name = "scripted"
    title = "Scripted"

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Signals | Weights:
        kind, target = ds.attrs["script"]
        return kind(xr.DataArray(target, ds["close"].coords, ds["close"].dims))


def scripted(opens, closes, kind, target, **options):
    """Backtest hand-made prices; rows are symbols."""
    closes = np.atleast_2d(np.asarray(closes, float))
    ds = xr.Dataset(
        {
            "open": (("symbol", "time"), np.atleast_2d(np.asarray(opens, float))),
            "close": (("symbol", "time"), closes),
        },
        {
            "symbol": [f"S{i}" for i in range(closes.shape[0])],
            "time": np.arange(closes.shape[1]).astype("M8[D]"),
        },
        {"script": (kind, np.atleast_2d(np.asarray(target, float)))},
    )
    return backtest(Scripted(), ds, **options)


def test_a_signal_is_filled_at_the_next_open_with_all_cash_after_the_fee() -> None:
    result = scripted([10, 11, 12, 13], [10.5, 11.5, 12.5, 13.5], Signals, [1, 1, 0, 0], cash=1000.0,
                      costs=Costs(per_value=0.01))  # fmt: skip
    quantity = 1000.0 / 1.01 / 11.0
    assert result.positions.values[0] == pytest.approx([0, quantity, quantity, 0], rel=1e-15)
    out = quantity * 13.0 * 0.99
    assert result.equity.values == pytest.approx([1000, quantity * 11.5, quantity * 12.5, out], rel=1e-14)
    assert list(result.fills["time"]) == list(np.array([1, 3]).astype("M8[D]"))
    trade = result.trades.iloc[0]
    assert trade["entry_price"] == 11.0
    assert trade["exit_price"] == 13.0
    assert trade["profit"] == pytest.approx(out - 1000.0, rel=1e-12)
    assert result.cash.values[1] == pytest.approx(0.0, abs=1e-9)


def test_the_minimum_fee_is_paid_and_still_all_cash_is_used() -> None:
    result = scripted([10, 10, 10], [10, 10, 10], Signals, [1, 1, 1], cash=100.0,
                      costs=Costs(per_share=0.01, minimum=5.0))  # fmt: skip
    assert result.positions.values[0, 1] == pytest.approx(9.5)
    assert result.cash.values[1] == pytest.approx(0.0, abs=1e-12)
    assert result.costs["commission"] == 5.0


def test_a_short_sale_holds_its_value_short_after_the_fee() -> None:
    result = scripted(
        [10, 10, 8], [10, 10, 8], Signals, [-1, -1, -1], cash=1000.0, costs=Costs(per_value=0.01)
    )
    quantity = result.positions.values[0, 1]
    assert quantity * 10.0 == pytest.approx(-result.equity.values[1], rel=1e-14)
    assert result.equity.values[2] - result.equity.values[1] == pytest.approx(-quantity * 2.0, rel=1e-12)


def test_slippage_makes_both_sides_worse_and_is_counted() -> None:
    result = scripted([10, 10, 10, 10], [10, 10, 10, 10], Signals, [1, 0, 0, 0], cash=1000.0,
                      costs=Costs(slippage=0.01))  # fmt: skip
    assert list(result.fills["price"]) == pytest.approx([10.1, 9.9])
    assert result.equity.values[-1] == pytest.approx(1000.0 - result.costs["slippage"], rel=1e-12)


def test_whole_lots() -> None:
    result = scripted([10, 30, 30], [10, 30, 30], Signals, [1, 1, 0], cash=1000.0, lot=10.0)
    assert result.positions.values[0, 1] == 30.0
    assert result.cash.values[1] == pytest.approx(100.0)


def test_no_trade_without_a_price_the_order_waits() -> None:
    nan = np.nan
    result = scripted([10, nan, nan, 12], [10, nan, nan, 12], Signals, [1, nan, nan, nan], cash=1200.0)
    assert list(result.positions.values[0]) == [0, 0, 0, 100]
    assert result.orders["status"].tolist() == ["filled"]


def test_a_newer_order_replaces_a_waiting_one_and_an_unfilled_one_stays_open() -> None:
    nan = np.nan
    result = scripted([10, nan, nan], [10, 10, 10], Signals, [1, 0, 1], cash=1000.0)
    assert result.orders["status"].tolist() == ["replaced", "replaced", "open"]
    assert result.equity.values.tolist() == [1000.0] * 3


def test_weights_are_reached_at_the_next_open() -> None:
    result = scripted(
        np.full((2, 4), 10.0), np.full((2, 4), 10.0), Weights, [[0.6] * 4, [0.4] * 4], cash=1000.0
    )
    assert result.positions.values[:, 0].tolist() == [0, 0]
    assert result.positions.values[:, 1].tolist() == [60, 40]
    assert len(result.fills) == 2


def test_purchases_are_cut_to_what_cash_pays_for() -> None:
    level = np.full((2, 3), 10.0)
    result = scripted(level, level, Weights, [[0.6] * 3, [0.4] * 3], cash=1000.0,
                      costs=Costs(per_value=0.01))  # fmt: skip
    assert result.cash.values.min() == pytest.approx(0.0, abs=1e-9)
    first = result.positions.values[:, 1]
    assert first[0] / first[1] == pytest.approx(1.5)
    assert first.sum() * 10.0 * 1.01 == pytest.approx(1000.0)


def test_without_costs_equity_is_weights_times_returns() -> None:
    ds = synthetic(5, 300, seed=2)
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(6), size=300).T[:5] * 0.999
    ds.attrs["script"] = (Weights, weights)
    result = backtest(Scripted(), ds, fill="next close", cash=1.0)
    growth = ds["close"].values[:, 1:] / ds["close"].values[:, :-1] - 1.0
    earned = (weights[:, :-2] * growth[:, 1:]).sum(axis=0)
    expected = np.concatenate(([1.0, 1.0], np.cumprod(1.0 + earned)))
    np.testing.assert_allclose(result.equity.values, expected, rtol=1e-12)


@pytest.mark.parametrize("strategy", EVERY, ids=str)
@pytest.mark.parametrize("costs", [Costs(), COSTS], ids=["free", "costly"])
@pytest.mark.parametrize("fill", ["next open", "next close"])
def test_invariants(strategy: Strategy, costs: Costs, fill: str) -> None:
    result = backtest(strategy, DS, costs=costs, fill=fill)
    mark = DS["close"].ffill("time").fillna(0.0).values
    held = result.positions.values
    np.testing.assert_allclose(
        result.cash.values + (held * mark).sum(axis=0), result.equity.values, rtol=1e-13
    )
    price = DS["open" if fill == "next open" else "close"].values
    moved = np.diff(held, axis=1, prepend=0.0) != 0.0
    assert not (moved & np.isnan(price)).any(), "a position changed on a bar without a price"
    fills = result.fills
    assert fills["fee"].sum() == pytest.approx(result.costs["commission"])
    assert result.cash.values[-1] == pytest.approx(
        result.setting.cash - (fills["value"] + fills["fee"]).sum(), rel=1e-9, abs=1e-6
    )
    assert (fills["time"] > fills["decided"]).all()
    trades = result.trades
    np.testing.assert_allclose(
        trades["profit"].sum(), result.equity.values[-1] - result.setting.cash, atol=1e-4
    )
    assert (trades["worst"] <= np.minimum(trades["best"], 0)).all()


@pytest.mark.parametrize("strategy", EVERY, ids=str)
def test_the_future_never_changes_the_past(strategy: Strategy) -> None:
    whole = backtest(strategy, DS, costs=COSTS)
    part = backtest(strategy, DS.isel(time=slice(0, 400)), costs=COSTS)
    np.testing.assert_array_equal(whole.equity.values[:400], part.equity.values)
    np.testing.assert_array_equal(whole.positions.values[:, :400], part.positions.values)


def test_a_strategy_never_profits_from_the_bar_it_decides_on() -> None:
    """With the next bar's return known, same-close fills make a fortune; next-bar fills must not."""
    ds = synthetic(1, 400, seed=9)
    jump = ds["close"].values[0]
    up = np.concatenate(([0.0], (jump[1:] > jump[:-1]).astype(float)))
    ds.attrs["script"] = (Signals, up[None, :])
    honest = backtest(Scripted(), ds, fill="next close")
    late = np.concatenate(([0.0, 0.0], up[:-2])) * np.concatenate(([0.0], jump[1:] / jump[:-1] - 1.0))
    np.testing.assert_allclose(honest.returns.values, late, atol=1e-12)
    assert backtest(Scripted(), ds, fill="same close").setting.fill.looks_ahead


def test_close_only_data_is_filled_at_the_next_close() -> None:
    result = backtest(SmaCross(fast=5, slow=20), DS[["close"]])
    assert result.setting.fill is Fill.NEXT_CLOSE
    assert len(result.fills) > 10


def test_start_end_and_benchmark() -> None:
    day = str(DS["time"].values[300])[:10]
    last = str(DS["time"].values[600])[:10]
    result = tw.backtest(SmaCross(fast=5, slow=20), DS, start=day, end=last, benchmark="S000")
    assert str(result.market.time[0])[:10] == day
    assert str(result.market.time[-1])[:10] == last
    assert result.benchmark is not None
    assert result.benchmark.values[0] == pytest.approx(result.setting.cash)
    whole = SmaCross(fast=5, slow=20).decide(DS).target.values
    assert np.isfinite(whole[0, 300])  # the warm-up before the start was used


def test_saved_and_loaded_without_loss(tmp_path) -> None:
    result = backtest(Turtle(short=True), DS, costs=COSTS, benchmark="S001")
    again = tw.load(result.save(tmp_path / "result.tw"))
    assert again.setting == result.setting
    assert again.metrics == result.metrics
    for name in ("equity", "cash", "positions", "benchmark"):
        np.testing.assert_array_equal(getattr(again, name).values, getattr(result, name).values)
    for name in ("orders", "fills", "trades"):
        assert getattr(again, name).astype(str).equals(getattr(result, name).astype(str))
    (tmp_path / "junk").write_text("no")
    with pytest.raises(errors.InvalidInputError):
        tw.load(tmp_path / "junk")
    with pytest.raises(errors.NotFoundError):
        tw.load(tmp_path / "nothing")


def test_mistakes_say_what_would_be_right() -> None:
    with pytest.raises(errors.ParameterError, match="next open"):
        backtest(BuyAndHold(), DS, fill="next opne")
    with pytest.raises(errors.FieldNotFoundError, match="next close"):
        backtest(BuyAndHold(), DS[["close"]], fill="next open")
    with pytest.raises(errors.ParameterError, match="5e-4"):
        Costs(per_value=5)
    with pytest.raises(errors.ParameterError, match="not negative"):
        Costs(slippage=-1)
    with pytest.raises(errors.EmptySelectionError):
        backtest(BuyAndHold(), DS, start="2050-01-01")
    with pytest.raises(errors.ParameterError, match="positive"):
        backtest(BuyAndHold(), DS, cash=0)
    with pytest.raises(errors.FieldNotFoundError, match="'close'"):
        backtest(BuyAndHold(), DS[["open"]])
