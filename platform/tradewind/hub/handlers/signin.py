"""Signing in, step by step, and asking for an account."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from jupyterhub.handlers.login import LoginHandler
from tornado import web
from tornado.httputil import url_concat

from tradewind.errors import TradewindError
from tradewind.hub import accounts, passwords, sessions
from tradewind.hub.handlers.page import Page
from tradewind.hub.signin import Outcome, Passed, Verdict
from tradewind.hub.tables import Origin

PASSED_COOKIE = "tradewind-passed"
DEVICE_COOKIE = "tradewind-device"
DEVICE_DAYS = 180
_TEMPLATES = {Outcome.NEEDS_CODE: "tw/code.html", Outcome.NEEDS_PASSWORD: "tw/new_password.html"}
_STATUS = {Outcome.WRONG: 403, Outcome.WAITING: 403}


class SignInHandler(LoginHandler, Page):  # type: ignore[misc]  # jupyterhub has no types
    """The sign-in page; with our own accounts, a page for each step that is missing."""

    verdict: Verdict | None = None
    _passed: Passed | None = None

    @property
    def passed(self) -> Passed | None:
        """The steps passed within the last minutes, from a signed cookie."""
        if self.get_body_argument("username", ""):
            return None  # the first form was sent: from the beginning
        return Passed.load(self.get_secure_cookie(PASSED_COOKIE, max_age_days=1))

    def _devices(self) -> dict[str, str]:
        stored = self.get_secure_cookie(DEVICE_COOKIE, max_age_days=DEVICE_DAYS)
        return dict(json.loads(stored)) if stored else {}

    def device_of(self, name: str) -> str:
        """Return the mark of this browser if it has signed in to that account before."""
        return self._devices().get(name, "")

    def _remember_device(self, name: str) -> None:
        devices = {**self._devices(), name: self.device_of(name) or secrets.token_hex(12)}
        newest = dict(list(devices.items())[-8:])
        self._set_cookie(DEVICE_COOKIE, json.dumps(newest), path=self.hub.base_url, expires_days=DEVICE_DAYS)

    async def post(self) -> None:
        """Judge what was typed and go on: to the next step, to the next page, or back with the reason."""
        if self.tradewind.authenticator != "local":
            raise web.HTTPError(405)
        names = ("username", "password", "otp", "new_password", "repeated")
        data = {name: self.field(name, strip=name in ("username", "otp")) for name in names}
        if data["new_password"] != data["repeated"]:
            await self._step(Outcome.NEEDS_PASSWORD, "The two passwords differ.")
            return
        try:
            user = await self.login_user(data)
        except web.HTTPError as problem:
            for header, value in getattr(problem, "headers", {}).items():
                self.set_header(header, value)
            await self._form(problem.status_code, getattr(problem, "jupyterhub_message", str(problem)))
            return
        verdict = self.verdict
        if user is not None and verdict is not None:
            await self._welcome(user, verdict)
        elif verdict is None or verdict.outcome in _STATUS:
            await self._form(403, verdict.message if verdict else "Wrong user name or password.")
        else:
            if verdict.passed:
                self._set_cookie(
                    PASSED_COOKIE, verdict.passed.dump(), path=self.hub.base_url, expires_days=None
                )
            await self._step(verdict.outcome, verdict.message)

    async def _welcome(self, user: Any, verdict: Verdict) -> None:
        self._jupyterhub_user = user
        sessions.join_administrators(user)
        await self.authenticator.password_is_current(user.name)
        self.clear_cookie(PASSED_COOKIE, path=self.hub.base_url)
        self._remember_device(verdict.name)
        following = self.get_next_url(user)
        if verdict.origin is Origin.GENERATED:
            following = url_concat(self.hub.base_url + "password", {"next": following})
        self.redirect(following)

    async def _form(self, status: int, message: str) -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(await self._render(login_error=message, username=self.field("username")[:64]))

    async def _step(self, outcome: Outcome, message: str) -> None:
        following = self.get_argument("next", "")
        action = url_concat(self.settings["login_url"], {"next": following} if following else {})
        status = 403 if message else 200
        least = self.tradewind.minimum_password_length
        await self.show(_TEMPLATES[outcome], status=status, message=message, action=action, minimum=least)


class SignUpHandler(Page):
    """Ask for an account."""

    async def _page(self, status: int = 200, **values: Any) -> None:
        if not self.tradewind.allow_signup:
            raise web.HTTPError(404, "Nobody can sign up here. Ask an administrator for an account.")
        minimum = self.tradewind.minimum_password_length
        await self.show("tw/signup.html", status=status, minimum=minimum, **values)

    async def get(self) -> None:
        """Show the form."""
        await self._page()

    async def post(self) -> None:
        """Note the request down; the page says what happens next."""
        name, password = self.field("username"), self.field("password", strip=False)
        if password != self.field("repeated", strip=False):
            await self._page(422, message="The two passwords differ.", username=name)
            return
        try:
            account = await passwords.in_pool(
                accounts.sign_up, self.tradewind, name, password, address=self.request.remote_ip or "unknown"
            )
        except TradewindError as problem:
            await self._page(problem.status, message=str(problem), username=name)
            return
        self.log.info("%s asks for an account at %s", account.name, datetime.now(UTC).isoformat())
        await self._page(waiting=account.name)
