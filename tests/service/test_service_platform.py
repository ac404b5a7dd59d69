"""The service on a running platform: the hub's sign-in, its tokens and rights, real runs."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import nbformat
import pytest
from live_platform import LivePlatform, wait_for

pytestmark = [pytest.mark.platform, pytest.mark.sandbox, pytest.mark.slow]

PAGES = "/services/tradewind"


class People:
    """Clients of a platform, closed together."""

    def __init__(self, platform: LivePlatform, stack: ExitStack) -> None:
        self.platform = platform
        self._stack = stack
        platform.add_user("serviceuser")
        platform.add_user("serviceadmin", admin=True)
        self.user = self.browser("serviceuser")
        self.admin = self.browser("serviceadmin")
        self.user_api = self.api("serviceuser")
        self.admin_api = self.api(platform.admin)

    def browser(self, name: str) -> httpx.Client:
        """Sign somebody in."""
        return self._kept(self.platform.sign_in(name, self.platform.password_of_users))

    def api(self, name: str) -> httpx.Client:
        """Return a REST client in somebody's name."""
        return self._kept(self.platform.api(name))

    def _kept(self, client: httpx.Client) -> httpx.Client:
        self._stack.callback(client.close)
        return client


@pytest.fixture(scope="module")
def people(platform: LivePlatform) -> Iterator[People]:
    """An administrator and a user, in browsers and over REST."""
    with ExitStack() as stack:
        yield People(platform, stack)


def _notebook(*cells: str) -> dict[str, Any]:
    found = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    found.cells[0].metadata["tags"] = ["parameters"]
    return dict(found)


def _wait(client: httpx.Client, run: str, seconds: float = 90) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(client.get(f"runs/{run}").json())
        return found["status"] in ("succeeded", "failed", "cancelled", "lost")

    wait_for(ended, f"run {run}", seconds=seconds)
    return found


def test_signing_in_leaves_no_token_in_the_browser(platform: LivePlatform, people: People) -> None:
    user = people.user
    answer = user.get(f"{PAGES}/runs?q=deep", headers={"Accept": "text/html"})
    assert answer.status_code == 200 and str(answer.url).endswith("/runs?q=deep")
    assert user.get(f"{PAGES}/api/me").json()["name"] == "serviceuser"
    cookie = next(c for c in user.cookies.jar if c.name == "tradewind-session")
    assert cookie.path == PAGES and cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    held = httpx.get(
        f"{platform.url}/hub/api/user", headers={"Authorization": f"token {cookie.value}"}, trust_env=False
    )
    assert held.status_code == 403  # the cookie is no token


def test_rights_come_from_the_hub(platform: LivePlatform, people: People) -> None:
    admin, user = people.admin, people.user
    assert admin.get(f"{PAGES}/admin").status_code == 200
    refused = user.get(f"{PAGES}/admin")
    assert refused.status_code == 403 and "Not allowed" in refused.text
    assert people.user_api.get("admin/users").status_code == 403
    names = [person["name"] for person in people.admin_api.get("admin/users").json()]
    assert {"serviceuser", "serviceadmin", platform.admin} <= set(names)


def test_a_token_without_access_to_the_service_is_refused(platform: LivePlatform) -> None:
    platform.add_user("narrow")
    made = platform.hub("POST", "users/narrow/tokens", json={"scopes": ["read:users:name!user"]})
    client = httpx.Client(
        base_url=f"{platform.url}{PAGES}/api/",
        headers={"Authorization": f"token {made.json()['token']}"},
        trust_env=False,
    )
    with client:
        assert client.get("me").json()["error"]["code"] == "not_allowed"


def test_signing_out_at_the_hub_ends_the_session_at_once(platform: LivePlatform, people: People) -> None:
    platform.add_user("leaver")
    browser = people.browser("leaver")
    assert browser.get(f"{PAGES}/runs").status_code == 200
    kept = browser.cookies.get("tradewind-session")
    browser.get("/hub/logout")
    assert browser.get(f"{PAGES}/api/me").status_code == 401
    landed = browser.get(f"{PAGES}/runs")
    assert "/hub/login" in str(landed.url)
    # somebody who kept the cookie alone has nothing either
    thief = httpx.Client(base_url=platform.url, cookies={"tradewind-session": str(kept)}, trust_env=False)
    with thief:
        assert thief.get(f"{PAGES}/api/me").status_code == 401


def test_sessions_outlive_a_killed_service(platform: LivePlatform, people: People) -> None:
    user = people.user
    assert user.get(f"{PAGES}/runs").status_code == 200
    before = user.cookies.get("tradewind-session")
    platform.kill("service")

    def back() -> bool:
        try:
            return user.get(f"{PAGES}/api/me").status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(back, "the service after kill -9", seconds=60)
    assert user.cookies.get("tradewind-session") == before


def test_a_run_goes_from_the_api_through_a_worker_to_its_page(platform: LivePlatform, people: People) -> None:
    client = people.user_api
    notebook = _notebook("fast = 20", "print('fast is', fast)")
    body = {"notebook": {"name": "try.ipynb", "content": notebook}, "parameters": {"fast": 7}}
    run = client.post("runs", json=body).json()
    assert run["status"] == "queued" and run["user"] == "serviceuser"
    ended = _wait(client, run["id"])
    assert ended["status"] == "succeeded", ended
    assert "fast is 7" in client.get(f"runs/{run['id']}/log").text
    names = {file["path"] for file in client.get(f"runs/{run['id']}/files").json()}
    assert {"run.json", "notebook.ipynb", "notebook.html", "log.txt"} <= names
    assert client.get(f"runs/{run['id']}/files/run.json").json()["parameters"]["fast"] == 7
    user = people.user
    page = user.get(ended["url"]).text
    assert 'data-status="succeeded"' in page and "<iframe" in page
    assert user.get(f"{ended['url']}/notebook").headers["content-security-policy"].startswith("sandbox")
    again = client.post(f"runs/{run['id']}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


def test_a_running_run_is_cancelled(people: People) -> None:
    client = people.user_api
    body = {"notebook": {"name": "long.ipynb", "content": _notebook("import time", "time.sleep(300)")}}
    run = client.post("runs", json=body).json()["id"]
    wait_for(lambda: client.get(f"runs/{run}").json()["status"] == "running", "the run to start")
    started = time.monotonic()
    assert client.post(f"runs/{run}/cancel").json()["status"] in ("cancelling", "cancelled")
    assert _wait(client, run)["status"] == "cancelled"
    assert time.monotonic() - started < 20


def test_an_administrator_starts_and_stops_servers(platform: LivePlatform, people: People) -> None:
    admin = people.admin_api
    platform.add_user("idle")
    assert admin.post("admin/servers/idle/start").status_code == 202
    wait_for(lambda: platform.server("idle").get("ready"), "the server")
    assert admin.post("admin/servers/idle/start").json()["error"]["code"] == "conflict"
    running = admin.get("admin/servers").json()
    assert ("idle", "running") in [(server["user"], server["state"]) for server in running]
    assert admin.post("admin/servers/idle/stop").status_code == 202
    wait_for(lambda: not platform.server("idle"), "the end of the server")
    actions = [entry["action"] for entry in admin.get("admin/audit", params={"q": "user:idle"}).json()]
    assert {"server.start", "server.stop"} <= set(actions)
    assert admin.post("admin/servers/nobody/start").status_code == 404


def test_the_hub_away_is_said_and_passes(platform: LivePlatform, people: People) -> None:
    admin = people.admin
    platform.kill("hub")
    answer = admin.get(f"{PAGES}/admin")
    assert answer.status_code in (200, 503)
    wait_for(lambda: "The hub does not answer" not in admin.get(f"{PAGES}/admin").text, "the hub again")
    assert admin.get(f"{PAGES}/admin").status_code == 200
