"""What every handler of one running service shares."""

import secrets as token_source
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import anyio.to_thread
from starlette.requests import HTTPConnection

from tradewind.service.hubapi import HubApi
from tradewind.service.identity import IdentitySource
from tradewind.service.sessions import Sessions
from tradewind.settings import Settings

SERVICE_PATH = "/services/tradewind"


def service_prefix(settings: Settings) -> str:
    """Where the service lives below the public address, without a trailing slash."""
    return settings.base_url.rstrip("/") + SERVICE_PATH


@dataclass(frozen=True)
class Context:
    """One service and what it talks to.

    Parameters
    ----------
    settings
        Of this installation.
    identities
        Who a token belongs to.
    sessions
        Signed-in browsers.
    hub
        The hub's REST API with the service's own rights.
    """

    settings: Settings
    identities: IdentitySource
    sessions: Sessions
    hub: HubApi

    @cached_property
    def prefix(self) -> str:
        """Where the service lives, without a trailing slash."""
        return service_prefix(self.settings)

    @cached_property
    def base(self) -> str:
        """The platform's base URL, without a trailing slash."""
        return self.settings.base_url.rstrip("/")

    @cached_property
    def secure_cookies(self) -> bool:
        """Whether browsers reach the platform over TLS."""
        return bool(self.settings.tls_cert) or self.settings.tls_proxy

    @cached_property
    def asset_version(self) -> str:
        """Changes with every start, so that browsers fetch new styles and scripts."""
        return token_source.token_hex(4)


def context(request: HTTPConnection) -> Context:
    """Return the context of the service that answers this request."""
    found: Context = request.app.state.context
    return found


async def in_thread[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that waits for a database or a disk, without holding up other requests."""
    return await anyio.to_thread.run_sync(partial(function, *args, **kwargs))
