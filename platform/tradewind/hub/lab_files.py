"""JupyterLab's own files, given out while a server starts.

A server needs more than a second to start, in which the browser has nothing to do; then it fetches ninety
files through that server's one thread. The page that waits asks for them earlier, at the addresses they will
have, and the hub answers in the server's place. Their names contain digests, so a copy is never stale.
"""

import re
import sys
from functools import cache
from pathlib import Path

from jupyterhub.app import JupyterHub
from tornado.web import HTTPError, StaticFileHandler

SHARE = Path(sys.prefix) / "share" / "jupyter"
PLACES = {"static/lab": SHARE / "lab" / "static", "lab/extensions": SHARE / "labextensions"}
"""What comes behind a server's address, and the folder of this installation that it shows."""
LIST = Path(__file__).with_name("lab_files.txt")
"""The scripts that a Lab loads to show a notebook, digests left out; a browser test compares it."""
_DIGEST = re.compile(r"\.([0-9a-f]{16,})\.js$")


@cache
def early() -> tuple[str, ...]:
    """Return the addresses of the listed scripts below a server's, as Lab writes them.

    What is not installed is left out: a list that is out of date costs time, nothing else.
    """
    found = []
    for pattern in LIST.read_text().split():
        place = next(place for place in PLACES if pattern.startswith(place))
        for file in sorted(PLACES[place].glob(pattern.removeprefix(f"{place}/"))):
            digest = _DIGEST.search(file.name)
            asked = f"?v={digest[1]}" if digest and not file.name.startswith("remoteEntry.") else ""
            found.append(f"{place}/{file.relative_to(PLACES[place]).as_posix()}{asked}")
    return tuple(found)


class LabFileHandler(StaticFileHandler):
    """A script of JupyterLab, the same for everybody, for as long as the browser likes to keep it."""

    def set_extra_headers(self, path: str) -> None:
        """Say that it never changes."""
        if not _DIGEST.search(path):
            raise HTTPError(404)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.set_header("X-Content-Type-Options", "nosniff")


def serve() -> None:
    """Have the hub answer for servers that do not run, at addresses it redirects otherwise.

    There is no setting for routes outside ``<base>/hub``.
    """
    original = JupyterHub.init_handlers

    def init_handlers(self: JupyterHub) -> None:
        original(self)
        server = f"{re.escape(self.base_url)}user/(?:[^/]+/){{1,2}}"
        self.handlers[:0] = [
            (f"{server}{place}/(.+)", LabFileHandler, {"path": str(folder)})
            for place, folder in PLACES.items()
        ]

    JupyterHub.init_handlers = init_handlers
