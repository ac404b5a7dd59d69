"""Moving averages."""

from functools import reduce
from operator import add

import xarray as xr

from tradewind.checks import at_least
from tradewind.indicators._apply import LANES, Data, inputs_of, one
from tradewind.indicators.conventions import Anchor, Price, Seed, exponential, option, since_the_session
from tradewind.indicators.registry import register
from tradewind.lazy import lazy

loops = lazy("tradewind.indicators.averages_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
scanned = lazy("tradewind.indicators.scanned_loops")
smoothed = lazy("tradewind.indicators.smoothed_loops")


PRICED_FROM = {
    Price.CLOSE: ("close",),
    Price.TYPICAL: ("high", "low", "close"),
    Price.OHLC4: ("open", "high", "low", "close"),
}
"""The fields whose mean a bar's price is."""


def mean_price(fields: list[xr.DataArray]) -> xr.DataArray:
    """The price of each bar, from the fields that :data:`PRICED_FROM` names for it."""
    return fields[0] if len(fields) == 1 else reduce(add, fields) / float(len(fields))


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
    return one(rolled.sma, inputs_of(data, ("close",), "sma"), (window,), "sma")


@register(
    warmup=lambda window, seed: 0 if seed == Seed.FIRST else window - 1, reference="TA-Lib EMA", overlay=True
)
def ema(data: Data, window: int = 20, *, seed: Seed | str = Seed.MEAN) -> xr.DataArray:
    """Exponential moving average, smoothing 2 / (window + 1), seeded with a simple average.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars of the seed, and the span of the smoothing.
    seed
        ``"mean"`` of the first window (TA-Lib), or the ``"first"`` value, shown from the first bar on (pandas
        ``ewm(span=window, adjust=False)``).

    Returns
    -------
    DataArray [symbol, time]
        In the unit of the input. NaN at a hole; the average goes on from where it was.
    """
    at_least("ema", window=(window, 1))
    fields = inputs_of(data, ("close",), "ema")
    if option(Seed, "ema", seed=seed) is Seed.FIRST:
        return exponential(fields[0], window, 2.0 / (window + 1.0), Seed.FIRST, "ema")
    return one(smoothed.ema, fields, (window, 2.0 / (window + 1.0)), "ema", grain=LANES)


@register(warmup=lambda window: window - 1, reference="TA-Lib WMA", overlay=True)
def wma(data: Data, window: int = 20) -> xr.DataArray:
    """Weighted moving average, weights falling by equal steps from the newest bar.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars averaged.
    """
    at_least("wma", window=(window, 1))
    return one(rolled.wma, inputs_of(data, ("close",), "wma"), (window,), "wma")


@register(warmup=lambda window: 2 * (window - 1), reference="TA-Lib DEMA (Mulloy 1994)", overlay=True)
def dema(data: Data, window: int = 20) -> xr.DataArray:
    """Double exponential moving average: twice the EMA less the EMA of the EMA.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars of each EMA.
    """
    at_least("dema", window=(window, 2))
    return _of_averages(data, window, 2, "dema")


@register(warmup=lambda window: 3 * (window - 1), reference="TA-Lib TEMA (Mulloy 1994)", overlay=True)
def tema(data: Data, window: int = 20) -> xr.DataArray:
    """Triple exponential moving average: three EMAs less three EMAs of EMAs, plus one of a third order.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars of each EMA.
    """
    at_least("tema", window=(window, 2))
    return _of_averages(data, window, 3, "tema")


def _of_averages(data: Data, window: int, order: int, name: str) -> xr.DataArray:
    fields = inputs_of(data, ("close",), name)
    return one(smoothed.ema_of_ema, fields, (window, 2.0 / (window + 1.0), order), name, grain=LANES)


@register(warmup=lambda window: window, reference="TA-Lib KAMA (Kaufman 1998)", overlay=True)
def kama(data: Data, window: int = 30) -> xr.DataArray:
    """Kaufman's adaptive moving average, between smoothings of 2 and 30 bars.

    Parameters
    ----------
    data : DataArray [symbol, time] or Dataset
        Prices; ``close`` of a dataset.
    window
        Bars over which the path's straightness is measured. After a hole the average begins afresh.
    """
    at_least("kama", window=(window, 2))
    return one(scanned.kama, inputs_of(data, ("close",), "kama"), (window,), "kama")


@register(
    inputs=("high", "low", "close", "volume"),
    warmup=lambda window, anchor, price: 0 if anchor == Anchor.SESSION else window - 1,
    reference="mean of (high + low + close) / 3 weighted by volume",
    overlay=True,
)
def vwap(
    data: xr.Dataset,
    window: int = 20,
    *,
    anchor: Anchor | str = Anchor.WINDOW,
    price: Price | str = Price.TYPICAL,
) -> xr.DataArray:
    """Volume-weighted average of the typical price over a moving window, or since the session began.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low``, ``close`` and ``volume``; or ``volume`` and what another price is made of.
    window
        Bars averaged. NaN where no volume traded in all of them.
    anchor
        ``"window"``, or ``"session"``: all bars since the session of the dataset's calendar began, as
        charts of a day show it; ``window`` is not used then. Bars without a price or volume are left out.
    price
        Of a bar: ``"typical"``, the mean of high, low and close; ``"ohlc4"``, that of open, high, low and
        close (LEAN); or ``"close"`` (the volume-weighted moving average of charts).
    """
    at_least("vwap", window=(window, 1))
    names = PRICED_FROM[option(Price, "vwap", price=price)]
    *prices, volume = inputs_of(data, (*names, "volume"), "vwap")
    priced = mean_price(prices)
    if option(Anchor, "vwap", anchor=anchor) is Anchor.SESSION:
        return since_the_session(priced, volume, str(data.attrs.get("calendar", "")))
    return one(loops.weighted_mean, [priced, volume], (window,), "vwap")
