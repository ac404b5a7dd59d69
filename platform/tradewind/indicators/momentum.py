"""Momentum oscillators."""

import xarray as xr

from tradewind.errors import ParameterError
from tradewind.indicators._apply import LANES, Data, inputs_of, one, several
from tradewind.indicators._check import at_least
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

loops = lazy("tradewind.indicators.momentum_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
smoothed = lazy("tradewind.indicators.smoothed_loops")


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
    return one(smoothed.rsi, inputs_of(data, ("close",), "rsi"), (window,), "rsi", grain=LANES)


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
    names = ("macd", "signal", "histogram")
    return several(smoothed.macd, fields, (fast, slow, signal), names, grain=LANES)


@register(warmup=lambda window: window, reference="TA-Lib ROC")
def roc(data: Data, window: int = 10) -> xr.DataArray:
    """Rate of change over a number of bars, in percent.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars looked back.
    """
    at_least("roc", window=(window, 1))
    return one(rolled.change, inputs_of(data, ("close",), "roc"), (window, 1), "roc")


@register(warmup=lambda window: window, reference="TA-Lib MOM")
def momentum(data: Data, window: int = 10) -> xr.DataArray:
    """Change over a number of bars, in the unit of the input.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars looked back.
    """
    at_least("momentum", window=(window, 1))
    return one(rolled.change, inputs_of(data, ("close",), "momentum"), (window, 0), "momentum")


@register(
    inputs=("high", "low", "close"),
    outputs=("k", "d"),
    warmup=lambda window, smooth, signal: window + smooth + signal - 3,
    reference="TA-Lib STOCH (simple averages)",
    units={"smooth": "bars"},
)
def stochastic(data: xr.Dataset, window: int = 5, smooth: int = 3, signal: int = 3) -> xr.Dataset:
    """Slow stochastic: where the close lies in the range of the last bars, 0 to 100, smoothed twice.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars of the range.
    smooth, signal
        Bars of the simple averages that give ``k`` and ``d``. Both are NaN until ``d`` exists; a market
        without a range counts 0.
    """
    at_least("stochastic", window=(window, 1), smooth=(smooth, 1), signal=(signal, 1))
    fields = inputs_of(data, ("high", "low", "close"), "stochastic")
    return several(rolled.stochastic, fields, (window, smooth, signal), ("k", "d"))


@register(inputs=("high", "low", "close"), warmup=lambda window: window - 1, reference="TA-Lib WILLR")
def williams_r(data: xr.Dataset, window: int = 14) -> xr.DataArray:
    """Williams %R: how far the close is below the highest high, as a share of the range, -100 to 0.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars of the range; a market without one counts 0.
    """
    at_least("williams_r", window=(window, 1))
    fields = inputs_of(data, ("high", "low", "close"), "williams_r")
    return one(rolled.williams_r, fields, (window,), "williams_r")


@register(
    inputs=("high", "low", "close"), warmup=lambda window: window - 1, reference="TA-Lib CCI (Lambert 1980)"
)
def cci(data: xr.Dataset, window: int = 14) -> xr.DataArray:
    """Commodity channel index: the typical price's distance from its mean, in 0.015 mean deviations.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars averaged.
    """
    at_least("cci", window=(window, 2))
    return one(rolled.cci, inputs_of(data, ("high", "low", "close"), "cci"), (window,), "cci")


@register(inputs=("high", "low", "close", "volume"), warmup=lambda window: window, reference="TA-Lib MFI")
def mfi(data: xr.Dataset, window: int = 14) -> xr.DataArray:
    """Money flow index, 0 to 100: the traded value of rising bars over that of all.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low``, ``close`` and ``volume``.
    window
        Bars added up; after a hole they are counted afresh.
    """
    at_least("mfi", window=(window, 2))
    fields = inputs_of(data, ("high", "low", "close", "volume"), "mfi")
    return one(loops.mfi, fields, (window,), "mfi")


@register(inputs=("close", "volume"), reference="TA-Lib OBV")
def obv(data: xr.Dataset) -> xr.DataArray:
    """On-balance volume: volume added on rising bars and taken off on falling ones, from the first bar's
    volume.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``close`` and ``volume``.
    """
    return one(smoothed.obv, inputs_of(data, ("close", "volume"), "obv"), (), "obv", grain=LANES)
