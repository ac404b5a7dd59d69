"""Orders that mean nothing are refused when they are placed."""

from collections.abc import Callable

import numpy as np
import pytest
import tradewind as tw
from mistakes import DS, own
from tradewind import errors
from tradewind.strategies import Orders


def placed(order: Callable[[tw.backtest.Desk], None]) -> tw.backtest.Result:
    def on_bar(desk: tw.backtest.Desk) -> None:
        if desk.bar == 3:
            order(desk)

    return tw.backtest(own(lambda ds: Orders(on_bar)), DS)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (lambda d: d.buy(0, "10"), "quantity to buy"),
        (lambda d: d.buy(0, -10), "quantity to buy"),
        (lambda d: d.sell(0, -10), "quantity to sell"),
        (lambda d: d.buy(0, float("inf")), "quantity to buy"),
        (lambda d: d.order(0, float("inf")), "quantity is a number of units"),
        (lambda d: d.order(0, float("nan")), "quantity is a number of units"),
        (lambda d: d.order(0, None), "quantity is a number of units"),
        (lambda d: d.buy(0, 1, bars=-3), "bars is a whole number"),
        (lambda d: d.buy(0, 1, bars=1.5), "bars is a whole number"),
        (lambda d: d.sell(0, 1, trail=2), "trail is a share"),
        (lambda d: d.sell(0, 1, trail=-0.1), "trail is a share"),
        (lambda d: d.buy(0, 1, trailing_stop=1.0), "trailing_stop is a share"),
        (lambda d: d.buy(0, 1, limit="9"), "limit is a price"),
        (lambda d: d.buy(0, 1, stop=float("inf")), "stop is a price"),
        (lambda d: d.buy(0, 1, stop_loss=np.array([1.0, 2.0])), "stop_loss is a price"),
    ],
)
def test_orders_that_mean_nothing(order: Callable[[tw.backtest.Desk], None], message: str) -> None:
    with pytest.raises(errors.ParameterError) as caught:
        placed(order)
    assert message in caught.value.message


def test_none_is_not_given() -> None:
    plain = placed(lambda d: d.order(0, 10))
    none = placed(
        lambda d: d.order(0, 10, limit=None, stop=None, trail=None, stop_loss=None, trailing_stop=None)
    )
    np.testing.assert_array_equal(plain.equity.values, none.equity.values)
    assert len(plain.fills) == 1
