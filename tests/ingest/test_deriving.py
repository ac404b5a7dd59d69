"""Figures of one's own as a dataset: round trip, versions, the guard, sweeping refusals."""

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind.errors import InvalidInputError, LookaheadError
from tradewind.testing import synthetic


@pytest.fixture
def prices(stores) -> xr.Dataset:
    """A stored dataset, as ``tw.open`` gives it."""
    tw.ingest.frame(synthetic(3, 60)[["close"]], "mine/prices", calendar="XNYS", accept=["jump", "move"])
    return tw.open("mine/prices")


def test_an_indicator_is_stored_and_read_like_any_dataset(prices: xr.Dataset) -> None:
    rsi = prices.tw.rsi(14).rename("rsi")
    change = tw.ingest.derived(rsi, "mine/rsi", of=prices, description="RSI of 14 days")
    stored = tw.open("mine/rsi")
    xr.testing.assert_equal(stored["rsi"].drop_attrs(), rsi.drop_attrs())
    assert (stored.attrs["frequency"], stored.attrs["calendar"]) == ("1d", "XNYS")
    (info,) = [i for i in tw.catalog() if i.name == "mine/rsi"]
    assert info.source == "derived from mine/prices" and info.description == "RSI of 14 days"
    newest = tw.history("mine/rsi")[0]
    assert newest.message == f"Derived rsi from mine/prices at {prices.attrs['snapshot']}"
    assert dict(newest.metadata)["derived_from"]["snapshot"] == prices.attrs["snapshot"]
    assert tw.ingest.derived(rsi, "mine/rsi", of=prices).snapshot == change.snapshot, (
        "the same twice changes nothing"
    )


def test_several_figures_grow_and_old_snapshots_stay(prices: xr.Dataset) -> None:
    both = xr.Dataset({"fast": prices.tw.sma(5), "slow": prices.tw.sma(20)}, attrs=prices.attrs)
    first = tw.ingest.derived(both.isel(time=slice(0, 50)), "mine/averages")
    tw.ingest.derived(both, "mine/averages")
    np.testing.assert_array_equal(tw.open("mine/averages")["slow"], both["slow"])
    assert tw.open("mine/averages", as_of=first.snapshot).sizes["time"] == 50


def test_derived_figures_are_guarded(prices: xr.Dataset) -> None:
    tw.ingest.derived(prices.tw.rsi(14).rename("rsi"), "mine/rsi", of=prices)
    last = prices["time"].values[-1]
    with tw.guard(until=str(last.astype("M8[D]"))), pytest.raises(LookaheadError):
        tw.open("mine/rsi")["rsi"].load()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda ds: ds["close"].rename(None), "no name"),
        (lambda ds: ds["close"].isel(symbol=0).rename("x"), "dims"),
        (lambda ds: ds["close"].rename("actions"), "cannot be a field's name"),
        (lambda ds: ds["close"].rename("two words"), "cannot be a field's name"),
        (lambda ds: (ds["close"] * np.inf).rename("x"), "infinite"),
        (lambda ds: ds["close"].astype(str).rename("x"), "not numbers"),
        (lambda ds: ds["close"].drop_attrs().rename("x").to_dataset(), "how long"),
        (lambda ds: xr.Dataset(), "no figures"),
    ],
)
def test_what_cannot_be_stored_is_refused(prices: xr.Dataset, make, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        tw.ingest.derived(make(prices), "mine/refused", of=None if said == "how long" else prices)
    assert "mine/refused" not in [i.name for i in tw.catalog()]
