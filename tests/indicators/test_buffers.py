"""Memory of results is used again only when nobody can see the result any more."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr
from tradewind import indicators as ti
from tradewind.indicators._buffers import _blocks, release, result_array

SHAPE = (64, 4096)
DS = xr.DataArray(np.random.default_rng(0).random(SHAPE), dims=("symbol", "time"))


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_what_is_let_go_is_used_again() -> None:
    release()
    first = address(result_array(SHAPE))
    assert address(result_array(SHAPE)) == first
    held = result_array(SHAPE)
    assert address(result_array(SHAPE)) != address(held)
    release()
    assert not _blocks
    held[:] = 1.0  # its memory is its own as long as it lives


def test_any_view_of_a_result_keeps_it() -> None:
    release()
    kept = [ti.sma(DS, 5).values[3:5, ::7], ti.sma(DS, 5).isel(symbol=1), memoryview(ti.sma(DS, 5).values)]
    copies = [np.array(k) for k in kept]
    for window in range(6, 20):
        ti.sma(DS, window)
        ti.rsi(DS, window)
    for one, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(np.asarray(one), copy)


def test_threads_never_share_a_block() -> None:
    expected = {w: ti.ema(DS, w).values.copy() for w in range(2, 10)}

    def check(k: int) -> bool:
        window = 2 + k % 8
        return bool(np.array_equal(ti.ema(DS, window).values, expected[window], equal_nan=True))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(check, range(120)))
