"""Bands, channels and ranges."""

import xarray as xr

from tradewind.indicators._apply import Data, inputs_of, one, several
from tradewind.indicators._check import at_least
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

rolled = lazy("tradewind.indicators.rolled_loops")
scanned = lazy("tradewind.indicators.scanned_loops")
spread = lazy("tradewind.indicators.spread_loops")


@register(
    outputs=("upper", "middle", "lower"),
    warmup=lambda window, width: window - 1,
    reference="TA-Lib BBANDS (population standard deviation)",
    overlay=True,
    units={"width": "standard deviations"},
)
def bollinger(data: Data, window: int = 20, width: float = 2.0) -> xr.Dataset:
    """Bollinger bands: a simple average and a number of standard deviations (ddof 0) around it.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars averaged.
    width
        Half the width of the band, in standard deviations.

    Returns
    -------
    Dataset [symbol, time]
        ``upper``, ``middle``, ``lower`` in the unit of the input. NaN until a whole window is known, also
        after a hole.
    """
    at_least("bollinger", window=(window, 2), width=(width, 0.0))
    fields = inputs_of(data, ("close",), "bollinger")
    return several(spread.bollinger, fields, (window, width), ("upper", "middle", "lower"))


@register(inputs=("high", "low", "close"), warmup=lambda window: window, reference="TA-Lib ATR (Wilder 1978)")
def atr(data: xr.Dataset, window: int = 14) -> xr.DataArray:
    """Average true range, Wilder's smoothing.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars of the smoothing.

    Returns
    -------
    DataArray [symbol, time]
        In the unit of the prices. NaN for the first ``window`` bars and where a field is NaN.
    """
    at_least("atr", window=(window, 1))
    return one(scanned.atr, inputs_of(data, ("high", "low", "close"), "atr"), (window,), "atr")


@register(
    inputs=("high", "low"),
    outputs=("upper", "middle", "lower"),
    warmup=lambda window: window - 1,
    reference="TA-Lib MAX and MIN",
    overlay=True,
)
def donchian(data: Data, window: int = 20) -> xr.Dataset:
    """Donchian channel: the highest high and lowest low of the last bars, this one included.

    Parameters
    ----------
    data : Dataset [symbol, time] with ``high`` and ``low``, or DataArray
        One array, or a dataset that holds closes only, gives the channel of that array.
    window
        Bars looked back upon.

    Returns
    -------
    Dataset [symbol, time]
        ``upper``, ``middle``, ``lower`` in the unit of the prices. NaN until a whole window is known.
    """
    at_least("donchian", window=(window, 1))
    if isinstance(data, xr.Dataset) and "high" not in data and "low" not in data and "close" in data:
        data = data["close"]
    if isinstance(data, xr.DataArray):
        fields = inputs_of(data, ("close",), "donchian") * 2
    else:
        fields = inputs_of(data, ("high", "low"), "donchian")
    return several(rolled.donchian, fields, (window,), ("upper", "middle", "lower"))
