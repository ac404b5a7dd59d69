"""A view: one page of one dashboard, open in one browser session, and the key that its requests carry."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from tradewind.publish.host.identity import Session
from tradewind.publish.host.launch import PLACEHOLDER
from tradewind.publish.host.runtimes import Process

UNUSED_SECONDS = 3600.0
"""A key without an open connection is forgotten after this."""


@dataclass(kw_only=True, eq=False)
class View:
    """One page, and what it has open."""

    key: str
    session: Session
    process: Process
    used: float = field(default_factory=time.monotonic)
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    @property
    def slug(self) -> str:
        """The dashboard."""
        return self.process.slug


class Views:
    """All open pages."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}

    def __iter__(self) -> Iterator[View]:
        return iter(list(self._views.values()))

    def open(self, session: Session, process: Process) -> View:
        """Make a key for a page that is about to be shown."""
        for view in self._views.values():  # reloading a page does not pile up keys
            if view.session is session and view.process is process and not view.sockets:
                view.used = time.monotonic()
                return view
        key = "~" + secrets.token_urlsafe(24)
        assert len(key) == len(PLACEHOLDER)
        self._views[key] = view = View(key=key, session=session, process=process)
        return view

    def find(self, key: str) -> View | None:
        """Return the view a key belongs to."""
        return self._views.get(key)

    async def close(self, view: View, *, reason: str) -> None:
        """Forget a key and close what it has open."""
        self._views.pop(view.key, None)
        for socket in list(view.sockets):
            await socket.close(code=4403, message=reason.encode())

    def forget_unused(self) -> None:
        """Forget keys that nobody has used for long."""
        now = time.monotonic()
        for view in self:
            if not view.sockets and now - view.used > UNUSED_SECONDS:
                self._views.pop(view.key, None)
