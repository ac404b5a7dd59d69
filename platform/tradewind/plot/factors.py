"""Figures of a factor study."""

from typing import Any

import numpy as np
import pandas as pd

from tradewind.factors import Study
from tradewind.plot._ready import holoviews
from tradewind.plot.fit import LEGEND_BELOW, sized
from tradewind.plot.palette import GREY, SERIES
from tradewind.plot.results import WIDTH


def _base(hv: Any) -> Any:
    return hv.HLine(0).opts(color=GREY, line_width=1)


def quantile_figure(study: Study, *, width: int | None = WIDTH) -> Any:
    """Mean return that followed, by bucket and period."""
    hv = holoviews()
    means = study.quantile_returns.mean("time") * 1e4
    bars = [
        (f"{int(q)}", f"{int(p)}", float(means.sel(quantile=q, period=p)))
        for q in means["quantile"].values
        for p in means["period"].values
    ]
    colours = list(SERIES[: means.sizes["period"]])
    ahead = hv.Dimension("bars ahead", values=[f"{int(p)}" for p in means["period"].values])
    return hv.Bars(bars, ["bucket", ahead], ("bp", "mean return")).opts(
        **sized(width), height=260, cmap=colours, color="bars ahead", show_grid=True, tools=["hover"],
        xlabel="bucket (1: lowest factor values), bars ahead", ylabel="against all symbols, bp",
        title=f"Returns that followed {study.name}, by bucket", show_legend=False, toolbar="above",
    )  # fmt: skip


def ic_figure(study: Study, *, window: int = 21, width: int | None = WIDTH) -> Any:
    """Information coefficient over time with its rolling mean, first period."""
    hv = holoviews()
    series = pd.Series(study.ic[0].values, index=study.ic["time"].values)
    period = int(study.ic["period"].values[0])
    bars = hv.Curve((series.index, series.to_numpy()), "time", ("ic", "IC"), label="each bar").opts(
        color=GREY, alpha=0.35, line_width=1
    )
    rolled = series.rolling(window, min_periods=window // 2).mean()
    mean = hv.Curve((rolled.index, rolled.to_numpy()), "time", ("ic", "IC"), label=f"mean of {window}").opts(
        color=SERIES[0], line_width=2, tools=["hover"]
    )
    return (bars * mean * _base(hv)).opts(
        **sized(width), height=240, xlabel="", ylabel="information coefficient", show_grid=True,
        title=f"Rank correlation with the return over {period} bar{'s' if period > 1 else ''}",
        legend_position="bottom", legend_opts=LEGEND_BELOW, toolbar="above",
    )  # fmt: skip


def decay_figure(study: Study, *, width: int | None = WIDTH) -> Any:
    """Mean information coefficient by how far ahead the bar lies."""
    hv = holoviews()
    points = [
        (str(int(h)), float(v))
        for h, v in zip(study.decay["horizon"].values, study.decay.values, strict=True)
    ]
    bars = hv.Bars(points, "bars ahead", ("ic", "mean IC")).opts(color=SERIES[0], tools=["hover"])
    return bars.opts(
        **sized(width), height=220, title="How long it knows: correlation with the return of one later bar",
        ylabel="mean IC", show_grid=True, toolbar="above",
    )  # fmt: skip


def growth_figure(study: Study, *, width: int | None = WIDTH) -> Any:
    """Growth of the buckets against all symbols, one-bar returns (or the shortest period there is)."""
    hv = holoviews()
    period = int(study.quantile_returns["period"].values[0])
    curves = []
    for k, q in enumerate(study.quantile_returns["quantile"].values):
        each = np.nan_to_num(study.quantile_returns.sel(quantile=q).isel(period=0).values) / period
        value = np.cumsum(each)
        colour = SERIES[k % len(SERIES)]
        curves.append(
            hv.Curve(
                (study.ic["time"].values, value), "time", ("sum", "sum of returns"), label=f"bucket {int(q)}"
            ).opts(color=colour, line_width=1.5, tools=["hover"])
        )
    return (hv.Overlay(curves) * _base(hv)).opts(
        **sized(width), height=280, xlabel="",
        title="Sum of the buckets' returns against all symbols, before costs",
        ylabel="sum of returns", show_grid=True, toolbar="above",
        legend_position="bottom", legend_opts=LEGEND_BELOW,
    )  # fmt: skip


def turnover_figure(study: Study, *, window: int = 21, width: int | None = WIDTH) -> Any:
    """Turnover of the extreme buckets."""
    hv = holoviews()
    curves = []
    for k, at in enumerate((0, -1)):
        one = study.turnover.isel(quantile=at)
        rolled = pd.Series(one.values).rolling(window, min_periods=1).mean()
        label = f"bucket {int(one['quantile'])}"
        curves.append(
            hv.Curve(
                (one["time"].values, rolled.to_numpy()), "time", ("share", "new symbols"), label=label
            ).opts(color=SERIES[k], tools=["hover"])
        )
    return hv.Overlay(curves).opts(
        **sized(width), height=200, xlabel="",
        title=f"Share of a bucket that is new each bar, mean of {window} bar{'s' if window > 1 else ''}",
        ylabel="share", show_grid=True, toolbar="above",
        legend_position="bottom", legend_opts=LEGEND_BELOW,
    )  # fmt: skip


FIGURES = (quantile_figure, growth_figure, ic_figure, decay_figure, turnover_figure)


def factor_figures(study: Study) -> Any:
    """Draw returns by bucket, their growth, the information coefficient, its decay, and turnover."""
    hv = holoviews()
    return hv.Layout([draw(study) for draw in FIGURES]).cols(1).opts(shared_axes=False)
