"""Figures of a backtest's result."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tradewind.backtest import Result
from tradewind.metrics import monthly_returns
from tradewind.metrics.calendar import MONTHS
from tradewind.plot._ready import holoviews
from tradewind.plot.fit import LEGEND, LEGEND_BELOW, sized
from tradewind.plot.palette import GAIN, GREY, LOSS, REST, SERIES, diverging

WIDTH = 900
SHOWN_POSITIONS = 7
"""Symbols drawn one by one where there are more than colours; the rest are summed."""


def equity_figure(result: Result, *, log: bool = False, height: int = 300, width: int | None = WIDTH) -> Any:
    """Equity over time, with the benchmark if there is one.

    Parameters
    ----------
    log
        A logarithmic value axis: equal steps are equal returns.
    width
        In pixels; None takes the width there is.
    """
    hv = holoviews()
    time = result.market.time
    curves = [
        hv.Curve((time, result.equity.values), "time", ("equity", "Equity"), label=result.setting.title)
    ]
    if result.benchmark is not None:
        name = str(result.benchmark.name)
        curves.append(hv.Curve((time, result.benchmark.values), "time", ("equity", "Equity"), label=name))
    styled = [
        c.opts(color=colour, line_width=1.5, tools=["hover"], line_dash="solid" if i == 0 else "dashed")
        for i, (c, colour) in enumerate(zip(curves, (SERIES[0], GREY), strict=False))
    ]
    return hv.Overlay(styled).opts(
        **sized(width), height=height, title=f"Equity: {result.setting.title}", xlabel="",
        ylabel="value in account currency",
        logy=log, yformatter=_money(), show_grid=True, legend_position="top_left", legend_opts=LEGEND,
        show_legend=len(styled) > 1, toolbar="above",
    )  # fmt: skip


def _money() -> Any:
    from bokeh.models import NumeralTickFormatter

    return NumeralTickFormatter(format="0,0.[0000]a")


def _percent() -> Any:
    from bokeh.models import NumeralTickFormatter

    return NumeralTickFormatter(format="0 %")


def drawdown_figure(result: Result, *, height: int = 180, width: int | None = WIDTH) -> Any:
    """How far the equity is below its peak, over time."""
    hv = holoviews()
    area = hv.Area((result.market.time, result.drawdown.values), "time", ("drawdown", "Drawdown"))
    return area.opts(
        **sized(width), height=height, color=LOSS, alpha=0.55, line_color=LOSS,
        title="Drawdown from the highest equity so far",
        xlabel="", ylabel="below peak", yformatter=_percent(), show_grid=True, tools=["hover"],
        toolbar="above",
    )  # fmt: skip


def monthly_figure(result: Result, *, width: int | None = WIDTH) -> Any:
    """Returns by year and month, as a heat map with the figures written in."""
    hv = holoviews()
    table = monthly_returns(result.returns.values, result.market.time)
    long = [
        (month, str(year), value * 100.0)
        for year, row in table[list(MONTHS)].iterrows()
        for month, value in row.items()
        if np.isfinite(value)
    ]
    long.sort(key=lambda cell: (cell[1], MONTHS.index(str(cell[0]))))
    most = 1.25 * max((abs(v) for _, _, v in long), default=0.0)  # not the full colours: figures lie on them
    most = max(most, 0.1)  # rounding errors are no returns
    years = sorted({year for _, year, _ in long}, reverse=True)
    kdims = [hv.Dimension("month", values=list(MONTHS)), hv.Dimension("year", values=years)]
    value = hv.Dimension("percent", label="return in %")
    heat = hv.HeatMap(long, kdims, value).opts(
        cmap=diverging(), clim=(-most, most), tools=["hover"], line_color="white", line_width=1
    )
    written = hv.Labels([(m, y, f"{v:z.1f}") for m, y, v in long], ["month", "year"], "text").opts(
        text_font_size="8pt", text_color="#222222"
    )
    return (heat * written).opts(
        **sized(width), height=max(140, 70 + 24 * len(years)), title="Monthly returns in %", xlabel="",
        ylabel="", xaxis="top", toolbar="above", fontsize={"xticks": "8pt", "yticks": "8pt"},
    )  # fmt: skip


def positions_figure(result: Result, *, height: int = 260, width: int | None = WIDTH) -> Any:
    """Weights held over time: the largest symbols one by one, the rest together."""
    hv = holoviews()
    weights = pd.DataFrame(result.weights.transpose("time", "symbol").to_pandas())
    order = weights.abs().mean().sort_values(ascending=False).index
    alone = len(order) if len(order) <= len(SERIES) else SHOWN_POSITIONS
    shown, rest = weights[order[:alone]], weights[order[alone:]]
    colours = list(SERIES[:alone])
    if rest.shape[1]:
        shown = pd.concat([shown, pd.Series(rest.sum(axis=1)).rename(f"{rest.shape[1]} others")], axis=1)
        colours.append(REST)
    signed = bool((shown.to_numpy() < -1e-12).any())
    make = hv.Curve if signed or shown.shape[1] == 1 else hv.Area
    parts = [
        make(
            (shown.index.to_numpy(), shown[name].to_numpy()), "time", ("weight", "Weight"), label=str(name)
        ).opts(color=colour, **({"line_color": colour, "line_width": 0.5} if make is hv.Area else {}))
        for name, colour in zip(shown.columns, colours, strict=True)
    ]
    drawn = hv.Area.stack(hv.Overlay(parts)) if make is hv.Area else hv.Overlay(parts)
    return drawn.opts(
        **sized(width), height=height, title="Positions as a share of equity", xlabel="", ylabel="weight",
        yformatter=_percent(), show_grid=True, toolbar="above",
        show_legend=len(parts) > 1, legend_position="bottom", legend_opts=LEGEND_BELOW,
    )  # fmt: skip


def result_figures(result: Result, *, log: bool = False) -> Any:
    """Draw equity, drawdown, monthly returns and positions below one another.

    Parameters
    ----------
    result
        A finished backtest.
    log
        A logarithmic axis for the equity.

    Returns
    -------
    holoviews.Layout
        Shown by a notebook; needs no other server.
    """
    hv = holoviews()
    figures = [
        equity_figure(result, log=log),
        drawdown_figure(result),
        monthly_figure(result),
        positions_figure(result),
    ]
    return hv.Layout(figures).cols(1).opts(shared_axes=False)


def yearly_colour(value: float) -> str:
    """The colour of a return."""
    return GAIN if value >= 0.0 or np.isnan(value) else LOSS


def comparison_figure(results: Mapping[str, Result], *, log: bool = False, width: int | None = WIDTH) -> Any:
    """Equity of several results, each as a multiple of its own capital.

    Parameters
    ----------
    results
        Name to result.
    log
        A logarithmic axis: equal steps are equal returns.
    width
        In pixels; None takes the width there is.
    """
    hv = holoviews()
    curves = [
        hv.Curve(
            (r.market.time, r.equity.values / r.setting.cash), "time", ("multiple", "Multiple"), label=name
        ).opts(color=SERIES[i % len(SERIES)], line_width=1.5, tools=["hover"])
        for i, (name, r) in enumerate(results.items())
    ]
    return hv.Overlay(curves).opts(
        **sized(width), height=320, title="Equity as a multiple of the capital", xlabel="", ylabel="multiple",
        logy=log, show_grid=True, legend_position="top_left", legend_opts=LEGEND, toolbar="above",
    )  # fmt: skip
