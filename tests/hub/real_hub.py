"""A real hub and proxy, without the other programs of the platform, in a folder and on ports of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from live_platform import port_base, wait_for
from tradewind.hub import accounts, node
from tradewind.settings import REPOSITORY, Settings

GOOD = "gale-lantern-orbit-17"
"""A password that passes."""


def settings_in(home: Path, **values: Any) -> Settings:
    """Return settings of an installation that is not started."""
    settings = Settings(home=home, **values)
    settings.paths.create()
    return settings


class Hub:
    """One hub with its proxy and gateway.

    Parameters
    ----------
    home
        The state folder.
    path
        ``PATH`` of its programs, when it is not that of the tests.
    extra
        Further ``TRADEWIND_*`` settings.
    """

    def __init__(self, home: Path, *, path: str = "", **extra: str) -> None:
        port = port_base()
        given = {"TRADEWIND_HOME": str(home), "TRADEWIND_PORT": str(port), **extra}
        fields: dict[str, Any] = {
            key.removeprefix("TRADEWIND_").lower(): json.loads(value) if value.startswith("[") else value
            for key, value in given.items()
        }
        self.settings = settings_in(Path(fields.pop("home")), **fields)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TRADEWIND_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = {**kept, **given, **({"PATH": path} if path else {})}
        self.url = self.settings.public_url
        self.admin, password = accounts.ensure_first_admin(self.settings)
        self.admin_password = password or ""
        self._browsers: list[Browser] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start what is not running and wait for the sign-in page."""
        node.install()
        for name, argv in (
            ("proxy", ["-m", "tradewind.hub.proxy"]),
            ("gateway", ["-m", "tradewind.hub.gateway"]),
            ("hub", ["-m", "jupyterhub", "-f", str(REPOSITORY / "hub_config.py")]),
        ):
            if name not in self._running:
                with (self.settings.paths.logs / f"{name}.log").open("ab") as log:
                    self._running[name] = subprocess.Popen(
                        [sys.executable, "-P", *argv], env=self.environment, stdout=log, stderr=log
                    )
                if name == "proxy":
                    wait_for(lambda: self._answers(self.settings.proxy_api_port), "the proxy")
        wait_for(lambda: self._answers(self.settings.port, "/hub/health"), "the hub", seconds=90)

    def _answers(self, port: int, path: str = "/") -> bool:
        assert all(process.poll() is None for process in self._running.values()), self.log()
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).status_code < 500
        except httpx.HTTPError:
            return False

    def log(self) -> str:
        """Return the end of the hub's log."""
        return (self.settings.paths.logs / "hub.log").read_text(errors="replace")[-5000:]

    def kill(self, name: str) -> None:
        """``kill -9`` one program."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Stop user servers, then everything."""
        try:
            if "hub" in self._running and self._running["hub"].poll() is None:
                self._stop_servers()
        finally:
            for name in ("hub", "gateway", "proxy"):
                if name in self._running:
                    process = self._running.pop(name)
                    process.terminate()
                    process.wait(40)

    def _stop_servers(self) -> None:
        for user in self.api("GET", "users").json():
            for server in user["servers"]:
                path = f"servers/{server}" if server else "server"
                self.api("DELETE", f"users/{user['name']}/{path}")
        wait_for(
            lambda: not any(user["servers"] for user in self.api("GET", "users").json()), "no server left"
        )

    def api(self, method: str, path: str, *, token: str = "", **options: Any) -> httpx.Response:
        """Call the hub's API, with the rights of the platform's service unless a token is given."""
        token = token or self.settings.paths.secret("service")
        headers = {"Authorization": f"token {token}"}
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, f"{self.url}/hub/api/{path}", headers=headers, **options)

    def user(self, name: str) -> str:
        """Create an account that may sign in, and return its password."""
        accounts.sign_up(self.settings, name, GOOD)
        accounts.approve(self.settings, name, actor=self.admin)
        return GOOD

    def browser(self) -> "Browser":
        """Return a new client without cookies, closed with the hub."""
        made = Browser(self.url)
        self._browsers.append(made)
        return made

    def close_browsers(self) -> None:
        """Let go of all connections."""
        for browser in self._browsers:
            browser.client.close()
        self._browsers.clear()


class Browser:
    """A client with cookies that posts forms with their XSRF token.

    Parameters
    ----------
    url
        The platform's address.
    """

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=60)

    def get(self, path: str) -> httpx.Response:
        """Load a page, without following redirects."""
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Load a page for its token, then post a form to it."""
        self.client.get(path)
        token = self._token()
        return self.client.post(path, data={"_xsrf": token, **fields}, headers={"Sec-Fetch-Mode": "navigate"})

    def sign_in(self, username: str, password: str, **fields: str) -> httpx.Response:
        """Send the sign-in form."""
        return self.post("/hub/login", username=username, password=password, **fields)

    def step(self, **fields: str) -> httpx.Response:
        """Send the form of a further step."""
        return self.client.post("/hub/login", data={"_xsrf": self._token(), **fields})

    def _token(self) -> str:
        base = httpx.URL(str(self.client.base_url)).path.rstrip("/")
        return self.client.cookies.get("_xsrf", path=f"{base}/hub/") or ""

    @property
    def signed_in(self) -> bool:
        """Whether the hub knows this browser."""
        return self.client.get("/hub/home").status_code == 200
