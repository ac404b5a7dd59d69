"""How indicators treat arrays: holes, late listings, dask, memory layouts, wrong input."""

import numpy as np
import pytest
import talib
import xarray as xr
from tradewind import errors
from tradewind import indicators as ti
from tradewind.testing import synthetic

DS = synthetic(3, 400, seed=1)
ALL = [i.name for i in ti.registry if i.name not in ("correlation", "beta")]  # these need another series


def outputs(result: xr.DataArray | xr.Dataset) -> xr.Dataset:
    return result.to_dataset(name="only") if isinstance(result, xr.DataArray) else result


@pytest.mark.parametrize("name", ALL)
def test_dask_gives_the_same_and_stays_lazy(name: str) -> None:
    plain = outputs(ti.registry[name](DS))
    lazy = outputs(ti.registry[name](DS.chunk({"symbol": 2, "time": 37})))
    for field in plain.data_vars:
        assert lazy[field].chunks is not None
        np.testing.assert_array_equal(lazy[field].values, plain[field].values)
        assert lazy[field].dims == plain[field].dims


@pytest.mark.parametrize("name", ALL)
def test_memory_layout_and_dim_order_do_not_matter(name: str) -> None:
    plain = outputs(ti.registry[name](DS))
    turned = outputs(ti.registry[name](DS.transpose("time", "symbol")))
    read_only = DS.copy(deep=True)
    for field in read_only.data_vars:
        read_only[field].values.flags.writeable = False
    locked = outputs(ti.registry[name](read_only))
    for field in plain.data_vars:
        assert turned[field].dims == ("time", "symbol")
        np.testing.assert_array_equal(turned[field].transpose("symbol", "time").values, plain[field].values)
        np.testing.assert_array_equal(locked[field].values, plain[field].values)


@pytest.mark.parametrize("name", ALL)
def test_the_future_never_changes_the_past(name: str) -> None:
    whole = outputs(ti.registry[name](DS))
    part = outputs(ti.registry[name](DS.isel(time=slice(0, 250))))
    for field in whole.data_vars:
        np.testing.assert_array_equal(whole[field].values[:, :250], part[field].values)


@pytest.mark.parametrize("name", ALL)
def test_a_late_listing_is_as_if_the_series_began_there(name: str) -> None:
    late = DS.where(DS["time"] >= DS["time"][120])
    shifted = outputs(ti.registry[name](late))
    fresh = outputs(ti.registry[name](DS.isel(time=slice(120, None))))
    for field in fresh.data_vars:
        assert np.isnan(shifted[field].values[:, :120]).all()
        np.testing.assert_allclose(shifted[field].values[:, 120:], fresh[field].values, rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_a_hole_is_nan_and_figures_return_after_it(name: str) -> None:
    holed = DS.copy(deep=True)
    for field in holed.data_vars:
        holed[field].values[:, 200] = np.nan
    found = outputs(ti.registry[name](holed))
    for field in found.data_vars:
        if not str(field).startswith("lead"):  # Ichimoku's cloud shows an earlier bar's figures
            assert np.isnan(found[field].values[:, 200]).all()
        assert np.isfinite(found[field].values[:, 330:]).all()


def test_sma_returns_one_window_after_a_hole() -> None:
    x = np.arange(60.0)
    x[30] = np.nan
    ours = ti.sma(xr.DataArray(x, dims="time"), 5).values
    assert np.isnan(ours[30:35]).all()
    np.testing.assert_allclose(ours[35:], np.arange(35, 60) - 2.0)
    assert np.isnan(talib.SMA(x, 5)[31:]).all()  # the convention we leave: it never recovers


def test_one_series_and_integers() -> None:
    x = xr.DataArray(np.arange(30), dims="time", name="count")
    assert ti.sma(x, 10).dims == ("time",)
    assert ti.sma(x, 10).values[-1] == 24.5


def test_wrong_input_says_what_would_be_right() -> None:
    with pytest.raises(errors.FieldNotFoundError, match="atr reads high, low, close"):
        ti.atr(DS[["close"]])
    with pytest.raises(errors.InvalidInputError, match="whole dataset"):
        ti.atr(DS["close"])
    with pytest.raises(errors.ParameterError, match="whole number"):
        ti.sma(DS["close"], 2.5)
    with pytest.raises(errors.ParameterError, match="at least 1"):
        ti.sma(DS["close"], 0)
    with pytest.raises(errors.ParameterError, match="below slow"):
        ti.macd(DS, 30, 10)
    with pytest.raises(errors.InvalidInputError, match="'time'"):
        ti.sma(xr.DataArray([1.0, 2.0], dims="x"))


def test_written_calls() -> None:
    call = ti.parse("bollinger(20, width=2.5)")
    assert call.label == "bollinger(20, 2.5)"
    xr.testing.assert_identical(call(DS["close"]), ti.bollinger(DS["close"], 20, 2.5))
    with pytest.raises(errors.NotFoundError, match="sma"):
        ti.parse("smaa(3)")
    for bad in ("sma(", "sma(x)", "__import__('os')", "a.b(1)"):
        with pytest.raises((errors.InvalidInputError, errors.NotFoundError)):
            ti.parse(bad)


def test_ones_own_indicator_is_like_the_others() -> None:
    @ti.register(warmup=lambda window: window, reference="this test")
    def wiggle(data: xr.DataArray, window: int = 3) -> xr.DataArray:
        """How far the price is from where it was."""
        return data - data.shift(time=window)

    try:
        import tradewind.accessor  # noqa: F401

        xr.testing.assert_identical(DS["close"].tw.wiggle(2), wiggle(DS["close"], 2))
        assert "wiggle" in repr(ti.registry.search("far the price"))
        assert "wiggle" in ti.registry._repr_html_()
        with pytest.raises(errors.ParameterError, match="windw"):
            ti.registry["wiggle"](DS["close"], windw=3)
    finally:
        del ti.registry.indicators["wiggle"]
