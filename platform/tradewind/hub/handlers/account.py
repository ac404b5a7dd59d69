"""One's own password and second factor."""

from typing import Any

from tornado import web

from tradewind.errors import TradewindError
from tradewind.hub import accounts, credentials, passwords, sessions, totp
from tradewind.hub.handlers.page import Page
from tradewind.hub.tables import Origin


class PasswordHandler(Page):
    """Change one's own password."""

    async def _page(self, status: int = 200, **values: Any) -> None:
        account = await passwords.in_pool(accounts.find, self.tradewind, self.current_user.name)
        if account is None or account.origin is Origin.PROVIDER:
            raise web.HTTPError(404, "This account has no password here.")
        following = self._validate_next_url(self.get_argument("next", ""))
        await self.show(
            "tw/password.html",
            status=status,
            minimum=self.tradewind.minimum_password_length,
            generated=account.origin is Origin.GENERATED,
            following=following,
            **values,
        )

    @web.authenticated
    async def get(self) -> None:
        """Show the form."""
        await self._page()

    @web.authenticated
    async def post(self) -> None:
        """Change it, and sign out every other browser."""
        name = self.current_user.name
        new = self.field("password", strip=False)
        if new != self.field("repeated", strip=False):
            await self._page(422, message="The two passwords differ.")
            return
        try:
            await passwords.in_pool(
                credentials.set_password,
                self.tradewind,
                name,
                new,
                actor=name,
                current=self.field("current", strip=False),
            )
        except TradewindError as problem:
            await self._page(problem.status, message=str(problem))
            return
        await self.authenticator.password_is_current(name)
        sessions.end(self.current_user)
        self.set_hub_cookie(self.current_user)
        self.set_login_cookie(self.current_user)
        following = self._validate_next_url(self.get_argument("next", ""))
        if following:
            self.redirect(following)
        else:
            await self._page(done=True)


class SecondFactorHandler(Page):
    """Set one's own second factor up, or remove it."""

    async def _page(self, status: int = 200, **values: Any) -> None:
        name = self.current_user.name
        account = await passwords.in_pool(accounts.find, self.tradewind, name)
        if account is None or account.origin is Origin.PROVIDER:
            raise web.HTTPError(
                404, "This account has no second factor here. Set it up at the identity provider."
            )
        setup: dict[str, str] = {}
        if not account.second_factor and values.pop("begin", False):
            secret = await passwords.in_pool(totp.enable_totp, self.tradewind, name)
            grouped = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
            setup = {"secret": grouped, "qr": totp.qr_code(totp.address(self.tradewind, name, secret))}
        await self.show("tw/second_factor.html", status=status, on=account.second_factor, **setup, **values)

    @web.authenticated
    async def get(self) -> None:
        """Show whether it is on."""
        await self._page()

    @web.authenticated
    async def post(self) -> None:
        """Begin, confirm with a code, or remove with the password."""
        name, action = self.current_user.name, self.field("action")
        try:
            if action == "begin":
                await self._page(begin=True)
            elif action == "confirm":
                await passwords.in_pool(totp.confirm_totp, self.tradewind, name, self.field("otp"))
                await self._page(done="The second factor is on. The next sign-in asks for a code.")
            elif action == "remove":
                typed = self.field("password", strip=False)
                await passwords.in_pool(totp.disable_totp, self.tradewind, name, typed)
                await self._page(done="The second factor is off.")
            else:
                raise web.HTTPError(400, "Unknown action.")
        except TradewindError as problem:
            await self._page(problem.status, message=str(problem), begin=action == "confirm")
