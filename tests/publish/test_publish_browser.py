"""The shipped dashboards in a real browser: they draw, answer to their controls, and keep to themselves."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Frame, Page, sync_playwright
from stand_in_hub import StandIn, free_port, standing_in
from tradewind.ingest import samples
from tradewind.publish import api
from tradewind.publish.bundle import SHIPPED, Source, read_source
from tradewind.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.sandbox, pytest.mark.slow, pytest.mark.timeout(600)]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 120_000
"""Milliseconds: the first kernel of a machine with few cores is not quick."""
DRAWN = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(e =>
    [...(e.tagName === 'CANVAS' ? [e] : []), ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const coloured = c => {
    if (c.width < 50 || c.height < 50) return 0;
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    let n = 0;
    for (let i = 0; i < d.length; i += 4) {
      const spread = Math.max(d[i], d[i + 1], d[i + 2]) - Math.min(d[i], d[i + 1], d[i + 2]);
      if (d[i + 3] > 100 && spread > 60) n++;
    }
    return n;
  };
  return all(document).map(coloured).filter(n => n > 150);
}"""
"""How many strongly coloured pixels each figure has: axes and text are grey, what they show is not."""
EVIL = '''
import panel as pn
page = """<pre id='out'>waiting</pre><img src=x onerror="
  (async () => {
    const found = {};
    const tried = { cookie: () => document.cookie, storage: () => localStorage.length,
                    parent: () => parent.document.title, top: () => { top.location = 'about:blank' } };
    for (const [name, call] of Object.entries(tried)) {
      try { found[name] = String(call()) } catch (e) { found[name] = 'refused' }
    }
    for (const [name, url] of Object.entries({ hub: '/hub/api/user', outside: 'https://example.com/' })) {
      try { const a = await fetch(url, { credentials: 'include' }); found[name] = a.status + await a.text() }
      catch (e) { found[name] = 'refused' }
    }
    window.found = found;
  })()">"""
pn.pane.HTML(page).servable(title="Evil")
'''


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A host with sample data and everything that ships."""
    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWIND_HOME", str(folder / "var"))
        found = Settings(home=folder / "var", port=free_port())
        found.paths.create()
        samples.seed(found)
        for name in ("market_overview.ipynb", "backtest_report.ipynb", "strategy_lab.py"):
            api.publish(found, owner="ann", source=read_source(SHIPPED / name), share_with=["everyone"])
        evil = Source(name="evil.py", content=EVIL.encode())
        api.publish(found, owner="mallory", source=evil, share_with=["everyone"])
        with standing_in(found) as running:
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(stand: StandIn, browser: Browser) -> Iterator[Page]:
    """Bob's page; a request that leaves the address fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.add_cookies([{"name": "who", "value": "bob", "domain": "127.0.0.1", "path": "/"}])
    strayed: list[str] = []
    context.on(
        "request",
        lambda r: (
            strayed.append(r.url) if not r.url.startswith((stand.url, "data:", "blob:", "about:")) else None
        ),
    )
    yield context.new_page()
    context.close()
    assert strayed == []


def _open(page: Page, stand: StandIn, slug: str) -> Frame:
    """Open a dashboard, and return the frame it runs in once something is drawn."""
    answer = page.goto(f"{stand.url}/services/dashboards/{slug}/", wait_until="commit")
    assert answer is not None and answer.status == 200
    page.frame_locator("#dashboard").locator("canvas").first.wait_for(timeout=PATIENCE)
    frame = page.frame(name="dashboard")
    assert frame is not None
    return frame


def _until(frame: Frame, figures: int, unlike: list[int] | None = None) -> list[int]:
    """Wait until so many figures show data, other than before."""
    found: list[int] = []
    for _ in range(PATIENCE // 250):
        found = frame.evaluate(DRAWN)
        if len(found) >= figures and found != unlike:
            return found
        frame.page.wait_for_timeout(250)
    raise AssertionError(f"{len(found)} figures show data, not {figures}: {found}")


@pytest.mark.parametrize(
    ("slug", "figures", "control"),
    [
        ("market-overview", 3, ".widget-dropdown select"),
        ("backtest-report", 4, ".widget-dropdown select"),
        ("strategy-lab", 2, "select"),
    ],
)
def test_every_figure_shows_data_and_follows_a_control(
    stand: StandIn, page: Page, slug: str, figures: int, control: str
) -> None:
    frame = _open(page, stand, slug)
    before = _until(frame, figures)
    assert "import tradewind" not in frame.content(), "the code is hidden"
    select = frame.locator(control).first
    last = select.locator("option").count() - 1
    select.select_option(index=last if slug != "backtest-report" else 2)
    _until(frame, 1, unlike=before)
    for place in (page, frame):
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert place.evaluate(wide) <= 0
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate(wide) <= 0 and frame.evaluate(wide) <= 0, "nothing scrolls sideways when narrow"


def test_a_dashboards_code_cannot_act_as_its_viewer(stand: StandIn, page: Page) -> None:
    page.goto(f"{stand.url}/services/dashboards/evil/")
    title = page.title()
    page.frame_locator("#dashboard").locator("#out").wait_for(timeout=PATIENCE, state="attached")
    frame = page.frame(name="dashboard")
    assert frame is not None
    frame.wait_for_function("window.found", timeout=PATIENCE)
    found = frame.evaluate("window.found")
    assert {found[name] for name in ("cookie", "storage", "parent", "top", "outside")} == {"refused"}, found
    assert "bob" not in json.dumps(found)
    assert page.title() == title


def test_withdrawing_a_share_closes_the_open_page(stand: StandIn, page: Page) -> None:
    frame = _open(page, stand, "strategy-lab")
    _until(frame, 2)
    try:
        api.update_shares(stand.settings, "strategy-lab", [])
        for _ in range(80):
            if page.title().startswith("Not shared"):
                break
            page.wait_for_timeout(250)
        assert page.locator("iframe").count() == 0
        assert page.get_by_role("link", name="See your dashboards").count() == 1
    finally:
        api.update_shares(stand.settings, "strategy-lab", ["everyone"])
