"""Pages in a real browser: they follow runs by themselves, obey their policy and fetch nothing elsewhere."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import nbformat
import pytest
from live_platform import LivePlatform
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

pytestmark = [pytest.mark.platform, pytest.mark.browser, pytest.mark.sandbox, pytest.mark.slow]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PAGES = ("runs", "runs/new", "schedules", "schedules/new", "dashboards", "dashboards/new", "data",
         "data/us-large-caps", "admin", "admin/users", "admin/audit", "api/docs")  # fmt: skip
PATIENCE = 90_000


class Watched:
    """A browser's context that notes what should not be."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.strayed: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self._request(request.url, origin))
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _request(self, url: str, origin: str) -> None:
        if not url.startswith((f"{origin}/", "data:", "blob:", "about:")):
            self.strayed.append(url)

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def clean(self) -> bool:
        """Say whether nothing strayed and nothing was complained about."""
        assert self.strayed == [] and self.complaints == []
        return True


@pytest.fixture(scope="module")
def watched(platform: LivePlatform) -> Iterator[Watched]:
    """An administrator's browser, signed in."""
    name = "browseradmin"
    platform.add_user(name, admin=True)
    signed_in = closing(platform.sign_in(name, platform.password_of_users))
    with signed_in as client, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies(
            [
                {"name": cookie.name, "value": cookie.value or "", "domain": "127.0.0.1", "path": cookie.path}
                for cookie in client.cookies.jar
            ]
        )
        yield Watched(context, platform.url)
        context.close()
        browser.close()


def _notebook(*cells: str) -> dict[str, Any]:
    return dict(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]))


def test_the_list_follows_runs_without_moving(platform: LivePlatform, watched: Watched) -> None:
    page = watched.page
    cells = ["import time", *["time.sleep(1.5)"] * 3, "print('the end')"]
    with platform.api("browseradmin") as client:
        first = client.post(
            "runs", json={"notebook": {"name": "a.ipynb", "content": _notebook(*cells)}}
        ).json()
        page.goto(f"{platform.url}/services/tradewind/runs?user=browseradmin")
        page.evaluate("window.stayed = true")
        row = page.locator(f"#run-{first['id']}")
        expect(row).to_be_visible()
        expect(row.locator("progress")).to_be_visible(timeout=PATIENCE)
        client.post("runs", json={"notebook": {"name": "b.ipynb", "content": _notebook("1")}})
    expect(page.locator("#live")).to_contain_text("1 more run", timeout=PATIENCE)
    assert page.locator("tbody tr").count() == 1  # it waits to be asked for
    expect(row.locator(".tw-status")).to_have_text("succeeded", timeout=PATIENCE)
    assert page.evaluate("window.stayed")
    page.locator("#live a").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    assert watched.clean()


def test_a_runs_page_shows_its_log_live_and_then_the_notebook(
    platform: LivePlatform, watched: Watched
) -> None:
    page = watched.page
    cells = ["import time\nprint('first line', flush=True)\ntime.sleep(4)", "'the ' + 'result'"]
    with platform.api("browseradmin") as client:
        run = client.post("runs", json={"notebook": {"name": "c.ipynb", "content": _notebook(*cells)}}).json()
    page.goto(f"{platform.url}{run['url']}")
    expect(page.locator("#run-log")).to_contain_text("first line", timeout=PATIENCE)
    expect(page.locator("#run-state .tw-status")).to_have_text("succeeded", timeout=PATIENCE)
    expect(page.frame_locator("iframe.sv-frame").get_by_text("'the result'")).to_be_visible(timeout=PATIENCE)
    inside = page.frames[-1]
    assert inside.evaluate("window.origin") == "null"  # an origin of its own: no cookies, no parent
    assert watched.clean()


def test_a_list_that_cannot_be_refreshed_says_so_and_recovers(
    platform: LivePlatform, watched: Watched
) -> None:
    page = watched.page
    with platform.api("browseradmin") as client:
        body = {"notebook": {"name": "d.ipynb", "content": _notebook("import time", "time.sleep(120)")}}
        run = client.post("runs", json=body).json()["id"]
        page.goto(f"{platform.url}/services/tradewind/runs")
        page.route("**/runs/live?*", lambda route: route.abort())
        expect(page.locator("#stale")).to_contain_text("does not answer", timeout=PATIENCE)
        expect(page.locator(f"#run-{run}")).to_be_visible()
        page.unroute("**/runs/live?*")
        expect(page.locator("#stale")).to_be_hidden(timeout=PATIENCE)
        client.post(f"runs/{run}/cancel")
    watched.complaints.clear()  # the browser told of the requests that were cut off


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways_or_complains(platform: LivePlatform, watched: Watched, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 844})
    for path in PAGES:
        answer = page.goto(f"{platform.url}/services/tradewind/{path}")
        assert answer is not None and answer.status == 200, path
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (path, wide)
    assert watched.clean()


def test_the_keyboard_reaches_search_and_content(platform: LivePlatform, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{platform.url}/services/tradewind/data")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "sv-skip"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("factors")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{platform.url}/services/tradewind/data?q=factors")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert watched.clean()
