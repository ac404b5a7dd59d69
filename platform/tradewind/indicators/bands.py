"""Bands, channels and ranges."""

import xarray as xr

from tradewind.checks import at_least
from tradewind.indicators._apply import Data, inputs_of, one, several
from tradewind.indicators.conventions import Smoothing, averaged, option, true_range
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

rolled = lazy("tradewind.indicators.rolled_loops")
scanned = lazy("tradewind.indicators.scanned_loops")
spread = lazy("tradewind.indicators.spread_loops")


@register(
    outputs=("upper", "middle", "lower"),
    warmup=lambda window, width, ddof: window - 1,
    reference="TA-Lib BBANDS (population standard deviation)",
    overlay=True,
    units={"width": "standard deviations"},
)
def bollinger(data: Data, window: int = 20, width: float = 2.0, *, ddof: int = 0) -> xr.Dataset:
    """Bollinger bands: a simple average and a number of standard deviations (ddof 0) around it.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars averaged.
    width
        Half the width of the band, in standard deviations.
    ddof
        0 for the population's deviation (TA-Lib), 1 for the sample's (pandas ``rolling.std``).

    Returns
    -------
    Dataset [symbol, time]
        ``upper``, ``middle``, ``lower`` in the unit of the input. NaN until a whole window is known, also
        after a hole.
    """
    at_least("bollinger", window=(window, ddof + 1 if ddof else 2), width=(width, 0.0), ddof=(ddof, 0))
    fields = inputs_of(data, ("close",), "bollinger")
    if ddof:
        width *= (window / (window - ddof)) ** 0.5
    return several(spread.bollinger, fields, (window, width), ("upper", "middle", "lower"))


@register(
    inputs=("high", "low", "close"),
    warmup=lambda window, smoothing, first_range: window - 1 if first_range else window,
    reference="TA-Lib ATR (Wilder 1978)",
)
def atr(
    data: xr.Dataset,
    window: int = 14,
    *,
    smoothing: Smoothing | str = Smoothing.WILDER,
    first_range: bool = False,
) -> xr.DataArray:
    """Average true range, Wilder's smoothing.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars of the smoothing.
    smoothing
        ``"wilder"`` (TA-Lib), ``"simple"`` (vectorbt) or ``"exponential"``.
    first_range
        Whether a bar without a close before it counts with its high less its low (StockCharts, LEAN);
        TA-Lib leaves it out.

    Returns
    -------
    DataArray [symbol, time]
        In the unit of the prices. NaN for the first ``window`` bars (one less with ``first_range``) and where
        a field is NaN.
    """
    at_least("atr", window=(window, 1))
    fields = inputs_of(data, ("high", "low", "close"), "atr")
    how = option(Smoothing, "atr", smoothing=smoothing)
    if first_range or how is not Smoothing.WILDER:
        return averaged(true_range(fields, first_range), window, how, "atr")
    return one(scanned.atr, fields, (window,), "atr")


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
