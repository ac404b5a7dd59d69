"""Signing in and up on a real hub."""

import re
import time
from datetime import UTC, datetime

import httpx
import pyotp
import pytest
import sqlalchemy as sa
from live_platform import wait_for
from real_hub import GOOD, Browser, Hub
from tradewind.hub import accounts, config, credentials, ratelimit, rights, tables, theme, totp

pytestmark = pytest.mark.platform
OTHER = "amber kettle north 52"


def words(answer: httpx.Response) -> str:
    """Return the visible text of a page."""
    body = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", answer.text)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def administrator(hub: Hub) -> Browser:
    browser = hub.browser()
    browser.sign_in(hub.admin, hub.admin_password)
    assert browser.signed_in, hub.log()
    return browser


# ---- the way in ----


def test_the_first_sign_in_offers_to_change_the_generated_password(hub: Hub) -> None:
    browser = hub.browser()
    answer = browser.sign_in(hub.admin, hub.admin_password)
    assert answer.status_code == 302 and answer.headers["location"] == "/hub/password?next=%2Fhub%2Fspawn"
    page = browser.get(answer.headers["location"])
    assert "Choose a password of your own" in words(page) and 'href="/hub/spawn">Later' in page.text


def test_sign_up_waits_for_approval_by_an_administrator(hub: Hub) -> None:
    anna, boss = hub.browser(), administrator(hub)
    answer = anna.post("/hub/signup", username="Anna", password=GOOD, repeated=GOOD)
    assert "waits for approval by an administrator" in words(answer)
    answer = anna.sign_in("anna", GOOD)
    assert answer.status_code == 403 and "waits for approval" in words(answer) and not anna.signed_in
    assert "anna" in words(boss.get("/hub/accounts"))
    answer = boss.post("/hub/accounts", name="anna", action="approve")
    assert "anna may sign in now" in words(answer)
    answer = anna.sign_in("anna", GOOD)
    assert answer.status_code == 302 and answer.headers["location"] == "/hub/spawn"
    assert anna.signed_in
    assert hub.api("GET", "users/anna").json()["admin"] is False


@pytest.mark.parametrize(
    ("form", "status", "words_shown"),
    [
        ({"username": "bea", "password": GOOD, "repeated": OTHER}, 422, "differ"),
        ({"username": "bea", "password": "short", "repeated": "short"}, 422, "too short"),
        ({"username": "../bea", "password": GOOD, "repeated": GOOD}, 422, "name will not do"),
        ({"username": "admin", "password": GOOD, "repeated": GOOD}, 409, "taken"),
        ({}, 422, "name will not do"),
    ],
)
def test_a_sign_up_that_will_not_do_says_why(
    hub: Hub, form: dict[str, str], status: int, words_shown: str
) -> None:
    answer = hub.browser().post("/hub/signup", **form)
    assert answer.status_code == status and words_shown in words(answer)
    assert accounts.find(hub.settings, "bea") is None


def test_what_is_typed_is_never_markup(hub: Hub) -> None:
    typed = '"><script>alert(1)</script>'
    for answer in (
        hub.browser().sign_in(typed, GOOD),
        hub.browser().post("/hub/signup", username=typed, password=GOOD, repeated=GOOD),
    ):
        assert "<script>alert" not in answer.text and "&lt;script&gt;alert" in answer.text


def test_after_signing_in_nobody_is_sent_elsewhere(hub: Hub) -> None:
    hub.user("next")
    for away in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        browser = hub.browser()
        token_page = browser.get("/hub/login")
        assert token_page.status_code == 200
        form = {
            "_xsrf": browser.client.cookies.get("_xsrf", path="/hub/") or "",
            "username": "next",
            "password": GOOD,
        }
        answer = browser.client.post("/hub/login", params={"next": away}, data=form)
        assert (
            answer.status_code == 302
            and answer.headers["location"].startswith("/")
            and "evil" not in (httpx.URL(hub.url).join(answer.headers["location"]).host)
        )


# ---- second factor ----


def test_signing_in_with_a_second_factor_set_up_on_its_page(hub: Hub) -> None:
    hub.user("tom")
    tom = hub.browser()
    tom.sign_in("tom", GOOD)
    page = tom.post("/hub/second-factor", action="begin")
    [secret] = re.findall(r'id="totp_secret">([A-Z2-7 ]+)<', page.text)
    assert page.text.count("<svg") == 1 and page.headers["cache-control"] == "no-store"
    codes = pyotp.TOTP(secret.replace(" ", ""))
    assert "wrong" in words(tom.post("/hub/second-factor", action="confirm", otp="000000"))
    page = tom.post("/hub/second-factor", action="confirm", otp=codes.at(time.time() - 30))
    assert "second factor is on" in words(page)

    again = hub.browser()
    answer = again.sign_in("tom", GOOD)
    assert answer.status_code == 200 and "six digits" in words(answer) and not again.signed_in
    answer = again.step(otp="123456")
    assert answer.status_code == 403 and "wrong" in words(answer) and not again.signed_in
    answer = again.step(otp=codes.now())
    assert answer.status_code == 302 and again.signed_in
    # a code works once, and never without the password step
    assert "was used already" in words(hub.browser().sign_in("tom", GOOD, otp=codes.now()))
    bare = hub.browser()
    assert bare.post("/hub/login", otp=codes.now()).status_code == 403 and not bare.signed_in
    assert bare.post("/hub/login", username="tom", otp=codes.now()).status_code == 403 and not bare.signed_in


def test_an_administrator_resets_a_second_factor(hub: Hub) -> None:
    hub.user("tess")
    secret = totp.enable_totp(hub.settings, "tess")
    totp.confirm_totp(hub.settings, "tess", pyotp.TOTP(secret).now())
    answer = administrator(hub).post("/hub/accounts", name="tess", action="reset-second-factor")
    assert "without a second factor" in words(answer)
    tess = hub.browser()
    tess.sign_in("tess", GOOD)
    assert tess.signed_in


# ---- passwords ----


def test_changing_ones_password_signs_other_browsers_out(hub: Hub) -> None:
    hub.user("paula")
    here, there = hub.browser(), hub.browser()
    here.sign_in("paula", GOOD)
    there.sign_in("paula", GOOD)
    answer = here.post("/hub/password", current="wrong", password=OTHER, repeated=OTHER)
    assert answer.status_code == 403 and "present password is wrong" in words(answer)
    answer = here.post("/hub/password", current=GOOD, password=OTHER, repeated=OTHER)
    assert "password is changed" in words(answer)
    assert here.signed_in and not there.signed_in
    assert there.sign_in("paula", GOOD).status_code == 403
    assert there.sign_in("paula", OTHER).status_code == 302


def test_an_administrator_resets_a_password_and_its_owner_must_choose_a_new_one(hub: Hub) -> None:
    hub.user("rita")
    rita = hub.browser()
    rita.sign_in("rita", GOOD)
    page = administrator(hub).post("/hub/accounts", name="rita", action="reset-password")
    [generated] = re.findall(r'id="new_secret">([a-z0-9-]+)<', page.text)
    assert page.headers["cache-control"] == "no-store"
    assert not rita.signed_in
    assert rita.sign_in("rita", GOOD).status_code == 403
    answer = rita.sign_in("rita", generated)
    assert "Choose a password of your own" in words(answer) and not rita.signed_in
    assert "differ" in words(rita.step(new_password=OTHER, repeated=GOOD)) and not rita.signed_in
    assert "user name" in words(rita.step(new_password="rita-rita-rita", repeated="rita-rita-rita"))
    assert rita.step(new_password=OTHER, repeated=OTHER).status_code == 302
    assert rita.signed_in


def test_a_password_reset_in_the_shell_ends_the_sessions_too(hub: Hub) -> None:
    hub.user("shelly")
    shelly = hub.browser()
    shelly.sign_in("shelly", GOOD)
    credentials.reset_password(hub.settings, "shelly", actor="admin")
    wait_for(lambda: not shelly.signed_in, "the end of the session", seconds=75, every=2)


# ---- limits ----


def test_thirty_wrong_passwords_are_slowed_and_then_refused(hub: Hub) -> None:
    hub.user("victor")
    hub.user("wanda")
    known = hub.browser()
    known.sign_in("victor", GOOD)
    thief, statuses, times = hub.browser(), [], []
    for number in range(30):
        began = time.monotonic()
        answer = thief.sign_in("victor", f"guess number {number}")
        times.append(time.monotonic() - began)
        statuses.append(answer.status_code)
    looked_at = statuses.count(403)
    assert 5 <= looked_at <= 9 and statuses == [403] * looked_at + [429] * (30 - looked_at)
    assert max(times[:looked_at]) > 1.5  # slowed before it was refused
    assert int(answer.headers["retry-after"]) > 0
    assert re.search(r"too many failed attempts\. Try again in \d+ seconds", words(answer))
    # the right password from there is not looked at either; nobody else is locked out, nor the owner at home
    assert hub.browser().sign_in("victor", GOOD).status_code == 429
    assert hub.browser().sign_in("wanda", GOOD).status_code == 302
    assert known.sign_in("victor", GOOD).status_code == 302

    # a patient thief, who comes back whenever a wait is over: each time the next one is longer
    for _ in range(3):
        until = accounts.get(hub.settings, "victor").locked_until
        assert until is not None
        ratelimit.begin(hub.settings, ratelimit.keys_for("victor", "127.0.0.1")[:1], now=until)
    locked = accounts.get(hub.settings, "victor").locked_until
    hub.kill("hub")
    hub.start()
    assert accounts.get(hub.settings, "victor").locked_until == locked
    assert hub.browser().sign_in("victor", GOOD).status_code == 429

    answer = administrator(hub).post("/hub/accounts", name="victor", action="unlock")
    assert "forgotten" in words(answer)
    assert hub.browser().sign_in("victor", GOOD).status_code == 302


def test_a_forged_forwarding_header_makes_no_new_address(hub: Hub) -> None:
    forger = hub.browser()
    forger.get("/hub/login")
    form = {
        "_xsrf": forger.client.cookies.get("_xsrf", path="/hub/") or "",
        "username": "nobody",
        "password": "x",
    }
    forger.client.post("/hub/login", data=form, headers={"X-Forwarded-For": "203.0.113.9"})
    with tables.database(hub.settings).connect() as connection:
        keys = set(connection.execute(sa.select(tables.attempts.c.key)).scalars())
    assert "address:127.0.0.1" in keys and "address:203.0.113.9" not in keys


def test_the_hubs_own_token_form_is_no_way_around(hub: Hub) -> None:
    """The REST API of older hubs judged passwords too."""
    hub.user("yara")
    answer = httpx.post(
        f"{hub.url}/hub/api/users/yara/tokens",
        json={"auth": {"username": "yara", "password": GOOD}},
        trust_env=False,
    )
    assert answer.status_code == 403


# ---- who may do what ----


def test_accounts_are_for_administrators(hub: Hub) -> None:
    hub.user("uwe")
    uwe, nobody = hub.browser(), hub.browser()
    uwe.sign_in("uwe", GOOD)
    assert uwe.get("/hub/accounts").status_code == 403
    assert uwe.post("/hub/accounts", name="uwe", action="make-admin").status_code == 403
    assert "Admin<" not in uwe.get("/hub/home").text
    assert nobody.get("/hub/accounts").headers["location"].startswith("/hub/login")
    assert nobody.client.post("/hub/accounts", data={"name": "uwe", "action": "approve"}).status_code == 403
    assert not accounts.get(hub.settings, "uwe").admin


def test_the_list_of_accounts_is_searched_sorted_and_paged_by_its_address(hub: Hub) -> None:
    with tables.database(hub.settings).begin() as connection:
        row = {"password_origin": "own", "approved": True, "admin": False, "totp_counter": 0}
        now = datetime.now(UTC)
        rows = [{**row, "name": f"crowd{number:03d}", "created_at": now} for number in range(120)]
        connection.execute(tables.accounts.insert(), rows)
    boss = administrator(hub)

    def shown(query: str) -> list[str]:
        return re.findall(r'<tr data-account="([^"]*)"', boss.get(f"/hub/accounts?{query}").text)

    assert shown("q=crowd") == [f"crowd{number:03d}" for number in range(50)]
    assert shown("q=crowd&from=100") == [f"crowd{number:03d}" for number in range(100, 120)]
    assert shown("q=crowd&from=99999") == shown("q=crowd&from=100")
    assert shown("q=crowd&from=-1") == shown("q=crowd&from=x&sort=x") == shown("q=crowd")
    assert shown("sort=-last")[0] == hub.admin
    assert shown("sort=rights")[0] == hub.admin
    assert "1–50 of 120" in words(boss.get("/hub/accounts?q=CROWD"))


def test_a_form_without_its_token_is_refused(hub: Hub) -> None:
    hub.user("xaver")
    boss = administrator(hub)
    for path, form in (
        ("/hub/accounts", {"name": "xaver", "action": "make-admin"}),
        ("/hub/password", {"current": hub.admin_password, "password": OTHER, "repeated": OTHER}),
        ("/hub/second-factor", {"action": "begin"}),
    ):
        assert boss.client.post(path, data=form).status_code == 403, path
    assert not accounts.get(hub.settings, "xaver").admin
    assert (
        hub.browser().client.post("/hub/login", data={"username": "xaver", "password": GOOD}).status_code
        == 403
    )


def test_an_administrator_makes_another_one(hub: Hub) -> None:
    hub.user("zoe")
    zoe, boss = hub.browser(), administrator(hub)
    zoe.sign_in("zoe", GOOD)
    boss.post("/hub/accounts", name="zoe", action="make-admin")
    model = hub.api("GET", "users/zoe").json()
    assert model["admin"] and rights.ADMINISTRATORS in model["groups"]
    assert zoe.get("/hub/accounts").status_code == 200
    token = hub.api("POST", "users/zoe/tokens", json={}).json()["token"]
    assert "custom:tradewind:admin" in hub.api("GET", "user", token=token).json()["scopes"]
    boss.post("/hub/accounts", name="zoe", action="drop-admin")
    model = hub.api("GET", "users/zoe").json()
    assert not model["admin"] and rights.ADMINISTRATORS not in model["groups"]
    assert zoe.get("/hub/accounts").status_code == 403
    assert "first administrator" in words(
        zoe_cannot := boss.post("/hub/accounts", name="admin", action="drop-admin")
    ) or ("own rights" in words(zoe_cannot))


def test_what_a_users_token_may(hub: Hub) -> None:
    hub.user("sam")
    hub.api("POST", "users/sam")
    token = hub.api("POST", "users/sam/tokens", json={}).json()["token"]
    scopes = set(hub.api("GET", "user", token=token).json()["scopes"])
    assert set(rights.EVERYBODY) <= scopes and "access:services!service=tradewind" in scopes
    assert "custom:tradewind:data-write" not in scopes
    hub.api("POST", f"groups/{rights.DATA_WRITERS}/users", json={"users": ["sam"]}, token=cli(hub))
    scopes = set(hub.api("GET", "user", token=token).json()["scopes"])
    assert "custom:tradewind:data-write" in scopes and "custom:tradewind:admin" not in scopes


def cli(hub: Hub) -> str:
    """A token with all rights of the first administrator."""
    answer = hub.api("POST", f"users/{hub.admin}/tokens", json={})
    return str(answer.json()["token"])


# ---- the outside ----


def test_headers_and_cookies(hub: Hub) -> None:
    hub.user("carl")
    carl = hub.browser()
    answer = carl.sign_in("carl", GOOD)
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) >= 4 and all("SameSite=Lax" in cookie for cookie in cookies if '=""' not in cookie), (
        cookies
    )
    assert all("HttpOnly" in cookie for cookie in cookies if cookie.startswith("jupyterhub-hub-login"))
    for path in ("/hub/login", "/hub/home", "/hub/nothing"):
        headers = carl.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"


def test_a_large_body_is_refused_before_it_is_read(hub: Hub) -> None:
    try:
        answer = httpx.post(f"{hub.url}/hub/login", content=b"x" * (config.BODY_LIMIT + 1), trust_env=False)
        assert answer.status_code >= 400
    except httpx.HTTPError:
        pass  # the connection is closed on whoever goes on sending
    assert hub.browser().get("/hub/login").status_code == 200


def test_theme_files_are_there_for_everybody_and_nothing_else_is(hub: Hub) -> None:
    browser = hub.browser()
    for path in theme.STATIC.iterdir():
        answer = browser.get(f"/hub/tw-static/{path.name}")
        assert answer.content == path.read_bytes()
    assert browser.get("/hub/tw-static/../page.py").status_code == 404
    assert browser.get("/hub/tw-static/%2e%2e/page.py").status_code == 404


def test_the_way_to_the_lab(hub: Hub) -> None:
    hub.user("lena")
    lena = hub.browser()
    lena.sign_in("lena", GOOD)
    assert lena.get("/hub/lab").headers["location"] == "/hub/spawn/lena?next=%2Fuser%2Flena%2Flab"
    there = lena.get("/hub/lab?path=notebooks/a.ipynb").headers["location"]
    assert there == "/hub/spawn/lena?next=%2Fuser%2Flena%2Flab%2Ftree%2Fnotebooks%2Fa.ipynb"
    assert "nobody" not in hub.browser().get("/hub/lab").headers["location"]


def test_error_pages_say_what_to_do(hub: Hub) -> None:
    answer = hub.browser().get("/hub/nothing-here")
    assert answer.status_code == 404 and "There is nothing here" in words(answer)
