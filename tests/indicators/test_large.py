"""Results that exceed the cache are written another way: the same figures, whatever the rows' length."""

import numpy as np
import pytest
import xarray as xr
from tradewind import indicators as ti
from tradewind.indicators.memory_inline import BEYOND
from tradewind.testing import synthetic

NAMES = (
    "sma",
    "ema",
    "wma",
    "tema",
    "kama",
    "atr",
    "donchian",
    "williams_r",
    "stochastic",
    "momentum",
    "roc",
)


@pytest.fixture(scope="module", params=[0, 3], ids=["whole lines", "broken lines"])
def large(request: pytest.FixtureRequest) -> xr.Dataset:
    rows = 41
    ds = synthetic(rows, BEYOND // rows // 8 * 8 + 8 + request.param)
    ds["close"].values[7, 1000] = np.nan
    return ds


@pytest.mark.parametrize("name", NAMES)
def test_a_large_result_equals_that_of_its_rows(large: xr.Dataset, name: str) -> None:
    assert large["close"].size >= BEYOND
    whole = ti.registry[name](large)
    for i in (0, 7, 40):
        row = ti.registry[name](large.isel(symbol=[i]))
        for field in [None] if isinstance(whole, xr.DataArray) else list(whole.data_vars):
            ours, alone = (r if field is None else r[field] for r in (whole, row))
            np.testing.assert_array_equal(ours.values[i], alone.values[0])


def test_a_series_beside_all_rows_equals_one_for_each(large: xr.Dataset) -> None:
    market = large["close"].isel(symbol=3, drop=True)
    each = market.broadcast_like(large["close"])
    for indicator in (ti.correlation, ti.beta):
        np.testing.assert_array_equal(indicator(large, market, 30).values, indicator(large, each, 30).values)
