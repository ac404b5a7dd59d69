"""Moving averages."""

import xarray as xr

from tradewind.indicators._apply import Data, inputs_of, one
from tradewind.indicators._check import at_least
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

loops = lazy("tradewind.indicators.averages_loops")


@register(warmup=lambda window: window - 1, reference="TA-Lib SMA", overlay=True)
def sma(data: Data, window: int = 20) -> xr.DataArray:
    """Simple moving average.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars averaged.

    Returns
    -------
    DataArray [symbol, time]
        In the unit of the input. NaN until ``window`` values in a row are known; after a hole the average
        returns when a whole window is known again (TA-Lib's never recovers).
    """
    at_least("sma", window=(window, 1))
    return one(loops.sma, inputs_of(data, ("close",), "sma"), (window,), "sma")


@register(warmup=lambda window: window - 1, reference="TA-Lib EMA", overlay=True)
def ema(data: Data, window: int = 20) -> xr.DataArray:
    """Exponential moving average, smoothing 2 / (window + 1), seeded with a simple average.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars of the seed, and the span of the smoothing.

    Returns
    -------
    DataArray [symbol, time]
        In the unit of the input. NaN at a hole; the average goes on from where it was.
    """
    at_least("ema", window=(window, 1))
    return one(loops.ema, inputs_of(data, ("close",), "ema"), (window, 2.0 / (window + 1.0)), "ema")
