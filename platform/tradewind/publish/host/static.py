"""Files of the product that dashboards share: front-end code, fonts, styles. Public, like the product
itself."""

import hashlib
import mimetypes
import re
import sys
from functools import cache
from pathlib import Path

import bokeh
import panel as pn
import voila
from aiohttp import web
from jupyter_server import DEFAULT_STATIC_FILES_PATH
from panel.io.resources import JS_VERSION

from tradewind.publish.host.launch import ASSETS

_SHARE = Path(sys.prefix) / "share" / "jupyter"
_YEAR = 31_536_000

ROOTS: dict[str, tuple[Path, ...]] = {
    "host": (ASSETS / "static",),
    "voila": (
        ASSETS / "voila" / "templates" / "tradewind" / "static",
        _SHARE / "voila" / "templates" / "lab" / "static",
        _SHARE / "voila" / "templates" / "base" / "static",
        _SHARE / "nbconvert" / "templates" / "lab" / "static",
        Path(voila.__file__).parent / "static",
        Path(DEFAULT_STATIC_FILES_PATH),
    ),
    "bokeh": (Path(bokeh.__file__).parent / "server" / "static" / "js",),
    "labextensions": (_SHARE / "labextensions", _SHARE / "voila" / "labextensions"),
    f"panel/{JS_VERSION}/dist": (Path(pn.__file__).parent / "dist",),
}
"""First part of the path, and the folders that are searched in order."""


@cache
def version() -> str:
    """Return a short digest of the host's own files, put behind their addresses."""
    digest = hashlib.sha256()
    for path in sorted((ASSETS / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def find(path: str) -> Path | None:
    """Return the file a static path leads to, if there is one; never one outside the listed folders."""
    for root, folders in ROOTS.items():
        if not path.startswith(root + "/"):
            continue
        name = path[len(root) + 1 :]
        for folder in folders:
            file = (folder / name).resolve()
            if file.is_file() and file.is_relative_to(folder.resolve()):
                return file
    return None


async def serve(request: web.Request) -> web.StreamResponse:
    """Answer a request for a static file."""
    file = find(request.match_info["path"])
    if file is None:
        raise web.HTTPNotFound(text="There is no such file.")
    headers = {
        "Access-Control-Allow-Origin": "*",  # fonts and modules are fetched by pages of opaque origin
        "Cache-Control": f"public, max-age={_YEAR if 'v' in request.query else 3600}",
        "X-Content-Type-Options": "nosniff",
    }
    if file.name == "katex.min.css":
        return web.Response(text=_without_fonts(file), content_type="text/css", headers=headers)
    kind = mimetypes.guess_type(file.name)[0]
    if kind:
        headers["Content-Type"] = kind
    return web.FileResponse(file, headers=headers)


@cache
def _without_fonts(file: Path) -> str:
    """Panel bundles KaTeX without its fonts: formulas are set in the system's instead of asking for files
    in vain."""
    return re.sub(r"@font-face\{[^}]*\}", "", file.read_text())
