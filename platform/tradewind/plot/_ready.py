"""Make HoloViews ready once: Bokeh, its scripts inside the page, nothing from outside."""

from functools import cache
from typing import Any


@cache
def holoviews() -> Any:
    """Return HoloViews with Bokeh loaded; no figure it makes waits for another server."""
    import holoviews as hv  # a second to import; only figures need it

    hv.extension.inline = True
    if not getattr(hv.extension, "_loaded", False):  # megabytes of scripts: once a page is enough
        hv.extension("bokeh", logo=False)
    hv.output(widget_location="bottom")
    return hv
