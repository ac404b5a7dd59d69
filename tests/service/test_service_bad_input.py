"""Mistakes over HTTP: each answers 4xx with a stable code, says what was wrong, and changes nothing."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from by_hand import PARAMETERS, Service
from tradewind.jobs import api


def _error(answer: Any, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code and set(error) == {"code", "message", "hint"}
    return f"{error['message']} {error['hint']}"


@pytest.fixture(scope="module")
def refusing(shared: Service) -> Service:
    """A home with files that are, and files that only look as if they were."""
    shared.notebook("ann", "idea.ipynb", PARAMETERS, "fast + 1")
    shared.notebook("bob", "idea.ipynb", "1 + 1")
    home, other = shared.home("ann"), shared.home("bob")
    (home / "broken.ipynb").write_text("{")
    (home / "idea.txt").write_text("hello")
    (home / "link.ipynb").symlink_to(other / "idea.ipynb")
    (home / "folder").symlink_to(other)
    os.mkfifo(home / "pipe.ipynb")
    return shared


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({"template": "backtset"}, 404, "template_not_found", "backtset"),
        ({"path": "idea.ipynb", "parameters": {"fsat": 3}}, 422, "parameter", "'fast'"),
        ({"path": "idea.ipynb", "parameters": {"fast": "many"}}, 422, "parameter", "whole number"),
        ({"path": "idea.ipynb", "parameters": {"fast": 2.5}}, 422, "parameter", "whole number"),
        ({"path": "idea.ipynb", "parameters": {"symbols": "AAPL"}}, 422, "parameter", "list"),
        ({"path": "idea.ipynb", "parameters": [1]}, 422, "invalid_input", "parameters"),
        ({"path": "nowhere.ipynb"}, 404, "not_found", "nowhere.ipynb"),
        ({"path": "../bob/idea.ipynb"}, 403, "path_not_allowed", "../bob/idea.ipynb"),
        ({"path": "/etc/passwd.ipynb"}, 403, "path_not_allowed", "/etc/passwd.ipynb"),
        ({"path": "notebooks/../../bob/idea.ipynb"}, 403, "path_not_allowed", "bob"),
        ({"path": "link.ipynb"}, 403, "path_not_allowed", "link.ipynb"),
        ({"path": "folder/idea.ipynb"}, 403, "path_not_allowed", "folder/idea.ipynb"),
        ({"path": "pipe.ipynb"}, 403, "path_not_allowed", "pipe.ipynb"),
        ({"path": "broken.ipynb"}, 422, "invalid_input", "not a notebook"),
        ({"path": "idea.txt"}, 422, "invalid_input", "not a notebook"),
        ({}, 422, "invalid_input", "exactly one"),
        ({"template": "a", "path": "b.ipynb"}, 422, "invalid_input", "exactly one"),
        ({"tempalte": "backtest"}, 422, "invalid_input", "tempalte"),
        ({"notebook": {"name": "../x.ipynb", "content": {}}}, 422, "invalid_input", "name"),
        ({"notebook": {"name": "x.ipynb", "content": "not json"}}, 422, "invalid_input", "not a notebook"),
        ({"notebook": {"name": "x.ipynb", "content": {"cells": []}}}, 422, "invalid_input", "not a notebook"),
        ([], 422, "invalid_input", "dictionary"),
    ],
)
def test_a_run_that_cannot_be(refusing: Service, body: Any, status: int, code: str, said: str) -> None:
    assert said in _error(refusing.api("ann").post("runs", json=body), status, code)
    assert refusing.api("ann").get("runs").json() == []


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"when": "every day"}, "invalid_input", "cron"),
        ({"when": "61 25 * * *"}, "invalid_input", "cron"),
        ({"when": "0 0 30 2 *"}, "invalid_input", "never comes"),
        ({"time_zone": "America/New_Yrok"}, "invalid_input", "America/New_York"),
        ({"when": "after_close XNYX"}, "invalid_input", "XNYS"),
        ({"parameters": {"fsat": 1}}, "parameter", "fast"),
    ],
)
def test_a_schedule_that_cannot_be(refusing: Service, change: dict[str, Any], code: str, said: str) -> None:
    body = {"path": "idea.ipynb", "when": "0 18 * * 1-5", "time_zone": "UTC", **change}
    assert said in _error(refusing.api("ann").post("schedules", json=body), 422, code)
    assert refusing.api("ann").get("schedules").json() == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"path": "nowhere.ipynb"}, 404, "not_found"),
        ({"path": "../bob/idea.ipynb"}, 403, "path_not_allowed"),
        ({"path": "link.ipynb"}, 403, "path_not_allowed"),
        ({"path": ".tradewind/x.ipynb"}, 403, "path_not_allowed"),
        ({"path": "idea.txt"}, 403, "path_not_allowed"),
        ({"path": "broken.ipynb"}, 422, "not_publishable"),
        ({"share_with": ["quants"]}, 422, "share"),
        ({"share_with": ["group:"]}, 422, "share"),
        ({"slug": "../x"}, 422, "invalid_input"),
        ({"title": "x" * 300}, 422, "invalid_input"),
    ],
)
def test_a_dashboard_that_cannot_be(
    refusing: Service, change: dict[str, Any], status: int, code: str
) -> None:
    _error(refusing.api("ann").post("dashboards", json={"path": "idea.ipynb", **change}), status, code)
    assert refusing.api("ann").get("dashboards").json() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "datasets/us-large-cap", 404, "dataset_not_found"),
        ("GET", "datasets/..%2f..%2fsecrets", 404, "not_found"),
        ("GET", "templates/backtset", 404, "template_not_found"),
        ("GET", "runs/nothing", 404, "not_found"),
        ("GET", "runs?status=done", 422, "invalid_input"),
        ("GET", "runs?sort=colour", 422, "invalid_input"),
        ("GET", "runs?limit=0", 422, "invalid_input"),
        ("GET", "runs?limit=many", 422, "invalid_input"),
        ("GET", "schedules/nothing", 404, "not_found"),
        ("GET", "dashboards/nothing", 404, "dashboard_not_found"),
        ("GET", "nothing", 404, "not_found"),
        ("PUT", "runs", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there(shared: Service, method: str, path: str, status: int, code: str) -> None:
    _error(shared.api("ann").request(method, path), status, code)


def test_a_body_over_the_limit_is_refused_declared_or_not(service: Service) -> None:
    client = service.api("ann")
    body = json.dumps({"notebook": {"name": "x.ipynb", "content": "x" * 3_000_000}}).encode()
    kind = {"Content-Type": "application/json"}
    _error(client.post("runs", content=body, headers=kind), 413, "too_large")
    chunked = client.post("runs", content=iter([body[:1_000_000], body[1_000_000:]]), headers=kind)
    _error(chunked, 413, "too_large")
    page = service.browser("ann").post("runs/new", data={"template": "x" * 3_000_000})
    assert page.status_code == 413 and "Too large" in page.text


def test_broken_json_is_the_callers_mistake(service: Service) -> None:
    answer = service.api("ann").post(
        "runs", content=b'{"template":', headers={"Content-Type": "application/json"}
    )
    _error(answer, 422, "invalid_input")


@pytest.mark.parametrize(
    "name", ["../../secrets/cli", "..%2f..%2fsecrets%2fcli", "artifacts/out.csv", "/etc/passwd"]
)
def test_a_result_leads_nowhere_else(service: Service, name: str) -> None:
    run = _finished(service)
    (_result(service, run) / "artifacts").mkdir(exist_ok=True)
    (_result(service, run) / "artifacts" / "out.csv").symlink_to(service.settings.paths.secrets / "cli")
    answer = service.api("ann").get(f"runs/{run}/files/{name}")
    assert answer.status_code in (403, 404), answer.text
    assert service.settings.paths.secret("cli") not in answer.text


@pytest.mark.parametrize(("name", "status"), [('a"b; \\ €.html', 200), ("a\r\nX-Made-Up: 1\n.html", 404)])
def test_a_files_name_breaks_no_header(service: Service, name: str, status: int) -> None:
    run = _finished(service)
    (_result(service, run) / name).write_text("<h1>hello</h1>")
    answer = service.api("ann").get(f"runs/{run}/files/{quote(name)}")
    assert answer.status_code == status and "x-made-up" not in answer.headers
    assert service.browser("ann").get(f"runs/{run}").status_code == 200


def _result(service: Service, run: str) -> Path:
    return api.folder(service.settings, run) / "attempt-1" / "result"


def _finished(service: Service) -> str:
    """Return a run that ended, as a worker would have left it."""
    import sqlalchemy as sa
    from tradewind.jobs.tables import ready, runs

    service.notebook("ann", "idea.ipynb", PARAMETERS, "1 + 1")
    run = str(service.api("ann").post("runs", json={"path": "idea.ipynb"}).json()["id"])
    _result(service, run).mkdir(parents=True)
    values = {"status": "succeeded", "attempt": 1, "result_attempt": 1}
    with ready(service.settings).begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run).values(**values))
    return run
