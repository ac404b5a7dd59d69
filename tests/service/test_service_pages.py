"""Pages as text: what they show, what they keep of a form that was wrong, where their links lead."""

import html
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from by_hand import PARAMETERS, Browser, Service
from tradewind.hub import accounts
from tradewind.ingest import samples
from tradewind.jobs import api
from tradewind.jobs.tables import ready, runs

EMPTY = {
    "runs": "No runs yet",
    "schedules": "No schedules yet",
    "dashboards": "No dashboards yet",
    "data": "No datasets you may read",
}


class Page(HTMLParser):
    """Collects what a test of a page asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.titles: list[str] = []
        self.depth: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, ids and whatever the content policy would block."""
        found = dict(attrs)
        for name in ("href", "src", "action", "hx-get"):
            if found.get(name):
                self.links.append(str(found[name]))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not found.get("src")):
            self.inline.append(tag)
        self.depth.append(tag)

    def handle_data(self, data: str) -> None:
        """Note the title."""
        if self.depth and self.depth[-1] == "title" and data.strip():
            self.titles.append(data.strip())


def _submit(service: Service, title: str, *, status: str = "queued", user: str = "ann", **values: Any) -> str:
    service.notebook(user, "idea.ipynb", PARAMETERS, "1 + 1")
    run = str(service.api(user).post("runs", json={"path": "idea.ipynb", "title": title}).json()["id"])
    with ready(service.settings).begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run).values(status=status, **values))
    return run


def _pages(service: Service) -> list[str]:
    run = _submit(service, "One", cells=9, cell=4, status="running")
    service.notebook("admin", "idea.ipynb", PARAMETERS)
    schedule = (
        service.api("admin").post("schedules", json={"path": "idea.ipynb", "when": "@daily"}).json()["id"]
    )
    service.api("admin").post("dashboards", json={"path": "idea.ipynb"})
    accounts.ensure_first_admin(service.settings)
    own = [
        f"runs/{run}",
        f"schedules/{schedule}",
        "dashboards/idea",
        "data/us-large-caps",
        "admin/data/us-20",
    ]
    forms = ["runs/new", "runs/new?path=idea.ipynb", "schedules/new?path=idea.ipynb", "dashboards/new"]
    lists = ["runs", "schedules", "dashboards", "data", "admin", "admin/users", "admin/audit", "api/docs"]
    return lists + forms + own


def test_pages_are_whole_titled_local_and_free_of_inline_code(service: Service) -> None:
    samples.seed(service.settings)
    browser = service.browser("admin")
    for path in _pages(service):
        answer = browser.get(path)
        assert answer.status_code == 200, (path, answer.text[:2000])
        page = Page(answer.text)
        assert page.titles and page.titles[0].endswith("· Tradewind"), path
        assert page.inline == [], (path, page.inline)
        assert len(page.ids) == len(set(page.ids)), path
        for link in page.links:
            parts = urlsplit(link)
            assert not parts.netloc and (not parts.path or parts.path.startswith("/desk/")), (path, link)
        assert 'aria-current="page"' in answer.text or path == "api/docs"


def test_the_endpoints_are_listed_without_a_cdn(service: Service) -> None:
    text = service.browser("ann").get("api/docs").text
    for shown in ("/desk/services/tradewind/api/runs/{run_id}/cancel", "Queue a run of a template", "Admin<"):
        assert shown in text
    assert "cdn" not in text.lower()


def test_links_of_the_pages_lead_somewhere(service: Service) -> None:
    samples.seed(service.settings)
    browser = service.browser("admin")
    todo = _pages(service)
    inside = f"{service.context.prefix}/"
    seen = set(todo)
    while todo:
        path = todo.pop()
        answer = browser.get(path)
        assert answer.status_code == 200, path
        if "text/html" not in answer.headers["content-type"]:
            continue
        for link in re.findall(r'href="([^"#]+)"', answer.text):
            target = html.unescape(link)
            if target.startswith(inside) and (short := target.removeprefix(inside)) not in seen:
                seen.add(short)
                todo.append(short)
    assert len(seen) > 40


@pytest.mark.parametrize(("path", "words"), EMPTY.items())
def test_an_empty_list_says_what_to_do_next(service: Service, path: str, words: str) -> None:
    text = service.browser("ann").get(path).text
    assert words in text
    assert "<table" not in text


@pytest.mark.parametrize("path", ["runs", "schedules", "dashboards"])
def test_a_search_without_hits_leads_back(service: Service, path: str) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS)
    service.api("ann").post("runs", json={"path": "idea.ipynb"})
    service.api("ann").post("schedules", json={"path": "idea.ipynb", "when": "@daily"})
    service.api("ann").post("dashboards", json={"path": "idea.ipynb"})
    text = service.browser("ann").get(f"{path}?q=zebra").text
    assert "Nothing matches" in text and 'value="zebra"' in text
    assert f'href="/desk/services/tradewind/{path}"' in text


# ---- runs ----


def test_runs_are_searched_filtered_sorted_and_paged_by_the_address(service: Service) -> None:
    for number in range(53):
        _submit(service, f"Sweep {number:02d}", status="failed" if number % 10 == 0 else "succeeded")
    browser = service.browser("ann")

    def shown(query: str) -> list[str]:
        return re.findall(r'class="sv-title" href="[^"]+">([^<]+)<', browser.get(f"runs?{query}").text)

    assert shown("")[:2] == ["Sweep 52", "Sweep 51"] and len(shown("")) == 50
    assert shown("page=2") == ["Sweep 02", "Sweep 01", "Sweep 00"]
    assert shown("status=failed&sort=title") == [f"Sweep {n}0" for n in ("0", "1", "2", "3", "4", "5")]
    assert shown("q=sweep+07") == ["Sweep 07"]
    assert shown("q=%25") == []  # what is typed is no pattern
    assert shown("sort=-title&page=99") == []
    text = browser.get("runs?status=failed&q=sweep").text
    assert "status=failed" in text and "sort=title" in text  # links keep the filters


def test_a_user_filter_is_the_administrators(service: Service) -> None:
    _submit(service, "Of Ann")
    assert "Of Ann" in service.browser("admin").get("runs?user=ann").text
    assert "Of Ann" not in service.browser("admin").get("runs?user=bob").text
    text = service.browser("bob").get("runs?user=ann").text
    assert "Of Ann" not in text and 'name="user"' not in text


def test_live_rows_change_in_place_and_new_ones_wait(service: Service) -> None:
    run = _submit(service, "Long", status="running", cells=9, cell=4)
    browser = service.browser("ann")
    page = browser.get("runs").text
    assert f'"ids": "{run}"' in page and 'hx-trigger="every 2s"' in page
    assert '<progress class="sv-progress" max="9" value="4"' in page
    _submit(service, "Later")
    with ready(service.settings).begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run).values(status="succeeded"))
    answer = browser.get(f"runs/live?ids={run}&known=1", headers={"HX-Request": "true"}).text
    assert f'<tr id="run-{run}" hx-swap-oob="true">' in answer and 'data-status="succeeded"' in answer
    assert "Later" not in answer and "1 more run since" in answer
    assert '"ids": ""' in answer and 'hx-trigger="every 10s"' in answer


def test_live_rows_of_others_stay_hidden(service: Service) -> None:
    run = _submit(service, "Secret", status="running")
    answer = service.browser("bob").get(f"runs/live?ids={run}", headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "Secret" not in answer.text


def test_a_runs_page_shows_what_it_was_given_and_what_it_gave(service: Service) -> None:
    ended = {"status": "succeeded", "result_attempt": 1, "attempt": 1, "cell": 3, "cells": 3}
    metrics = {"sharpe": 1.23456, "max_drawdown": -0.1234, "longest_drawdown": 1289.0, "my_own": 0.5}
    run = _submit(service, "<b>Bold</b>", **ended, parameters={"fast": 7, "name": "<i>"}, metrics=metrics)
    result = api.folder(service.settings, run) / "attempt-1" / "result"
    (result / "artifacts").mkdir(parents=True)
    (result / "artifacts" / "equity.csv").write_text("a,b\n1,2\n")
    (result / "notebook.html").write_text("<h1>Hello</h1><script>1</script>")
    (result / "run.json").write_text(
        '{"notebook_sha256": "' + "ab" * 32 + '", "datasets": [{"name": "us-20", "snapshot": "SNAP123456"}]}'
    )
    (result.parent / "log.txt").write_text("\x1b[31mfirst\x1b[0m line\n<b>second</b>\n")
    browser = service.browser("ann")
    text = browser.get(f"runs/{run}").text
    assert "&lt;b&gt;Bold&lt;/b&gt;" in text and "<b>Bold</b>" not in text and "<i>" not in text
    for shown in ("1.23<", "-12.34 %<", "1,289<", "My own</dt><dd>0.5000<"):
        assert shown in text, shown
    assert "first line" in text and "\x1b" not in text and "&lt;b&gt;second" in text
    assert 'data-tw-copy="' + "ab" * 32 + '"' in text and "SNAP1234<" in text
    assert "artifacts/equity.csv" in text
    assert (
        f'<iframe class="sv-frame" src="/desk/services/tradewind/runs/{run}/notebook" sandbox="allow-scripts'
        in text
    )
    notebook = browser.get(f"runs/{run}/notebook")
    policy = notebook.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts") and "allow-same-origin" not in policy
    assert "default-src 'none'" in policy and notebook.text.startswith("<h1>Hello")
    file = browser.get(f"runs/{run}/files/artifacts/equity.csv?download=1")
    assert file.text == "a,b\n1,2\n" and file.headers["content-disposition"].startswith(
        "attachment; filename*=UTF-8''equity"
    )
    assert file.headers["content-security-policy"] == policy
    log = service.api("ann").get(f"runs/{run}/log", params={"offset": 15})
    assert log.text == "line\n<b>second</b>\n" and log.headers["x-log-size"] == str(len(log.content) + 15)


def test_the_run_forms_fields_have_types_defaults_and_help(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS)
    text = service.browser("ann").get("runs/new?path=idea.ipynb").text
    for name, value in {"fast": "20", "cost": "0.0005", "symbols": "AAPL, MSFT", "name": "trend"}.items():
        assert re.search(rf'name="p\.{name}" value="{value}"', text), name
    assert "Days of the fast average" in text and "a whole number" in text


def _post(browser: Browser, where: str, /, **fields: str) -> httpx.Response:
    return browser.post(where, data={"_xsrf": browser.xsrf, **fields})


def test_a_bad_value_is_named_beside_its_field_and_nothing_is_lost(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS)
    fields = {"path": "idea.ipynb", "p.fast": "many", "p.cost": "1e-3", "p.symbols": "IBM", "p.name": "x<y",
              "title": 'A "title"'}  # fmt: skip
    answer = _post(service.browser("ann"), "runs/new", **fields)
    assert answer.status_code == 422
    text = answer.text
    assert re.search(r'name="p\.fast" value="many"[^>]*aria-invalid="true"', text)
    assert text.count("tw-error") == 1 and 'id="p.fast-error"' in text
    for kept in ('value="1e-3"', 'value="IBM"', 'value="x&lt;y"', "A &#34;title&#34;"):
        assert kept in text
    assert service.api("ann").get("runs").json() == []


def test_a_form_submits_what_was_changed_in_its_type_and_can_be_run_again(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS)
    browser = service.browser("ann")
    fields = {
        "path": "idea.ipynb",
        "p.fast": "7",
        "p.cost": "0.0005",
        "p.symbols": "IBM, FB",
        "p.name": "trend",
    }
    answer = _post(browser, "runs/new", **fields)
    assert answer.status_code == 303
    run = answer.headers["location"].split("/")[-1].split("?")[0]
    assert service.api("ann").get(f"runs/{run}").json()["parameters"] == {"fast": 7, "symbols": ["IBM", "FB"]}
    (service.home("ann") / "idea.ipynb").unlink()
    form = browser.get(f"runs/new?again={run}").text
    assert re.search(r'name="p\.fast" value="7"', form) and re.search(
        r'name="p\.symbols" value="IBM, FB"', form
    )
    again = _post(browser, "runs/new", again=run, **{"p.fast": "8", "p.symbols": "IBM, FB"})
    assert again.status_code == 303, again.text
    second = again.headers["location"].split("/")[-1].split("?")[0]
    assert service.api("ann").get(f"runs/{second}").json()["parameters"] == {
        "fast": 8,
        "symbols": ["IBM", "FB"],
    }
    assert service.browser("bob").get(f"runs/new?again={run}").status_code == 404


def test_a_template_runs_by_the_path_that_lab_shows(service: Service) -> None:
    run = service.api("ann").post("runs", json={"path": "templates/backtest.ipynb"}).json()
    assert (run["template"], run["source"]) == ("backtest", "template")
    assert 'name="p.dataset"' in service.browser("ann").get("runs/new?path=templates/backtest.ipynb").text


@pytest.mark.parametrize(
    ("query", "status"), [("path=../x.ipynb", 403), ("path=no.ipynb", 404), ("template=backtset", 404)]
)
def test_a_form_about_nothing_says_so(service: Service, query: str, status: int) -> None:
    answer = service.browser("ann").get(f"runs/new?{query}")
    assert answer.status_code == status and 'role="alert"' in answer.text and "A template" in answer.text


# ---- schedules, dashboards, data, administration ----


def test_a_schedule_is_made_paused_resumed_run_and_deleted_by_its_pages(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS)
    browser = service.browser("ann")
    wrong = _post(
        browser, "schedules/new", path="idea.ipynb", when="0 18 * * 1-5", time_zone="America/New_Yrok"
    )
    assert wrong.status_code == 422 and 'id="zone-error"' in wrong.text and "0 18 * * 1-5" in wrong.text
    made = _post(
        browser, "schedules/new", path="idea.ipynb", when="0 18 * * 1-5", time_zone="America/New_York"
    )
    assert made.status_code == 303
    path = made.headers["location"].split("?")[0].split("/services/tradewind/")[1]
    text = browser.get(path).text
    assert "18:00 America/New_York" in text and 'data-status="active"' in text
    assert _post(browser, f"{path}/pause").status_code == 303
    assert 'data-status="paused"' in browser.get("schedules").text
    assert _post(browser, f"{path}/resume").status_code == 303
    started = _post(browser, f"{path}/run")
    assert started.status_code == 303 and "/runs/" in started.headers["location"]
    assert service.api("ann").get("runs").json()[0]["schedule_id"] == path.split("/")[1]
    assert _post(browser, f"{path}/delete").status_code == 303
    assert "No schedules yet" in browser.get("schedules").text


def test_a_dashboard_is_published_shared_and_deleted_by_its_pages(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", "1 + 1")
    browser = service.browser("ann")
    fields = {
        "path": "idea.ipynb",
        "title": "Trend",
        "description": "Of <all>",
        "users": "bob, carol",
        "slug": "Bad Slug",
    }
    wrong = _post(browser, "dashboards/new", share="group:quants", **fields)
    assert wrong.status_code == 422
    for kept in ('value="Trend"', "Of &lt;all&gt;", 'value="bob, carol"', 'value="group:quants" checked'):
        assert kept in wrong.text
    made = _post(browser, "dashboards/new", share="group:quants", **{**fields, "slug": ""})
    assert made.status_code == 303 and made.headers["location"].endswith("/dashboards/idea?done=published")
    assert service.api("ann").get("dashboards/idea").json()["share_with"] == [
        "group:quants",
        "user:bob",
        "user:carol",
    ]
    assert "Trend" in service.browser("bob").get("dashboards").text
    assert "Save" not in service.browser("bob").get("dashboards/idea").text
    changed = _post(browser, "dashboards/idea", title="Trend 2", description="", users="")
    assert changed.status_code == 303
    assert service.api("ann").get("dashboards/idea").json()["share_with"] == []
    assert service.browser("bob").get("dashboards/idea").status_code == 404
    assert _post(service.browser("bob"), "dashboards/idea/delete").status_code == 404
    assert _post(browser, "dashboards/idea/delete").status_code == 303
    assert "No dashboards yet" in browser.get("dashboards").text


def test_data_shows_what_may_be_read_and_grants_decide_it(service: Service) -> None:
    samples.seed(service.settings)
    admin, bob = service.browser("admin"), service.browser("bob")
    assert "us-large-caps" in bob.get("data").text
    page = bob.get("data/us-large-caps").text
    for shown in ("AAPL", "2000-03-01", "XNYS", "split", "History"):
        assert shown in page
    changed = _post(admin, "admin/data/us-large-caps", users="ann", groups="", writers="group:data")
    assert changed.status_code == 303
    held = service.api("admin").get("admin/datasets/us-large-caps/grants").json()
    assert held == {"readers": ["user:ann"], "writers": ["group:data"]}
    assert "us-large-caps" not in bob.get("data").text
    assert bob.get("data/us-large-caps").status_code == 404
    assert service.api("ann").get("datasets/us-large-caps").status_code == 200
    assert service.api("bob").get("datasets/us-large-caps").json()["error"]["code"] == "dataset_not_found"


def test_the_admin_page_shows_everything_even_without_a_hub(service: Service) -> None:
    samples.seed(service.settings)
    accounts.ensure_first_admin(service.settings)
    accounts.sign_up(service.settings, "carol", "a rather long passphrase 7")
    run = _submit(service, "Of Ann", status="failed", error="ZeroDivisionError: division by zero")
    service.notebook("admin", "idea.ipynb", PARAMETERS)
    service.api("admin").post("schedules", json={"path": "idea.ipynb", "when": "@daily", "title": "Nightly"})
    service.api("admin").post("dashboards", json={"path": "idea.ipynb", "title": "A board"})
    admin = service.browser("admin")
    text = admin.get("admin").text
    for shown in (run, "ZeroDivisionError", "Nightly", "A board", "us-large-caps", "carol", "1 person waits",
                  "jupyterhub", "Lock sha256", "Free", "The hub does not answer", "run.submit"):  # fmt: skip
        assert shown in text, shown
    assert _post(admin, "admin/users/carol/approve").status_code == 303
    assert accounts.get(service.settings, "carol").approved
    shown_once = _post(admin, "admin/users/carol/reset-password")
    assert shown_once.status_code == 200
    assert re.search(r"<code>[a-z0-9-]{12,}</code>", shown_once.text)
    log = [entry["action"] for entry in service.api("admin").get("admin/audit").json()]
    assert {
        "account.approve",
        "account.reset-password",
        "run.submit",
        "schedule.create",
        "dashboard.publish",
    } <= set(log)
    assert "account.approve" in admin.get("admin/audit?action=account.").text
    assert "run.submit" not in admin.get("admin/audit?action=account.").text
