"""Where the shared look lives, for the hub and for every other page of the platform."""

import hashlib
from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
"""Jinja templates: ``tw/ui.html`` (shared macros) and the hub's pages."""

STATIC = Path(__file__).parent / "static"
"""Theme files, served by the hub at ``<base>/hub/tw-static/``."""


@cache
def version() -> str:
    """Return a short digest of the theme files, to be put behind their addresses as ``?v=``."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
