"""The service's own style and script, and htmx; the theme itself is served by the hub."""

import sys
from os import stat_result
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

OWN = Path(__file__).parent / "static"
HTMX_NAME = "htmx.min.js"
HTMX = Path(sys.prefix) / "share/tradewind/node/node_modules/htmx.org/dist" / HTMX_NAME


class Assets(StaticFiles):
    """Files under one address, which browsers may keep for long when it carries ``?v=``."""

    def __init__(self) -> None:
        super().__init__(directory=OWN)

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        """Find a file; of the node modules only htmx itself is served."""
        if path == HTMX_NAME:
            return (str(HTMX), HTMX.stat()) if HTMX.is_file() else ("", None)
        return super().lookup_path(path)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve a file."""
        response = await super().get_response(path, scope)
        versioned = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return response
