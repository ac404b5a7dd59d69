"""Figures inside a page, with the script that draws them."""

from collections.abc import Mapping
from typing import Any


def embedded(figures: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Return Bokeh's own script, the figures' script, and one container a figure."""
    import holoviews as hv
    from bokeh.embed import components
    from bokeh.util.paths import bokehjs_path

    models: dict[str, Any] = {}
    for name, figure in figures.items():
        model = hv.render(figure, backend="bokeh")
        model.sizing_mode = "stretch_width"
        model.toolbar.logo = None
        models[name] = model
    script, containers = components(models)
    # Bokeh's Resources would add the scripts of every extension that happens to be imported
    library = f"<script>{(bokehjs_path() / 'js' / 'bokeh.min.js').read_text(encoding='utf-8')}</script>"
    return library, script, containers
