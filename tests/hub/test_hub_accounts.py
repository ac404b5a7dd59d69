"""Accounts, second factors and limits, without a hub."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
from real_hub import GOOD, settings_in
from tradewind import audit
from tradewind.errors import (
    AccountNotFoundError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    TooManyAttemptsError,
    WeakPasswordError,
)
from tradewind.hub import accounts, credentials, ratelimit, signin, tables, totp
from tradewind.hub.signin import Attempt, Outcome
from tradewind.hub.tables import Origin
from tradewind.settings import Settings

OTHER = "amber kettle north 52"


def attempt(settings: Settings, name: str, password: str = "", **values: object) -> signin.Verdict:
    return asyncio.run(
        signin.attempt(settings, Attempt(name=name, password=password, address="10.0.0.1", **values))
    )  # type: ignore[arg-type]


def user(settings: Settings, name: str = "alice") -> str:
    accounts.sign_up(settings, name, GOOD)
    accounts.approve(settings, name, actor="admin")
    return name


# ---- the first administrator ----


def test_the_first_administrator_gets_a_password_once(settings: Settings) -> None:
    name, password = accounts.ensure_first_admin(settings)
    assert name == "admin" and password
    assert accounts.ensure_first_admin(settings) == ("admin", None)
    verdict = attempt(settings, "admin", password)
    assert verdict.outcome is Outcome.SIGNED_IN and verdict.admin and verdict.origin is Origin.GENERATED


def test_no_password_is_stored_in_clear(settings: Settings) -> None:
    _, password = accounts.ensure_first_admin(settings)
    user(settings)
    secret = totp.enable_totp(settings, "alice")
    assert password and secret
    stored = b"".join(path.read_bytes() for path in settings.paths.database.iterdir())
    assert password.encode() not in stored and GOOD.encode() not in stored
    assert b"$argon2id$" in stored


# ---- signing up ----


def test_a_new_account_waits_and_says_so_only_to_who_knows_the_password(settings: Settings) -> None:
    accounts.sign_up(settings, " Alice ", GOOD)
    assert [a.name for a in accounts.list_accounts(settings, approved=False)] == ["alice"]
    assert attempt(settings, "alice", GOOD).outcome is Outcome.WAITING
    assert attempt(settings, "alice", "wrong").outcome is Outcome.WRONG
    accounts.approve(settings, "alice", actor="admin")
    assert attempt(settings, "ALICE", GOOD).outcome is Outcome.SIGNED_IN
    found = accounts.get(settings, "alice")
    assert found.approved_by == "admin" and found.last_sign_in_at and found.last_sign_in_at.tzinfo is not None


@pytest.mark.parametrize(
    "name", ["", "a", "9lives", "../etc", "a b", "x" * 33, "ünal", "alice/bob", "-alice", "al\nice"]
)
def test_names_that_will_not_do(settings: Settings, name: str) -> None:
    with pytest.raises(InvalidInputError, match="name"):
        accounts.sign_up(settings, name, GOOD)


def test_a_taken_name_and_a_weak_password_are_refused(settings: Settings) -> None:
    user(settings)
    with pytest.raises(ConflictError, match="taken"):
        accounts.sign_up(settings, "Alice", GOOD)
    with pytest.raises(WeakPasswordError):
        accounts.sign_up(settings, "bob", "bob-bob-bob")


def test_sign_up_can_be_switched_off(tmp_path: Path) -> None:
    closed = settings_in(tmp_path / "var", allow_signup=False)
    with pytest.raises(NotAllowedError):
        accounts.sign_up(closed, "alice", GOOD)


def test_sign_ups_from_one_address_are_limited(settings: Settings) -> None:
    for _ in range(ratelimit.SIGN_UP.free + 1):
        with pytest.raises(InvalidInputError):
            accounts.sign_up(settings, "!", GOOD, address="10.0.0.9")
    with pytest.raises(TooManyAttemptsError):
        accounts.sign_up(settings, "!", GOOD, address="10.0.0.9")
    with pytest.raises(InvalidInputError):
        accounts.sign_up(settings, "!", GOOD, address="10.0.0.8")


def test_reject_drops_only_who_waits(settings: Settings) -> None:
    accounts.sign_up(settings, "mallory", GOOD)
    accounts.reject(settings, "mallory", actor="admin")
    assert accounts.find(settings, "mallory") is None
    user(settings)
    with pytest.raises(ConflictError):
        accounts.reject(settings, "alice", actor="admin")


def test_an_unknown_name_is_an_error_that_names_near_ones(settings: Settings) -> None:
    user(settings)
    with pytest.raises(AccountNotFoundError, match="alice"):
        accounts.approve(settings, "alcie", actor="admin")


# ---- passwords ----


def test_changing_ones_password_needs_the_present_one(settings: Settings) -> None:
    user(settings)
    with pytest.raises(NotAllowedError, match="present password"):
        credentials.set_password(settings, "alice", OTHER, actor="alice", current="wrong")
    with pytest.raises(InvalidInputError, match="present password"):
        credentials.set_password(settings, "alice", GOOD, actor="alice", current=GOOD)
    credentials.set_password(settings, "alice", OTHER, actor="alice", current=GOOD)
    assert attempt(settings, "alice", GOOD).outcome is Outcome.WRONG
    assert attempt(settings, "alice", OTHER).outcome is Outcome.SIGNED_IN


def test_a_reset_password_leads_to_a_new_one_before_anything_else(settings: Settings) -> None:
    user(settings)
    generated = credentials.reset_password(settings, "alice", actor="admin")
    assert attempt(settings, "alice", GOOD).outcome is Outcome.WRONG
    first = attempt(settings, "alice", generated)
    assert first.outcome is Outcome.NEEDS_PASSWORD and first.passed
    weak = attempt(settings, "alice", passed=first.passed, new_password="alice-alice")
    assert weak.outcome is Outcome.NEEDS_PASSWORD and "user name" in weak.message
    same = attempt(settings, "alice", passed=first.passed, new_password=generated)
    assert same.outcome is Outcome.NEEDS_PASSWORD
    assert attempt(settings, "alice", passed=first.passed, new_password=OTHER).outcome is Outcome.SIGNED_IN
    # the remembered step belongs to the old password and is worth nothing now
    again = attempt(settings, "alice", passed=first.passed, new_password="velvet cargo sunrise")
    assert again.outcome is Outcome.WRONG
    assert attempt(settings, "alice", OTHER).outcome is Outcome.SIGNED_IN


def test_a_step_of_one_account_is_worth_nothing_for_another(settings: Settings) -> None:
    user(settings, "alice")
    user(settings, "bob")
    generated = credentials.reset_password(settings, "alice", actor="admin")
    passed = attempt(settings, "alice", generated).passed
    assert attempt(settings, "bob", passed=passed).outcome is Outcome.WRONG


def test_an_old_step_is_forgotten() -> None:
    passed = signin.Passed(name="alice", code=True, mark="m", at=time.time() - signin.PASSED_SECONDS - 1)
    assert signin.Passed.load(passed.dump()) is None
    fresh = signin.Passed(name="alice", code=False, mark="m", at=time.time())
    assert signin.Passed.load(fresh.dump()) == fresh


# ---- second factor ----


def set_up(settings: Settings, name: str) -> pyotp.TOTP:
    secret = totp.enable_totp(settings, name)
    codes = pyotp.TOTP(secret)
    # confirmed with the step before, so that the present code is still unused
    totp.confirm_totp(settings, name, codes.at(time.time() - totp.STEP))
    return codes


def test_signing_in_with_a_second_factor(settings: Settings) -> None:
    user(settings)
    codes = set_up(settings, "alice")
    first = attempt(settings, "alice", GOOD)
    assert (
        first.outcome is Outcome.NEEDS_CODE and not first.message and first.passed and not first.passed.code
    )
    assert attempt(settings, "alice", GOOD, code="000000").message
    code = codes.now()
    assert (
        attempt(settings, "alice", passed=first.passed, code=f"{code[:3]} {code[3:]}").outcome
        is Outcome.SIGNED_IN
    )
    again = attempt(settings, "alice", GOOD, code=code)
    assert again.outcome is Outcome.NEEDS_CODE and "used" in again.message


def test_a_right_code_without_the_password_is_nothing(settings: Settings) -> None:
    user(settings)
    codes = set_up(settings, "alice")
    assert attempt(settings, "alice", "wrong", code=codes.now()).outcome is Outcome.WRONG
    assert attempt(settings, "alice", "", code=codes.now()).outcome is Outcome.WRONG


def test_guessing_codes_is_limited_although_the_password_is_right(settings: Settings) -> None:
    user(settings)
    set_up(settings, "alice")
    keys = ratelimit.keys_for("alice", "10.0.0.1")
    for _ in range(8):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio, "sleep", _no_sleep)
            try:
                attempt(settings, "alice", GOOD)
                assert attempt(settings, "alice", GOOD, code="123456").outcome is Outcome.NEEDS_CODE
            except TooManyAttemptsError as problem:
                assert problem.wait > ratelimit.SLOWED
                break
    else:
        pytest.fail("eight wrong codes went through")
    with pytest.raises(TooManyAttemptsError):
        ratelimit.begin(settings, keys)


async def _no_sleep(seconds: float) -> None:
    assert seconds <= ratelimit.SLOWED


def test_setting_up_must_be_confirmed_and_can_be_undone(settings: Settings) -> None:
    user(settings)
    secret = totp.enable_totp(settings, "alice")
    assert totp.enable_totp(settings, "alice") == secret  # the page may be loaded again
    with pytest.raises(InvalidInputError):
        totp.confirm_totp(settings, "alice", "000000")
    assert attempt(settings, "alice", GOOD).outcome is Outcome.SIGNED_IN
    totp.confirm_totp(settings, "alice", pyotp.TOTP(secret).now())
    with pytest.raises(ConflictError):
        totp.enable_totp(settings, "alice")
    with pytest.raises(NotAllowedError):
        totp.disable_totp(settings, "alice", "wrong")
    totp.disable_totp(settings, "alice", GOOD)
    assert attempt(settings, "alice", GOOD).outcome is Outcome.SIGNED_IN


def test_an_administrator_resets_a_second_factor(settings: Settings) -> None:
    user(settings)
    set_up(settings, "alice")
    totp.reset_second_factor(settings, "alice", actor="admin")
    assert attempt(settings, "alice", GOOD).outcome is Outcome.SIGNED_IN


def test_codes_agree_with_the_rfc() -> None:
    # RFC 6238, appendix B (SHA-1), the last six digits of its eight
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for moment, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert totp.matching_step(secret, code, 0, now=moment) == moment // 30
        assert totp.matching_step(secret, code, 0, now=moment + 90) is None


def test_the_qr_code_is_an_svg_of_the_address(settings: Settings) -> None:
    uri = totp.address(settings, "alice", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert (
        uri.startswith("otpauth://totp/Tradewind:alice?") and "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in uri
    )
    svg = totp.qr_code(uri)
    assert svg.startswith("<svg") and "<script" not in svg


# ---- limits ----


def refused_after(settings: Settings, keys: tuple[ratelimit.Key, ...], now: datetime) -> int:
    for count in range(200):
        try:
            ratelimit.begin(settings, keys, now=now)
        except TooManyAttemptsError:
            return count
    raise AssertionError("never refused")


def test_failures_are_free_then_slowed_then_refused_and_forgotten_in_the_end(settings: Settings) -> None:
    now = datetime.now(UTC)
    keys = ratelimit.keys_for("alice", "10.0.0.1")
    waits = [ratelimit.begin(settings, keys, now=now) for _ in range(7)]
    assert waits[:4] == [0, 0, 0, 0] and waits == sorted(waits) and 0 < waits[-1] <= ratelimit.SLOWED
    with pytest.raises(TooManyAttemptsError) as raised:
        ratelimit.begin(settings, keys, now=now)
    assert raised.value.wait == pytest.approx(33.5, abs=0.1) and "seconds" in raised.value.hint
    later = now + timedelta(seconds=raised.value.wait)
    assert ratelimit.begin(settings, keys, now=later) == 0
    with pytest.raises(TooManyAttemptsError):
        ratelimit.begin(settings, keys, now=later)
    assert ratelimit.begin(settings, keys, now=later + timedelta(hours=2)) == 0


@pytest.mark.parametrize("failures", [1, 5, 30, 10_000])
def test_a_wait_never_grows_beyond_a_quarter_of_an_hour(failures: int) -> None:
    assert 0 <= ratelimit.ACCOUNT.wait(failures) <= 900


def test_thirty_guesses_a_minute_over_an_hour_are_few(settings: Settings) -> None:
    """An attacker with patience: how many passwords are looked at in an hour?"""
    keys = ratelimit.keys_for("alice", "10.0.0.1")
    begin, seen = datetime.now(UTC), 0
    for second in range(0, 3600, 2):
        try:
            ratelimit.begin(settings, keys, now=begin + timedelta(seconds=second))
            seen += 1
        except TooManyAttemptsError:
            pass
    assert seen <= 20


def test_a_hundred_at_once_gain_nothing(settings: Settings) -> None:
    keys = ratelimit.keys_for("alice", "10.0.0.1")
    tables.database(settings)

    def one(_: int) -> bool:
        try:
            ratelimit.begin(settings, keys)
        except TooManyAttemptsError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        passed = sum(pool.map(one, range(100)))
    assert passed <= 8


def test_others_and_known_browsers_are_not_locked_out(settings: Settings) -> None:
    now = datetime.now(UTC)
    assert refused_after(settings, ratelimit.keys_for("alice", "10.0.0.1"), now) == 7
    assert ratelimit.begin(settings, ratelimit.keys_for("bob", "10.0.0.1"), now=now) == 0
    assert ratelimit.begin(settings, ratelimit.keys_for("alice", "10.0.0.2", "a-known-browser"), now=now) == 0
    with pytest.raises(TooManyAttemptsError):  # from anywhere else
        ratelimit.begin(settings, ratelimit.keys_for("alice", "10.9.9.9"), now=now)


def test_one_address_cannot_try_every_account(settings: Settings) -> None:
    now = datetime.now(UTC)
    count = 0
    with pytest.raises(TooManyAttemptsError):
        for count in range(100):
            ratelimit.begin(settings, ratelimit.keys_for(f"user{count}", "10.0.0.1"), now=now)
    assert ratelimit.ADDRESS.free < count < ratelimit.ADDRESS.free + 10


def test_success_forgives_the_account_but_not_the_address(settings: Settings) -> None:
    now = datetime.now(UTC)
    keys = ratelimit.keys_for("alice", "10.0.0.1")
    for _ in range(5):
        ratelimit.begin(settings, keys, now=now)
    ratelimit.succeeded(settings, keys)
    assert ratelimit.begin(settings, keys, now=now) == 0
    with tables.database(settings).connect() as connection:
        found = connection.execute(sa.select(tables.attempts.c.key, tables.attempts.c.failures))
        rows = {row.key: row.failures for row in found}
    assert rows == {"account:alice": 1, "address:10.0.0.1": 5}


def test_an_administrator_sees_and_unlocks(settings: Settings) -> None:
    user(settings)
    refused_after(settings, ratelimit.keys_for("alice", "10.0.0.1"), datetime.now(UTC))
    assert accounts.get(settings, "alice").locked_until is not None
    accounts.unlock(settings, "alice", actor="admin")
    assert accounts.get(settings, "alice").locked_until is None
    assert ratelimit.begin(settings, ratelimit.keys_for("alice", "10.0.0.1")) == 0


def test_guessed_names_do_not_fill_the_table_for_ever(settings: Settings) -> None:
    past = datetime.now(UTC) - timedelta(days=3)
    for number in range(10):
        ratelimit.begin(settings, ratelimit.keys_for(f"nobody{number}", f"10.0.1.{number}"), now=past)
    ratelimit.begin(settings, ratelimit.keys_for("alice", "10.0.0.1"))
    with tables.database(settings).connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.attempts)).scalar_one() == 2


# ---- the rest ----


def test_the_first_administrator_cannot_be_removed_or_demoted(settings: Settings) -> None:
    accounts.ensure_first_admin(settings)
    with pytest.raises(NotAllowedError):
        accounts.remove_user(settings, "admin", actor="admin")
    with pytest.raises(NotAllowedError):
        accounts.set_admin(settings, "admin", False, actor="admin")


def test_every_change_is_in_the_audit_log_and_no_secret_is(settings: Settings) -> None:
    accounts.ensure_first_admin(settings)
    user(settings)
    generated = credentials.reset_password(settings, "alice", actor="admin")
    secret = totp.enable_totp(settings, "alice")
    accounts.remove_user(settings, "alice", actor="admin")
    entries = audit.entries(settings)
    assert [entry.action for entry in entries] == [
        "account.remove", "account.second-factor.begin", "account.reset-password", "account.approve",
        "account.sign-up", "account.first-admin",
    ]  # fmt: skip
    assert {entry.target for entry in entries} == {"user:alice", "user:admin"}
    assert not any(word in repr(entries) for word in (generated, secret, GOOD))
    assert audit.entries(settings, limit=1, offset=1)[0].action == entries[1].action
    assert all(entry.at.tzinfo is not None for entry in entries)


def test_somebody_from_an_identity_provider_waits_unless_a_rule_allows(settings: Settings) -> None:
    assert not accounts.provide(settings, "carol", approved=False).approved
    accounts.approve(settings, "carol", actor="admin")
    assert accounts.provide(settings, "carol", approved=False).approved
    assert accounts.provide(settings, "dave", approved=True).approved
    with pytest.raises(NotAllowedError):
        credentials.reset_password(settings, "carol", actor="admin")
    assert attempt(settings, "carol", "").outcome is Outcome.WRONG
