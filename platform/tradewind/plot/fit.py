"""Figures that fit the width they get: titles wrap, legends and labels keep clear of one another."""

from functools import cache
from pathlib import Path
from typing import Any

LEGEND = {
    "label_text_font_size": "8.5pt", "glyph_width": 16, "glyph_height": 14, "spacing": 0, "padding": 2,
    "label_standoff": 4, "border_line_color": None, "background_fill_alpha": 0.8,
}  # fmt: skip
"""A legend small enough to be shown whole."""
LEGEND_BELOW = {**LEGEND, "spacing": 8}
_DONE = "tradewind fits"


def sized(width: int | None) -> dict[str, Any]:
    """Return the options of a figure that is so many pixels wide, or as wide as its place for None."""
    return {"hooks": [fit], **({"responsive": True} if width is None else {"width": width})}


@cache
def _code() -> str:
    return Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def fit(plot: Any, _element: Any) -> None:
    """Make a drawn figure follow its width; a hook of HoloViews.

    Parameters
    ----------
    plot
        HoloViews' plot, with Bokeh's figure in ``state``.
    """
    from bokeh.models import CustomJS, NoOverlap

    figure = plot.state
    if _DONE in figure.tags:  # a hook runs again whenever the figure is updated
        return
    figure.tags = [*figure.tags, _DONE]
    for axis in figure.xaxis:
        axis.major_label_policy = NoOverlap(min_distance=3)
    for axis in figure.yaxis:
        axis.major_label_policy = NoOverlap(min_distance=0)
    figure.js_on_change("inner_width", CustomJS(code=_code()))
