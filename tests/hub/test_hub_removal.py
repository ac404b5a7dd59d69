"""Removing a user altogether, and servers on a hub that dies, on a real hub with real servers."""

import asyncio
import os
import re
from pathlib import Path

import httpx
import psutil
import pytest
from live_platform import wait_for
from real_hub import GOOD, Hub
from tradewind import audit
from tradewind.errors import AccountNotFoundError, InvalidInputError, NotAllowedError
from tradewind.hub import accounts, removal
from tradewind.jobs import api as jobs
from tradewind.sandbox import home_name
from tradewind.store import access

pytestmark = [pytest.mark.platform, pytest.mark.sandbox]


def start_server(hub: Hub, name: str) -> None:
    """Start a user's server and wait until it is ready."""
    answer = hub.api("POST", f"users/{name}/server")
    assert answer.status_code in (201, 202), answer.text
    wait_for(lambda: model(hub, name)["servers"].get("", {}).get("ready"), f"the server of {name}")


def model(hub: Hub, name: str) -> dict:
    """Return the hub's model of a user."""
    return dict(hub.api("GET", f"users/{name}").json())


def processes_of(home: Path) -> list[str]:
    """Return the processes that have to do with a home."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if str(home) in line and process.pid != os.getpid():
            found.append(line[:200])
    return found


def remove(hub: Hub, name: str, to: str = "admin", actor: str = "admin") -> removal.Removed:
    return asyncio.run(removal.remove(hub.settings, name, to=to, actor=actor))


def test_nothing_is_left_of_a_removed_user_but_the_files(hub: Hub) -> None:
    settings = hub.settings
    hub.user("gone")
    hub.user("heir")
    browser = hub.browser()
    browser.sign_in("gone", GOOD)
    start_server(hub, "gone")
    home = settings.paths.user_home(home_name("gone"))
    (home / "notebooks").mkdir(exist_ok=True)
    (home / "notebooks" / "idea.txt").write_text("buy low, sell high")
    token = hub.api("POST", "users/gone/tokens", json={}).json()["token"]
    assert hub.api("GET", "user", token=token).status_code == 200
    access.set_grants(settings, "prices", readers=["user:gone", "everyone"], writers=["user:gone"])
    request = jobs.Request(template="backtest", parameters={})
    schedule = jobs.create_schedule(settings, user="gone", request=request, when="0 18 * * 1-5")

    boss = hub.browser()
    boss.sign_in(hub.admin, hub.admin_password)
    page = boss.post("/hub/accounts", name="gone", action="remove", to="heir")

    assert page.status_code == 200, page.text
    text = re.sub(r"\s+", " ", page.text)
    assert "gone is removed. Servers stopped: 1. Handed over to heir: 1 schedules and runs" in text
    assert accounts.find(settings, "gone") is None
    assert hub.api("GET", "users/gone").status_code == 404
    assert hub.api("GET", "user", token=token).status_code == 403
    assert not browser.signed_in and hub.browser().sign_in("gone", GOOD).status_code == 403
    assert httpx.get(f"{hub.url}/user/gone/lab", trust_env=False).status_code in (302, 404)
    wait_for(lambda: not processes_of(home), "the end of every process of the user", seconds=10)
    assert not home.exists()
    [kept] = settings.paths.archive.glob("gone-*")
    assert (kept / "notebooks" / "idea.txt").read_text() == "buy low, sell high"
    assert kept.stat().st_mode & 0o077 == 0 or settings.paths.archive.stat().st_mode & 0o077 == 0
    assert access.grants(settings, "prices") == access.Grants(readers=("everyone",))
    assert jobs.get_schedule(settings, schedule.id).user == "heir"
    [entry] = audit.entries(settings, action="user.remove")
    assert (entry.actor, entry.target) == ("admin", "user:gone") and entry.detail["to"] == "heir"


def test_somebody_of_the_same_name_begins_with_nothing(hub: Hub) -> None:
    hub.user("again")
    home = hub.settings.paths.user_home(home_name("again"))
    home.mkdir(parents=True)
    (home / "secret.txt").write_text("of the first one")
    remove(hub, "again")
    hub.user("again")
    assert not home.exists()
    assert remove(hub, "again").archive is None


def test_removal_refuses_what_cannot_be_right(hub: Hub) -> None:
    hub.user("stays")
    with pytest.raises(AccountNotFoundError):
        remove(hub, "nobody-of-that-name", to="nobody")
    with pytest.raises(NotAllowedError, match="yourself"):
        remove(hub, "stays", actor="stays")
    with pytest.raises(InvalidInputError, match="take over"):
        remove(hub, "stays", to="stays")
    with pytest.raises(NotAllowedError, match="first administrator"):
        remove(hub, "admin", to="stays", actor="stays")
    assert accounts.get(hub.settings, "stays").approved


def test_a_user_removed_in_the_hubs_own_page_cannot_sign_in(hub: Hub) -> None:
    hub.user("kurt")
    kurt = hub.browser()
    kurt.sign_in("kurt", GOOD)
    assert hub.api("DELETE", "users/kurt").status_code == 204
    assert not kurt.signed_in
    assert kurt.sign_in("kurt", GOOD).status_code == 403
    assert hub.api("DELETE", "users/admin").status_code == 403
    assert accounts.find(hub.settings, "admin") is not None


def test_a_user_lands_in_lab_and_the_server_outlives_the_hub(hub: Hub) -> None:
    hub.user("lotte")
    lotte = hub.browser()
    page = lotte.client.get("/hub/login")
    form = {
        "_xsrf": lotte.client.cookies.get("_xsrf", path="/hub/") or "",
        "username": "lotte",
        "password": GOOD,
    }
    page = lotte.client.post("/hub/login", data=form, follow_redirects=True)
    assert page.status_code == 200
    wait_for(lambda: model(hub, "lotte")["servers"].get("", {}).get("ready"), "the server")
    page = lotte.client.get("/hub/spawn", follow_redirects=True)
    assert page.status_code == 200 and page.url.path == "/user/lotte/lab/tree/Quickstart.ipynb", page.url
    assert lotte.client.get("/hub/lab", follow_redirects=True).url.path == "/user/lotte/lab"
    started = model(hub, "lotte")["servers"][""]["started"]
    hub.kill("hub")
    hub.start()
    server = model(hub, "lotte")["servers"][""]
    assert server["ready"] and server["started"] == started
    assert lotte.client.get("/user/lotte/api/status").status_code == 200
