"""Statistics of a moving window, and volatility."""

import numpy as np
import xarray as xr

from tradewind.checks import at_least, named_array
from tradewind.errors import ParameterError
from tradewind.indicators._apply import Data, inputs_of, one, several
from tradewind.indicators.averages import sma
from tradewind.indicators.registry import register
from tradewind.lazy import lazy
from tradewind.vocabulary import TIME

loops = lazy("tradewind.indicators.windows_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
spread = lazy("tradewind.indicators.spread_loops")
YEAR = 252.0
SHARED = 8
"""Rows a thread takes at least beside one series, whose part of the work it does once for them."""


def _log(x: xr.DataArray) -> xr.DataArray:
    found: xr.DataArray = xr.ufuncs.log(x)
    return found


def _root(x: xr.DataArray, name: str) -> xr.DataArray:
    found: xr.DataArray = xr.ufuncs.sqrt(x)
    return found.rename(name)


@register(warmup=lambda window: window - 1, reference="TA-Lib MAX", overlay=True)
def rolling_max(data: Data, window: int = 20) -> xr.DataArray:
    """Highest value of the last bars.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    window
        Bars looked at, this one included.
    """
    at_least("rolling_max", window=(window, 1))
    return one(rolled.extreme, inputs_of(data, ("close",), "rolling_max"), (window, 1), "rolling_max")


@register(warmup=lambda window: window - 1, reference="TA-Lib MIN", overlay=True)
def rolling_min(data: Data, window: int = 20) -> xr.DataArray:
    """Lowest value of the last bars.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    window
        Bars looked at, this one included.
    """
    at_least("rolling_min", window=(window, 1))
    return one(rolled.extreme, inputs_of(data, ("close",), "rolling_min"), (window, 0), "rolling_min")


@register(warmup=lambda window, ddof: window - 1, reference="pandas rolling mean and std")
def zscore(data: Data, window: int = 20, ddof: int = 0) -> xr.DataArray:
    """Distance from the mean of the last bars, in their standard deviations.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    window
        Bars looked at, this one included.
    ddof
        0 for the population's deviation, as in Bollinger bands; 1 for the sample's. NaN where nothing moved.
    """
    at_least("zscore", window=(window, 2), ddof=(ddof, 0))
    return one(spread.zscore, inputs_of(data, ("close",), "zscore"), (window, float(window - ddof)), "zscore")


@register(warmup=lambda window: window - 1, reference="pandas rolling rank(pct=True)")
def rolling_rank(data: Data, window: int = 20) -> xr.DataArray:
    """Rank of the newest value among the last bars, as a share: 1 the highest; ties at their mean.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    window
        Bars looked at, this one included.
    """
    at_least("rolling_rank", window=(window, 1))
    return one(loops.order, inputs_of(data, ("close",), "rolling_rank"), (window, 1, 0.0), "rolling_rank")


@register(
    warmup=lambda window, quantile: window - 1, reference="pandas rolling quantile, linear", overlay=True
)
def rolling_quantile(data: Data, window: int = 20, quantile: float = 0.5) -> xr.DataArray:
    """Quantile of the last bars, by linear interpolation.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    window
        Bars looked at, this one included.
    quantile
        Between 0 and 1; 0.5 is the median.
    """
    at_least("rolling_quantile", window=(window, 1), quantile=(quantile, 0.0))
    if quantile > 1.0:
        raise ParameterError(f"rolling_quantile: quantile is between 0 and 1, not {quantile}.")
    fields = inputs_of(data, ("close",), "rolling_quantile")
    return one(loops.order, fields, (window, 0, quantile), "rolling_quantile")


def _same_times(x: xr.DataArray, other: xr.DataArray) -> bool:
    mine, theirs = x.get_index(TIME), other.get_index(TIME)
    return mine is theirs or mine.equals(theirs)


def _with(data: Data, other: xr.DataArray | None, name: str) -> list[xr.DataArray]:
    if other is None:
        raise ParameterError(f"{name} compares with another series.", "Give it as other=.")
    (x,) = inputs_of(data, ("close",), name)
    other = named_array(other, f"what {name} compares with")
    if other.dims == (TIME,) and (TIME not in other.coords or _same_times(x, other)):
        return [x, other]  # one series beside all rows, without a copy for each
    _, placed = xr.align(x, other, join="left")  # on the bars looked at, whatever others it knows
    return [x, placed.broadcast_like(x).transpose(*x.dims)]


@register(warmup=lambda other, window: window - 1, reference="TA-Lib CORREL")
def correlation(data: Data, other: xr.DataArray | None = None, window: int = 30) -> xr.DataArray:
    """Correlation with another series over the last bars.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    other : DataArray [time] or [symbol, time]
        What it is compared with.
    window
        Bars looked at, this one included.
    """
    at_least("correlation", window=(window, 2))
    return one(spread.correlation, _with(data, other, "correlation"), (window,), "correlation", grain=SHARED)


@register(warmup=lambda other, window: window, reference="TA-Lib BETA, of returns")
def beta(data: Data, other: xr.DataArray | None = None, window: int = 60) -> xr.DataArray:
    """Beta of simple returns on another series' over the last bars.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    other : DataArray [time] or [symbol, time]
        Prices of the market.
    window
        Returns looked at.
    """
    at_least("beta", window=(window, 2))
    return one(spread.beta, _with(data, other, "beta"), (window,), "beta", grain=SHARED)


@register(reference="value over its running maximum, less 1")
def drawdown(data: Data) -> xr.DataArray:
    """How far a value is below its highest so far; -0.2 is 20 %.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        ``close`` of a dataset.
    """
    return one(loops.drawdown, inputs_of(data, ("close",), "drawdown"), (), "drawdown")


@register(
    warmup=lambda window, periods: window,
    reference="sample deviation of log returns",
    units={"periods": "bars a year"},
)
def volatility(data: Data, window: int = 20, periods: float = YEAR) -> xr.DataArray:
    """Realised volatility of closes, a year: the sample deviation of log returns.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Returns looked at.
    periods
        Bars a year.
    """
    at_least("volatility", window=(window, 2), periods=(periods, 0.0))
    (x,) = inputs_of(data, ("close",), "volatility")
    logs = _log(x / x.shift({TIME: 1}))
    found = several(spread.mean_and_deviation, [logs], (window,), ("mean", "deviation"))["deviation"]
    yearly: xr.DataArray = found * np.sqrt(window / (window - 1) * periods)
    return yearly.rename("volatility")


@register(
    inputs=("high", "low"),
    warmup=lambda window, periods: window - 1,
    reference="Parkinson 1980",
    units={"periods": "bars a year"},
)
def parkinson(data: xr.Dataset, window: int = 20, periods: float = YEAR) -> xr.DataArray:
    """Realised volatility from high and low, a year.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high`` and ``low``.
    window
        Bars looked at.
    periods
        Bars a year.
    """
    at_least("parkinson", window=(window, 1), periods=(periods, 0.0))
    high, low = inputs_of(data, ("high", "low"), "parkinson")
    mean = sma(_log(high / low) ** 2, window)
    return _root(mean.clip(min=0.0) / (4.0 * np.log(2.0)) * periods, "parkinson")


@register(
    inputs=("open", "high", "low", "close"),
    warmup=lambda window, periods: window - 1,
    reference="Garman and Klass 1980",
    units={"periods": "bars a year"},
)
def garman_klass(data: xr.Dataset, window: int = 20, periods: float = YEAR) -> xr.DataArray:
    """Realised volatility from open, high, low and close, a year.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``open``, ``high``, ``low`` and ``close``.
    window
        Bars looked at.
    periods
        Bars a year.
    """
    at_least("garman_klass", window=(window, 1), periods=(periods, 0.0))
    o, h, low, c = inputs_of(data, ("open", "high", "low", "close"), "garman_klass")
    bar = 0.5 * _log(h / low) ** 2 - (2.0 * np.log(2.0) - 1.0) * _log(c / o) ** 2
    return _root(sma(bar, window).clip(min=0.0) * periods, "garman_klass")


@register(
    inputs=("open", "high", "low", "close"),
    warmup=lambda window, periods: window,
    reference="Yang and Zhang 2000",
    units={"periods": "bars a year"},
)
def yang_zhang(data: xr.Dataset, window: int = 20, periods: float = YEAR) -> xr.DataArray:
    """Realised volatility that also counts the jump from close to open, a year.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``open``, ``high``, ``low`` and ``close``.
    window
        Bars looked at.
    periods
        Bars a year.
    """
    at_least("yang_zhang", window=(window, 2), periods=(periods, 0.0))
    o, h, low, c = inputs_of(data, ("open", "high", "low", "close"), "yang_zhang")
    night = _log(o / c.shift({TIME: 1}))
    day = _log(c / o)
    rogers = _log(h / c) * _log(h / o) + _log(low / c) * _log(low / o)
    bessel = window / (window - 1.0)

    def variance(x: xr.DataArray) -> xr.DataArray:
        found = several(spread.mean_and_deviation, [x], (window,), ("mean", "deviation"))["deviation"]
        squared: xr.DataArray = found**2 * bessel
        return squared

    k = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    # The first bar has no night before it: leave it out of all three
    known = night.notnull()
    total = variance(night) + k * variance(day.where(known)) + (1.0 - k) * sma(rogers.where(known), window)
    return _root(total.clip(min=0.0) * periods, "yang_zhang")
