"""JupyterHub's configuration as data: pure functions from settings to a dict of traits.

``hub_config.py`` applies what :func:`build` returns; the tests read it without a hub.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from tradewind.errors import SetupError
from tradewind.hub import lab_files, notices, rights, theme
from tradewind.settings import Settings

BODY_LIMIT = 2 * 2**20
"""Bytes of a request to the hub itself: forms and small documents."""


def build(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the whole configuration: class name → trait → value.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    return {
        "JupyterHub": {
            **addresses(settings),
            **state(settings),
            **limits(os.cpu_count() or 1),
            **look(settings),
            "services": rights.services(settings),
            "custom_scopes": {name: dict(scope) for name, scope in rights.SCOPES.items()},
            "load_roles": rights.roles(),
            "load_groups": {rights.DATA_WRITERS: {}, rights.ADMINISTRATORS: {"users": [settings.admin_name]}},
            "authenticator_class": authenticator_class(settings),
            "spawner_class": spawner_class(),
            "allow_named_servers": settings.named_servers > 0,
            "named_server_limit_per_user": settings.named_servers,
            "tornado_settings": tornado(settings),
            "authenticate_prometheus": True,
            "shutdown_on_logout": False,
        },
        "ConfigurableHTTPProxy": proxy(settings),
        "Authenticator": authenticator(settings),
        **provider(settings),
        "Spawner": spawner(settings),
    }


def addresses(settings: Settings) -> dict[str, Any]:
    """Return where the hub listens and how it is reached through the proxy."""
    return {
        "bind_url": f"{settings.scheme}://{settings.bind}:{settings.port}{base(settings)}",
        "hub_bind_url": f"http://127.0.0.1:{settings.hub_port}",
        "hub_connect_url": f"http://127.0.0.1:{settings.hub_port}",
        # Our own proxy appends the browser's address; an earlier one is believed from these only.
        "trusted_downstream_ips": [
            *(("127.0.0.1", "::1") if settings.tls_proxy else ()),
            *settings.trusted_proxies,
        ],
    }


def base(settings: Settings) -> str:
    """Return the base URL with a slash at both ends."""
    inner = settings.base_url.strip("/")
    return f"/{inner}/" if inner else "/"


def state(settings: Settings) -> dict[str, Any]:
    """Return where the hub keeps what it knows, and that servers and proxy outlive it."""
    url = sa.make_url(settings.hub_database)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return {
        "db_url": url.render_as_string(hide_password=False),
        "cookie_secret": bytes.fromhex(settings.paths.secret("cookie_secret")),
        "cookie_max_age_days": 14,
        "cleanup_servers": False,
        "cleanup_proxy": False,
    }


def limits(cores: int) -> dict[str, Any]:
    """Return how many servers may start at once.

    Thirty at once with the hub's own limit of 100 on two cores: nineteen ran into their timeout; twenty with
    four at a time were all ready after 48 s.

    Parameters
    ----------
    cores
        Of this machine.
    """
    return {
        "concurrent_spawn_limit": max(4, 2 * cores),
        "last_activity_interval": 60,
    }


def look(settings: Settings) -> dict[str, Any]:
    """Return templates, logo, and where people land."""
    notice = notices.isolation(settings)
    return {
        "template_paths": [str(theme.TEMPLATES)],
        "template_vars": {
            "tw_version": theme.version(),
            "tw_signup": settings.allow_signup and settings.authenticator == "local",
            "tw_local": settings.authenticator == "local",
            "tw_warning": _for_administrators(notice),
            "tw_lab_files": lab_files.early(),
        },
        "logo_file": str(theme.STATIC / "logo.svg"),
        "implicit_spawn_seconds": 0.5,
    }


def _for_administrators(text: str) -> Callable[[Any], str]:
    """A template variable that only administrators get to see."""
    return lambda user: text if user is not None and getattr(user, "admin", False) else ""


def security_policy(settings: Settings) -> str:
    """Return the Content-Security-Policy of the hub's pages: nothing from elsewhere, in nobody's frame."""
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline'",  # the hub's own pages have scripts in them
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            f"report-uri {base(settings)}hub/security/csp-report",
        )
    )


def tornado(settings: Settings) -> dict[str, Any]:
    """Return cookies and headers: SameSite, Secure behind TLS, no framing, no sniffing."""
    secure = bool(settings.tls_cert) or settings.tls_proxy
    cookies: dict[str, Any] = {"samesite": "Lax"}
    headers = {
        "Content-Security-Policy": security_policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if secure:
        cookies["secure"] = True
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return {"cookie_options": cookies, "headers": headers, "slow_spawn_timeout": 0}


def proxy(settings: Settings) -> dict[str, Any]:
    """Return how to talk to the proxy, which the supervisor runs."""
    return {
        "should_start": False,
        "api_url": f"http://127.0.0.1:{settings.proxy_api_port}",
        "auth_token": settings.paths.secret("proxy"),
    }


def authenticator_class(settings: Settings) -> str:
    """Return the class that signs people in."""
    names = {
        "local": "AccountsAuthenticator",
        "github": "GitHubAuthenticator",
        "google": "GoogleAuthenticator",
        "oidc": "OidcAuthenticator",
    }
    return f"tradewind.hub.authenticator.{names[settings.authenticator]}"


def authenticator(settings: Settings) -> dict[str, Any]:
    """Return what every authenticator has in common."""
    return {
        "admin_users": {settings.admin_name.lower()},
        "any_allow_config": True,  # accounts decide, not a list in the configuration
        "username_pattern": r"^[a-z0-9][a-z0-9._@-]{0,63}$",
        "auth_refresh_age": 30,
        "refresh_pre_spawn": True,
    }


def provider(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the configuration of the identity provider; nothing with our own accounts.

    Raises
    ------
    SetupError
        Something is missing without which nobody, or the wrong one, could sign in.
    """
    kind = settings.authenticator
    if kind == "local":
        return {}
    secret = settings.oauth_client_secret.get_secret_value()
    needed = {"oauth_client_id": settings.oauth_client_id, "oauth_client_secret": secret}
    if kind == "oidc":
        for name in ("oauth_authorize_url", "oauth_token_url", "oauth_userdata_url"):
            needed[name] = getattr(settings, name)
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise SetupError(
            f"authenticator = {kind!r} needs {', '.join(missing)}.", "Set them in tradewind.toml."
        )
    if settings.admin_name == type(settings).model_fields["admin_name"].default:
        raise SetupError(
            f"Anybody called {settings.admin_name!r} at the identity provider would be the administrator.",
            "Set admin_name to your own name there.",
        )
    traits: dict[str, Any] = {
        "client_id": settings.oauth_client_id,
        "client_secret": secret,
    }
    if settings.oauth_callback_url:
        traits["oauth_callback_url"] = settings.oauth_callback_url
    organisations = {rule[4:] for rule in settings.oauth_allow if rule.startswith("org:")}
    if kind == "github" and organisations:
        traits |= {"allowed_organizations": organisations, "scope": ["read:org"]}
    if kind == "oidc":
        traits |= {
            "authorize_url": settings.oauth_authorize_url,
            "token_url": settings.oauth_token_url,
            "userdata_url": settings.oauth_userdata_url,
            "username_claim": settings.oauth_username_claim,
            "scope": ["openid", "profile", "email"],
            "login_service": urlsplit(settings.oauth_authorize_url).hostname or "OpenID Connect",
        }
    return {authenticator_class(settings).rpartition(".")[2]: traits}


def spawner_class() -> str:
    """Return the class that starts servers."""
    if find_spec("tradewind.hub.spawner") is not None:
        return "tradewind.hub.spawner.TradewindSpawner"
    return "jupyterhub.spawner.SimpleLocalProcessSpawner"


def spawner(settings: Settings) -> dict[str, Any]:
    """Return what a server may do with its token, where it opens, and how long a start may take."""
    result: dict[str, Any] = {
        "default_url": "/lab/tree/Quickstart.ipynb",
        "server_token_scopes": [
            "users:activity!user",
            "access:servers!server",
            "access:services!service=tradewind",
            *rights.EVERYBODY,
            "custom:tradewind:data-write",  # given only to those who have it
        ],
        "http_timeout": 60,
        "start_timeout": 120,
        "poll_interval": 30,
    }
    if settings.memory_limit:
        result["mem_limit"] = settings.memory_limit
    if settings.cpu_limit:
        result["cpu_limit"] = settings.cpu_limit
    return result
