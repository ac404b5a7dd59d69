"""The order desk against its plain twin, over random markets, orders, costs and limits."""

import desk_twin
import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from tradewind.backtest import Costs, Desk, Financing, Instruments, Limits
from tradewind.backtest.desk import volatility_before
from tradewind.strategies import Orders, Strategy
from tradewind.testing import synthetic

WORDS = {"take": "take_profit", "loss": "stop_loss", "trailing": "trailing_stop"}


class Played(Strategy):
    """Places the orders that a test wrote down."""

    name = "played"
    title = "Played"

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds: xr.Dataset) -> Orders:
        script = ds.attrs["script"]

        def on_bar(desk: Desk) -> None:
            for ask in script.get(desk.bar, ()):
                options = {
                    WORDS.get(k, k): v for k, v in ask.items() if k not in ("symbol", "quantity", "kind")
                }
                if ask["kind"] == "stop" and "trailing_stop" in options and "stop" not in options:
                    options["trail"] = options.pop("trailing_stop")
                desk.order(ask["symbol"], ask["quantity"], **options)

        return Orders(on_bar)


def random_script(rng, ds, count):
    """Orders of all kinds at random bars, near the price."""
    symbols, bars = ds["close"].shape
    script = {}
    for _ in range(count):
        t, i = int(rng.integers(bars)), int(rng.integers(symbols))
        close = ds["close"].values[i, t]
        if np.isnan(close):
            continue
        side = float(rng.choice([-1, 1]))
        ask = {"symbol": i, "kind": "market", "quantity": side * float(rng.integers(1, 60))}
        kind = rng.choice(["market", "market", "limit", "stop", "stop limit", "trail"])
        if kind in ("limit", "stop limit"):
            ask |= {"kind": kind, "limit": close * (1 + side * rng.normal(0, 0.03))}
        if kind in ("stop", "stop limit"):
            ask |= {"kind": kind, "stop": close * (1 + side * rng.normal(0.01, 0.03))}
        if kind == "trail":
            far = {"trailing": rng.uniform(0.01, 0.1)} if rng.random() < 0.6 else {"trail_by": 0.04 * close}
            ask |= {"kind": "stop", **far}
        elif rng.random() < 0.4:
            ask["loss"] = close * (1 - side * rng.uniform(0.005, 0.08))
            if rng.random() < 0.7:
                ask["take"] = close * (1 + side * rng.uniform(0.005, 0.08))
            if rng.random() < 0.3:
                ask["trailing"] = rng.uniform(0.01, 0.1)
        ask["bars"] = int(rng.choice([0, 0, 1, 5]))
        ask["reduce"] = bool(rng.random() < 0.1)
        script.setdefault(t, []).append(ask)
    return script


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    symbols=st.integers(1, 3),
    bars=st.integers(2, 60),
    count=st.integers(1, 40),
    fill=st.sampled_from(["open", "close"]),
    holes=st.sampled_from([0.0, 0.2]),
    costs=st.fixed_dictionaries({
        "per_value": st.sampled_from([0.0, 1e-3]), "per_share": st.sampled_from([0.0, 0.01]),
        "minimum": st.sampled_from([0.0, 1.0]), "slippage": st.sampled_from([0.0, 1e-3]),
        "spread": st.sampled_from([0.0, 5e-4]), "volatility": st.sampled_from([0.0, 0.1]),
        "impact": st.sampled_from([0.0, 0.1]), "tax_buy": st.sampled_from([0.0, 5e-3]),
        "tax_sell": st.sampled_from([0.0, 1e-3]), "tiers": st.sampled_from([(), ((0.0, 2e-3), (1e4, 5e-4))]),
        "participation": st.sampled_from([0.0, 0.02]), "fixed": st.sampled_from([0.0, 3.0]),
    }),
    limits=st.fixed_dictionaries({
        "short": st.sampled_from(["allowed", "forbidden", "locate"]),
        "minimum_notional": st.sampled_from([0.0, 500.0]), "position": st.sampled_from([None, 0.3]),
        "gross": st.sampled_from([0.8, 2.0]), "turnover": st.sampled_from([None, 0.5]),
        "maintenance": st.sampled_from([0.0, 0.6]), "shortfall": st.sampled_from(["cut", "reject"]),
        "delist_after": st.sampled_from([0, 2]), "delist_loss": st.sampled_from([0.0, 0.5]),
    }),
    rates=st.tuples(st.sampled_from([0.0, 0.05]), st.sampled_from([0.0, 0.2]), st.sampled_from([0.0, 0.3])),
    borrow=st.booleans(),
    lot=st.sampled_from([0.0, 1.0, 10.0]),
    kind=st.sampled_from(["share", "future", "multiplier"]),
)  # fmt: skip
def test_equals_its_plain_twin(
    seed, symbols, bars, count, fill, holes, costs, limits, rates, borrow, lot, kind
) -> None:
    ds = synthetic(symbols, bars, seed=seed, holes=holes, volatility=0.8)
    if not ds["close"].notnull().any():
        return
    rng = np.random.default_rng(seed)
    dims, shape = ds["close"].dims, ds["close"].shape
    ds["volume"] = (dims, rng.uniform(100, 5000, shape))
    ds["dividend"] = (dims, np.where(rng.random(shape) < 0.05, 0.5, 0.0))
    ds["split"] = (dims, np.where(rng.random(shape) < 0.03, rng.choice([2.0, 1.5], shape), 1.0))
    ds["half_spread"] = (dims, np.where(rng.random(shape) < 0.5, 0.0, 1e-3))
    ds["roll"] = (dims, np.where(rng.random(shape) < 0.05, rng.normal(0, 1, shape), 0.0))
    script = random_script(rng, ds, count)
    names = [str(s) for s in ds["symbol"].values]
    locate = tuple(names[:1]) if limits["short"] == "locate" else ()
    things = Instruments(
        multiplier={names[0]: 5.0} if kind != "share" else {}, futures=(names[0],) if kind == "future" else ()
    )
    ds.attrs["script"] = script
    result = tw.backtest(
        Played(), ds, costs=Costs(**costs), cash=1e4, lot=lot, borrow=borrow, fill=f"next {fill}",
        limits=Limits(**limits, locate=locate), instruments=things,
        financing=Financing(cash_rate=rates[0], debt_rate=rates[1], borrow_fee=rates[2]), remember=False,
    )  # fmt: skip
    days = np.concatenate(
        ([0.0], np.diff(ds["time"].values).astype("timedelta64[s]").astype(float) / 86400.0)
    )
    rules = costs | limits | {
        "cash_rate": rates[0], "debt_rate": rates[1], "borrow_fee": rates[2], "years": days / 365.0,
        "borrow": borrow, "lot": lot, "fill": fill, "reject": limits["shortfall"] == "reject",
        "multiplier": [5.0 if kind != "share" and i == 0 else 1.0 for i in range(symbols)],
        "future": [kind == "future" and i == 0 for i in range(symbols)],
        "may_short": [limits["short"] == "allowed" or n in locate for n in names],
    }  # fmt: skip
    market = {str(n): ds[n].values.tolist() for n in ds.data_vars}
    market["sigma"] = volatility_before(*(ds[n].values for n in ("close", "split", "roll"))).tolist()
    twin = desk_twin.Twin(market, rules, 1e4).run(script)
    np.testing.assert_allclose(result.equity.values, twin.out["equity"], rtol=1e-8, atol=1e-5)
    np.testing.assert_allclose(result.cash.values, twin.out["cash"], rtol=1e-8, atol=1e-4)
    np.testing.assert_allclose(result.positions.values.T, twin.out["held"], rtol=1e-7, atol=1e-6)
    assert len(result.fills) == len(twin.fills)
    fees = sum(f[5] + f[6] for f in twin.fills)
    assert result.costs["commission"] + result.costs["taxes"] == pytest.approx(fees, rel=1e-7, abs=1e-6)
    check_invariants(result, ds)


def check_invariants(result, ds) -> None:
    """What holds for every run."""
    total = result.cash.values + result.values.values.sum(axis=0)
    np.testing.assert_allclose(total, result.equity.values, rtol=1e-9, atol=1e-6)
    orders = result.books.orders
    fills = orders.fills
    ours = ~np.isin(fills.kind, (6, 8))  # delisted, fractions of a split: no trades in the market
    low, high = (ds[n].values[fills.symbol, fills.filled][ours] for n in ("low", "high"))
    assert (fills.reference[ours] >= low * (1 - 1e-12)).all()
    assert (fills.reference[ours] <= high * (1 + 1e-12)).all()
    assert (fills.filled >= fills.decided).all()
    worth = fills.worth * np.abs(fills.quantity)
    parts = fills.spread + fills.slip + fills.impact
    np.testing.assert_allclose(parts, worth * np.abs(fills.price - fills.reference), rtol=1e-9, atol=1e-9)
    assert result.costs["commission"] == pytest.approx(fills.fee.sum())


@pytest.mark.parametrize("cut", [20, 45])
def test_the_future_never_changes_the_past(cut: int) -> None:
    ds = synthetic(3, 80, seed=4, holes=0.05, volatility=0.6)
    ds.attrs["script"] = random_script(np.random.default_rng(1), ds, 60)
    options = {"costs": Costs(per_value=1e-3, volatility=0.1, participation=0.01),
               "limits": Limits(gross=1.5, maintenance=0.5, delist_after=3), "borrow": True}  # fmt: skip
    whole = tw.backtest(Played(), ds, **options)
    part = tw.backtest(Played(), ds.isel(time=slice(0, cut)), **options)
    np.testing.assert_array_equal(part.equity.values, whole.equity.values[:cut])
    np.testing.assert_array_equal(part.positions.values, whole.positions.values[:, :cut])
