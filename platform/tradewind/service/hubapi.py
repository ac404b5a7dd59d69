"""The few calls to the hub's REST API that the admin page needs, with the service's own rights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from tradewind.errors import ConflictError, NotAllowedError, NotFoundError, TradewindError, UnavailableError
from tradewind.settings import Settings

PAGE = 200
STARTING = 202


@dataclass(frozen=True, kw_only=True)
class Server:
    """One user server as the hub sees it."""

    user: str
    name: str
    ready: bool
    pending: str
    started: datetime | None
    last_activity: datetime | None

    @property
    def state(self) -> str:
        """One word for its state."""
        if self.pending:
            return {"spawn": "starting", "stop": "stopping"}.get(self.pending, self.pending)
        return "running" if self.ready else "stopped"


@dataclass(frozen=True, kw_only=True)
class HubUser:
    """One user as the hub sees it."""

    name: str
    admin: bool
    groups: tuple[str, ...]
    created: datetime | None
    last_activity: datetime | None
    servers: tuple[Server, ...]


class HubApi:
    """Calls the hub as the service ``tradewind``.

    Parameters
    ----------
    settings
        Where the hub is and the service's token.
    """

    def __init__(self, settings: Settings) -> None:
        base = settings.base_url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.hub_port}{base}/hub/api/",
            headers={"Authorization": f"token {settings.paths.secret('service')}"},
            timeout=20,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def users(self) -> Sequence[HubUser]:
        """Return every user with their servers."""
        found: list[HubUser] = []
        while True:
            page = await self._call(
                "GET", "users", params={"offset": len(found), "limit": PAGE, "include_stopped_servers": 1}
            )
            found.extend(_user(model) for model in page)
            if len(page) < PAGE:
                return found

    async def groups(self) -> Sequence[str]:
        """Return the names of all groups."""
        return sorted(model["name"] for model in await self._call("GET", "groups"))

    async def version(self) -> str:
        """Return the hub's version."""
        return str((await self._call("GET", ""))["version"])

    async def start_server(self, user: str, name: str = "") -> None:
        """Ask for a server; it starts in the background."""
        await self._call("POST", _server_path(user, name))

    async def stop_server(self, user: str, name: str = "") -> None:
        """Stop a server; it may take a while in the background."""
        await self._call("DELETE", _server_path(user, name))

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as problem:
            raise UnavailableError(
                "The hub does not answer.", "It may be restarting: try again in a few seconds."
            ) from problem
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _problem(answer)


def _problem(answer: httpx.Response) -> TradewindError:
    try:
        message = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = f"The hub answered {answer.status_code}."
    kinds: dict[int, type[TradewindError]] = {400: ConflictError, 403: NotAllowedError, 404: NotFoundError}
    return kinds.get(answer.status_code, UnavailableError)(message)


def _server_path(user: str, name: str) -> str:
    path = f"users/{quote(user, safe='')}/server"
    return f"{path}s/{quote(name, safe='')}" if name else path


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _user(model: dict[str, Any]) -> HubUser:
    return HubUser(
        name=model["name"],
        admin=bool(model.get("admin")),
        groups=tuple(model.get("groups") or ()),
        created=_time(model.get("created")),
        last_activity=_time(model.get("last_activity")),
        servers=tuple(
            Server(
                user=model["name"],
                name=server["name"],
                ready=bool(server.get("ready")),
                pending=server.get("pending") or "",
                started=_time(server.get("started")),
                last_activity=_time(server.get("last_activity")),
            )
            for server in (model.get("servers") or {}).values()
        ),
    )
