"""A hub in other surroundings: an identity provider, a base URL, PostgreSQL, a machine without sandboxes."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from identity_provider import IdentityProvider
from real_hub import GOOD, Browser, Hub
from tradewind.hub import accounts, ratelimit
from tradewind.hub.tables import Origin

pytestmark = pytest.mark.platform


def words(answer: httpx.Response) -> str:
    return " ".join(
        re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", answer.text)).split()
    )


# ---- an identity provider ----


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture(scope="module")
def federated(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Hub]:
    hub = Hub(
        tmp_path_factory.mktemp("federated") / "var",
        TRADEWIND_AUTHENTICATOR="oidc",
        TRADEWIND_ADMIN_NAME="boss",
        TRADEWIND_OAUTH_CLIENT_ID="tradewind",
        TRADEWIND_OAUTH_CLIENT_SECRET="the-clients-secret",
        TRADEWIND_OAUTH_AUTHORIZE_URL=f"{provider.url}/authorize",
        TRADEWIND_OAUTH_TOKEN_URL=f"{provider.url}/token",
        TRADEWIND_OAUTH_USERDATA_URL=f"{provider.url}/userinfo",
        TRADEWIND_OAUTH_ALLOW='["group:quants", "user:friend"]',
    )
    try:
        hub.start()
        yield hub
    finally:
        hub.close_browsers()
        hub.stop()


def come_in(
    hub: Hub, provider: IdentityProvider, name: str, groups: tuple[str, ...] = ()
) -> tuple[Browser, httpx.Response]:
    provider.claims = {"preferred_username": name, "groups": list(groups)}
    browser = hub.browser()
    page = browser.get("/hub/login")
    assert "Sign in with 127.0.0.1" in words(page) and 'type="password"' not in page.text
    answer = browser.get("/hub/oauth_login")
    for _ in range(2):  # to the provider, and back
        answer = browser.client.get(answer.headers["location"])
    return browser, answer


def test_unknown_people_wait_until_an_administrator_approves(
    federated: Hub, provider: IdentityProvider
) -> None:
    browser, answer = come_in(federated, provider, "Stranger")
    assert answer.status_code == 403 and "waits for approval by an administrator" in words(answer)
    assert not browser.signed_in
    assert federated.api("GET", "users/stranger").status_code == 404
    boss, answer = come_in(federated, provider, "boss")
    assert answer.status_code == 302 and boss.signed_in
    page = boss.post("/hub/accounts", name="stranger", action="approve")
    assert "stranger may sign in now" in words(page) and "reset-password" not in page.text
    browser, _ = come_in(federated, provider, "Stranger")
    assert browser.signed_in
    assert federated.api("GET", "users/stranger").json()["admin"] is False


@pytest.mark.parametrize(("name", "groups", "allowed"), [
    ("friend", (), True), ("quinn", ("quants", "other"), True), ("rob", ("other",), False),
])  # fmt: skip
def test_rules_spare_the_approval(
    federated: Hub, provider: IdentityProvider, name: str, groups: tuple[str, ...], allowed: bool
) -> None:
    browser, _ = come_in(federated, provider, name, groups)
    assert browser.signed_in is allowed
    assert accounts.get(federated.settings, name).approved is allowed
    assert accounts.get(federated.settings, name).origin is Origin.PROVIDER


def test_there_is_no_password_to_try(federated: Hub) -> None:
    assert federated.admin_password == ""
    for path in ("/hub/signup", "/hub/password", "/hub/second-factor"):
        assert federated.browser().get(path).status_code == 404
    assert federated.browser().post("/hub/login", username="boss", password="").status_code == 405


def test_a_forged_answer_of_the_provider_is_refused(federated: Hub) -> None:
    browser = federated.browser()
    answer = browser.get("/hub/oauth_callback?code=code-0&state=forged")
    assert answer.status_code in (400, 403) and not browser.signed_in


# ---- a base URL, PostgreSQL ----


@pytest.mark.postgres
def test_below_a_base_url_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    hub = Hub(
        tmp_path / "var",
        TRADEWIND_BASE_URL="/research/",
        TRADEWIND_DATABASE_URL=postgres_url,
        TRADEWIND_HUB_DATABASE_URL=postgres_url,
    )
    try:
        hub.start()
        hub.user("petra")
        petra = hub.browser()
        page = petra.get("/hub/login")
        links = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
        assert links and all(link.startswith("/research/hub/") for link in links), links
        assert petra.sign_in("petra", GOOD).headers["location"] == "/research/hub/spawn"
        page = petra.get("/hub/home")
        assert page.status_code == 200 and 'href="/research/services/tradewind/runs"' in page.text
        for _ in range(12):
            last = hub.browser().sign_in("petra", "wrong")
        assert last.status_code == 429
        assert accounts.get(hub.settings, "petra").locked_until is not None
        ratelimit.unlock(hub.settings, "petra")
        assert hub.browser().sign_in("petra", GOOD).status_code == 302
        assert not list(hub.settings.paths.database.iterdir()), "nothing went to SQLite"
    finally:
        hub.close_browsers()
        hub.stop()


# ---- no sandbox ----


def test_without_sandboxes_only_the_first_administrator_starts_a_server(tmp_path: Path) -> None:
    hidden = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not shutil.which("bwrap", path=folder)
    )
    hub = Hub(tmp_path / "var", path=hidden or "/nonexistent")
    try:
        hub.start()
        hub.user("olaf")
        olaf, boss = hub.browser(), hub.browser()
        olaf.sign_in("olaf", GOOD)
        boss.sign_in(hub.admin, hub.admin_password)
        answer = olaf.client.get("/hub/spawn/olaf", follow_redirects=True)
        assert answer.status_code >= 400
        assert "cannot keep users apart" in words(answer) and "bubblewrap" in words(answer)
        assert "apt" in words(answer), "it says what to install"
        assert "bubblewrap" in words(boss.get("/hub/home")), "administrators see a warning on every page"
        assert "bubblewrap" not in words(olaf.get("/hub/home"))
    finally:
        hub.close_browsers()
        hub.stop()
