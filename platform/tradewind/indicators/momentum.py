"""Momentum oscillators."""

import xarray as xr

from tradewind.checks import at_least
from tradewind.errors import ParameterError
from tradewind.indicators._apply import LANES, Data, inputs_of, one, several
from tradewind.indicators.conventions import (
    MacdSeed,
    ObvStart,
    Smoothing,
    crossed_averages,
    from_zero,
    macd_warmup,
    option,
    relative_strength,
)
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

loops = lazy("tradewind.indicators.momentum_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
smoothed = lazy("tradewind.indicators.smoothed_loops")


@register(warmup=lambda window, smoothing: window, reference="TA-Lib RSI (Wilder 1978)")
def rsi(data: Data, window: int = 14, *, smoothing: Smoothing | str = Smoothing.WILDER) -> xr.DataArray:
    """Relative strength index, 0 to 100, Wilder's smoothing.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars of the smoothing.
    smoothing
        Of gains and losses: ``"wilder"`` (TA-Lib), ``"simple"`` (Cutler's; vectorbt) or ``"exponential"``.
        With the latter two a hole also takes the change after it along.

    Returns
    -------
    DataArray [symbol, time]
        NaN for the first ``window`` bars and at holes.
    """
    at_least("rsi", window=(window, 2))
    fields = inputs_of(data, ("close",), "rsi")
    how = option(Smoothing, "rsi", smoothing=smoothing)
    if how is not Smoothing.WILDER:
        return relative_strength(fields[0], window, how)
    return one(smoothed.rsi, fields, (window,), "rsi", grain=LANES)


@register(
    outputs=("macd", "signal", "histogram"),
    warmup=lambda fast, slow, signal, seed: macd_warmup(slow, signal, seed),
    reference="TA-Lib MACD",
)
def macd(
    data: Data,
    fast: int = 12,
    slow: int = 26,
    signal: int = 9,
    *,
    seed: MacdSeed | str = MacdSeed.TOGETHER,
) -> xr.Dataset:
    """Moving average convergence divergence: the gap of two EMAs, its EMA, and the difference.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    fast, slow
        Bars of the two averages, ``fast < slow``.
    signal
        Bars of the signal line.
    seed
        Where the averages start: ``"together"`` on the slow one's first bar (TA-Lib), ``"each"`` on its own
        first window (LEAN, StockCharts), or on the ``"first"`` value (pandas ``ewm(adjust=False)``).

    Returns
    -------
    Dataset [symbol, time]
        ``macd``, ``signal``, ``histogram`` in the unit of the input, all NaN until the signal line exists;
        with another seed each from where it is known.
    """
    at_least("macd", fast=(fast, 2), slow=(slow, 2), signal=(signal, 1))
    if fast >= slow:
        raise ParameterError(f"macd: fast ({fast}) must be below slow ({slow}).")
    fields = inputs_of(data, ("close",), "macd")
    names = ("macd", "signal", "histogram")
    start = option(MacdSeed, "macd", seed=seed)
    if start is not MacdSeed.TOGETHER:
        return crossed_averages(fields[0], (fast, slow, signal), start)
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


@register(inputs=("close", "volume"), warmup=lambda start: 0, reference="TA-Lib OBV")
def obv(data: xr.Dataset, *, start: ObvStart | str = ObvStart.VOLUME) -> xr.DataArray:
    """On-balance volume: volume added on rising bars and taken off on falling ones.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``close`` and ``volume``.
    start
        With the first bar's ``"volume"`` (TA-Lib) or from ``"zero"`` (StockCharts).
    """
    close, volume = inputs_of(data, ("close", "volume"), "obv")
    if option(ObvStart, "obv", start=start) is ObvStart.ZERO:
        volume = from_zero(close, volume)
    return one(smoothed.obv, [close, volume], (), "obv", grain=LANES)
