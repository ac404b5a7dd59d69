"""Who may call what: tokens, scopes, other people's things, forged requests."""

import pytest
from by_hand import PARAMETERS, Service
from tradewind.database import engine
from tradewind.service.sessions import Sessions, table


@pytest.mark.parametrize(
    "path",
    [
        "me",
        "version",
        "runs",
        "schedules",
        "dashboards",
        "datasets",
        "templates",
        "admin/users",
        "runs/x/log",
    ],
)
def test_a_stranger_reads_nothing(shared: Service, path: str) -> None:
    answer = shared.api("stranger").get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_signed_in"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_me_tells_name_groups_and_rights(shared: Service) -> None:
    assert shared.api("ann").get("me").json() == {
        "name": "ann",
        "admin": False,
        "groups": ["quants"],
        "scopes": ["custom:tradewind:publish", "custom:tradewind:read", "custom:tradewind:run"],
    }
    assert shared.api("admin").get("me").json()["admin"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "admin/users"),
        ("GET", "admin/servers"),
        ("GET", "admin/disk"),
        ("GET", "admin/versions"),
        ("GET", "admin/audit"),
        ("GET", "admin/datasets/x/grants"),
        ("PUT", "admin/datasets/x/grants"),
        ("POST", "admin/users/ann/approve"),
        ("POST", "admin/servers/ann/stop"),
    ],
)
def test_administration_needs_the_administrators_scope(shared: Service, method: str, path: str) -> None:
    body = {"readers": []} if method == "PUT" else None
    answer = shared.api("ann").request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("path", ["admin", "admin/users", "admin/audit", "admin/data/x"])
def test_admin_pages_refuse_users_in_the_look(shared: Service, path: str) -> None:
    answer = shared.browser("ann").get(path)
    assert answer.status_code == 403
    assert "Not allowed" in answer.text and "tw-nav" in answer.text
    assert ">Admin<" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "runs", {"template": "backtest"}),
        ("POST", "runs/x/cancel", None),
        ("POST", "schedules", {"template": "backtest", "when": "@daily"}),
        ("POST", "dashboards", {"path": "x.ipynb"}),
        ("DELETE", "dashboards/x", None),
    ],
)
def test_a_token_that_may_read_changes_nothing(
    shared: Service, method: str, path: str, body: dict[str, str] | None
) -> None:
    answer = shared.api("reader").request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


def _run_of(service: Service, user: str) -> str:
    service.notebook(user, "idea.ipynb", PARAMETERS, "1 + 1")
    answer = service.api(user).post("runs", json={"path": "idea.ipynb"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("suffix", ["", "/files", "/files/run.json", "/log"])
def test_others_runs_do_not_exist_for_a_user(service: Service, suffix: str) -> None:
    run = _run_of(service, "ann")
    answer = service.api("bob").get(f"runs/{run}{suffix}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    # not a word more than about a run that was never there
    never = service.api("bob").get(f"runs/nothing{suffix}").json()["error"]["message"]
    assert answer.json()["error"]["message"] == never.replace("nothing", run)


def test_lists_hold_ones_own_only(service: Service) -> None:
    run = _run_of(service, "ann")
    assert [found["id"] for found in service.api("ann").get("runs").json()] == [run]
    assert service.api("bob").get("runs").json() == []
    assert service.api("bob").get("runs", params={"user": "ann"}).json() == []
    assert [found["id"] for found in service.api("admin").get("runs").json()] == [run]
    assert service.api("admin").get("runs", params={"user": "bob"}).json() == []


def test_others_runs_cannot_be_cancelled_or_deleted(service: Service) -> None:
    run = _run_of(service, "ann")
    assert service.api("bob").post(f"runs/{run}/cancel").status_code == 404
    assert service.api("bob").delete(f"runs/{run}").status_code == 404
    browser = service.browser("bob")
    assert browser.post(f"runs/{run}/cancel", data={"_xsrf": browser.xsrf}).status_code == 404
    assert service.api("ann").get(f"runs/{run}").json()["status"] == "queued"
    assert service.api("admin").post(f"runs/{run}/cancel").json()["status"] == "cancelled"


def test_others_schedules_and_dashboards_do_not_exist(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS, "1 + 1")
    made = service.api("ann").post("schedules", json={"path": "idea.ipynb", "when": "0 18 * * 1-5"}).json()
    board = service.api("ann").post("dashboards", json={"path": "idea.ipynb", "share_with": ["group:quants"]})
    assert board.status_code == 201, board.text
    bob = service.api("bob")
    assert bob.get(f"schedules/{made['id']}").status_code == 404
    assert bob.patch(f"schedules/{made['id']}", json={"paused": True}).status_code == 404
    assert bob.get("schedules").json() == []
    assert bob.get("dashboards").json() == []
    assert bob.get("dashboards/idea").json()["error"]["code"] == "dashboard_not_found"
    service.api("ann").patch("dashboards/idea", json={"share_with": ["user:bob"]})
    assert [found["slug"] for found in bob.get("dashboards").json()] == ["idea"]
    refused = bob.patch("dashboards/idea", json={"share_with": ["everyone"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    assert bob.delete("dashboards/idea").status_code == 403


# ---- browsers ----


def test_a_browser_is_sent_to_the_hub_with_pkce_and_a_bound_state(shared: Service) -> None:
    answer = shared.browser("").get("runs?q=x")
    assert answer.status_code == 302
    where = answer.headers["location"]
    assert where.startswith("/desk/hub/api/oauth2/authorize?")
    assert "code_challenge_method=S256" in where and "client_id=service-tradewind" in where
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "oauth_callback" in cookie


def test_a_sign_in_that_another_browser_started_is_refused(shared: Service) -> None:
    answer = shared.browser("").get("oauth_callback?code=abc&state=forged")
    assert answer.status_code == 403


def test_polls_without_a_session_reload_the_page(shared: Service) -> None:
    answer = shared.browser("").get("runs/live", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-refresh"] == "true"


def test_a_form_needs_the_sessions_mark(service: Service) -> None:
    run = _run_of(service, "ann")
    browser = service.browser("ann")
    other = service.browser("ann")
    for data in ({}, {"_xsrf": "made up"}, {"_xsrf": other.xsrf}):
        answer = browser.post(f"runs/{run}/cancel", data=data)
        assert answer.status_code == 403, data
    assert service.api("ann").get(f"runs/{run}").json()["status"] == "queued"
    assert browser.post(f"runs/{run}/cancel", data={"_xsrf": browser.xsrf}).status_code == 303
    assert service.api("ann").get(f"runs/{run}").json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(service: Service, headers: dict[str, str]) -> None:
    run = _run_of(service, "ann")
    browser = service.browser("ann")
    answer = browser.post(f"runs/{run}/cancel", data={"_xsrf": browser.xsrf}, headers=headers)
    assert answer.status_code == 403
    assert service.api("ann").get(f"runs/{run}").json()["status"] == "queued"


def test_the_rest_api_with_a_session_needs_the_mark_too(service: Service) -> None:
    service.notebook("ann", "idea.ipynb", PARAMETERS)
    browser = service.browser("ann")
    body = {"path": "idea.ipynb"}
    assert browser.post("api/runs", json=body).status_code == 403
    assert browser.post("api/runs", json=body, headers={"X-XSRF-Token": browser.xsrf}).status_code == 201


def test_sessions_outlive_the_service_and_hide_the_token(service: Service) -> None:
    session = service.context.sessions.create("a hub token")
    again = Sessions(service.settings)
    found = again.find(session.id)
    assert found == session
    with engine(service.settings.database).connect() as connection:
        stored = str(connection.execute(table.select()).all())
    assert "a hub token" not in stored and session.id not in stored
    again.drop(session.id)
    assert Sessions(service.settings).find(session.id) is None
    assert again.find("made up") is None


# ---- headers ----


def test_every_page_forbids_what_comes_from_outside(shared: Service) -> None:
    for path in ("runs", "no/such/page", "dashboards"):
        headers = shared.browser("ann").get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_metrics_are_for_administrators_and_prometheus(service: Service) -> None:
    assert [service.api(who).get("../metrics").status_code for who in ("", "ann", "admin")] == [401, 403, 200]
    answer = service.api(service.settings.paths.secret("metrics")).get("../metrics")
    assert 'tradewind_runs{status="queued"} 0.0' in answer.text
    assert "tradewind_http_requests_total" in answer.text


def test_health_tells_nothing_but_health(shared: Service) -> None:
    for path in ("health", "api/health"):
        answer = shared.api("").get(f"../{path}")
        assert answer.json() == {"status": "ok", "parts": {"database": "ok", "workers": "none"}}
