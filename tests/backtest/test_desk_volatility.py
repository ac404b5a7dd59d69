"""What the desk takes for volatility: neither splits, nor rolls, nor the first bar of a listing."""

import numpy as np
import pytest
from test_shared_account import Given
from tradewind.backtest import Costs, Instruments, backtest
from tradewind.backtest.desk import volatility_before
from tradewind.strategies import Units
from tradewind.testing import synthetic

NAN = np.nan


def sigma(close, split=None, roll=None):
    close = np.atleast_2d(np.array(close, float))
    one, none = np.ones_like(close), np.zeros_like(close)
    return volatility_before(
        close, one if split is None else one * split, none if roll is None else none + roll
    )


def test_by_hand() -> None:
    # +10 %, -10 %: their deviation is known at the fourth bar
    found = sigma([100, 110, 99, 99, 99])[0]
    np.testing.assert_allclose(found, [0, 0, 0, np.sqrt(0.02), np.std([0.1, -0.1, 0.0], ddof=1)])


def test_a_split_is_no_return() -> None:
    split = sigma([100, 110, 24.75, 24.75], split=[1, 1, 4, 1])
    np.testing.assert_allclose(split, sigma([100, 110, 99, 99]))
    hole = sigma([100, 110, NAN, 24.75, 24.75], split=[1, 1, 4, 1, 1])
    np.testing.assert_allclose(hole, sigma([100, 110, 110, 99, 99]))


def test_a_roll_is_no_return() -> None:
    # the next contract costs 10 more, and then falls from 120 to 108
    rolled = sigma([100, 110, 108, 108], roll=[0, 0, 10, 0])
    np.testing.assert_allclose(rolled, sigma([100, 110, 99, 99]))


def test_a_late_listing_starts_with_its_own_first_price() -> None:
    late = sigma([[NAN, NAN, NAN, 100, 110, 99, 99], [50] * 7])
    np.testing.assert_allclose(late[0, 3:], sigma([100, 110, 99, 99])[0])
    assert not late[0, :6].any()
    assert not late[1].any()


def test_the_window_is_twenty_returns() -> None:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(0).normal(0, 0.01, 40))
    change = close[1:] / close[:-1] - 1.0
    assert sigma(close)[0, 30] == pytest.approx(change[9:29].std(ddof=1), rel=1e-12)


@pytest.mark.parametrize("costs", [Costs(volatility=1.0), Costs(impact=0.5, impact_by_volatility=True)])
def test_a_jump_of_the_unit_or_the_contract_costs_nothing(costs) -> None:
    dims, ratio, at_once = ("symbol", "time"), np.ones((1, 80)), np.zeros((1, 80))
    ratio[0, 38:] = 4.0
    at_once[0, 38] = 1.0
    target = np.full((1, 80), NAN)
    target[0, 40:60] = np.tile([10.0, 0.0], 10)
    ds = synthetic(1, 80, seed=3)[["open", "close"]].assign(volume=(dims, np.full((1, 80), 1e5)))
    ds.attrs["script"] = (Units, target)
    whole = backtest(Given(), ds, costs=costs)
    raw = ds / ratio
    raw["volume"], raw["split"] = ds["volume"] * 4.0, (dims, 1.0 + 3.0 * at_once)
    raw.attrs["script"] = (Units, 4.0 * target)
    again = backtest(Given(), raw, costs=costs)
    assert whole.costs["slippage"] + whole.costs["impact"] > 0.0
    np.testing.assert_allclose(again.equity.values, whole.equity.values, rtol=1e-12)
    # the next contract costs four times as much
    future = ds * ratio
    future["volume"], future["roll"] = ds["volume"], (dims, at_once * 3.0 * ds["close"].values[0, 37])
    future.attrs["script"] = (Units, target)
    rolled = backtest(Given(), future, costs=costs, instruments=Instruments(futures=("S000",)))
    for kind in ("slippage", "impact"):
        assert rolled.costs[kind] == pytest.approx(4.0 * whole.costs[kind], rel=1e-12)
