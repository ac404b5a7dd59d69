"""Round trips: their profits are what the account gained, whatever it trades and in whatever money."""

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from test_desk_cases import prices
from test_shared_account import Given
from tradewind.backtest import Costs, Currencies, Financing, Instruments, Limits, backtest
from tradewind.strategies import Signals, Units, Weights
from tradewind.testing import synthetic

NAN = np.nan


def level(*closes, **more):
    """Bars without any range."""
    return prices([(c, c, c, c) for c in closes], **more)


def rates_of(ds, values, name="USD"):
    coords = {"currency": [name], "time": ds["time"]}
    return xr.DataArray([values], coords, ("currency", "time"))


@pytest.mark.parametrize("futures", [("A",), ()])
def test_the_gap_of_a_roll_is_no_profit(futures) -> None:
    ds = level(100, 100, 107, 107, roll=[0, 0, 6.0, 0])
    ds.attrs["script"] = (Units, [[1.0, NAN, 0.0, NAN]])
    result = backtest(Given(), ds, cash=1000.0, instruments=Instruments(futures=futures))
    assert result.equity.values[-1] == 1001.0
    trade = result.trades.iloc[0]
    assert (trade["entry_price"], trade["exit_price"], trade["profit"]) == (100.0, 107.0, 1.0)
    assert trade["return"] == pytest.approx(0.01)
    assert (trade["worst"], trade["best"]) == (0.0, pytest.approx(0.01))


def test_profit_and_fees_are_in_the_accounts_currency() -> None:
    ds = level(50, 50, 50, 50)
    ds.attrs["script"] = (Units, [[10.0, 0.0, NAN, NAN]])
    result = backtest(
        Given(), ds, cash=10000.0, costs=Costs(fixed=8.0), instruments=Instruments(currency={"A": "USD"}),
        currencies=Currencies(base="EUR", rates=rates_of(ds, [1.0, 1.0, 0.5, 0.5])),
    )  # fmt: skip
    trade = result.trades.iloc[0]
    assert (trade["profit"], trade["fees"]) == (-266.0, 16.0)
    assert result.equity.values[-1] - 10000.0 == -266.0
    assert trade["return"] == pytest.approx(-266.0 / 500.0)


def test_a_future_is_settled_at_each_days_rate() -> None:
    ds = level(10, 10, 12, 13, 13)
    ds.attrs["script"] = (Units, [[1.0, NAN, NAN, 0.0, NAN]])
    result = backtest(
        Given(), ds, cash=1000.0,
        instruments=Instruments(futures=("A",), currency={"A": "USD"}, multiplier={"A": 10.0}),
        currencies=Currencies(base="EUR", rates=rates_of(ds, [1.0, 1.0, 2.0, 3.0, 3.0])),
    )  # fmt: skip
    assert result.trades["profit"].tolist() == [2 * 10 * 2 + 1 * 10 * 3]
    assert result.equity.values[-1] == 1070.0


def test_cash_kept_in_a_currency_gains_by_its_rate() -> None:
    ds = level(10, 10, 10, 10)
    ds.attrs["script"] = (Units, [[10.0, NAN, NAN, NAN]])
    result = backtest(
        Given(), ds, cash=1000.0, instruments=Instruments(currency={"A": "USD"}),
        currencies=Currencies(base="EUR", rates=rates_of(ds, [1.0, 2.0, 2.0, 1.5]), convert=False),
    )  # fmt: skip
    # 10 bought for 200 and now worth 150, owing 100 dollars that were 200 and are 150
    assert result.trades["profit"].tolist() == [-50.0]
    assert result.flows["exchange"].values.tolist() == [0, 0, 0, 50]
    assert result.equity.values[-1] == 1000.0
    assert result.costs.sum() == 0.0


def market_of(rng, symbols, bars, holes):
    """Random prices with everything that changes units and contracts."""
    ds = synthetic(symbols, bars, seed=int(rng.integers(10**6)), holes=holes, volatility=0.6)
    shape, dims = ds["close"].shape, ds["close"].dims
    fields = {
        "split": np.where(rng.random(shape) < 0.05, rng.choice([0.5, 2.0, 3.0], shape), 1.0),
        "roll": np.where(rng.random(shape) < 0.08, rng.normal(0, 5, shape), 0.0),
        "dividend": np.where(rng.random(shape) < 0.05, 0.5, 0.0),
    }
    return ds.assign({name: (dims, values) for name, values in fields.items()})


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6), symbols=st.integers(1, 4), bars=st.integers(2, 60),
    kind=st.sampled_from([Units, Weights, Signals]), fill=st.sampled_from(["next open", "next close"]),
    holes=st.sampled_from([0.0, 0.15]), convert=st.booleans(), lot=st.sampled_from([0.0, 1.0]),
    costs=st.sampled_from([Costs(), Costs(per_value=1e-3, fixed=1.0, slippage=1e-3, tax_sell=1e-3)]),
    limits=st.sampled_from([Limits(), Limits(gross=1.0, maintenance=0.7, delist_after=3, delist_loss=0.5)]),
    rates=st.sampled_from([0.0, 0.05]),
)  # fmt: skip
def test_profits_add_up_to_what_the_account_gained(
    seed, symbols, bars, kind, fill, holes, convert, lot, costs, limits, rates
) -> None:
    rng = np.random.default_rng(seed)
    ds = market_of(rng, symbols, bars, holes)
    if not ds["close"].notnull().any():
        return
    shape = (symbols, bars)
    target = rng.integers(-40, 60, shape).astype(float) if kind is Units else rng.uniform(-0.5, 0.6, shape)
    target[rng.random(shape) < 0.6] = NAN
    target[rng.random(shape) < 0.1] = 0.0
    ds.attrs["script"] = (kind, target)
    names = [str(s) for s in ds["symbol"].values]
    moves = np.exp(np.cumsum(rng.normal(0, 0.05, (2, bars)), axis=1))
    money = xr.DataArray(moves, {"currency": ["USD", "GBP"], "time": ds["time"]}, ("currency", "time"))
    result = backtest(
        Given(), ds, cash=1e5, fill=fill, lot=lot, costs=costs, limits=limits, borrow=bool(seed % 2),
        financing=Financing(cash_rate=rates, debt_rate=rates, borrow_fee=rates),
        currencies=Currencies(base="EUR", rates=money, convert=convert),
        instruments=Instruments(
            futures=tuple(names[::3]), multiplier=dict.fromkeys(names[:2], 5.0),
            currency={n: ["EUR", "USD", "GBP"][int(rng.integers(3))] for n in names},
        ),
    )  # fmt: skip
    other = sum(float(values.sum()) for values in result.flows.data_vars.values())
    gained = result.equity.values[-1] - 1e5 - other
    scale = max(1e5, float(np.abs(result.exposures.values).max()))
    assert result.trades["profit"].sum() == pytest.approx(gained, abs=1e-9 * scale)


def test_a_rolled_trade_is_the_same_when_loaded(tmp_path) -> None:
    ds = level(100, 100, 107, 107, roll=[0, 0, 6.0, 0])
    ds.attrs["script"] = (Units, [[1.0, NAN, NAN, NAN]])
    result = backtest(Given(), ds, cash=1000.0, instruments=Instruments(futures=("A",)))
    assert tw.load(result.save(tmp_path / "rolled.tw")).trades.equals(result.trades)
