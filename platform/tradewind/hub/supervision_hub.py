"""What the supervision asks of a running hub: is it there, whose servers run, which kernels are busy."""

import time
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from tradewind.settings import Settings

_PAGE = 200


@dataclass(frozen=True)
class Server:
    """One user server that is running or on its way.

    Parameters
    ----------
    user
        Whose it is.
    name
        Its name, empty for the default one.
    url
        Its path, such as ``/user/ada/``.
    """

    user: str
    name: str
    url: str


class Hub:
    """The hub of an installation, asked with the ``ops`` token.

    Parameters
    ----------
    settings
        The installation's settings.
    """

    def __init__(self, settings: Settings) -> None:
        prefix = settings.base_url.rstrip("/")
        headers = {"Authorization": f"token {settings.paths.secret('ops')}"}
        self._api = httpx.Client(
            base_url=f"http://127.0.0.1:{settings.hub_port}{prefix}/hub/",
            headers=headers, timeout=20, trust_env=False,
        )  # fmt: skip
        host = "127.0.0.1" if settings.bind in ("0.0.0.0", "::") else settings.bind  # noqa: S104
        # The certificate names the public address, and this goes over loopback to the platform's own proxy.
        self._servers = httpx.Client(
            base_url=f"{settings.scheme}://{host}:{settings.port}",
            headers=headers, timeout=5, trust_env=False, verify=False,  # noqa: S501
        )  # fmt: skip

    def answers(self) -> bool:
        """Say whether the hub is there."""
        try:
            return self._api.get("health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def servers(self) -> tuple[Server, ...]:
        """Return every server that is running or on its way; none when the hub does not answer."""
        found: list[Server] = []
        offset = 0
        while True:
            try:
                answer = self._api.get(
                    "api/users", params={"state": "active", "offset": offset, "limit": _PAGE}
                )
                answer.raise_for_status()
            except httpx.HTTPError:
                return tuple(found)
            users = answer.json()
            for user in users:
                for server in user.get("servers", {}).values():
                    found.append(Server(user["name"], server["name"], server["url"]))
            if len(users) < _PAGE:
                return tuple(found)
            offset += _PAGE

    def busy_kernels(self, server: Server) -> tuple[str, ...]:
        """Name the notebooks (or consoles) whose kernel is computing right now.

        Parameters
        ----------
        server
            Where to look.
        """
        try:
            sessions = self._servers.get(f"{server.url}api/sessions")
            sessions.raise_for_status()
        except httpx.HTTPError:
            return ()  # it is starting, or does not answer: nobody can be asked
        return tuple(
            session["path"]
            for session in sessions.json()
            if (session.get("kernel") or {}).get("execution_state") == "busy"
        )

    def stop(self, servers: tuple[Server, ...], *, patience: float = 30.0) -> None:
        """Stop servers and wait until they are gone.

        Parameters
        ----------
        servers
            What to stop.
        patience
            Seconds to wait.
        """
        for server in servers:
            path = f"api/users/{quote(server.user, safe='')}/server"
            if server.name:
                path = f"api/users/{quote(server.user, safe='')}/servers/{quote(server.name, safe='')}"
            try:
                self._api.delete(path)
            except httpx.HTTPError:
                continue  # whatever is left is ended by the supervision itself
        deadline = time.monotonic() + patience
        while servers and self.servers() and time.monotonic() < deadline:
            time.sleep(0.2)
