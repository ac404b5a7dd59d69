"""Figures: results, sweeps, candles; HoloViews on Bokeh, nothing from another server."""

from tradewind.plot.candles import candles
from tradewind.plot.factors import factor_figures
from tradewind.plot.grids import grid_heatmap
from tradewind.plot.results import (
    comparison_figure,
    drawdown_figure,
    equity_figure,
    monthly_figure,
    positions_figure,
    result_figures,
)

__all__ = [
    "candles",
    "comparison_figure",
    "drawdown_figure",
    "equity_figure",
    "factor_figures",
    "grid_heatmap",
    "monthly_figure",
    "positions_figure",
    "result_figures",
]
