"""Removing a user altogether: account, servers, tokens, hub user; files archived, shares handed over."""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx

from tradewind import audit
from tradewind.errors import InvalidInputError, NotAllowedError, UnavailableError
from tradewind.hub import accounts, passwords
from tradewind.sandbox import home_name
from tradewind.settings import Settings
from tradewind.store import access

STOP_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What a removal has done.

    Parameters
    ----------
    name
        Who was removed.
    heir
        Who has the schedules, runs and dashboards now.
    servers
        How many servers were stopped.
    schedules
        How many schedules and runs were handed over.
    dashboards
        How many dashboards were handed over.
    archive
        Where the files are; None if there were none.
    """

    name: str
    heir: str
    servers: int
    schedules: int
    dashboards: int
    archive: Path | None

    def in_words(self) -> str:
        """Say it in a sentence or two."""
        files = f"Files are kept in {self.archive}." if self.archive else "There were no files."
        return (
            f"{self.name} is removed. Servers stopped: {self.servers}. Handed over to {self.heir}: "
            f"{self.schedules} schedules and runs, {self.dashboards} dashboards. {files}"
        )


async def remove(settings: Settings, name: str, *, to: str, actor: str) -> Removed:
    """Remove a user; what others rely on goes to somebody named.

    The account goes first, so that nobody signs in meanwhile; after a failure the rest can be done again.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        Who goes.
    to
        Who gets the schedules, runs and dashboards.
    actor
        The administrator.

    Raises
    ------
    AccountNotFoundError, NotAllowedError, InvalidInputError
        Nobody of that name, the first administrator, or no such heir.
    UnavailableError
        The hub does not answer; nothing more than the account is gone.
    """
    name, to = accounts.normal(name), accounts.normal(to)
    if name == actor:
        raise NotAllowedError("You cannot remove yourself.", "Ask another administrator.")
    heir = await passwords.in_pool(accounts.get, settings, to)
    if heir.name == name or not heir.approved:
        raise InvalidInputError(f"{to!r} cannot take over.", "Name another user who may sign in.")
    async with _hub(settings) as hub:
        await _answers(hub)
        if await passwords.in_pool(accounts.find, settings, name) is not None:
            await passwords.in_pool(accounts.remove_user, settings, name, actor=actor)
        servers = await _delete_hub_user(hub, name)
        groups, admin = await _standing(hub, heir)
    schedules, dashboards = await passwords.in_pool(_hand_over, settings, name, to, groups, admin)
    archive = await passwords.in_pool(_archive, settings, name)
    done = Removed(
        name=name, heir=to, servers=servers, schedules=schedules, dashboards=dashboards, archive=archive
    )
    await passwords.in_pool(
        audit.record, settings, actor, "user.remove", f"user:{name}", to=to, servers=servers,
        schedules=schedules, dashboards=dashboards, archive=archive or "",
    )  # fmt: skip
    return done


def _hub(settings: Settings) -> httpx.AsyncClient:
    root = settings.base_url.strip("/")
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.hub_port}/{root + '/' if root else ''}hub/api/",
        headers={"Authorization": f"token {settings.paths.secret('service')}"},
        timeout=30,
        trust_env=False,
    )


async def _answers(hub: httpx.AsyncClient) -> None:
    try:
        (await hub.get("")).raise_for_status()
    except httpx.HTTPError as problem:
        raise UnavailableError(f"The hub does not answer ({problem}).", "See `make status`.") from problem


async def _delete_hub_user(hub: httpx.AsyncClient, name: str) -> int:
    """Stop every server of a user, then delete the hub's user with every token."""
    path = f"users/{quote(name)}"
    answer = await hub.get(path)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return 0
    answer.raise_for_status()
    servers = list(answer.json()["servers"])
    for server in servers:
        await _stop(hub, f"{path}/servers/{quote(server)}" if server else f"{path}/server")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STOP_SECONDS
    while (await hub.get(path)).json().get("servers"):
        if loop.time() > deadline:
            raise UnavailableError(f"The servers of {name} do not stop.", "Try again, or see `make logs`.")
        await asyncio.sleep(0.2)
    answer = await hub.delete(path)
    if answer.status_code != httpx.codes.NOT_FOUND:
        answer.raise_for_status()
    return len(servers)


async def _stop(hub: httpx.AsyncClient, path: str) -> None:
    """Ask for one server to stop; one that is still starting is asked again."""
    for _ in range(60):
        answer = await hub.delete(path)
        if answer.status_code != httpx.codes.BAD_REQUEST:
            return
        await asyncio.sleep(0.5)


async def _standing(hub: httpx.AsyncClient, heir: accounts.Account) -> tuple[list[str], bool]:
    """Return the groups of whoever takes over, and whether it is an administrator."""
    answer = await hub.get(f"users/{quote(heir.name)}")
    if answer.status_code == httpx.codes.NOT_FOUND:  # has never signed in
        return [], heir.admin
    model = answer.raise_for_status().json()
    return list(model["groups"]), bool(model["admin"])


def _hand_over(settings: Settings, name: str, to: str, groups: list[str], admin: bool) -> tuple[int, int]:
    """Hand schedules, runs and dashboards over; take the name, which may come again, out of all datasets."""
    from tradewind.jobs import api as jobs  # with the job engine, which the hub needs for this only
    from tradewind.publish import api as publish

    schedules = jobs.hand_over(settings, owner=name, to=to, groups=groups, admin=admin)
    dashboards = publish.hand_over(settings, name, to)
    gone = f"user:{name}"
    for dataset, given in access.all_grants(settings).items():
        if gone in (*given.readers, *given.writers):
            access.set_grants(
                settings,
                dataset,
                readers=[who for who in given.readers if who != gone],
                writers=[who for who in given.writers if who != gone],
            )
    return schedules, len(dashboards)


def _archive(settings: Settings, name: str) -> Path | None:
    """Move the home to the archive, where nobody's server sees it."""
    home = settings.paths.user_home(home_name(name))
    if not home.is_dir():
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = settings.paths.archive / f"{home_name(name)}-{stamp}"
    settings.paths.archive.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.move(home, target)
    return target
