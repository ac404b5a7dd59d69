"""The dashboard host with a stand-in for the hub's identity beside it, on one address, as the proxy joins
them.

Only who a browser is comes from here; shares, runtimes, sandbox and pages are the real ones.
"""

import asyncio
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from tradewind.publish.host.app import Host
from tradewind.settings import Settings

THEME = Path(__file__).resolve().parents[2] / "platform" / "tradewind" / "hub" / "static"


@dataclass
class StandIn:
    """Who exists, who is signed in on which token, and the running host."""

    settings: Settings
    host: Host
    groups: dict[str, list[str]] = field(default_factory=dict)
    admins: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self.settings.port}"

    def run(self, coroutine):
        """Run a coroutine in the host's own loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    # ---- the hub's part --------------------

    async def authorize(self, request: web.Request) -> web.Response:
        """Sign in whoever the cookie ``who`` names."""
        code = f"{request.cookies.get('who', 'nobody')}:{secrets.token_hex(8)}"
        target = f"{request.query['redirect_uri']}?code={code}&state={request.query['state']}"
        raise web.HTTPFound(target)

    async def token(self, request: web.Request) -> web.Response:
        """Exchange a code for a token; PKCE's verifier must be there."""
        form = await request.post()
        assert form["code_verifier"]
        token = secrets.token_hex(16)
        self.tokens[token] = str(form["code"]).split(":")[0]
        return web.json_response({"access_token": token, "token_type": "Bearer"})

    async def user(self, request: web.Request) -> web.Response:
        """Say who a token is."""
        name = self.tokens.get(request.headers["Authorization"].split()[1])
        if name is None or name in self.removed:
            return web.json_response({}, status=403)
        return web.json_response(self.model(name))

    async def named(self, request: web.Request) -> web.Response:
        """Say what is known of a user."""
        return web.json_response(self.model(request.match_info["name"]))

    def model(self, name: str) -> dict[str, object]:
        """Describe a user as the hub does."""
        return {
            "name": name,
            "admin": name in self.admins,
            "groups": self.groups.get(name, []),
            "scopes": ["access:services!service=dashboards"],
        }


def free_port() -> int:
    """Return a port such that the one two above it is free as well."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 2))
            except OSError:
                continue
            return port


async def _serve(stand_in: StandIn, ready: threading.Event, stop: asyncio.Event) -> None:
    app = stand_in.host.application()
    app.router.add_get("/hub/api/oauth2/authorize", stand_in.authorize)
    app.router.add_post("/hub/api/oauth2/token", stand_in.token)
    app.router.add_get("/hub/api/user", stand_in.user)
    app.router.add_get("/hub/api/users/{name}", stand_in.named)
    app.router.add_static("/hub/static", Path(sys.prefix) / "share" / "jupyterhub" / "static")
    app.router.add_static("/hub/tw-static", THEME)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for port in (stand_in.settings.port, stand_in.settings.hub_port):
        await web.TCPSite(runner, "127.0.0.1", port).start()
    ready.set()
    await stop.wait()
    await runner.cleanup()


@contextmanager
def standing_in(settings: Settings) -> Iterator[StandIn]:
    """Run the host and the stand-in until the block ends."""
    stand_in = StandIn(settings, Host(settings, warm=False))
    ready, stop = threading.Event(), asyncio.Event()

    def work() -> None:
        asyncio.set_event_loop(stand_in.loop)
        stand_in.loop.run_until_complete(_serve(stand_in, ready, stop))
        stand_in.loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(20)
    try:
        yield stand_in
    finally:
        stand_in.loop.call_soon_threadsafe(stop.set)
        thread.join(30)
