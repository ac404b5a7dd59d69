"""Named options where the field disagrees. TA-Lib's convention is always the default."""

from enum import StrEnum
from itertools import pairwise

import numpy as np
import xarray as xr

from tradewind import calendars
from tradewind.errors import ParameterError, word_of
from tradewind.indicators._apply import LANES, one
from tradewind.lazy import lazy
from tradewind.vocabulary import TIME

rolled = lazy("tradewind.indicators.rolled_loops")
smoothed = lazy("tradewind.indicators.smoothed_loops")


class Seed(StrEnum):
    """What an exponential average starts from."""

    MEAN = "mean"
    """The simple average of its first window (TA-Lib, LEAN, StockCharts)."""
    FIRST = "first"
    """The first value: pandas ``ewm(span, adjust=False)``."""


class MacdSeed(StrEnum):
    """Where the two averages of a MACD start."""

    TOGETHER = "together"
    """Both on the slow one's first bar, shown once the signal line exists (TA-Lib)."""
    EACH = "each"
    """Each on its own first window (LEAN, StockCharts)."""
    FIRST = "first"
    """Each on the first value: pandas ``ewm(span, adjust=False)``."""


class Smoothing(StrEnum):
    """How gains and losses, or ranges, are averaged."""

    WILDER = "wilder"
    """By ``1 / window``, seeded with a simple average (TA-Lib)."""
    SIMPLE = "simple"
    """A simple average of the window (Cutler's RSI; vectorbt)."""
    EXPONENTIAL = "exponential"
    """By ``2 / (window + 1)``, seeded with a simple average."""


class ObvStart(StrEnum):
    """What on-balance volume begins with."""

    VOLUME = "volume"
    """The first bar's volume (TA-Lib)."""
    ZERO = "zero"
    """Nothing (StockCharts)."""


class Anchor(StrEnum):
    """Which bars a volume-weighted average takes in."""

    WINDOW = "window"
    """The last bars."""
    SESSION = "session"
    """All since the session began."""


class Price(StrEnum):
    """Which price of a bar is averaged."""

    CLOSE = "close"
    """The last one."""
    TYPICAL = "typical"
    """``(high + low + close) / 3``."""
    OHLC4 = "ohlc4"
    """``(open + high + low + close) / 4`` (LEAN's volume-weighted average)."""


class DmiSeed(StrEnum):
    """How many changes Wilder's sums of a directional movement start from."""

    SHORT = "short"
    """One less than the window has, so that the first figure shown is smoothed once already (TA-Lib)."""
    WHOLE = "whole"
    """A whole window's (Wilder 1978, StockCharts, LEAN)."""


class Average(StrEnum):
    """Which moving average runs in the middle of a channel."""

    EMA = "ema"
    SMA = "sma"
    WMA = "wma"
    DEMA = "dema"
    TEMA = "tema"
    KAMA = "kama"


def option[E: StrEnum](kind: type[E], indicator: str, **given: E | str) -> E:
    """Read a convention from its name, given as ``parameter=name``.

    Raises
    ------
    ParameterError
        There is no such convention.
    """
    ((name, word),) = given.items()
    return word_of(kind, word, f"{indicator}: {name} cannot be {word!r}.", ParameterError)


def exponential(values: xr.DataArray, window: int, alpha: float, seed: Seed, name: str) -> xr.DataArray:
    """An exponential average from a seed; NaN at a hole, and on from where it was after it."""
    bars = window if seed is Seed.MEAN else 1
    return one(smoothed.ema, [values], (bars, alpha), name, grain=LANES)


def averaged(values: xr.DataArray, window: int, how: Smoothing, name: str) -> xr.DataArray:
    """Values smoothed over a window."""
    if how is Smoothing.SIMPLE:
        return one(rolled.sma, [values], (window,), name)
    alpha = 1.0 / window if how is Smoothing.WILDER else 2.0 / (window + 1.0)
    return exponential(values, window, alpha, Seed.MEAN, name)


def macd_warmup(slow: int, signal: int, seed: str) -> int:
    """Bars before a MACD's line is shown."""
    return {MacdSeed.TOGETHER: slow + signal - 2, MacdSeed.EACH: slow - 1, MacdSeed.FIRST: 0}[MacdSeed(seed)]


def crossed_averages(close: xr.DataArray, windows: tuple[int, int, int], start: MacdSeed) -> xr.Dataset:
    """A MACD of averages that do not wait for one another."""
    seed = Seed.FIRST if start is MacdSeed.FIRST else Seed.MEAN

    def average(values: xr.DataArray, window: int) -> xr.DataArray:
        return exponential(values, window, 2.0 / (window + 1.0), seed, "macd")

    fast, slow, signal = windows
    line = (average(close, fast) - average(close, slow)).assign_attrs(close.attrs)
    smooth = average(line, signal)
    return xr.Dataset({"macd": line, "signal": smooth, "histogram": line - smooth}, attrs=smooth.attrs)


def relative_strength(close: xr.DataArray, window: int, how: Smoothing) -> xr.DataArray:
    """The relative strength index with another smoothing; 0 where nothing moved."""
    change = close - close.shift({TIME: 1})
    gain = averaged(change.clip(min=0.0), window, how, "rsi")
    loss = averaged((-change).clip(min=0.0), window, how, "rsi")
    moved = gain + loss
    found: xr.DataArray = (100.0 * gain / moved.where(moved > 0.0)).where(moved > 0.0, moved)
    return found.assign_attrs(gain.attrs).rename("rsi")


def true_range(fields: list[xr.DataArray], first: bool) -> xr.DataArray:
    """The true range of high, low and close.

    ``first``: a bar without a close before it has its high less its low; otherwise it is not known.
    """
    high, low, close = fields
    before = close.shift({TIME: 1})
    known = high.notnull() & low.notnull() & close.notnull()
    if not first:
        known = known & before.notnull()
    top = xr.apply_ufunc(np.fmax, high, before, dask="allowed")
    bottom = xr.apply_ufunc(np.fmin, low, before, dask="allowed")
    found: xr.DataArray = (top - bottom).where(known)
    return found.assign_attrs(close.attrs)


def since_the_session(price: xr.DataArray, volume: xr.DataArray, calendar: str) -> xr.DataArray:
    """The volume-weighted average since each session's first bar; NaN until something traded in it."""
    days = calendars.session_dates(price[TIME].values, calendar or calendars.ALWAYS_OPEN)
    starts = np.flatnonzero(np.concatenate(([True], days[1:] != days[:-1])))

    def averaged_by_session(prices: np.ndarray, volumes: np.ndarray) -> np.ndarray:
        known = np.isfinite(prices) & np.isfinite(volumes)
        weights = np.where(known, volumes, 0.0)
        money = np.where(known, prices, 0.0) * weights
        found = np.empty_like(money)
        for first, last in pairwise((*starts.tolist(), money.shape[-1])):
            part = slice(first, last)
            traded = np.cumsum(weights[..., part], axis=-1)
            with np.errstate(invalid="ignore", divide="ignore"):
                found[..., part] = np.cumsum(money[..., part], axis=-1) / traded
        return found

    whole = [a.chunk({TIME: -1}) if a.chunks is not None else a for a in (price, volume)]
    found: xr.DataArray = xr.apply_ufunc(
        averaged_by_session, *whole, input_core_dims=[[TIME]] * 2, output_core_dims=[[TIME]],
        dask="parallelized", output_dtypes=[np.float64],
    )  # fmt: skip
    return found.transpose(*price.dims).assign_attrs(price.attrs).rename("vwap")


def from_zero(close: xr.DataArray, volume: xr.DataArray) -> xr.DataArray:
    """Volumes without the first bar's, with which on-balance volume would begin."""
    known = close.notnull() & volume.notnull()
    return volume.where(~(known & (known.cumsum(TIME) == 1)), 0.0)
