"""The dashboard host with real runtimes in real sandboxes; only who somebody is is stood in for."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from notebooks_to_publish import notebook, source
from stand_in_hub import StandIn, free_port, standing_in
from tradewind.publish import api
from tradewind.publish.bundle import Source
from tradewind.publish.host.runtimes import OLD_VERSION_SECONDS
from tradewind.settings import Settings

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

ECHO = """
import json, os, panel as pn
seen = {"headers": dict(pn.state.headers), "cookies": dict(pn.state.cookies), "user": os.environ["USER"]}
seen["homes"] = sorted(os.listdir("/home"))
seen["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()])
pn.pane.Str("echo").servable(title="SEEN" + json.dumps(seen).encode().hex() + "NEES")
"""
"""Tells in its title what it sees."""
PANEL = Source(name="echo.py", content=ECHO.encode())


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A host with an app of Ann's, shared with Bob and the group of quants."""
    folder = tmp_path_factory.mktemp("host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWIND_HOME", str(folder / "var"))
        found = Settings(home=folder / "var", port=free_port())
        found.paths.create()
        api.publish(found, owner="ann", source=PANEL, share_with=["user:bob", "group:quants"])
        with standing_in(found) as running:
            running.groups["carol"] = ["quants"]
            running.admins.add("root")
            yield running


class Browser:
    """What a browser does, without drawing: cookies, redirects, the frame's address."""

    def __init__(self, stand: StandIn, who: str) -> None:
        self.stand = stand
        self.base = f"{stand.url}/services/dashboards/"
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(cookie_jar=jar, headers={"Accept": "text/html"})
        self.http.cookie_jar.update_cookies({"who": who, "jupyterhub-session-id": "secret-of-the-hub"})

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def get(self, path: str, **options: object) -> tuple[int, str]:
        async with self.http.get(self.base + path, **options) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.text()

    async def source(self, slug: str, seconds: float = 90) -> str:
        """Open a dashboard's page and wait until its process answers; return the frame's address."""
        status, _ = await self.get(f"{slug}/")
        assert status == 200
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            _, text = await self.get(f"{slug}/-/state")
            state = json.loads(text)
            if state["state"] != "starting":
                assert state["state"] == "ready", state
                return f"{self.stand.url}{state['src']}"
            await asyncio.sleep(0.2)
        raise AssertionError(f"{slug} did not start")


async def _socket(browser: Browser, src: str, **headers: str) -> aiohttp.ClientWebSocketResponse:
    """Open the WebSocket of a Panel page as its script does."""
    async with browser.http.get(src) as answer:
        text = await answer.text()
    token = text.split('"token":"')[1].split('"')[0]
    address = src.replace("http", "ws") + "/ws"
    return await browser.http.ws_connect(address, protocols=("bokeh", token), headers=headers)


async def test_nobody_sees_anything_without_signing_in(stand: StandIn) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{stand.url}/services/dashboards/echo/", allow_redirects=False) as answer:
            assert answer.status == 302
            where = answer.headers["Location"]
            assert where.startswith("/hub/api/oauth2/authorize?") and "code_challenge_method=S256" in where
            assert (
                "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]
            )
        for path in ("echo/-/state", "echo/~" + "0" * 32 + "/echo", "echo/~" + "a" * 32 + "/echo"):
            async with http.get(f"{stand.url}/services/dashboards/{path}") as answer:
                assert answer.status == 401
        callback = f"{stand.url}/services/dashboards/oauth_callback?code=x&state=forged"
        async with http.get(callback, allow_redirects=False) as answer:
            assert answer.status == 401, "a sign-in that was not started here"


async def test_a_viewer_is_told_apart_from_a_stranger(stand: StandIn) -> None:
    for who, status in (("ann", 200), ("bob", 200), ("carol", 200), ("root", 200), ("eve", 403)):
        async with Browser(stand, who) as browser:
            found, text = await browser.get("echo/")
            assert found == status, who
            if status == 403:
                assert "Not shared with you" in text and "ann" in text and "tw-nav" in text
                assert (await browser.get("echo/-/state"))[0] == 403
            assert (await browser.get("nothing/"))[0] == 404


async def test_the_app_gets_no_cookie_no_token_and_no_name(stand: StandIn) -> None:
    async with Browser(stand, "bob") as browser:
        src = await browser.source("echo")
        async with browser.http.get(
            src, headers={"Authorization": "token abc", "X-Tradewind-User": "ann"}
        ) as answer:
            page = await answer.text()
            assert "Set-Cookie" not in answer.headers
            assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
        seen = json.loads(bytes.fromhex(page.split("SEEN")[1].split("NEES")[0]))
        told = {name.lower() for name, value in seen["headers"].items() if value}
        assert seen["cookies"] == {} and not told & {"cookie", "authorization", "x-tradewind-user"}
        assert "secret-of-the-hub" not in page and "bob" not in json.dumps(seen)
        assert seen["user"] == "ann" and seen["homes"] == ["ann"] and seen["processes"] < 8


async def test_a_key_belongs_to_one_session_of_one_dashboard(stand: StandIn) -> None:
    api.publish(stand.settings, owner="ann", source=Source(name="other.py", content=ECHO.encode()))
    async with Browser(stand, "bob") as browser:
        src = await browser.source("echo")
        async with browser.http.get(src.replace("/echo/", "/other/")) as answer:
            assert answer.status == 401
        async with browser.http.get(
            src, headers={"Sec-Fetch-Dest": "document"}, allow_redirects=False
        ) as answer:
            assert answer.status == 302, "outside its frame a dashboard is not shown"
            assert answer.headers["Location"] == "/services/dashboards/echo/"


async def test_a_websocket_opens_for_a_viewer_and_closes_when_the_share_is_withdrawn(stand: StandIn) -> None:
    async with Browser(stand, "bob") as browser:
        src = await browser.source("echo")
        socket = await _socket(browser, src, Origin="null")
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await _socket(browser, src, Origin="https://evil.example")
        assert refused.value.status == 403
        began = time.monotonic()
        api.update_shares(stand.settings, "echo", ["group:quants"])
        try:
            while not socket.closed:
                await socket.receive(timeout=15)
            assert socket.close_code == 4403 and time.monotonic() - began < 6
            async with browser.http.get(src) as answer:
                assert answer.status in (401, 403)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await browser.http.ws_connect(src.replace("http", "ws") + "/ws", protocols=("bokeh", "x"))
            assert refused.value.status in (401, 403)
            assert (await browser.get("echo/"))[0] == 403
        finally:
            api.update_shares(stand.settings, "echo", ["user:bob", "group:quants"])


async def test_a_user_who_leaves_the_hub_is_out(stand: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.publish.host.identity.FRESH_SECONDS", 0.2)
    async with Browser(stand, "carol") as browser:
        src = await browser.source("echo")
        socket = await _socket(browser, src)
        stand.removed.add("carol")
        while not socket.closed:
            await socket.receive(timeout=15)
        async with browser.http.get(src) as answer:
            assert answer.status == 401
        stand.removed.discard("carol")


async def test_a_dashboard_that_does_not_start_says_why_to_its_owner_only(stand: StandIn) -> None:
    broken = Source(
        name="broken.py", content=b"import panel\nraise SystemExit('PLANTED')\npanel.Row().servable()"
    )
    api.publish(stand.settings, owner="ann", source=broken, share_with=["user:bob"])

    async def outcome(who: str) -> dict[str, str]:
        async with Browser(stand, who) as browser:
            await browser.get("broken/")
            for _ in range(300):
                state: dict[str, str] = json.loads((await browser.get("broken/-/state"))[1])
                if state["state"] != "starting":
                    return state
                await asyncio.sleep(0.2)
            raise AssertionError("still starting")

    owner, viewer = await outcome("ann"), await outcome("bob")
    assert owner["state"] == viewer["state"] == "failed"
    assert "PLANTED" in owner["log"] and "log" not in viewer and "PLANTED" not in json.dumps(viewer)


async def test_a_killed_process_is_started_again_by_the_next_visit(stand: StandIn) -> None:
    async with Browser(stand, "bob") as browser:
        src = await browser.source("echo")
        process = stand.host.runtimes.find("echo", 1)
        assert process is not None and process.child is not None
        process.child.kill()
        for _ in range(100):
            if process.child.returncode is not None:
                break
            await asyncio.sleep(0.05)
        _, text = await browser.get(f"echo/-/state?shown={src.split('/')[-2]}")
        for _ in range(50):
            _, text = await browser.get(f"echo/-/state?shown={src.split('/')[-2]}")
            if json.loads(text)["state"] == "stopped":
                break
            await asyncio.sleep(0.1)
        assert json.loads(text)["state"] == "stopped"
        again = await browser.source("echo")
        async with browser.http.get(again) as answer:
            assert answer.status == 200


async def test_a_viewer_does_not_wait_for_a_process_that_was_stopped(stand: StandIn) -> None:
    slow = Source(name="slow.ipynb", content=notebook("# Slow", "import time\ntime.sleep(300)"))
    api.publish(stand.settings, owner="ann", source=slow)
    async with Browser(stand, "ann") as browser:
        src = await browser.source("slow")
        process = stand.host.runtimes.find("slow", 1)
        assert process is not None
        answer = await browser.http.get(src)
        assert answer.status == 200, "its beginning is there, its end is not"
        began = time.monotonic()
        await asyncio.to_thread(stand.run, stand.host.runtimes.stop(process))
        with pytest.raises(aiohttp.ClientPayloadError):
            await asyncio.wait_for(answer.read(), 20)
        assert time.monotonic() - began < 20


async def test_a_lost_dataset_ends_a_process_and_a_new_one_waits_until_nobody_looks(
    stand: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtimes = stand.host.runtimes
    readable = [stand.settings.paths.home / name for name in ("a", "b")]
    for folder in readable:
        folder.mkdir()

    async def datasets(_owner: str) -> list[Path]:
        return [*readable, *process.datasets]

    async def fewer(_owner: str) -> list[Path]:
        return list(process.datasets[1:])

    async with Browser(stand, "bob") as browser:
        await browser.source("echo")
        process = runtimes.find("echo", 1)
        assert process is not None and process.datasets == ()
        monkeypatch.setattr(runtimes, "_datasets", datasets)
        stand.run(runtimes.cull())
        assert process.state == "ready", "somebody has just come"
        process.used -= OLD_VERSION_SECONDS + 1
        stand.run(runtimes.cull())
        assert process.state == "stopped", "the next visit finds the new ones"
        await browser.source("echo")
        process = runtimes.find("echo", 1)
        assert process is not None and set(process.datasets) == set(readable)
        monkeypatch.setattr(runtimes, "_datasets", fewer)
        stand.run(runtimes.cull())
        assert process.state == "stopped", "at once"


async def test_a_removed_dashboard_ends_its_process(stand: StandIn) -> None:
    api.publish(stand.settings, owner="ann", source=Source(name="gone.py", content=ECHO.encode()))
    async with Browser(stand, "ann") as browser:
        await browser.source("gone")
        process = stand.host.runtimes.find("gone", 1)
        assert process is not None and process.child is not None
        api.delete(stand.settings, "gone")
        stand.run(stand.host.runtimes.cull())
        assert process.child.returncode is not None and not process.work.exists()
        assert (await browser.get("gone/"))[0] == 404


async def test_an_idle_process_is_culled_and_a_watched_one_is_not(stand: StandIn) -> None:
    async with Browser(stand, "bob") as browser:
        src = await browser.source("echo")
        process = stand.host.runtimes.find("echo", 1)
        assert process is not None
        socket = await _socket(browser, src)
        process.used -= stand.settings.dashboard_idle_timeout + 10
        stand.run(stand.host.runtimes.cull())
        assert process.state == "ready", "somebody is looking"
        await socket.close()
        for _ in range(50):
            if not process.connections:
                break
            await asyncio.sleep(0.1)
        process.used -= stand.settings.dashboard_idle_timeout + 10
        stand.run(stand.host.runtimes.cull())
        assert process.state == "stopped"


async def test_a_notebook_is_served_with_its_code_hidden(stand: StandIn) -> None:
    cells = ("# Notes", "import ipywidgets as w\nsecret_name = 41\nw.IntText(value=secret_name + 1)")
    made = Source(name="notes.ipynb", content=notebook(*cells))
    api.publish(stand.settings, owner="ann", source=made, share_with=["everyone"])
    async with Browser(stand, "eve") as browser:
        src = await browser.source("notes")
        async with browser.http.get(src) as answer:
            page = await answer.text()
        assert "secret_name" not in page and "application/vnd.jupyter.widget-view+json" in page
        assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
        for path in ("notes.ipynb", "voila/files/notes.ipynb", "voila/files/../manifest.json", "api/kernels"):
            async with browser.http.get(src + path) as answer:
                assert "secret_name" not in await answer.text(), path
    assert source().name  # the helper is used by its neighbours
