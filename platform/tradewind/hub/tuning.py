"""Two things of JupyterHub and Tornado that have no setting."""

from typing import Any

from jupyterhub import utils
from tornado.httpserver import HTTPServer

FIRST, FACTOR, LONGEST = 0.1, 1.5, 0.4
"""Seconds between looks at a server that is starting (the hub's own: 0.2 s, doubled, up to 5 s)."""


def look_more_often() -> None:
    """See sooner that a server is ready: the hub's own pauses add 0 to 4.4 s to each start."""
    defaults = utils.exponential_backoff.__defaults__
    if defaults[:3] == (0.2, 2, 5):
        utils.exponential_backoff.__defaults__ = (FIRST, FACTOR, LONGEST, *defaults[3:])


def limit_bodies(most: int, seconds: float = 60.0) -> None:
    """Refuse requests with large or endless bodies before they are in memory (Tornado's own limit: 100 MiB).

    Parameters
    ----------
    most
        Bytes.
    seconds
        In which a body must have arrived.
    """
    original = HTTPServer.initialize

    def initialize(self: HTTPServer, *args: Any, **options: Any) -> None:
        options.setdefault("max_body_size", most)
        options.setdefault("body_timeout", seconds)
        original(self, *args, **options)

    HTTPServer.initialize = initialize  # type: ignore[method-assign]
