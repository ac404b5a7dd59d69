"""A notebook keeps its kernel whatever the order in which the server's answers arrive."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_platform import LivePlatform
from playwright.sync_api import APIResponse, Page, Route, expect
from surfing import Surfer

pytestmark = [pytest.mark.platform, pytest.mark.browser, pytest.mark.sandbox, pytest.mark.slow]


class LateList:
    """Holds the start of a session until a list is asked for, and that list until the session is there."""

    def __init__(self) -> None:
        self.start: Route | None = None
        self.list: tuple[Route, APIResponse] | None = None

    def __call__(self, route: Route) -> None:
        if route.request.method == "POST" and self.start is None:
            self.start = route
        elif route.request.method == "GET" and self.start and self.list is None:
            self.list = (route, route.fetch())
        else:
            route.continue_()


@pytest.fixture
def page(platform: LivePlatform, tmp_path: Path) -> Iterator[Page]:
    password = platform.add_user("kay")
    with Surfer(platform.url, tmp_path) as surfer:
        page = surfer.person().new_page()
        page.goto(f"{platform.url}/hub/login")
        page.fill("input[name=username]", "kay")
        page.fill("input[name=password]", password)
        yield page


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Let the page go on until something was asked for."""
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("Lab did not ask within a minute")


def test_a_list_of_sessions_that_comes_late_does_not_take_the_kernel_away(page: Page) -> None:
    """The case of jupyterlab/jupyterlab#9441."""
    late = LateList()
    page.route(lambda url: url.split("?")[0].endswith("/user/kay/api/sessions"), late)
    page.click("button[type=submit]")
    until(page, lambda: late.list is not None)  # Lab asks every ten seconds
    assert late.list
    route, old = late.list
    assert late.start and old.json() == []
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "/api/sessions" in answer.url
    ):
        late.start.continue_()
    page.wait_for_timeout(3000)  # Lab asks once more, unless it waits for this very list
    route.fulfill(response=old)
    page.wait_for_timeout(1000)
    expect(page.get_by_text("Tradewind | Idle")).to_be_visible(timeout=45_000)
