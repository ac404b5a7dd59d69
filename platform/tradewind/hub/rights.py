"""Scopes, roles, groups and services: who may do what, as data for the hub."""

from collections.abc import Mapping
from typing import Any

from jupyterhub.services.service import Service

from tradewind.settings import Settings

SCOPES: Mapping[str, Mapping[str, Any]] = {
    "custom:tradewind:read": {"description": "See one's own runs, shared dashboards and readable datasets."},
    "custom:tradewind:run": {
        "description": "Submit and cancel one's own runs and schedules.",
        "subscopes": ["custom:tradewind:read"],
    },
    "custom:tradewind:publish": {"description": "Publish dashboards."},
    "custom:tradewind:data-write": {"description": "Write shared datasets through jobs."},
    "custom:tradewind:admin": {"description": "Administer Tradewind."},
}
EVERYBODY = ("custom:tradewind:read", "custom:tradewind:run", "custom:tradewind:publish")
DATA_WRITERS = "data-writers"
"""The group whose members may write shared datasets."""
ADMINISTRATORS = "administrators"
"""The group of all administrators: the hub lets nobody add scopes to its own role ``admin``."""


def services(settings: Settings) -> list[dict[str, Any]]:
    """Return the hub's services; all of them run under the supervisor, none under the hub."""

    # Hub 6 gives the proxy its routes only after it has waited for each service: not for long. Hub 5 knows no
    # such field, and waits a second.
    patience = {"timeout": 1} if "timeout" in Service.class_traits() else {}

    def web(name: str, secret: str, port: int, scopes: tuple[str, ...]) -> dict[str, Any]:
        return {
            "name": name,
            "url": f"http://127.0.0.1:{port}",
            "api_token": settings.paths.secret(secret),
            "oauth_no_confirm": True,
            "display": False,
            **patience,
            "oauth_client_allowed_scopes": list(scopes),
        }

    return [
        web("tradewind", "service", settings.service_port, tuple(SCOPES)),
        web("dashboards", "dashboards", settings.dashboards_port, ("custom:tradewind:read",)),
        *({"name": name, "api_token": settings.paths.secret(name)} for name in ("cli", "culler", "ops")),
    ]


def roles() -> list[dict[str, Any]]:
    """Return who may do what: everybody, administrators, data writers, and each service."""
    reach = ["access:services!service=tradewind", "access:services!service=dashboards"]
    people = ["list:users", "read:users", "read:groups", "list:groups", "read:servers"]
    return [
        {"name": "user", "scopes": ["self", *reach, *EVERYBODY]},
        {"name": "tradewind-administrator", "groups": [ADMINISTRATORS], "scopes": list(SCOPES)},
        {"name": "data-writer", "groups": [DATA_WRITERS], "scopes": ["custom:tradewind:data-write"]},
        {
            "name": "tradewind-service",
            "services": ["tradewind"],
            "scopes": [
                *people,
                "admin:users",
                "admin:servers",
                "tokens",
                "read:hub",
                "read:services",
                "list:services",
            ],
        },
        {"name": "tradewind-dashboards", "services": ["dashboards"], "scopes": [*people, "read:hub"]},
        {
            "name": "tradewind-cli",
            "services": ["cli"],
            "scopes": ["admin:users", "admin:servers", *reach, *SCOPES],
        },
        {
            "name": "tradewind-culler",
            "services": ["culler"],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        },
        {
            "name": "tradewind-ops",
            "services": ["ops"],
            "scopes": [
                "proxy",
                "read:hub",
                "list:users",
                "read:users",
                "read:servers",
                "delete:servers",
                "access:servers",  # asks which kernels are busy before it stops everything
                "shutdown",
            ],
        },
    ]
