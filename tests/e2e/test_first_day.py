"""The first day of a team: sign-in, approval, Lab, the tour, a run, a dashboard, the administrator's page.

One story in a real browser on a real platform; the tests run in this order and share their people.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from live_platform import LivePlatform, wait_for
from playwright.sync_api import BrowserContext, Error, Frame, Page, expect
from surfing import Surfer, sideways
from tradewind.hub import lab_files

pytestmark = [pytest.mark.platform, pytest.mark.browser, pytest.mark.sandbox, pytest.mark.slow]

expect.set_options(timeout=45_000)

PASSWORD = "correct-horse-battery-7"
PICTURES = Path(os.environ.get("TRADEWIND_SCREENSHOTS", Path(__file__).parents[1] / "screenshots"))
CANVASES = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(e =>
    [...(e.tagName === 'CANVAS' ? [e] : []), ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const drawn = c => {
    if (c.width < 50 || c.height < 50) return false;
    const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4 * 97) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
    return seen.size > 3;
  };
  return all(document).filter(drawn).map(c => c.toDataURL().length);
}"""


@dataclass
class Story:
    """The platform, the browser and the people in it."""

    live: LivePlatform
    surfer: Surfer
    people: dict[str, BrowserContext] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)

    def enter(self, name: str) -> Page:
        """Give a person a browser of their own."""
        self.people[name] = self.surfer.person()
        self.pages[name] = self.people[name].new_page()
        return self.pages[name]

    def url(self, path: str) -> str:
        """Return an address on the platform."""
        return f"{self.live.url}{path}"

    def service(self, path: str) -> str:
        """Return the address of one of the service's pages."""
        return self.url(f"/services/tradewind/{path}")


@pytest.fixture(scope="module")
def story(platform: LivePlatform) -> Iterator[Story]:
    with Surfer(platform.url, PICTURES) as surfer:
        yield Story(platform, surfer)


def sign_in(page: Page, story: Story, name: str, password: str) -> None:
    page.goto(story.url("/hub/login"))
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")


def look(story: Story, page: Page, name: str) -> None:
    """A page does not scroll sideways, wide or narrow; pictures are kept for a person to look at."""
    assert sideways(page) <= 0, f"{name} scrolls sideways by {sideways(page)} px"
    page.set_viewport_size({"width": 390, "height": 844})
    assert sideways(page) <= 0, f"{name} scrolls sideways by {sideways(page)} px on a narrow screen"
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_timeout(300)
    story.surfer.picture(page, name)


def test_the_administrator_signs_in_with_the_password_shown_once(story: Story) -> None:
    page = story.enter("admin")
    page.goto(story.url("/"))
    look(story, page, "sign-in")
    sign_in(page, story, story.live.admin, story.live.admin_password)
    page.wait_for_url(lambda url: "/hub/login" not in url)
    page.goto(story.url("/hub/accounts"))
    expect(page.get_by_role("heading", name="Accounts").first).to_be_visible()


def test_a_second_user_signs_up_and_waits(story: Story) -> None:
    page = story.enter("bob")
    page.goto(story.url("/hub/signup"))
    look(story, page, "sign-up")
    page.fill("input[name=username]", "bob")
    for box in page.locator("input[type=password]").all():
        box.fill(PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("body")).to_contain_text("administrator")
    sign_in(page, story, "bob", PASSWORD)
    expect(page.locator("body")).to_contain_text("approv")


def test_the_administrator_approves(story: Story) -> None:
    page = story.pages["admin"]
    page.goto(story.url("/hub/accounts"))
    waiting = page.locator("tr", has_text="bob")
    waiting.get_by_role("button", name="Approve").click()
    expect(page.locator("tr", has_text="bob").get_by_role("button", name="Approve")).to_have_count(0)
    look(story, page, "accounts")


def test_he_lands_in_lab_and_the_tour_runs_without_an_error(story: Story) -> None:
    page = story.pages["bob"]
    sign_in(page, story, "bob", PASSWORD)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    expect(page.get_by_text("Tradewind | Idle")).to_be_visible()
    _scripts_came_early(page)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    cells = (
        "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(p => p.textContent)"
    )
    page.wait_for_function(
        f"() => {{ const p = {cells}; return p.length > 5 && p.every(t => /\\[\\d+\\]/.test(t)) }}",
        timeout=240_000,
    )
    page.keyboard.press("Control+s")
    notebook = story.live.settings.paths.homes / "bob" / "Quickstart.ipynb"
    saved = wait_for(lambda: _executed(notebook), "the saved tour")
    errors = [o["evalue"] for o in _outputs(saved) if o["output_type"] == "error"]
    assert not errors
    page.wait_for_timeout(1500)
    drawn = page.evaluate(CANVASES)
    figures = sum(_is_figure(output) for output in _outputs(saved))
    assert figures >= 3, "the tour shows figures"
    assert len(drawn) >= figures, f"{figures} figures, {len(drawn)} drawn"
    story.surfer.picture(page, "lab-quickstart")


def _scripts_came_early(page: Page) -> None:
    """Most of Lab's scripts were fetched while the server started: the list of them is up to date."""
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').map(e => [e.name.split('/user/bob/')[1], e.transferSize])"
    )
    places = tuple(lab_files.PLACES)
    scripts = {name: size for name, size in loaded if name and name.startswith(places) and ".js" in name}
    assert len(scripts) > 50
    unlisted = sorted(set(scripts) - set(lab_files.early()))
    assert len(unlisted) < len(scripts) / 10, f"to be added to {lab_files.LIST.name}: {unlisted}"
    fetched_again = [name for name in lab_files.early() if scripts.get(name)]
    assert len(fetched_again) < len(scripts) / 10, fetched_again


def _executed(path: Path) -> dict[str, Any] | None:
    try:
        notebook: dict[str, Any] = json.loads(path.read_text())
    except ValueError:  # it is being saved right now
        return None
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    return notebook if all(c["execution_count"] for c in code) else None


def _outputs(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [o for c in notebook["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def _is_figure(output: dict[str, Any]) -> bool:
    return any("holoviews_exec" in mime for mime in output.get("data", {}))


def test_the_run_he_submitted_from_a_cell_finishes_on_the_runs_page(story: Story) -> None:
    page = story.people["bob"].new_page()
    page.goto(story.service("runs"))
    expect(page.locator("[data-status=succeeded]").first).to_be_visible(timeout=120_000)
    look(story, page, "runs")
    page.locator("tbody a").first.click()
    expect(page.locator("body")).to_contain_text("Sharpe")
    look(story, page, "run")


def test_the_buttons_on_the_notebooks_toolbar_open_the_forms(story: Story) -> None:
    lab = story.pages["bob"]
    with story.people["bob"].expect_page() as opened:
        lab.locator("[data-command='tradewind:publish']").first.click()
    form = opened.value
    expect(form.locator("input[name=path]")).to_have_value("Quickstart.ipynb")
    look(story, form, "publish-form")
    form.close()
    with story.people["bob"].expect_page() as opened:
        lab.locator("[data-command='tradewind:run-as-job']").first.click()
    form = opened.value
    expect(form.locator("body")).to_contain_text("Quickstart.ipynb")
    form.close()


def test_the_launcher_offers_templates_and_pages(story: Story) -> None:
    page = story.people["bob"].new_page()
    page.goto(story.url("/user/bob/lab?reset"))
    title = page.locator(".jp-Launcher-sectionTitle", has_text="Tradewind")
    section = page.locator(".jp-Launcher-section", has=title).first
    for card in ("Backtest", "Runs", "Dashboards", "Data"):
        expect(section.locator(".jp-LauncherCard", has_text=card).first).to_be_visible()
    story.surfer.picture(page, "lab-launcher")
    page.close()


def test_a_published_dashboard_opens_for_whom_it_is_shared_with(story: Story) -> None:
    admin = story.pages["admin"]
    admin.goto(story.service("dashboards/new?path=dashboards/market_overview.ipynb"))
    admin.fill("input[name=title]", "Market for two")
    admin.fill("input[name=slug]", "market-for-two")
    _share_with(admin, "user:bob")
    admin.get_by_role("button", name="Publish").click()
    expect(admin.locator("body")).to_contain_text("Market for two")
    look(story, admin, "dashboard-published")

    page = story.people["bob"].new_page()
    page.goto(story.service("dashboards"))
    expect(page.get_by_role("link", name="Market for two").first).to_be_visible()
    look(story, page, "dashboards")
    page.goto(story.url("/services/dashboards/market-for-two/"))
    inside = _dashboard(page)
    wait_for(lambda: _drawn(inside), "a plot in the dashboard", seconds=90)
    assert "import tradewind" not in inside.content(), "the code is hidden"
    look(story, page, "market-overview")
    before = _drawn(inside)
    widget = inside.locator(".widget-dropdown select, .jupyter-widgets select").first
    options = widget.locator("option").all_text_contents()
    widget.select_option(index=len(options) - 1)
    wait_for(lambda: _drawn(inside) not in ([], before), "a changed figure", seconds=60)
    page.close()


def _dashboard(page: Page) -> Frame:
    """Return the frame a dashboard runs in: its author's code has an origin of its own."""
    found = page.frame(name="dashboard")
    assert found is not None
    return found


def _drawn(frame: Frame) -> list[Any]:
    """Return the plots that show something; none while the frame goes from one page to the next."""
    try:
        found: list[Any] = frame.evaluate(CANVASES)
    except Error as error:
        if "context was destroyed" not in error.message:
            raise
        return []
    return found


def _share_with(page: Page, target: str) -> None:
    box = page.locator("[name=share_users], [name=share_with], [name=users]").first
    box.fill(target.removeprefix("user:"))


def test_the_strategy_lab_answers_to_its_controls(story: Story) -> None:
    page = story.people["bob"].new_page()
    page.goto(story.url("/services/dashboards/strategy-lab/"))
    inside = _dashboard(page)
    wait_for(lambda: _drawn(inside), "a plot in the strategy lab", seconds=90)
    look(story, page, "strategy-lab")
    before = _drawn(inside)
    select = inside.locator("select").first
    values = select.locator("option").all_text_contents()
    select.select_option(index=len(values) - 1)
    wait_for(lambda: _drawn(inside) not in ([], before), "a changed figure", seconds=60)
    page.close()


def test_a_third_user_without_a_share_is_refused(story: Story) -> None:
    password = story.live.add_user("carol")
    page = story.enter("carol")
    sign_in(page, story, "carol", password)
    page.wait_for_url(lambda url: "/hub/login" not in url)
    answer = page.goto(story.url("/services/dashboards/market-for-two/"))
    assert answer is not None and answer.status == 403
    look(story, page, "dashboard-refused")
    page.goto(story.service("dashboards"))
    expect(page.locator("body")).not_to_contain_text("Market for two")


def test_the_admin_page_lists_all_of_it(story: Story) -> None:
    page = story.pages["admin"]
    page.goto(story.service("admin"))
    for word in (
        "bob",
        "carol",
        "Backtest",
        "Market for two",
        "us-large-caps",
        "Versions",
        "Disk",
        "Audit log",
    ):
        expect(page.locator("body")).to_contain_text(word)
    look(story, page, "admin")
    page.goto(story.url("/hub/admin"))
    expect(page.locator("body")).to_contain_text("carol")
    story.surfer.picture(page, "hub-admin")


def test_the_admin_page_is_for_administrators(story: Story) -> None:
    page = story.people["bob"].new_page()
    answer = page.goto(story.service("admin"))
    assert answer is not None and answer.status == 403
    look(story, page, "admin-refused")


def test_no_request_left_the_platform(story: Story) -> None:
    assert story.surfer.strayed == []
