"""JupyterHub's authenticators: our own accounts, or an identity provider with our approval."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from jupyterhub.auth import Authenticator
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.google import GoogleOAuthenticator
from oauthenticator.oauth2 import OAuthenticator
from tornado import web

from tradewind.errors import NotAllowedError, TooManyAttemptsError
from tradewind.hub import accounts, passwords, sessions, signin
from tradewind.settings import Settings, load_settings

NAME_PATTERN = r"^[a-z0-9][a-z0-9._@-]{0,63}$"
"""Wider than at sign-up: identity providers give numbers and addresses."""


class Refused(web.HTTPError):
    """An answer that the sign-in page shows in words, with the headers that belong to it."""

    def __init__(self, status: int, message: str, *, wait: float = 0.0) -> None:
        super().__init__(status, "%s", message)
        self.jupyterhub_message = message
        self.headers = {"Retry-After": str(int(wait) + 1)} if wait else {}


class TradewindAuthenticator(Authenticator):  # type: ignore[misc]  # jupyterhub has no types
    """What every way of signing in has in common: our pages, and what removal means."""

    @cached_property
    def tradewind(self) -> Settings:
        """The installation's settings."""
        return load_settings()

    @cached_property
    def passwords_seen(self) -> dict[str, datetime | None]:
        """When each user's password was last changed, as far as this process knows."""
        return {}

    async def password_is_current(self, name: str) -> None:
        """Remember that a user who is signed in knows the present password."""
        account = await passwords.in_pool(accounts.find, self.tradewind, name)
        if account is not None:
            self.passwords_seen[name] = account.password_changed_at

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """Return our pages before the authenticator's own, so that ours win."""
        from tradewind.hub.handlers import (
            handlers,
        )  # it needs the hub's handlers, which need this module's base

        return [*handlers(self.tradewind), *super().get_handlers(app)]

    def check_allowed(self, username: str, authentication: Any = None) -> Any:
        """Let in whoever has signed in: the account says so."""
        return True

    async def refresh_user(self, user: Any, handler: Any = None, **options: Any) -> Any:
        """End the sessions of an account that may not sign in, or whose password was reset in the shell.

        The group of administrators is kept true as well.
        """
        account = await passwords.in_pool(accounts.find, self.tradewind, user.name)
        if account is not None:
            changed = account.password_changed_at
            if not account.approved or self.passwords_seen.setdefault(user.name, changed) != changed:
                self.passwords_seen.pop(user.name, None)
                sessions.end(user)
                return False
        sessions.join_administrators(user)
        return await super().refresh_user(user, handler, **options)

    def delete_user(self, user: Any) -> Any:
        """Remove the account with the hub's user, also when that is done in the hub's own page."""
        settings = self.tradewind
        if accounts.find(settings, user.name) is not None:
            try:
                accounts.remove_user(settings, user.name, actor="hub")
            except NotAllowedError as problem:
                raise Refused(403, str(problem)) from problem
        return super().delete_user(user)


class AccountsAuthenticator(TradewindAuthenticator):
    """Our own accounts: password, then the second factor where one is set up."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Judge one post of the sign-in form.

        The handler's ``verdict`` tells the page what to ask for next.
        """
        # the hub's token API judges passwords too, through a handler of its own
        passed: signin.Passed | None = getattr(handler, "passed", None)
        device_of = getattr(handler, "device_of", None)
        name = data.get("username", "") or (passed.name if passed else "")
        tried = signin.Attempt(
            name=name,
            password=data.get("password", ""),
            code=data.get("otp", ""),
            new_password=data.get("new_password", ""),
            address=handler.request.remote_ip or "",
            device=device_of(accounts.normal(name)) if device_of else "",
            passed=passed,
        )
        try:
            verdict = await signin.attempt(self.tradewind, tried)
        except TooManyAttemptsError as problem:
            raise Refused(429, str(problem), wait=problem.wait) from problem
        handler.verdict = verdict
        if verdict.outcome is not signin.Outcome.SIGNED_IN:
            return None
        return {"name": verdict.name, "admin": verdict.admin or None}


def rules(settings: Settings, kind: str) -> set[str]:
    """Return the values of one kind of rule in ``oauth_allow``.

    Parameters
    ----------
    settings
        The installation's settings.
    kind
        ``user``, ``org``, ``domain`` or ``group``.
    """
    found = (rule.partition(":") for rule in settings.oauth_allow)
    return {value.strip() for key, _, value in found if key.strip() == kind and value.strip()}


class ProviderAuthenticator(TradewindAuthenticator, OAuthenticator):  # type: ignore[misc]
    """An identity provider says who somebody is; a rule or an administrator lets them in."""

    async def check_allowed(self, username: str, auth_model: Any = None) -> bool:
        """Let in whom a rule or an administrator has approved; others are noted down and wait."""
        settings = self.tradewind
        claims = self.claims(auth_model)
        allowed = (
            username == accounts.normal(settings.admin_name)
            or username in {user.lower() for user in rules(settings, "user")}
            or bool(rules(settings, "group") & set(claims.get(settings.oauth_groups_claim) or ()))
            or await self.allowed_by_provider(username, auth_model)
        )
        try:
            account = await passwords.in_pool(accounts.provide, settings, username, approved=allowed)
        except TooManyAttemptsError as problem:
            raise Refused(429, str(problem)) from problem
        if not account.approved:
            raise Refused(403, "Your account waits for approval by an administrator.")
        return True

    def claims(self, auth_model: Any) -> Mapping[str, Any]:
        """Return what the provider has said about the user."""
        state = (auth_model or {}).get("auth_state") or {}
        return state.get(self.user_auth_state_key) or {}

    async def allowed_by_provider(self, username: str, auth_model: Any) -> bool:
        """Whether the provider's own rules (organisation, domain) let somebody in without approval."""
        return False


class GitHubAuthenticator(ProviderAuthenticator, GitHubOAuthenticator):  # type: ignore[misc]
    """GitHub, with ``org:NAME`` rules."""

    async def allowed_by_provider(self, username: str, auth_model: Any) -> bool:
        """Whether the user belongs to one of the organisations."""
        if not rules(self.tradewind, "org"):
            return False
        return bool(await GitHubOAuthenticator.check_allowed(self, username, auth_model))


class GoogleAuthenticator(ProviderAuthenticator, GoogleOAuthenticator):  # type: ignore[misc]
    """Google, with ``domain:NAME`` rules."""

    async def allowed_by_provider(self, username: str, auth_model: Any) -> bool:
        """Whether the account is managed by one of the domains."""
        return self.claims(auth_model).get("hd", "") in rules(self.tradewind, "domain")


class OidcAuthenticator(ProviderAuthenticator, GenericOAuthenticator):  # type: ignore[misc]
    """Any OpenID Connect provider, with ``group:NAME`` rules."""
