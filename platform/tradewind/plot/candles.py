"""Candles with indicators over and below them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from tradewind import indicators
from tradewind.errors import InvalidInputError, SymbolNotFoundError, did_you_mean
from tradewind.indicators.registry import Call
from tradewind.plot._ready import holoviews
from tradewind.plot.fit import LEGEND, sized
from tradewind.plot.palette import GAIN, GREY, LOSS, SERIES
from tradewind.vocabulary import OHLC, SYMBOL, TIME

WIDTH = 900
AT_ONCE = 500
"""Bars in view at first; more are reached by panning."""


def one_symbol(ds: xr.Dataset, symbol: str | None) -> xr.Dataset:
    """Pick one symbol of a dataset, which may be left out where there is only one.

    Raises
    ------
    SymbolNotFoundError
        The dataset does not hold it.
    InvalidInputError
        None was named and there are several.
    """
    if SYMBOL not in ds.dims:
        return ds
    known = [str(s) for s in ds[SYMBOL].values]
    if symbol is None:
        if len(known) != 1:
            raise InvalidInputError("Name the symbol to draw.", did_you_mean("", known))
        symbol = known[0]
    if symbol not in known:
        raise SymbolNotFoundError(f"The dataset has no symbol {symbol!r}.", did_you_mean(symbol, known))
    return ds.isel({SYMBOL: known.index(symbol)})


def candles(
    ds: xr.Dataset, symbol: str | None = None, overlays: Sequence[str] = (), *, height: int = 420
) -> Any:
    """Draw the bars of a symbol.

    Parameters
    ----------
    ds : Dataset [symbol, time]
        Bars; with closes only a line is drawn.
    symbol
        Which one.
    overlays
        Indicators written as calls: ``"sma(50)"``, ``"bollinger(20, 2)"``. Those that are prices are drawn
        over the bars, others, like ``"rsi(14)"``, in panels below.

    Returns
    -------
    holoviews element
        Shown by a notebook.
    """
    hv = holoviews()
    calls = [indicators.parse(text) for text in overlays]
    one = one_symbol(ds, symbol).load()
    name = str(one[SYMBOL].item()) if SYMBOL in one.coords else "Price"
    time = one[TIME].values
    price = _bars(hv, one, time) if all(f in one for f in OHLC) else _line(hv, one, time, name)
    colours = iter(SERIES[1:] * 4)
    over = [
        c for call in calls if call.indicator.overlay for c in _curves(hv, call, one, time, next(colours))
    ]
    shown = [name, *(c.label for c in calls if c.indicator.overlay)]
    options: dict[str, Any] = {
        **sized(WIDTH), "toolbar": "above", "show_grid": True, "xlabel": "", "xlim": _window(time),
        "legend_opts": LEGEND,
    }  # fmt: skip
    top = hv.Overlay([*price, *over]).opts(
        title=", ".join(shown), height=height, ylabel="price", legend_position="top_left", autorange="y",
        show_legend=bool(over), ylim=_span(one), **options,
    )  # fmt: skip
    below = [
        hv.Overlay(list(_curves(hv, call, one, time, next(colours)))).opts(
            title=call.label, height=160, ylabel="", autorange="y", legend_position="top_left", **options
        )
        for call in calls
        if not call.indicator.overlay
    ]
    return hv.Layout([top, *below]).cols(1) if below else top


def _window(time: np.ndarray) -> tuple[Any, Any] | None:
    return None if time.size <= AT_ONCE else (time[-AT_ONCE], time[-1])


def _span(one: xr.Dataset) -> tuple[float, float] | None:
    seen = one.isel({TIME: slice(-AT_ONCE, None)})
    low, high = (
        float(seen[f if f in seen else "close"].pipe(g)) for f, g in (("low", np.nanmin), ("high", np.nanmax))
    )
    room = 0.06 * (high - low)
    return (low - room, high + room) if high > low else None


def _step(time: np.ndarray) -> np.timedelta64:
    if time.size < 2:
        return np.timedelta64(1, "D")
    return np.timedelta64(int(np.median(np.diff(time.astype("datetime64[ns]")).astype(np.int64))), "ns")


def _bars(hv: Any, one: xr.Dataset, time: np.ndarray) -> list[Any]:
    known = np.isfinite(one["close"].values)
    t = time[known]
    o, h, low, c = (one[f].values[known] for f in OHLC)
    half = _step(time) * 35 // 100
    wicks = hv.Segments((t, low, t, h)).opts(color=GREY, line_width=1)
    hover = [("time", "@time{%F}"), ("open", "@open{0.00}"), ("high", "@high{0.00}"), ("low", "@low{0.00}"),
             ("close", "@close{0.00}")]  # fmt: skip
    from bokeh.models import HoverTool

    drawn = [wicks]
    for rising, colour in ((True, GAIN), (False, LOSS)):
        pick = (c >= o) == rising
        columns = (
            t[pick] - half,
            o[pick],
            t[pick] + half,
            c[pick],
            t[pick],
            o[pick],
            h[pick],
            low[pick],
            c[pick],
        )
        boxes = hv.Rectangles(columns, ["x0", "y0", "x1", "y1"], ["time", "open", "high", "low", "close"])
        tool = HoverTool(tooltips=hover, formatters={"@time": "datetime"})
        drawn.append(
            boxes.opts(color=colour, line_color=colour, fill_alpha=0.0 if rising else 1.0, tools=[tool])
        )
    return drawn


def _line(hv: Any, one: xr.Dataset, time: np.ndarray, name: str) -> list[Any]:
    curve = hv.Curve((time, one["close"].values), "time", "price", label=name)
    return [curve.opts(color=SERIES[0], line_width=1.2, tools=["hover"])]


def _curves(hv: Any, call: Call, one: xr.Dataset, time: np.ndarray, colour: str) -> list[Any]:
    data = one if len(call.indicator.inputs) > 1 else one["close"]
    found = call(data)
    parts = [found] if isinstance(found, xr.DataArray) else [found[n] for n in found.data_vars]
    dashes = ("solid",) if len(parts) == 1 else ("dotted", "solid", "dotted")
    return [
        hv.Curve((time, p.values), "time", "price" if call.indicator.overlay else call.indicator.name,
                 label=call.label if len(parts) == 1 else f"{call.label} {p.name}").opts(
            color=colour, line_width=1.3, line_dash=dash)
        for p, dash in zip(parts, dashes, strict=False)
    ]  # fmt: skip
