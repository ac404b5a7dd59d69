"""A browser that notes every request, so that a test can say that none left the platform."""

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}
LOCAL_SCHEMES = ("data", "blob", "about", "chrome-error")


class Surfer:
    """Headless Chromium with one context a person.

    Parameters
    ----------
    address
        The platform's address; every request elsewhere is noted in ``strayed``.
    pictures
        The folder that screenshots go to.
    """

    def __init__(self, address: str, pictures: Path) -> None:
        self.address = address
        self.pictures = pictures
        self.strayed: list[str] = []
        self._home = urlsplit(address).netloc
        self._playwright: Playwright

    def __enter__(self) -> Self:
        self.pictures.mkdir(parents=True, exist_ok=True)
        self._manager = sync_playwright()
        self._playwright = self._manager.__enter__()
        chromium = shutil.which("chromium") or "/usr/bin/chromium"
        self._browser = self._playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._manager.__exit__(kind, error, trace)

    def person(self) -> BrowserContext:
        """Return a fresh context: own cookies, nobody signed in."""
        context = self._browser.new_context(viewport=WIDE)
        context.set_default_timeout(60_000)
        context.on("request", lambda request: self._note(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._note(socket.url)))
        return context

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in LOCAL_SCHEMES and parts.netloc != self._home:
            self.strayed.append(url)

    def picture(self, page: Page, name: str) -> None:
        """Take a wide and a narrow screenshot of a page, unless the run only checks (``CI``)."""
        if os.environ.get("CI"):
            return
        page.screenshot(path=self.pictures / f"{name}.png")
        page.set_viewport_size(NARROW)
        page.wait_for_timeout(300)
        page.screenshot(path=self.pictures / f"{name}-narrow.png")
        page.set_viewport_size(WIDE)


def sideways(page: Page) -> int:
    """Return by how many pixels a page scrolls sideways."""
    overflow: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return overflow
