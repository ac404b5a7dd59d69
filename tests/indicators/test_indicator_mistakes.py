"""Indicators say what they take; those of a user's own as well."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind import accessor, errors
from tradewind.indicators import Indicator, parse, register, registry
from tradewind.indicators.registry import RESERVED
from tradewind.testing import synthetic

DS = synthetic(3, 60, seed=1)
CLOSE = DS["close"]
KINDS = {
    "DataFrame": CLOSE.tw.frame(),
    "Series": CLOSE[0].to_series(),
    "ndarray": CLOSE.values,
    "list": [1.0, 2.0],
    "NoneType": None,
}
OURS = list(registry)
PAIRED = ("beta", "correlation")


@pytest.fixture(autouse=True)
def table_as_it_was() -> Iterator[None]:
    before = dict(registry.indicators)
    yield
    registry.indicators.clear()
    registry.indicators.update(before)


def compute(indicator: Indicator, data: Any) -> Any:
    return indicator.function(data, **({"other": CLOSE} if indicator.name in PAIRED else {}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("indicator", OURS, ids=lambda i: i.name)
def test_another_kind_is_refused_with_a_way_to_convert_it(indicator: Indicator, kind: str) -> None:
    told = rf"\w+ takes an xarray DataArray or Dataset, not a {kind}.*(xr|ds)"
    with pytest.raises(errors.InvalidInputError, match=told):
        compute(indicator, KINDS[kind])


@pytest.mark.parametrize("name", PAIRED)
def test_what_is_compared_with_has_labels(name: str) -> None:
    with pytest.raises(errors.InvalidInputError, match=f"What {name} compares with must be"):
        registry[name](CLOSE, other=CLOSE.values)


@pytest.mark.parametrize("indicator", OURS, ids=lambda i: i.name)
def test_no_bars_give_no_values(indicator: Indicator) -> None:
    none = DS.isel(time=slice(0, 0))
    found = compute(indicator, none)
    parts = [found] if isinstance(found, xr.DataArray) else [found[n] for n in indicator.outputs]
    assert [dict(p.sizes) for p in parts] == [{"symbol": 3, "time": 0}] * len(indicator.outputs)


def test_one_series_beside_rows_without_bars() -> None:
    assert tw.indicators.beta(CLOSE[:, :0], other=CLOSE[0, :0]).shape == (3, 0)


@pytest.mark.parametrize("name", PAIRED)
def test_a_longer_series_to_compare_with_is_put_on_the_bars(name: str) -> None:
    """The other series' bars before and after do not matter."""
    part, window = CLOSE[:, 10:50], 8
    for other in (CLOSE[0], CLOSE):
        expected = registry[name](part, other=other[..., 10:50], window=window)
        xr.testing.assert_allclose(registry[name](part, other=other, window=window), expected)
    beside = registry[name](CLOSE, other=part[0], window=window)  # unknown where the other has no bars
    known = 40 - registry[name].first_valid(None, window)
    assert beside.notnull().sum(dim="time").values.tolist() == [known] * 3


def test_a_users_own_indicator_tells_which_field_is_missing() -> None:
    @register(inputs=("close", "volume"))
    def turned(data: xr.Dataset, *, window: int = 5) -> xr.DataArray:
        """Money turned over."""
        return data["close"] * data["volume"] * window

    assert DS.tw.turned(2).equals(turned(DS, window=2))
    for call in (DS[["close"]].tw.turned, lambda: parse("turned(3)")(DS[["close"]])):
        with pytest.raises(errors.FieldNotFoundError, match=r"turned reads close, volume.* no 'volume'"):
            call()
    with pytest.raises(errors.InvalidInputError, match="given one array"):
        CLOSE.tw.turned()
    with pytest.raises(errors.InvalidInputError, match="not a DataFrame"):
        registry["turned"](KINDS["DataFrame"])


def test_a_field_that_was_not_declared_is_named_too() -> None:
    @register()
    def undeclared(data: xr.Dataset) -> xr.DataArray:
        """Reads more than it says."""
        return data["volumes"] + {"close": data["close"]}["close"]

    with pytest.raises(errors.FieldNotFoundError, match=r"'volumes'.*'volume'.*register\(inputs"):
        DS.tw.undeclared()

    @register()
    def mistaken(data: xr.Dataset) -> xr.DataArray:
        """Has a fault of its own."""
        return {}["close"] + data["close"]  # type: ignore[no-any-return]

    with pytest.raises(KeyError):
        DS.tw.mistaken()


def test_an_indicator_can_be_asked_for_by_its_name() -> None:
    def frame(data: xr.DataArray) -> xr.DataArray:
        return data

    for function in (lambda data: data, frame):
        with pytest.raises(errors.InvalidInputError, match="could not be asked for"):
            register()(function)
    theirs = {n for c in (accessor.ArrayAccessor, accessor.DatasetAccessor) for n in vars(c) if n[0] != "_"}
    assert set(RESERVED) == theirs


def test_the_table_is_searched_as_that_of_strategies_is() -> None:
    found = tw.indicators("bollinger")
    assert [i.name for i in found] == ["bollinger"]
    assert [i.name for i in registry("bollinger")] == ["bollinger"]
    assert [i.name for i in tw.indicators()] == tw.indicators.names()
    assert "bollinger" in repr(found)
    assert pickle.loads(pickle.dumps(tw.indicators)) is tw.indicators  # as plain modules by cloudpickle


def test_the_way_to_convert_works() -> None:
    there = xr.DataArray(CLOSE.tw.frame().T, dims=("symbol", "time"))
    np.testing.assert_array_equal(tw.indicators.sma(there, 5), tw.indicators.sma(CLOSE, 5))
