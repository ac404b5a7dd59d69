"""Who calls: a hub user, known by a hub token, with scopes."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import anyio
from jupyterhub.services.auth import HubOAuth, check_scopes
from tornado.web import HTTPError

from tradewind.errors import NotAllowedError, UnavailableError
from tradewind.settings import Settings

CLI_SECRET = "cli"  # noqa: S105  the name of a secret
TOKEN_CACHE_SECONDS = 20
"""How long the hub's answer about a token is believed: a revoked right ends within this time."""
HUB_PATIENCE = (0.3, 0.7, 1.5, 2.5)
"""Seconds between attempts while the hub restarts."""


class Scope(StrEnum):
    """What a token may be used for; defined as custom scopes in the hub's configuration."""

    READ = "custom:tradewind:read"
    RUN = "custom:tradewind:run"
    PUBLISH = "custom:tradewind:publish"
    DATA_WRITE = "custom:tradewind:data-write"
    ADMIN = "custom:tradewind:admin"


MEANING = {
    Scope.READ: "look at anything",
    Scope.RUN: "start or change runs and schedules",
    Scope.PUBLISH: "publish or change dashboards",
    Scope.DATA_WRITE: "write shared datasets",
    Scope.ADMIN: "administer the platform",
}
"""Scopes in words, as in "ann may not …"."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A signed-in user and what this token of theirs allows.

    Attributes
    ----------
    name : str
        The hub's user name.
    groups : frozenset of str
        The hub groups the user belongs to.
    scopes : frozenset of Scope
        What the token may be used for; a token can hold less than its user.
    admin_account : bool
        Whether the hub knows the user as an administrator; it decides which datasets the user's processes
        may read, whatever this token may be used for.
    """

    name: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    admin_account: bool = False

    @property
    def admin(self) -> bool:
        """Whether this token may see and manage everything."""
        return Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether the token has a scope."""
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise unless the token has a scope."""
        if scope not in self.scopes:
            raise NotAllowedError(
                f"{self.name} may not {MEANING[scope]} here.",
                f"Ask an administrator, or use a token with the scope {scope}.",
            )


class IdentitySource(Protocol):
    """Whoever can say to whom a token belongs."""

    async def identify(self, token: str, session_id: str = "") -> Identity | None:
        """Return the identity behind a token, or None."""


class HubIdentities:
    """Asks the hub who a token belongs to.

    Parameters
    ----------
    settings
        Of this installation; the ``cli`` secret counts as the first administrator.
    oauth
        The hub's own client library, configured for this service.
    """

    def __init__(self, settings: Settings, oauth: HubOAuth) -> None:
        self._admin = settings.admin_name
        self._cli = settings.paths.secret(CLI_SECRET).encode()
        self._oauth = oauth

    async def identify(self, token: str, session_id: str = "") -> Identity | None:
        """Return the identity behind a token, or None when the hub does not know it.

        Parameters
        ----------
        token
            A hub API or OAuth token.
        session_id
            The browser's hub session: signing out at the hub changes it, which ends the cached answer too.

        Raises
        ------
        NotAllowedError
            The token is known, but may not be used here.
        UnavailableError
            The hub does not answer.
        """
        if hmac.compare_digest(token.encode(), self._cli):
            return Identity(name=self._admin, scopes=frozenset(Scope), admin_account=True)
        model = await self._ask(token, session_id)
        if model is None:
            return None
        if not check_scopes(self._oauth.access_scopes, set(model["scopes"])):
            raise NotAllowedError(
                "This token may not be used with the Tradewind service.",
                "Request it with the scope access:services!service=tradewind.",
            )
        return _identity(model)

    async def _ask(self, token: str, session_id: str) -> Mapping[str, Any] | None:
        for pause in (*HUB_PATIENCE, None):
            try:
                model: Mapping[str, Any] | None = await self._oauth.user_for_token(
                    token, session_id=session_id, sync=False
                )
            except HTTPError as problem:
                if pause is None:
                    raise UnavailableError(
                        "The hub does not answer, so nobody can be signed in.",
                        "It may be restarting: try again in a few seconds.",
                    ) from problem
                await anyio.sleep(pause)
            else:
                return model
        return None


def _identity(model: Mapping[str, Any]) -> Identity:
    held = set(model["scopes"])
    return Identity(
        name=model["name"],
        groups=frozenset(model.get("groups") or ()),
        admin_account=bool(model.get("admin")),
        scopes=frozenset(scope for scope in Scope if check_scopes({str(scope)}, held)),
    )
