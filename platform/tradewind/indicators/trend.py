"""Direction and trend."""

from typing import Literal

import xarray as xr

from tradewind.checks import at_least
from tradewind.indicators._apply import LANES, Data, inputs_of, one, several
from tradewind.indicators.averages import PRICED_FROM, dema, ema, kama, mean_price, sma, tema, wma
from tradewind.indicators.bands import atr, donchian
from tradewind.indicators.conventions import Average, DmiSeed, Price, Smoothing, option
from tradewind.indicators.registry import register, registry
from tradewind.lazy import lazy
from tradewind.vocabulary import TIME

loops = lazy("tradewind.indicators.trend_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
smoothed = lazy("tradewind.indicators.smoothed_loops")
RANGE = ("high", "low", "close")


AVERAGES = {
    Average.EMA: ema,
    Average.SMA: sma,
    Average.WMA: wma,
    Average.DEMA: dema,
    Average.TEMA: tema,
    Average.KAMA: kama,
}


@register(
    inputs=RANGE,
    outputs=("adx", "plus", "minus"),
    warmup=lambda window, seed: 2 * window - 1,
    reference="TA-Lib ADX, PLUS_DI, MINUS_DI (Wilder 1978)",
)
def dmi(data: xr.Dataset, window: int = 14, *, seed: DmiSeed | str = DmiSeed.SHORT) -> xr.Dataset:
    """Directional movement: the strength of a trend (``adx``) and its two directions, 0 to 100.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars of Wilder's sums. ``plus`` and ``minus`` begin after ``window`` bars, ``adx`` after ``2 window -
        1``.
    seed
        What the sums start from: ``"short"``, the first ``window - 1`` changes (TA-Lib), or ``"whole"``, the
        first ``window`` (Wilder's book, StockCharts, LEAN). Both are shown from the same bar on; the
        difference of the sums fades by a ``window``-th a bar.
    """
    at_least("dmi", window=(window, 2))
    fields = inputs_of(data, RANGE, "dmi")
    changes = window if option(DmiSeed, "dmi", seed=seed) is DmiSeed.WHOLE else window - 1
    return several(loops.dmi, fields, (window, changes), ("adx", "plus", "minus"))


@register(
    inputs=("high", "low"), warmup=lambda step, most: 1, reference="TA-Lib SAR (Wilder 1978)", overlay=True
)
def parabolic_sar(data: xr.Dataset, step: float = 0.02, most: float = 0.2) -> xr.DataArray:
    """Parabolic stop and reverse, in the unit of the prices.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high`` and ``low``.
    step, most
        Acceleration per new extreme, and its limit.
    """
    at_least("parabolic_sar", step=(step, 0.0), most=(most, 0.0))
    fields = inputs_of(data, ("high", "low"), "parabolic_sar")
    return one(smoothed.parabolic_sar, fields, (step, most), "parabolic_sar", grain=LANES)


@register(
    inputs=("high", "low"),
    outputs=("down", "up"),
    warmup=lambda window: window,
    reference="TA-Lib AROON (Chande)",
)
def aroon(data: xr.Dataset, window: int = 14) -> xr.Dataset:
    """Aroon: how recent the lowest low and the highest high are, 100 for now, 0 for ``window`` bars ago.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high`` and ``low``.
    window
        Bars looked back, besides the present one.
    """
    at_least("aroon", window=(window, 2))
    return several(rolled.aroon, inputs_of(data, ("high", "low"), "aroon"), (window,), ("down", "up"))


def _keltner_warmup(
    *,
    window: int,
    width: float,
    average: str,
    price: str,
    smoothing: str,
    first_range: bool,
    range_window: int | Literal["same"],
) -> int:
    bars = window if range_window == "same" else range_window
    noise = registry["atr"].first_valid(bars, smoothing=smoothing, first_range=first_range)
    return max(registry[average].first_valid(window), noise)


@register(
    inputs=RANGE,
    outputs=("upper", "middle", "lower"),
    warmup=_keltner_warmup,
    reference="EMA of the close and TA-Lib ATR around it (Raschke)",
    overlay=True,
    units={"width": "average true ranges"},
)
def keltner(
    data: xr.Dataset,
    window: int = 20,
    width: float = 2.0,
    *,
    average: Average | str = Average.EMA,
    price: Price | str = Price.CLOSE,
    smoothing: Smoothing | str = Smoothing.WILDER,
    first_range: bool = False,
    range_window: int | Literal["same"] = "same",
) -> xr.Dataset:
    """Keltner channel: an exponential average and a number of average true ranges around it.

    LEAN's is ``average="sma", price="typical", smoothing="simple", first_range=True``.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``; also ``open`` for ``price="ohlc4"``.
    window
        Bars of the average and of the true range.
    width
        Half the width, in average true ranges.
    average
        The line in the middle: ``"ema"``, ``"sma"``, ``"wma"``, ``"dema"``, ``"tema"`` or ``"kama"``.
    price
        What the middle averages: the ``"close"``; ``"typical"``, the mean of high, low and close (Keltner,
        LEAN); or ``"ohlc4"``, that of open, high, low and close.
    smoothing, first_range
        Of the true range, as in :func:`atr`: ``"wilder"``, ``"simple"`` (LEAN) or ``"exponential"``, and
        whether the first bar's range counts.
    range_window
        Bars of the true range: the ``"same"`` as the average's, or a number (StockCharts: 10 beside 20).
    """
    bars = window if range_window == "same" else range_window
    at_least("keltner", window=(window, 1), width=(width, 0.0), range_window=(bars, 1))
    averaged = AVERAGES[option(Average, "keltner", average=average)]
    source = option(Price, "keltner", price=price)
    how = option(Smoothing, "keltner", smoothing=smoothing)
    noise = atr(data, bars, smoothing=how, first_range=first_range)
    prices = mean_price(inputs_of(data, PRICED_FROM[source], "keltner"))
    middle = averaged(prices, window).where(noise.notnull())
    return xr.Dataset({"upper": middle + width * noise, "middle": middle, "lower": middle - width * noise})


@register(
    inputs=("high", "low"),
    outputs=("conversion", "base", "lead_a", "lead_b"),
    warmup=lambda conversion, base, lead: conversion - 1,
    reference="Hosoda 1969; without the lagging line, which shows the future's close",
    overlay=True,
    units={"conversion": "bars", "base": "bars", "lead": "bars"},
)
def ichimoku(data: Data, conversion: int = 9, base: int = 26, lead: int = 52) -> xr.Dataset:
    """Ichimoku's lines: middles of three channels, the cloud shifted ``base`` bars ahead.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high`` and ``low``.
    conversion, base, lead
        Bars of the channels. ``lead_a`` and ``lead_b`` at a bar are those computed ``base`` bars before it.
    """
    at_least("ichimoku", conversion=(conversion, 1), base=(base, 1), lead=(lead, 1))
    short, middle, long = (donchian(data, w)["middle"] for w in (conversion, base, lead))
    shifted = {TIME: base}
    return xr.Dataset(
        {
            "conversion": short,
            "base": middle,
            "lead_a": ((short + middle) / 2.0).shift(shifted),
            "lead_b": long.shift(shifted),
        }
    )


@register(
    inputs=RANGE,
    outputs=("line", "side"),
    warmup=lambda window, width, first_range: window - 1 if first_range else window,
    reference="Seban; on TA-Lib ATR",
    overlay=True,
    units={"width": "average true ranges"},
)
def supertrend(
    data: xr.Dataset, window: int = 10, width: float = 3.0, *, first_range: bool = False
) -> xr.Dataset:
    """SuperTrend: a stop line that follows the price, and its side, 1 below a rising price and -1 above a
    falling one.

    Parameters
    ----------
    data : Dataset [symbol, time]
        With ``high``, ``low`` and ``close``.
    window
        Bars of the average true range.
    width
        Distance from the middle of the bar, in average true ranges.
    first_range
        As in :func:`atr`: whether the first bar's range counts (TradingView, LEAN).
    """
    at_least("supertrend", window=(window, 1), width=(width, 0.0))
    fields = [*inputs_of(data, RANGE, "supertrend"), atr(data, window, first_range=first_range)]
    return several(loops.supertrend, fields, (width,), ("line", "side"))
