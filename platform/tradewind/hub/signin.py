"""The steps of signing in, apart from any web server: password, one-time code, a password of one's own.

A step that was passed is remembered for ten minutes in a signed cookie (:class:`Passed`), bound to the
password as it was: without the password no code page is reached, and after a change it is worth nothing.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from tradewind import audit
from tradewind.errors import TradewindError
from tradewind.hub import accounts, credentials, passwords, ratelimit, totp
from tradewind.hub.tables import Origin
from tradewind.settings import Settings

PASSED_SECONDS = 600


class Outcome(StrEnum):
    """How an attempt ended."""

    SIGNED_IN = "signed-in"
    WRONG = "wrong"
    WAITING = "waiting"
    """Right, but an administrator has not approved the account yet."""
    NEEDS_CODE = "needs-code"
    NEEDS_PASSWORD = "needs-password"  # noqa: S105  a step, not a password


@dataclass(frozen=True, kw_only=True)
class Passed:
    """The steps somebody has passed.

    Parameters
    ----------
    name
        Whose sign-in it is.
    code
        Whether the one-time code was right too.
    mark
        Digest of the password's hash at that time.
    at
        Unix time.
    """

    name: str
    code: bool
    mark: str
    at: float

    def dump(self) -> str:
        """Return this as text for a signed cookie."""
        return json.dumps([self.name, self.code, self.mark, self.at])

    @classmethod
    def load(cls, text: str | bytes | None) -> "Passed | None":
        """Read a signed cookie; None if there is none or it is too old."""
        if not text:
            return None
        name, code, mark, at = json.loads(text)
        passed = cls(name=name, code=code, mark=mark, at=at)
        return passed if datetime.now(UTC).timestamp() - at < PASSED_SECONDS else None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One post of the sign-in form.

    Parameters
    ----------
    name, password, code, new_password
        What was typed; empty where nothing was.
    address
        Where it comes from.
    device
        Mark of a browser that has signed in to this account before.
    passed
        The steps passed before.
    """

    name: str
    password: str = ""
    code: str = ""
    new_password: str = ""
    address: str = ""
    device: str = ""
    passed: Passed | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to an attempt.

    Parameters
    ----------
    outcome
        How it ended.
    name
        The account.
    admin
        Whether it is an administrator's.
    origin
        Where its password comes from.
    passed
        The steps passed so far.
    message
        What to show.
    """

    outcome: Outcome
    name: str
    admin: bool = False
    origin: Origin = Origin.OWN
    passed: Passed | None = None
    message: str = ""


async def attempt(settings: Settings, tried: Attempt) -> Verdict:
    """Judge one attempt; slow it down when there were failures before.

    Parameters
    ----------
    settings
        The installation's settings.
    tried
        What was posted.

    Raises
    ------
    TooManyAttemptsError
        There were too many: nothing was looked at.
    """
    keys = ratelimit.keys_for(accounts.normal(tried.name)[:64], tried.address, tried.device)
    wait = await passwords.in_pool(ratelimit.begin, settings, keys)
    if wait:
        await asyncio.sleep(wait)
    return await passwords.in_pool(_judge, settings, tried, keys)


def _mark(row: sa.RowMapping) -> str:
    return hashlib.sha256((row["password_hash"] or "").encode()).hexdigest()[:24]


def _judge(settings: Settings, tried: Attempt, keys: tuple[ratelimit.Key, ...]) -> Verdict:
    name = accounts.normal(tried.name)
    row = accounts.row_of(settings, name)
    before = tried.passed
    if before is not None and (row is None or before.name != name or before.mark != _mark(row)):
        before = None
    if tried.password or before is None:
        if not passwords.matches(row["password_hash"] if row else None, tried.password) or row is None:
            if row is not None:  # a name that is none may be a password typed into the wrong field
                audit.record(settings, name, "sign-in.failed", f"user:{name}", address=tried.address)
            return Verdict(outcome=Outcome.WRONG, name=name, message="Wrong user name or password.")
        before = Passed(name=name, code=False, mark=_mark(row), at=datetime.now(UTC).timestamp())
    assert row is not None  # for the type checker: a mark without a row was refused above
    if not row["approved"]:
        ratelimit.succeeded(settings, keys)
        return Verdict(
            outcome=Outcome.WAITING, name=name, message="Your account waits for approval by an administrator."
        )
    if row["totp_secret"] and not before.code:
        if not tried.code:
            ratelimit.undo(settings, keys)
            return Verdict(outcome=Outcome.NEEDS_CODE, name=name, passed=before)
        if not totp.use_code(settings, name, row["totp_secret"], tried.code, row["totp_counter"]):
            wrong = "That code is wrong or was used already."
            return Verdict(outcome=Outcome.NEEDS_CODE, name=name, passed=before, message=wrong)
        before = Passed(name=name, code=True, mark=before.mark, at=before.at)
    if row["password_origin"] == Origin.RESET:
        if not tried.new_password:
            ratelimit.undo(settings, keys)
            return Verdict(outcome=Outcome.NEEDS_PASSWORD, name=name, passed=before)
        try:
            credentials.set_password(settings, name, tried.new_password, actor=name)
        except TradewindError as problem:
            ratelimit.undo(settings, keys)
            return Verdict(outcome=Outcome.NEEDS_PASSWORD, name=name, passed=before, message=str(problem))
        row = accounts.row_of(settings, name) or row
    ratelimit.succeeded(settings, keys)
    return _signed_in(settings, row, tried)


def _signed_in(settings: Settings, row: sa.RowMapping, tried: Attempt) -> Verdict:
    password = tried.password
    changed: dict[str, Any] = {"last_sign_in_at": datetime.now(UTC)}
    if password and row["password_origin"] != Origin.RESET and passwords.outdated(row["password_hash"]):
        changed["password_hash"] = passwords.hashed(password)
    accounts.change(settings, row["name"], row["name"], "sign-in", {"address": tried.address}, **changed)
    return Verdict(
        outcome=Outcome.SIGNED_IN,
        name=row["name"],
        admin=row["admin"],
        origin=Origin(row["password_origin"]),
    )
