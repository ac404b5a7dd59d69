"""What a user gets wrong is refused in words, before anything is computed, with what to do instead."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from mistakes import DS, GRID, own, refused
from tradewind import errors
from tradewind.strategies import BuyAndHold, Orders, Signals, SmaCross, Strategy, Units, Weights

HOLD = BuyAndHold()


def everywhere(ds: Any) -> list[Callable[[], Any]]:
    return [
        lambda: tw.backtest(HOLD, ds),
        lambda: tw.sweep("sma_cross", GRID, ds),
        lambda: tw.search("sma_cross", {"fast": tw.Between(2, 5)}, ds, trials=2),
    ]


# ---- times and symbols ----

NAT = DS["time"].values.copy()
NAT[3] = "NaT"
AXES = {
    "reversed": (DS.isel(time=slice(None, None, -1)), "rising order"),
    "unsorted": (DS.isel(time=[0, 2, 1, *range(3, 120)]), "rising order"),
    "twice": (DS.isel(time=[0, 1, 1, *range(2, 120)]), "more than once"),
    "twice and unsorted": (DS.isel(time=[5, *range(120)]), "more than once"),
    "missing": (DS.assign_coords(time=NAT), "NaT"),
    "zone": (DS.assign_coords(time=DS.indexes["time"].tz_localize("America/New_York")), "America/New_York"),
    "symbols": (DS.isel(symbol=[0, 1, 1]), "there twice"),
}


@pytest.mark.parametrize("case", AXES)
def test_an_axis_that_bars_cannot_stand_at_is_refused_and_the_hint_cures_it(case: str) -> None:
    ds, message = AXES[case]
    hints = {refused(call, message) for call in everywhere(ds)}
    assert len(hints) == 1
    if case == "zone":
        cured = ds.assign_coords(time=ds.indexes["time"].tz_localize(None))
        assert 'ds.assign_coords(time=ds.indexes["time"].tz_localize(None))' in hints.pop()
    else:
        cured = eval(hints.pop().partition(": ")[2].rstrip("."), {"ds": ds})
    assert tw.backtest(HOLD, cured).equity.sizes["time"] == cured.sizes["time"]


@pytest.mark.parametrize("times", [np.arange(120), np.arange(120).astype(str), None])
def test_times_are_dates(times: np.ndarray | None) -> None:
    ds = DS.drop_vars("time") if times is None else DS.assign_coords(time=times)
    for call in everywhere(ds):
        refused(call, "no dates", "pd.to_datetime")


def test_walk_forward_refuses_them_too() -> None:
    ds = AXES["reversed"][0]
    refused(lambda: tw.validation.walk_forward("sma_cross", GRID, ds, train=60, test=20), "rising order")


def test_one_series_that_was_picked_is_still_one() -> None:
    picked = DS.isel(symbol=0)
    assert tw.backtest(HOLD, picked).market.symbols.tolist() == [str(DS["symbol"].values[0])]


# ---- market data ----

WIDE = DS["close"].to_pandas().T
BARS = DS.isel(symbol=0).drop_vars("symbol").to_dataframe()


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (WIDE, '("time", "symbol"), frame'),
        (BARS, '("time", frame[n])'),
        (DS["close"], 'to_dataset(name="close")'),
        ({"close": DS["close"].values}, "xr.Dataset"),
        (DS["close"].values, "xr.Dataset"),
        (None, "xr.Dataset"),
    ],
)
def test_data_that_are_no_dataset(data: Any, hint: str) -> None:
    for call in everywhere(data):
        refused(call, "Market data are a Dataset", hint)


def test_the_hints_for_frames_work() -> None:
    found = refused(lambda: tw.backtest(HOLD, WIDE), "Market data")
    code = found.removeprefix("Make one: ").partition("; or store")[0]
    made = eval(code, {"xr": xr, "frame": WIDE})
    np.testing.assert_array_equal(
        tw.backtest(HOLD, made, fill="next open" if "open" in made else None).equity.values,
        tw.backtest(HOLD, DS[["close"]]).equity.values,
    )
    titled = BARS.rename(columns=str.title)
    code = refused(lambda: tw.backtest(HOLD, titled), "Market data").removeprefix("Make one: ")
    made = eval(code.partition("; or store")[0], {"xr": xr, "frame": titled})
    np.testing.assert_array_equal(
        tw.backtest(HOLD, made).equity.values, tw.backtest(HOLD, DS.isel(symbol=[0])).equity.values
    )


def test_prices_are_numbers_a_symbol_and_bar() -> None:
    for kind in (str, object):
        for call in everywhere(DS.astype(kind)):
            refused(call, "not numbers", "astype(float)")
    for call in everywhere(DS.expand_dims(source=["a", "b"])):
        refused(call, "dims", "isel(source=0)")
    for call in everywhere(DS.drop_vars("symbol").rename(symbol="asset")):
        refused(call, "'asset'", 'rename(asset="symbol")')
    refused(lambda: tw.backtest(HOLD, DS.assign(high=DS["high"].astype(str))), "'high'")
    refused(lambda: tw.backtest(HOLD, DS.rename(time="date")), "dims (symbol, time)", "rename")


def test_nothing_to_trade_on() -> None:
    for call in everywhere(DS.isel(time=slice(0, 0))):
        with pytest.raises(errors.EmptySelectionError, match="no bars"):
            call()


# ---- strategies ----


def test_a_class_and_a_name_stand_for_the_defaults() -> None:
    wanted = tw.backtest(SmaCross(), DS).equity.values
    for given in (SmaCross, "sma_cross"):
        np.testing.assert_array_equal(tw.backtest(given, DS).equity.values, wanted)


def test_what_is_no_strategy() -> None:
    refused(lambda: tw.backtest(DS, HOLD), "where the strategy belongs", "tw.backtest(strategy, ds)")
    refused(lambda: tw.backtest("us-20", HOLD), "where the strategy belongs")
    refused(lambda: tw.backtest(DS, DS), "A strategy is needed", "tw.strategies()")
    refused(lambda: tw.backtest(lambda ds: ds, DS), "A strategy is needed")
    refused(lambda: tw.backtest(int, DS), "the class int")
    refused(lambda: tw.backtest("sma_cros", DS), "no strategy", "sma_cross", errors.NotFoundError)
    refused(lambda: tw.sweep(None, GRID, DS), "A strategy is needed")
    refused(lambda: tw.sweep("sma_cross", DS, GRID), "is a dict", "data come after")
    refused(lambda: tw.sweep("sma_cross", 5, DS), "is a dict")
    refused(lambda: tw.sweep("sma_cross", {"fast": [[1], [2]]}, DS), "plain values", "range")

    class Half(Strategy):
        name = "half_mistake"

        @property
        def warmup(self) -> int:
            return 0

    refused(lambda: tw.backtest(Half, DS), "does not define decide", "decide(self, ds)")


def test_parameters_go_by_name() -> None:
    hint = refused(lambda: SmaCross(10, 30), "by name", kind=errors.ParameterError)
    assert hint == "Write SmaCross(fast=10, slow=30)."
    refused(lambda: BuyAndHold(1), "has none", "BuyAndHold()")
    refused(lambda: SmaCross(fats=10), "no parameter 'fats'", "fast")


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (lambda ds: None, "returned nothing"),
        (lambda ds: ds["close"], "returned a DataArray"),
        (lambda ds: ds["close"].values, "returned a ndarray"),
        (lambda ds: ds["close"].to_pandas(), "returned a DataFrame"),
    ],
)
def test_a_decision_says_what_its_numbers_mean(decision: Callable[[xr.Dataset], Any], message: str) -> None:
    refused(lambda: tw.backtest(own(decision), DS), message, "tw.strategies.Signals(target)")


@pytest.mark.parametrize("kind", [Signals, Weights, Units])
def test_targets_are_labelled(kind: type) -> None:
    refused(lambda: tw.backtest(own(lambda ds: kind(ds["close"].values)), DS), "DataArray", kind.__name__)
    refused(lambda: kind(WIDE), "not a DataFrame")
    text = own(lambda ds: kind(ds["close"].astype(str)))
    refused(lambda: tw.backtest(text, DS), "not numbers")


def test_orders_need_a_function() -> None:
    refused(lambda: Orders(None), "function called at every bar", "on_bar")


@pytest.mark.parametrize("kind", [Signals, Weights, Units])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_targets(kind: type, value: float) -> None:
    def decide(ds: xr.Dataset) -> Any:
        target = ds["close"] * 0.0 + 0.1
        target[0, 50] = value
        return kind(target)

    with pytest.raises(errors.InvalidInputError):
        tw.backtest(own(decide), DS)
