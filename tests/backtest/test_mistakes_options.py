"""Options of a backtest, a sweep and a search, and what they are made of: mistakes are refused in words."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from mistakes import DS, GRID, refused
from tradewind import errors
from tradewind.backtest.options import OPTIONS, check_options
from tradewind.strategies import BuyAndHold

HOLD = BuyAndHold()

SERIES = DS["close"].isel(symbol=0).to_pandas()
OTHER = DS["close"].isel(symbol=0, drop=True)
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"costs": 0.001}, "costs is a tw.Costs", "tw.Costs(per_value=0.001)"),
    ({"limits": {}}, "limits is a tw.Limits", "tw.Limits("),
    ({"financing": 0.02}, "tw.Financing", "tw.Financing("),
    ({"instruments": {}}, "tw.Instruments", "tw.Instruments("),
    ({"currencies": "USD"}, "tw.Currencies", "tw.Currencies("),
    ({"benchmark": SERIES}, "one series over time", "xr.DataArray(series"),
    ({"benchmark": DS}, "one series over time", 'ds["close"]'),
    ({"benchmark": "S01"}, "neither a symbol", "S001"),
    (
        {"benchmark": OTHER.assign_coords(time=OTHER.indexes["time"] - pd.Timedelta("9000D"))},
        "no price",
        "same",
    ),
    (
        {"benchmark": OTHER.assign_coords(time=OTHER.indexes["time"] + pd.Timedelta("9000D"))},
        "no price",
        "same",
    ),
    ({"benchmark": OTHER.isel(time=slice(None, None, -1))}, "rising order", 'benchmark.sortby("time")'),
    ({"universe": ["AAPL"]}, "universe says who", "ds.sel(symbol="),
    ({"start": "foo"}, "start: 'foo'", "2024-05-31"),
    ({"end": "foo"}, "end: 'foo'", "2024-05-31"),
    ({"end": np.datetime64("NaT", "D")}, "not a date", "2024"),
    ({"start": 2013}, "start: 2013", "2024"),
    ({"csts": tw.Costs()}, "no option 'csts'", "costs"),
    ({"benchmrk": "S1"}, "no option 'benchmrk'", "benchmark"),
    ({"remember": False}, "no option 'remember'", ""),
]


@pytest.mark.parametrize(("options", "message", "hint"), WRONG)
def test_options_with_a_remedy(options: dict[str, Any], message: str, hint: str) -> None:
    if not options.keys() - OPTIONS:
        refused(lambda: tw.backtest(HOLD, DS, **options), message, hint)
    refused(lambda: tw.sweep("sma_cross", GRID, DS, **options), message, hint)
    refused(lambda: tw.search("sma_cross", {"fast": [2, 3]}, DS, trials=2, **options), message, hint)


@pytest.mark.parametrize(
    "options",
    [
        *({"cash": value} for value in ("x", float("inf"), float("nan"), -5, None, True)),
        *({"lot": value} for value in ("1", -1.0, float("inf"))),
        {"fill": 3},
        {"fill": "next week"},
        {"borrow": "yes"},
    ],
    ids=str,
)
def test_options_out_of_bounds(options: dict[str, Any]) -> None:
    name = next(iter(options))
    for call in (
        lambda: tw.backtest(HOLD, DS, **options),
        lambda: tw.sweep("sma_cross", GRID, DS, **options),
        lambda: tw.search("sma_cross", {"fast": [2, 3]}, DS, trials=2, **options),
    ):
        with pytest.raises(errors.ParameterError, match=name):
            call()


def test_a_sweep_knows_the_options_of_a_backtest() -> None:
    every = inspect.signature(tw.backtest.backtest).parameters
    assert {n for n, p in every.items() if p.kind is p.KEYWORD_ONLY} == OPTIONS | {"remember"}
    assert {n: every[n].default for n in ("cash", "lot", "borrow")} == {
        n: inspect.signature(check_options).parameters[n].default for n in ("cash", "lot", "borrow")
    }


def test_searches() -> None:
    refused(lambda: tw.search("sma_cross", {"fast": 5}, DS), "range or values", "tw.Between(5, 50)")
    for ends in (("a", 5), (1, None), (1.0, float("inf"))):
        with pytest.raises(errors.ParameterError, match="Between"):
            tw.Between(*ends)
    for options in ({"trials": "many"}, {"trials": 2.5}, {"trials": 0}, {"method": ["tpe"]}, {"seed": "x"}):
        with pytest.raises(errors.ParameterError):
            tw.search("sma_cross", {"fast": [2, 3]}, DS, **options)


# ---- what costs, limits and the rest are made of ----


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (tw.Costs, {"per_vale": 0.1}, "Costs has no parameter 'per_vale'"),
        (tw.Costs, {"tiers": (1, 2)}, "tiers are pairs"),
        (tw.Costs, {"tiers": "ab"}, "tiers are pairs"),
        (tw.Costs, {"minimum": float("inf")}, "minimum"),
        (tw.Costs, {"tax": 0.1}, "tax is a function"),
        (tw.Limits, {"gros": 1.0}, "Limits has no parameter 'gros'"),
        (tw.Limits, {"gross": "abc"}, "gross is a positive share"),
        (tw.Limits, {"gross": float("nan")}, "gross is a positive share"),
        (tw.Limits, {"maintenance": "x"}, "maintenance"),
        (tw.Limits, {"delist_after": 2.5}, "whole number"),
        (tw.Limits, {"locate": 5}, "locate is symbols"),
        (tw.Financing, {"cash_rate": float("nan")}, "cash_rate"),
        (tw.Financing, {"debt_rate": pd.Series([0.1])}, "debt_rate"),
        (tw.Financing, {"debt_rate": DS["close"]}, "over time"),
        (tw.Financing, {"borrow_fee": {"AAPL": "2"}}, "borrow_fee of AAPL"),
        (tw.Financing, {"days": "x"}, "days"),
        (tw.Instruments, {"multiplier": {"AAPL": "2"}}, "multiplier of AAPL"),
        (tw.Instruments, {"multiplier": {"AAPL": float("inf")}}, "multiplier of AAPL"),
        (tw.Instruments, {"multiplier": 2}, "goes by symbol"),
        (tw.Instruments, {"lot": {"AAPL": -10}}, "lot of AAPL"),
        (tw.Instruments, {"currency": {"AAPL": 3}}, "currency of AAPL"),
        (tw.Currencies, {"base": "USD"}, "Currencies needs 'rates'"),
        (tw.Currencies, {"base": "USD", "rates": {"EUR": 1.1}}, "rates have dims"),
    ],
)  # fmt: skip
def test_parts_of_an_account(make: Callable[..., Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InvalidInputError) as caught:
        make(**options)
    assert message in caught.value.message


def test_costs_go_by_name() -> None:
    refused(lambda: tw.Costs(0.001), "by name", "Costs(per_value=0.001)")
    refused(lambda: tw.Costs(per_vale=0.001), "per_vale", "per_value")


def test_a_single_symbol_is_one_symbol() -> None:
    assert tw.Limits(short="locate", locate="AAPL").locate == ("AAPL",)
    assert tw.Instruments(futures="ES").futures == ("ES",)


def test_numbers_of_numpy_are_numbers() -> None:
    financing = tw.Financing(cash_rate=np.float32(0.5), borrow_fee={"S0": np.float32(0.25)})
    assert (financing.cash_rate, financing.borrow_fee) == (0.5, {"S0": 0.25})
    found = tw.backtest(
        HOLD, DS, cash=np.float32(1e6), lot=np.int64(1), limits=tw.Limits(gross=np.float64(1))
    )
    assert found.setting.cash == 1e6


def test_series_and_functions_of_a_saved_result_are_names(tmp_path: Path) -> None:
    def duty(symbol: int, bar: int, quantity: float, price: float, profit: float) -> float:
        return 0.0

    rate = xr.full_like(OTHER, 0.02).rename("bills")
    result = tw.backtest(
        HOLD,
        DS,
        costs=tw.Costs(tax=duty),
        financing=tw.Financing(cash_rate=rate),
        limits=tw.Limits(gross=1.0),
    )
    again = tw.load(result.save(tmp_path / "one.tw"))
    assert "bills" in again.setting.financing.cash_rate
    assert "duty" in again.setting.costs.tax
    assert again.setting.limits == result.setting.limits
