"""Momentum oscillators."""

import xarray as xr

from tradewind.errors import ParameterError
from tradewind.indicators._apply import Data, inputs_of, one, several
from tradewind.indicators._check import at_least
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

loops = lazy("tradewind.indicators.momentum_loops")


@register(warmup=lambda window: window, reference="TA-Lib RSI (Wilder 1978)")
def rsi(data: Data, window: int = 14) -> xr.DataArray:
    """Relative strength index, 0 to 100, Wilder's smoothing.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars of the smoothing.

    Returns
    -------
    DataArray [symbol, time]
        NaN for the first ``window`` bars and at holes.
    """
    at_least("rsi", window=(window, 2))
    return one(loops.rsi, inputs_of(data, ("close",), "rsi"), (window,), "rsi")


@register(
    outputs=("macd", "signal", "histogram"),
    warmup=lambda fast, slow, signal: slow + signal - 2,
    reference="TA-Lib MACD",
)
def macd(data: Data, fast: int = 12, slow: int = 26, signal: int = 9) -> xr.Dataset:
    """Moving average convergence divergence: the gap of two EMAs, its EMA, and the difference.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    fast, slow
        Bars of the two averages, ``fast < slow``.
    signal
        Bars of the signal line.

    Returns
    -------
    Dataset [symbol, time]
        ``macd``, ``signal``, ``histogram`` in the unit of the input, all NaN until the signal line exists.
    """
    at_least("macd", fast=(fast, 2), slow=(slow, 2), signal=(signal, 1))
    if fast >= slow:
        raise ParameterError(f"macd: fast ({fast}) must be below slow ({slow}).")
    fields = inputs_of(data, ("close",), "macd")
    return several(loops.macd, fields, (fast, slow, signal), ("macd", "signal", "histogram"))
