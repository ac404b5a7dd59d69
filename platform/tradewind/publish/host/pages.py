"""The host's own pages: the frame around a dashboard, and what is said instead of one."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from tradewind.publish.host.identity import Viewer
from tradewind.publish.host.static import version
from tradewind.publish.model import prefix
from tradewind.settings import Settings

_HERE = Path(__file__).parent / "templates"
_SHARED = Path(__file__).resolve().parents[2] / "hub" / "templates"
"""The navigation bar and head that every page of the platform shares, by their place: imports only go
down."""


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE, _SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(
    settings: Settings, template: str, *, viewer: Viewer | None, status: int = 200, **values: Any
) -> web.Response:
    """Render one of the host's pages."""
    base = settings.base_url.rstrip("/") + "/"
    text = (
        _environment()
        .get_template(template)
        .render(base=base, prefix=prefix(settings), version=version(), viewer=viewer, **values)
    )
    response = web.Response(text=text, status=status, content_type="text/html")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
