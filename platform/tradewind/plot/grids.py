"""Figures of a sweep."""

from typing import Any

import numpy as np

from tradewind.backtest import Grid
from tradewind.errors import InvalidInputError
from tradewind.metrics import FIGURES, Unit
from tradewind.plot._ready import holoviews
from tradewind.plot.fit import sized
from tradewind.plot.palette import SEQUENTIAL, SERIES, diverging

WIDTH = 700
SIGNED = frozenset({"total_return", "cagr", "sharpe", "sortino", "calmar", "expectancy"})


def grid_heatmap(grid: Grid, metric: str = "sharpe", *, x: str | None = None, y: str | None = None) -> Any:
    """Draw a metric over two parameters; other parameters at their best. One parameter gives a line.

    Parameters
    ----------
    grid
        A sweep.
    metric
        What the colours mean.
    x, y
        Parameters of the axes; the first two by default.

    Returns
    -------
    holoviews element
        With zero in the middle of the colours for metrics that have a sign.
    """
    hv = holoviews()
    values = grid[metric]
    names = grid.parameters
    figure = FIGURES[metric]
    scale = 100.0 if figure.unit is Unit.PERCENT else 1.0
    label = f"{figure.label} in %" if scale > 1.0 else figure.label
    many = "combination" if grid.trials == 1 else "combinations"
    title = f"{figure.label} of {grid.strategy.title}, {grid.trials:,} {many}"
    if len(names) == 1:
        line = hv.Curve(
            (values[names[0]].values, values.values * scale), names[0], hv.Dimension(metric, label=label)
        )
        return line.opts(
            **sized(WIDTH), height=350, title=title, color=SERIES[0], show_grid=True, tools=["hover"],
            toolbar="above",
        )  # fmt: skip
    if grid.sampled:
        return _scatter(grid, metric, (x or names[0], y), title, label)
    across = x or names[0]
    up = y or next(n for n in names if n != across)
    for name in (across, up):
        if name not in names:
            raise InvalidInputError(f"The sweep has no parameter {name!r}.", f"It has {', '.join(names)}.")
    rest = [n for n in names if n not in (across, up)]
    flat = (values.max(rest) if rest else values).transpose(up, across)
    shown = flat.values * scale
    known = shown[np.isfinite(shown)]
    options: dict[str, Any] = {"cmap": SEQUENTIAL}
    if metric in SIGNED and known.size:
        most = float(np.abs(known).max()) or 1.0
        options = {"cmap": diverging(), "clim": (-most, most)}
    value = hv.Dimension(metric, label=label)
    if all(np.issubdtype(flat[n].dtype, np.number) and _even(flat[n].values) for n in (across, up)):
        drawn: Any = hv.Image(hv.Dataset((flat[across].values, flat[up].values, shown), [across, up], value))
    else:
        cells = [
            (str(a), str(b), shown[j, i])
            for i, a in enumerate(flat[across].values)
            for j, b in enumerate(flat[up].values)
        ]
        drawn = hv.HeatMap(cells, [across, up], value)
    return drawn.opts(**_mapped(title, label), **options)


def _mapped(title: str, label: str) -> dict[str, Any]:
    """Options of a figure whose colours are numbers; the bar of colours lies below and takes no width."""
    return {
        **sized(WIDTH), "height": 480, "title": title, "tools": ["hover"], "toolbar": "above",
        "colorbar": True, "colorbar_position": "bottom", "clabel": label,
    }  # fmt: skip


def _even(values: np.ndarray) -> bool:
    return (
        values.size > 1
        and bool(np.allclose(np.diff(values), values[1] - values[0]))
        and values[1] > values[0]
    )


def _scatter(grid: Grid, metric: str, axes: tuple[str, str | None], title: str, label: str) -> Any:
    """The variants of a search as points, coloured by the metric."""
    hv = holoviews()
    across, up = axes
    up = up or next((n for n in grid.parameters if n != across), across)
    for name in (across, up):
        if name not in grid.parameters:
            raise InvalidInputError(
                f"The search has no parameter {name!r}.", f"It has {', '.join(grid.parameters)}."
            )
    values = grid[metric].values * (100.0 if FIGURES[metric].unit is Unit.PERCENT else 1.0)
    known = values[np.isfinite(values)]
    options: dict[str, Any] = {"cmap": SEQUENTIAL}
    if metric in SIGNED and known.size:
        most = float(np.abs(known).max()) or 1.0
        options = {"cmap": diverging(), "clim": (-most, most)}
    value = hv.Dimension(metric, label=label)
    points = hv.Points((grid.metrics[across].values, grid.metrics[up].values, values), [across, up], value)
    return points.opts(**_mapped(title, label), color=metric, size=7, **options)
