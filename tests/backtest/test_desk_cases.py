"""Hand-made cases of the order desk: kinds of orders, currencies, futures, saved results."""

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from test_shared_account import Given
from tradewind import errors
from tradewind.backtest import Costs, Currencies, Desk, Financing, Instruments, Limits, backtest
from tradewind.backtest.asking import CLOSE, HELD, limit, market
from tradewind.strategies import Orders, Signals, SmaCross, Strategy, Turtle, Units, Weights
from tradewind.testing import synthetic


class Placed(Strategy):
    """Whatever function a test brings."""

    name = "placed"
    title = "Placed"

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Orders:
        return Orders(ds.attrs["on_bar"], memory=[0.0, 0.0])


def prices(rows, **more):
    """One symbol from (open, high, low, close) rows."""
    bars = np.array(rows, float).T[:, None, :]
    time = np.arange(bars.shape[2]).astype("M8[D]").astype("M8[ns]")
    fields = dict(zip(("open", "high", "low", "close"), bars, strict=True)) | more
    return xr.Dataset(
        {n: (("symbol", "time"), np.atleast_2d(v)) for n, v in fields.items()},
        {"symbol": ["A"], "time": time},
    )


def placed(ds, on_bar, **options):
    """Backtest a function."""
    ds.attrs["on_bar"] = on_bar
    return backtest(Placed(), ds, **({"cash": 1000.0} | options))


def first_bar(**order):
    """An order at the first bar's close."""

    def on_bar(desk: Desk) -> None:
        if desk.bar == 0:
            desk.order("A", order.get("quantity", 10), **{k: v for k, v in order.items() if k != "quantity"})

    return on_bar


ROWS = [(10, 10, 10, 10), (11, 13, 9, 12), (12, 14, 8, 10), (10, 11, 9, 10)]


@pytest.mark.parametrize(
    ("order", "bar", "price"),
    [
        ({}, 1, 11.0),
        ({"limit": 10.0}, 1, 10.0),
        ({"limit": 11.5}, 1, 11.0),  # the open is better
        ({"limit": 8.5}, 2, 8.5),
        ({"limit": 8.5, "bars": 1}, None, None),
        ({"stop": 12.5}, 1, 12.5),
        ({"stop": 10.5}, 1, 11.0),  # gapped through
        ({"stop": 12.5, "limit": 13.0}, 1, 12.5),
        ({"stop": 12.5, "limit": 9.5}, 2, 9.5),  # the limit counts from the next bar on
        ({"quantity": -10, "limit": 12.9}, 1, 12.9),
        ({"quantity": -10, "stop": 9.5}, 1, 9.5),
        ({"quantity": -10, "trail": 0.2}, 2, 10.4),  # 20 % below the high of 13
    ],
)
def test_where_orders_are_filled(order, bar, price) -> None:
    fills = placed(prices(ROWS), first_bar(**order)).fills
    if bar is None:
        assert len(fills) == 0
        return
    assert fills["time"].iloc[0] == np.datetime64(bar, "D")
    assert fills["price"].iloc[0] == pytest.approx(price)


def test_a_stop_comes_before_a_target_in_the_same_bar_and_cancels_it() -> None:
    result = placed(prices(ROWS), first_bar(stop_loss=9.5, take_profit=12.5))
    assert result.fills["price"].tolist() == [11.0, 9.5]
    assert result.orders["status"].tolist() == ["filled", "filled", "cancelled"]
    assert result.trades["bars"].tolist() == [0]


def test_vwap_and_twap_of_the_next_bar() -> None:
    ds = prices(ROWS, vwap=[10, 11.2, 11, 10])
    assert placed(ds, first_bar(), fill="next vwap").fills["price"].tolist() == [11.2]
    assert placed(ds, first_bar(), fill="next twap").fills["price"].tolist() == [11.25]
    with pytest.raises(errors.FieldNotFoundError, match="vwap"):
        placed(prices(ROWS), first_bar(), fill="next vwap")


def test_compiled_and_plain_functions_do_the_same() -> None:
    ds = synthetic(2, 600, seed=8)

    @tw.backtest.compiled
    def fast(t, bars, state, cash, equity, memory, asks):
        n = 0
        for i in range(2):
            c = bars[CLOSE, i, t]
            if t >= 20 and state[i, HELD] == 0.0 and c > bars[CLOSE, i, t - 20 : t].max():
                n = market(asks, n, i, 5.0, loss=0.95 * c, take=1.1 * c)
            elif t % 50 == 0:
                n = limit(asks, n, i, 1.0, 0.99 * c, bars=3)
        memory[0] += n
        return n

    def slow(desk: Desk) -> None:
        for i in range(2):
            close = desk.history("close", i)
            c = close[-1]
            if desk.bar >= 20 and desk.position(i) == 0.0 and c > close[-21:-1].max():
                desk.buy(i, 5.0, stop_loss=0.95 * c, take_profit=1.1 * c)
            elif desk.bar % 50 == 0:
                desk.buy(i, 1.0, limit=0.99 * c, bars=3)

    costs = Costs(per_value=1e-3, spread=1e-4)
    a, b = (placed(ds, f, costs=costs, cash=1e5) for f in (fast, slow))
    assert len(a.fills) > 20
    np.testing.assert_array_equal(a.equity.values, b.equity.values)
    assert a.orders.equals(b.orders)


@pytest.mark.parametrize("kind", [Units, Weights])
@pytest.mark.parametrize("fill", ["next open", "next close", "same close"])
@pytest.mark.parametrize("seed", range(6))
def test_targets_on_the_desk_equal_the_fast_account(kind, fill, seed) -> None:
    rng = np.random.default_rng(seed)
    ds = synthetic(3, 60, seed=seed, holes=0.1, volatility=0.8)
    target = (
        rng.integers(-40, 80, (3, 60)).astype(float) if kind is Units else rng.uniform(-0.4, 0.9, (3, 60))
    )
    target[rng.random((3, 60)) < 0.4] = np.nan
    ds.attrs["script"] = (kind, target)
    options = {"costs": Costs(per_value=1e-3, per_share=0.005, minimum=2.0 * (seed % 2), slippage=1e-3),
               "lot": float(seed % 2), "borrow": seed % 3 == 0, "fill": fill, "cash": 1e4}  # fmt: skip
    fast, desk = backtest(Given(), ds, **options), backtest(Given(), ds, limits=Limits(), **options)
    np.testing.assert_allclose(desk.equity.values, fast.equity.values, rtol=1e-9)
    np.testing.assert_allclose(desk.positions.values, fast.positions.values, rtol=1e-8, atol=1e-7)
    assert desk.metrics.costs == pytest.approx(fast.metrics.costs, rel=1e-8)
    assert desk.trades["profit"].sum() == pytest.approx(fast.trades["profit"].sum(), abs=1e-5)


@pytest.mark.parametrize("strategy", [SmaCross(fast=5, slow=20), Turtle(short=True)], ids=str)
def test_signals_with_financing_and_dividends(strategy) -> None:
    ds = synthetic(3, 300, seed=2, holes=0.02)
    fast = backtest(strategy, ds, costs=Costs(per_value=1e-3))
    desk = backtest(strategy, ds, costs=Costs(per_value=1e-3), financing=Financing())
    np.testing.assert_allclose(desk.equity.values, fast.equity.values, rtol=2e-4)  # sized before the fee
    ds["dividend"] = (ds["close"].dims, np.where(np.arange(300) % 60 == 0, 1.0, 0.0) * np.ones((3, 1)))
    assert backtest(strategy, ds).books.income.any()


def test_currencies_are_changed_at_once_or_kept() -> None:
    ds = prices([(10, 10, 10, 10)] * 4)
    rates = xr.DataArray(
        [[1.0, 2.0, 2.0, 1.5]], {"currency": ["EUR"], "time": ds["time"]}, ("currency", "time")
    )
    ds.attrs["script"] = (Units, [[10.0, np.nan, np.nan, np.nan]])
    quoted = Instruments(currency={"A": "EUR"})
    at_once = backtest(Given(), ds, cash=1000.0, instruments=quoted,
                       currencies=Currencies(base="USD", rates=rates))  # fmt: skip
    assert at_once.cash.values.tolist() == [1000, 800, 800, 800]
    assert at_once.equity.values.tolist() == [1000, 1000, 1000, 950]
    kept = backtest(Given(), ds, cash=1000.0, instruments=quoted, financing=Financing(debt_rate=0.365),
                    currencies=Currencies(base="USD", rates=rates, convert=False))  # fmt: skip
    assert kept.balances.sel(currency="USD").values.tolist() == [1000] * 4
    euro = kept.balances.sel(currency="EUR").values
    np.testing.assert_allclose(euro, [0, -100, -100.1, -100.2001])
    total = kept.cash.values + kept.values.values.sum(axis=0)
    np.testing.assert_allclose(total, kept.equity.values)
    with pytest.raises(errors.ParameterError, match="currencies="):
        backtest(Given(), ds, instruments=quoted)


def test_a_rolled_future_makes_no_profit_of_the_gap() -> None:
    ds = prices([(10, 10, 10, 10), (10, 10, 10, 10), (12, 12, 12, 12), (13, 13, 13, 13)], roll=[0, 0, 2.0, 0])
    ds.attrs["script"] = (Units, [[2.0, np.nan, np.nan, np.nan]])
    things = Instruments(futures=("A",), multiplier={"A": 50.0})
    result = backtest(Given(), ds, cash=1000.0, instruments=things, costs=Costs(per_share=1.0))
    # bought for one commission a contract, rolled for two; then one point of 50 each
    assert result.equity.values.tolist() == [1000, 998, 994, 1094]
    assert result.cash.values.tolist() == result.equity.values.tolist()
    assert result.exposures.values[0].tolist() == [0, 1000, 1200, 1300]
    assert result.costs["roll"] == 4.0


def test_a_tax_of_ones_own() -> None:
    ds = prices([(10, 10, 10, 10), (10, 10, 10, 10), (15, 15, 15, 15)])

    def on_profit(symbol, bar, quantity, price, profit):
        return 0.25 * max(profit, 0.0)

    ds.attrs["script"] = (Units, [[10.0, 0.0, np.nan]])
    result = backtest(Given(), ds, cash=1000.0, costs=Costs(tax=on_profit))
    assert result.costs["taxes"] == 12.5
    assert result.equity.values[-1] == 1037.5


def test_saved_and_loaded_with_everything(tmp_path) -> None:
    ds = synthetic(2, 200, seed=1)
    ds.attrs["script"] = (Weights, np.random.default_rng(0).uniform(-0.5, 0.8, (2, 200)))
    result = backtest(Given(), ds, costs=Costs(spread=1e-4, tiers=((0, 1e-3), (1e6, 5e-4))), borrow=True,
                      limits=Limits(gross=1.5, short="locate", locate=("S000",)),
                      financing=Financing(debt_rate=0.05, borrow_fee={"S000": 0.02}),
                      instruments=Instruments(multiplier={"S001": 2.0}))  # fmt: skip
    again = tw.load(result.save(tmp_path / "desk.tw"))
    assert again.setting == result.setting
    assert again.metrics == result.metrics
    assert again.costs.equals(result.costs)
    assert again.orders.equals(result.orders)
    np.testing.assert_array_equal(again.values.values, result.values.values)


def test_mistakes_say_what_would_be_right() -> None:
    ds = synthetic(2, 30)
    for wrong in ({"short": "never"}, {"gross": -1.0}, {"maintenance": 0.5}):
        with pytest.raises(errors.ParameterError):
            Limits(**wrong)
    with pytest.raises(errors.ParameterError, match="rising"):
        Costs(tiers=((10, 1e-3), (5, 1e-3)))
    ds.attrs["script"] = (Signals, np.ones((2, 30)))
    with pytest.raises(errors.InvalidInputError, match="S000"):
        backtest(Given(), ds, limits=Limits(short="locate", locate=("S00",)))
    with pytest.raises(errors.NotFoundError, match="S001"):
        placed(ds, lambda desk: desk.buy("S01", 1))
    with pytest.raises(errors.ParameterError, match="compiled"):
        tw.backtest.compiled(lambda t: t.nothing)
