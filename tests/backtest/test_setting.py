"""What a result says it depended on, and its figures by kind."""

import json
import zipfile

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from test_desk_cases import prices
from test_shared_account import Given
from tradewind.backtest import Costs, Currencies, Financing, Instruments, backtest
from tradewind.backtest.setting import exchange, moment, named
from tradewind.strategies import Signals, Units, Weights
from tradewind.testing import synthetic

NAN = np.nan


def on_profit(symbol, bar, quantity, price, profit):
    return 0.25 * max(profit, 0.0)


def run(**options):
    ds = prices([(10, 10, 10, 10)] * 4)
    ds.attrs["script"] = (Units, [[10.0, NAN, NAN, NAN]])
    return backtest(Given(), ds, cash=1000.0, **options)


def series(values, name=None):
    return xr.DataArray(values, {"time": prices([(1, 1, 1, 1)] * len(values))["time"]}, ("time",), name=name)


def rates(values):
    return series(values).expand_dims(currency=["USD"])


def test_settings_of_other_periods_and_universes_differ() -> None:
    one = run().setting
    same = tw.backtest.Setting(**{f: getattr(one, f) for f in one.__dataclass_fields__})
    assert one == same
    assert hash(one) == hash(same)
    for name, value in {
        "universe": "sp500",
        "start": "2020-01-01",
        "end": "2021-01-01",
        "rates": "r",
    }.items():
        changed = tw.backtest.Setting(
            **{f: getattr(one, f) for f in one.__dataclass_fields__} | {name: value}
        )
        assert changed != one
        result = run().replace(setting=changed)
        assert value in result._repr_html_()


def test_names_and_fingerprints() -> None:
    assert named(None) == ""
    assert named("sp500") == "sp500"
    a, b = rates([1.0, 2.0]), rates([1.0, 2.5])
    assert named(a, "universe").startswith("universe (data ")
    assert named(a) == named(a.copy()) == named(a.transpose("time", "currency"))
    assert named(a) != named(b)
    assert named(a) != named(a.assign_coords(currency=["GBP"]))
    assert exchange(None) == ""
    assert exchange(Currencies(base="EUR", rates=a)) != exchange(Currencies(base="EUR", rates=b))
    assert moment(None) == ""
    assert moment("2020-01-31") == "2020-01-31T00:00:00"


def test_the_card_says_what_it_does_not_hold(tmp_path) -> None:
    plain = run(costs=Costs(per_value=1e-3))
    assert plain.setting.missing == ()
    assert "Cannot be run again" not in plain._repr_html_()
    given = {"costs": Costs(tax=on_profit), "financing": Financing(debt_rate=series([0.01] * 4, "estr"))}
    result = run(**given)
    other = run(**given | {"financing": Financing(debt_rate=series([0.02] * 4, "estr"))})
    assert other.setting != result.setting
    again = tw.load(result.save(tmp_path / "a.tw"))
    assert again.setting == result.setting
    for one in (result, again):
        tax, debt = one.setting.missing
        assert tax.startswith("costs.tax, function on_profit (source ")
        assert debt.startswith("financing.debt_rate, series estr (data ")
        assert "Cannot be run again from this card" in one._repr_html_()
    quoted = run(instruments=Instruments(currency={"A": "USD"}),
                 currencies=Currencies(base="EUR", rates=rates([1.0] * 4)))  # fmt: skip
    assert "the rates of exchange" in quoted.setting.missing


def test_results_saved_before_are_read(tmp_path) -> None:
    result = run()
    path = result.save(tmp_path / "new.tw")
    with zipfile.ZipFile(path) as new, zipfile.ZipFile(tmp_path / "old.tw", "w") as old:
        head = json.loads(new.read("result.json"))
        for name in ("universe", "start", "end", "rates", "convert"):
            del head["setting"][name]
        old.writestr("result.json", json.dumps(head | {"format": 2}))
        for name in new.namelist():
            if name.endswith(".npy"):
                old.writestr(name, new.read(name))
    again = tw.load(tmp_path / "old.tw")
    assert again.setting.universe == ""
    assert again.equity.equals(result.equity)


def test_balances_of_an_account_that_changes_at_once() -> None:
    result = run(instruments=Instruments(currency={"A": "USD"}),
                 currencies=Currencies(base="EUR", rates=rates([1.0, 2.0, 2.0, 2.0])))  # fmt: skip
    assert result.balances["currency"].values.tolist() == ["EUR"]
    assert result.balances.values.tolist() == [[1000, 800, 800, 800]]


def test_impact_is_booked_as_impact_by_the_plain_account_too() -> None:
    ds = prices([(10, 10, 10, 10)] * 3, volume=[100.0] * 3)
    ds.attrs["script"] = (Units, [[25.0, NAN, NAN]])
    costs = Costs(impact=0.1, slippage=0.01)
    plain = backtest(Given(), ds, cash=1000.0, costs=costs)
    # half of a tenth by the square root of a quarter: 5 %, of 250; 1 % besides
    assert plain.costs["impact"] == pytest.approx(12.5)
    assert plain.costs["slippage"] == pytest.approx(2.5)
    desk = backtest(Given(), ds, cash=1000.0, costs=costs, financing=Financing())
    assert desk.costs["impact"] == pytest.approx(12.5)
    assert plain.metrics.costs == pytest.approx(desk.metrics.costs)


def test_a_hole_in_a_benchmark_is_its_last_known_price() -> None:
    ds = prices([(10, 10, 10, 10)] * 4)
    ds.attrs["script"] = (Weights, [[1.0, NAN, NAN, NAN]])
    found = backtest(Given(), ds, cash=1000.0, benchmark=series([NAN, 50.0, NAN, 55.0], "index")).benchmark
    np.testing.assert_allclose(found.values, [NAN, 1000.0, 1000.0, 1100.0])


def by_number(symbol, bar, quantity, price, profit):
    return 1.0 + symbol


@pytest.mark.parametrize("kind", [Signals, Weights])
def test_a_tax_is_given_the_symbols_own_number(kind) -> None:
    ds = synthetic(3, 2, seed=1)
    ds.attrs["script"] = (kind, np.full((3, 2), 0.25))
    result = backtest(Given(), ds, costs=Costs(tax=by_number))
    assert result.books.orders.fills.tax.tolist() == [1.0, 2.0, 3.0]


def test_tiers_count_what_the_symbols_own_slice_traded() -> None:
    ds = synthetic(2, 2, seed=1)
    ds.attrs["script"] = (Signals, np.full((2, 2), 1.0))
    result = backtest(Given(), ds, cash=2000.0, costs=Costs(tiers=((0, 1e-2), (500, 0.0))))
    fills = result.books.orders.fills
    np.testing.assert_allclose(fills.fee, fills.value * 1e-2)
