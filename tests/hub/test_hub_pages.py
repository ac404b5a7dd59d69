"""The hub's pages in a real browser: nothing from elsewhere, nothing scrolls sideways, forms work."""

import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyotp
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from real_hub import GOOD, Hub
from tradewind.hub import accounts, credentials

pytestmark = [pytest.mark.platform, pytest.mark.browser, pytest.mark.sandbox]

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


class Watched:
    """A page whose requests and complaints are written down."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(viewport=WIDE, **options)  # type: ignore[arg-type]
        self.page = self.context.new_page()
        self.url = url
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._request)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.outside.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def sign_in(self, name: str, password: str) -> Page:
        self.page.goto(f"{self.url}/hub/login?next=/hub/home")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        return self.page

    def check(self, what: str) -> None:
        """Nothing from elsewhere, no complaint, and nothing that scrolls sideways."""
        for size in (NARROW, WIDE):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            width = self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], f"{what} is {width} wide in {size['width']}"
        assert not self.outside and not self.complaints, (what, self.outside, self.complaints)


@pytest.fixture
def watched(chromium: Browser, hub: Hub) -> Iterator[Watched]:
    made = Watched(chromium, hub.url)
    yield made
    made.context.close()


@pytest.mark.parametrize(
    "path", ["login", "signup", "nothing-here", "error/503", "login?username=" + quote("<b>x")]
)
def test_pages_for_everybody(watched: Watched, path: str) -> None:
    watched.page.goto(f"{watched.url}/hub/{path}")
    watched.check(path)


@pytest.mark.parametrize("path", [
    "home", "accounts", "accounts?name=someone", "password",
    "second-factor", "token", "admin", "spawn-pending/x",
])  # fmt: skip
def test_pages_of_an_administrator(watched: Watched, hub: Hub, path: str) -> None:
    if accounts.find(hub.settings, "someone") is None:
        hub.user("someone")
    page = watched.sign_in(hub.admin, hub.admin_password)
    page.goto(f"{watched.url}/hub/{path}")
    page.wait_for_load_state("networkidle")
    watched.check(path)
    expect(page.locator(".tw-places a").first).to_have_text("Lab")


def test_the_whole_way_of_a_new_user(watched: Watched, hub: Hub, chromium: Browser) -> None:
    page = watched.page
    page.goto(f"{hub.url}/hub/login")
    page.get_by_role("link", name="Ask for one").click()
    page.get_by_label("User name").fill("nina")
    page.get_by_label("Password", exact=True).fill(GOOD)
    page.get_by_role("button", name="Show").first.click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_label("Password once more").fill(GOOD)
    page.get_by_role("button", name="Ask for the account").click()
    expect(page.get_by_text("waits for approval")).to_be_visible()

    office = Watched(chromium, hub.url)
    desk = office.sign_in(hub.admin, hub.admin_password)
    desk.goto(f"{hub.url}/hub/accounts")
    desk.locator("tr[data-account=nina]").get_by_role("button", name="Approve").click()
    expect(desk.get_by_text("nina may sign in now")).to_be_visible()

    watched.sign_in("nina", GOOD)
    page.goto(f"{hub.url}/hub/second-factor")
    page.get_by_role("button", name="Set it up").click()
    secret = page.locator("#totp_secret").inner_text().replace(" ", "")
    watched.check("setting a second factor up")
    page.get_by_label("One-time code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_text("The second factor is on")).to_be_visible()
    page.locator("details.tw-menu summary").click()
    page.get_by_role("link", name="Sign out").click()
    watched.sign_in("nina", GOOD)
    expect(page.get_by_text("Type the six digits")).to_be_visible()
    watched.check("the one-time code")

    desk.goto(f"{hub.url}/hub/accounts?name=nina")
    desk.once("dialog", lambda dialog: dialog.accept())
    desk.get_by_role("button", name="Reset second factor").click()
    expect(desk.get_by_text("nina signs in without a second factor now")).to_be_visible()
    generated = credentials.reset_password(hub.settings, "nina", actor=hub.admin)
    office.context.close()

    page.goto(f"{hub.url}/hub/login")
    watched.sign_in("nina", generated)
    watched.check("choosing a new password")
    page.get_by_label("New password", exact=True).fill("amber kettle north 52")
    page.get_by_label("New password once more").fill("amber kettle north 52")
    page.get_by_role("button", name="Set it and sign in").click()
    expect(page.get_by_role("heading", name="My servers")).to_be_visible()
    page.get_by_role("button", name="Start Lab").click()
    page.wait_for_url("**/user/nina/lab**", timeout=60_000)


@pytest.mark.parametrize("system", ["light", "dark"])
def test_colours_follow_the_system_until_somebody_chooses(chromium: Browser, hub: Hub, system: str) -> None:
    watched = Watched(chromium, hub.url, color_scheme=system)
    page, other = watched.page, {"light": "dark", "dark": "light"}[system]
    html = page.locator("html")
    page.goto(f"{hub.url}/hub/login")
    expect(html).to_have_attribute("data-bs-theme", system)
    page.locator("details.tw-menu summary").click()
    page.get_by_role("button", name=other.title()).click()
    expect(html).to_have_attribute("data-bs-theme", other)
    page.reload()
    expect(html).to_have_attribute("data-bs-theme", other)
    page.locator("details.tw-menu summary").click()
    expect(page.get_by_role("button", name=other.title())).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    expect(html).to_have_attribute("data-bs-theme", system)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="System")).to_be_hidden()
    watched.context.close()


def test_the_menu_of_a_narrow_screen(watched: Watched, hub: Hub) -> None:
    page = watched.sign_in(hub.admin, hub.admin_password)
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.goto(f"{hub.url}/hub/home")
    runs = page.get_by_role("link", name="Runs", exact=True)
    expect(runs).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(runs).to_be_visible()
    expect(page.locator(".tw-places [aria-current=page]")).to_have_text("Lab")
    watched.check("the open menu")
