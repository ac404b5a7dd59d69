"""Targets on the order desk: limits that all positions share, what waits, what an order pays once."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from test_desk_cases import first_bar, placed, prices
from test_shared_account import Given
from tradewind import errors
from tradewind.backtest import Costs, Instruments, Limits, backtest, load
from tradewind.strategies import Signals, Units, Weights
from tradewind.testing import synthetic

N = np.nan
DIMS = ("symbol", "time")


def flat(symbols: int, bars: int, price: float = 100.0, **more) -> xr.Dataset:
    """Symbols that stay at a price."""
    fields = dict.fromkeys(("open", "high", "low", "close"), np.full((symbols, bars), price)) | more
    return xr.Dataset(
        {n: (DIMS, np.array(v, float)) for n, v in fields.items()},
        {"symbol": list("ABCD"[:symbols]), "time": np.arange(bars).astype("M8[D]").astype("M8[ns]")},
    )


def held(ds, target, kind=Weights, **options):
    """Positions (symbol, time) of a run on the desk."""
    options = {"cash": 1000.0, "limits": Limits(), "remember": False} | options
    return backtest(Given(), ds.assign_attrs(script=(kind, np.array(target, float))), **options)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("limits", [Limits(gross=1.0), Limits(turnover=2.0)])
def test_what_is_sold_makes_room_whatever_the_order_of_the_symbols(turned, limits) -> None:
    target = [[0, N, 1, N], [1, N, 0, N]]
    result = held(flat(2, 4), target[::-1] if turned else target, limits=limits)
    positions = result.positions.values
    assert positions[:, 1].tolist() == ([10, 0] if turned else [0, 10])
    assert positions[:, 3].tolist() == ([0, 10] if turned else [10, 0])


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), gross=st.sampled_from([None, 0.5, 0.9]),
       turnover=st.sampled_from([None, 0.05, 0.4]), short=st.booleans(),
       lot=st.sampled_from([0.0, 0.0, 100.0]), least=st.sampled_from([0.0, 0.0, 8e3]))  # fmt: skip
def test_limits_hold_and_do_not_depend_on_the_order_of_the_symbols(
    seed, gross, turnover, short, lot, least
) -> None:
    rng = np.random.default_rng(seed)
    ds = synthetic(4, 40, seed=seed, holes=0.1, volatility=0.6)
    target = rng.normal(0.0, 0.5, (4, 40)) if short else rng.dirichlet(np.ones(4), 40).T
    target[:, rng.random(40) < 0.6] = N
    limits = Limits(gross=gross, turnover=turnover, minimum_notional=least)
    options = {"limits": limits, "borrow": True, "cash": 1e5, "lot": lot}
    one = held(ds, target, **options)
    way = rng.permutation(4)
    other = held(ds.isel(symbol=way), target[way], **options)
    np.testing.assert_allclose(one.equity.values, other.equity.values, rtol=1e-9)
    np.testing.assert_allclose(one.positions.values[way], other.positions.values, rtol=1e-8, atol=1e-8)
    if gross:  # by the fill's prices a trade never goes beyond it
        price = ds["open"].values
        worth = np.nansum(np.abs(one.positions.values) * price, axis=0)
        before = np.concatenate((np.zeros((4, 1)), one.positions.values[:, :-1]), axis=1)
        equity = np.concatenate(([1e5], one.cash.values[:-1])) + np.nansum(before * price, axis=0)
        larger = worth > np.nansum(np.abs(before) * price, axis=0) + 1e-6
        known = ~np.isnan(price).any(axis=0)
        assert (worth <= gross * equity * (1 + 1e-9) + 1e-6)[larger & known].all()
    if turnover:
        traded = one.fills.assign(value=one.fills["price"] * one.fills["quantity"].abs())
        by_bar = traded.groupby("time")["value"].sum()
        before = one.equity.to_series().shift(1, fill_value=1e5)
        assert (by_bar <= turnover * before[by_bar.index] * 1.5).all()  # by the equity at the fill's price


def test_a_limit_shares_out_by_one_factor() -> None:
    result = held(flat(3, 3), [[0.6, N, N], [0.3, N, N], [0.3, N, N]], limits=Limits(gross=0.8), borrow=True)
    assert result.positions.values[:, 2] == pytest.approx([4.0, 2.0, 2.0])
    assert set(result.orders["status"]) == {"cut"}
    result = held(flat(2, 3), [[0.6, N, N], [0.4, N, N]], limits=Limits(position=0.5, shortfall="reject"))
    assert result.positions.values[:, 2].tolist() == [0.0, 4.0]
    assert result.orders["status"].tolist() == ["rejected", "filled"]


@pytest.mark.parametrize("kind", [Weights, Units])
def test_what_a_bars_volume_does_not_hold_waits(kind) -> None:
    """Ten units, two a bar; bar 3 has no volume. One order, which pays its fixed part once."""
    volume = [[20, 20, 20, 0, 20, 20, 20, 20]]
    costs = Costs(participation=0.1, fixed=3.0)
    want = 0.5 if kind is Weights else 10
    result = held(flat(1, 8, volume=volume), [[want, *[N] * 7]], kind, costs=costs, cash=2000.0)
    assert result.positions.values[0, :7].tolist() == [0, 2, 4, 4, 6, 8, result.positions.values[0, 6]]
    if kind is Units:
        assert result.positions.values[0, 7] == 10
        assert result.costs["commission"] == 3.0
        assert set(result.orders["status"]) == {"filled"}


def test_a_target_filled_in_two_bars_is_filled() -> None:
    volume = [[10, 10, 10, 10]]
    costs = Costs(participation=0.7)
    result = held(flat(1, 4, volume=volume), [[10.5, N, N, N]], Units, costs=costs, lot=1.0, cash=2000.0)
    assert result.positions.values[0].tolist() == [0, 7, 10, 10]
    assert set(result.orders["status"]) == {"filled"}


def test_numbers_of_numpy_are_saved_too(tmp_path) -> None:
    limits = Limits(gross=np.float32(2.0), delist_after=np.int64(5))
    result = held(flat(1, 4), [[0.5, N, N, N]], limits=limits, borrow=np.bool_(True))
    result.save(tmp_path / "r.tw")
    assert load(tmp_path / "r.tw").setting.limits == Limits(gross=2.0, delist_after=5)


def test_a_newer_target_replaces_what_waits() -> None:
    volume = [[20] * 6]
    result = held(flat(1, 6, volume=volume), [[10, N, 0, N, N, N]], Units, costs=Costs(participation=0.1))
    assert result.positions.values[0].tolist() == [0, 2, 4, 2, 0, 0]


def test_units_that_wait_are_split_too() -> None:
    split = [[1, 1, 1.5, 1, 1]]
    result = held(flat(1, 5, split=split), [[3, 3, 4.5, 4.5, 4.5]], Units)
    assert result.positions.values[0].tolist() == [0, 3, 4.5, 4.5, 4.5]
    assert len(result.fills) == 1


def test_a_target_filled_in_part_leaves_the_stop_loss_of_the_rest() -> None:
    rows = [
        (100, 100, 100, 100),
        (100, 100, 100, 100),
        (100, 106, 100, 104),
        (80, 80, 80, 80),
        (80, 80, 80, 80),
    ]
    ds = prices(rows, volume=[8, 100, 8, 100, 100])
    order = {"quantity": 10, "stop_loss": 90.0, "take_profit": 105.0}
    result = placed(ds, first_bar(**order), costs=Costs(participation=0.5), cash=2000.0)
    assert result.fills["quantity"].tolist() == [10, -4, -6]
    assert result.fills["price"].tolist() == [100, 105, 80]
    assert result.positions.values[0, -1] == 0.0


@pytest.mark.parametrize(
    ("costs", "paid"),
    [
        ({"per_share": 0.0075, "minimum": 2.5}, 3.75),
        ({"per_share": 0.01, "fixed": 0.3}, 5.3),
        ({"fixed": 10.0}, 10.0),
    ],
)
def test_minimum_and_fixed_part_are_an_orders(costs, paid) -> None:
    """An order of 500 in three fills, as zipline charges it (tests/finance/test_commissions.py)."""
    ds = prices([(10, 10, 10, 10)] * 5, volume=[0, 230, 170, 100, 0])
    result = placed(ds, first_bar(quantity=500), costs=Costs(participation=1.0, **costs), cash=1e4)
    assert result.fills["quantity"].tolist() == [230, 170, 100]
    assert result.costs["commission"] == pytest.approx(paid)


def test_a_stop_that_follows_by_an_amount() -> None:
    rows = [(10, 10, 10, 10), (11, 13, 11, 12), (12, 14, 10.5, 11), (10, 11, 9, 10)]
    result = placed(prices(rows), first_bar(quantity=-10, trail_by=3.0), limits=Limits())
    assert result.fills["price"].tolist() == [10.0]  # 3 below the high of 14 is 11, and it opens at 10


def test_what_was_not_listed_yet_is_not_delisted() -> None:
    ds = flat(1, 6)
    for name in ("open", "high", "low", "close"):
        ds[name].values[0, :3] = N
    result = held(ds, [[5, *[N] * 5]], Units, limits=Limits(delist_after=2))
    assert result.positions.values[0, 4] == 5.0


@pytest.mark.parametrize("limits", [None, Limits(gross=2.0)])
def test_infinite_targets_are_refused(limits) -> None:
    ds = synthetic(3, 50, seed=1)
    for kind in (Weights, Units):
        with pytest.raises(errors.InvalidInputError, match="infinite"):
            held(ds, np.full((3, 50), np.inf), kind, limits=limits)


def test_a_future_pays_its_fixed_part_at_a_roll() -> None:
    ds = flat(1, 4, roll=[[0, 0, 1.0, 0]])
    result = held(ds, [[1, N, N, N]], Units, costs=Costs(fixed=2.0), instruments=Instruments(futures=("A",)))
    assert -result.books.flows["roll"].sum() == pytest.approx(4.0)


def test_a_slice_below_the_minimum_fee_buys_nothing() -> None:
    """It sold short: less than nothing was left of it after the fee."""
    ds = flat(1, 4).assign_attrs(script=(Signals, np.array([[1.0, 1, 1, 1]])))
    result = backtest(Given(), ds, cash=10.0, costs=Costs(minimum=20.0), remember=False)
    assert result.positions.values[0].tolist() == [0.0] * 4


def test_an_order_is_of_members_only() -> None:
    """What is no member is neither bought nor kept, whoever places the orders."""

    def on_bar(desk) -> None:
        if desk.bar < 5:
            desk.buy("A", 1)

    member = [[0, 0, 1, 1, 0, 0, 0]]
    ds = prices([(10, 10, 10, 10)] * 7)
    result = placed(ds.assign(member=(DIMS, np.array(member, float))), on_bar)
    assert result.positions.values[0].tolist() == [0, 0, 0, 1, 2, 0, 0]


@pytest.mark.parametrize("limits", [None, Limits()])
def test_what_is_gone_trades_no_more(limits) -> None:
    """Prices fall by half where three times the equity is held: all is sold, and nothing bought again."""
    ds = flat(1, 6)
    for name in ("open", "high", "low", "close"):
        ds[name].values[0, 3:] = 50.0
    result = held(ds, [[3.0, N, 3.0, 3.0, N, N]], borrow=True, limits=limits)
    assert result.positions.values[0].tolist() == [0, 30, 30, 0, 0, 0]
    assert result.equity.values[-1] == pytest.approx(-500.0)


@pytest.mark.parametrize("options", [{"limits": Limits(gross=1.0, minimum_notional=600.0)}, {"lot": 10.0}])
def test_room_is_made_by_what_is_really_sold(options) -> None:
    """Half of the first symbol is to make room for the second; it is too little to be sold."""
    target = [[1.0, 0.5, N, N], [N, 0.5, N, N]]
    result = held(flat(2, 4), target, borrow=True, **({"limits": Limits(gross=1.0)} | options))
    assert result.positions.values[:, -1].tolist() == [10, 0]
