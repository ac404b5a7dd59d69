"""What administrators see and do: users and servers, and the state of the installation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from tradewind import audit
from tradewind.errors import NotFoundError, TradewindError
from tradewind.hub import accounts, credentials
from tradewind.hub.accounts import Account
from tradewind.service.context import Context, in_thread
from tradewind.service.hubapi import HubUser, Server
from tradewind.service.identity import Identity


@dataclass(frozen=True)
class Person:
    """A user: the account here, and what the hub knows.

    Attributes
    ----------
    account : Account or None
        None when the user signs in through something else, such as a test's authenticator.
    hub : HubUser or None
        None until the first sign-in, or while the hub does not answer.
    """

    name: str
    account: Account | None
    hub: HubUser | None

    @property
    def admin(self) -> bool:
        """Whether the user is an administrator."""
        return self.hub.admin if self.hub else bool(self.account and self.account.admin)

    @property
    def waiting(self) -> bool:
        """Whether the user waits for approval."""
        return self.account is not None and not self.account.approved

    @property
    def groups(self) -> Sequence[str]:
        """The hub groups of the user."""
        return self.hub.groups if self.hub else ()

    @property
    def servers(self) -> Sequence[Server]:
        """The user's servers, those that are stopped too."""
        return self.hub.servers if self.hub else ()

    @property
    def running(self) -> Sequence[Server]:
        """The servers that are not stopped."""
        return [server for server in self.servers if server.state != "stopped"]

    @property
    def last_seen(self) -> datetime | None:
        """When the user was last active."""
        if self.hub and self.hub.last_activity:
            return self.hub.last_activity
        return self.account.last_sign_in_at if self.account else None

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "admin": self.admin,
            "waiting": self.waiting,
            "groups": list(self.groups),
            "second_factor": bool(self.account and self.account.second_factor),
            "last_activity": self.last_seen.isoformat() if self.last_seen else None,
            "servers": [server_document(server) for server in self.servers],
        }


def server_document(server: Server) -> dict[str, Any]:
    """Return the JSON form of a server."""
    return {
        "user": server.user,
        "name": server.name,
        "state": server.state,
        "started": server.started.isoformat() if server.started else None,
        "last_activity": server.last_activity.isoformat() if server.last_activity else None,
    }


async def people(here: Context) -> tuple[list[Person], TradewindError | None]:
    """Return all users, and why the hub's part is missing if it is."""
    known = {account.name: account for account in await in_thread(accounts.list_accounts, here.settings)}
    problem: TradewindError | None = None
    seen: dict[str, HubUser] = {}
    try:
        seen = {user.name: user for user in await here.hub.users()}
    except TradewindError as found:
        problem = found
    names = sorted(known.keys() | seen.keys(), key=lambda n: (known.get(n) is None or known[n].approved, n))
    return [Person(name, known.get(name), seen.get(name)) for name in names], problem


async def person(here: Context, name: str) -> Person:
    """Return one user.

    Raises
    ------
    NotFoundError
        There is none of that name.
    """
    everybody, _ = await people(here)
    for found in everybody:
        if found.name == name:
            return found
    raise NotFoundError(f"There is no user {name!r}.")


async def start_server(here: Context, identity: Identity, user: str, server: str) -> None:
    """Start a user's server."""
    await here.hub.start_server(user, server)
    await in_thread(audit.record, here.settings, identity.name, "server.start", f"user:{user}", server=server)


async def stop_server(here: Context, identity: Identity, user: str, server: str) -> None:
    """Stop a user's server."""
    await here.hub.stop_server(user, server)
    await in_thread(audit.record, here.settings, identity.name, "server.stop", f"user:{user}", server=server)


def approve(here: Context, identity: Identity, user: str) -> None:
    """Let somebody who signed up sign in."""
    accounts.approve(here.settings, user, actor=identity.name)


def reset_password(here: Context, identity: Identity, user: str) -> str:
    """Give a user a generated password, to be shown once."""
    return credentials.reset_password(here.settings, user, actor=identity.name)


@dataclass(frozen=True)
class Part:
    """One process of the platform and whether it answers."""

    name: str
    state: str
    detail: str = ""


async def parts(here: Context, workers: int) -> list[Part]:
    """Ask every process whether it is there."""
    base = here.base
    asked = (
        ("hub", f"http://127.0.0.1:{here.settings.hub_port}{base}/hub/health"),
        ("dashboards", f"http://127.0.0.1:{here.settings.dashboards_port}{base}/services/dashboards/health"),
    )
    found = [Part("service", "ready")]
    async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
        for name, url in asked:
            try:
                answer = await client.get(url)
            except httpx.HTTPError:
                found.append(Part(name, "bad", "does not answer"))
            else:
                ok = answer.status_code < 500  # anything but a fault: it is there
                found.append(Part(name, "ready" if ok else "bad", "" if ok else str(answer.status_code)))
    state = "ready" if workers else "bad"
    return [*found, Part("workers", state, f"{workers} alive")]
