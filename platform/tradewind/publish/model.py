"""What a dashboard is, and who may see it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tradewind.errors import InvalidInputError, NotFoundError
from tradewind.settings import Settings

EVERYONE = "everyone"
_TARGET = re.compile(r"(user|group):\S(.{0,126}\S)?")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


class DashboardNotFoundError(NotFoundError):
    """No dashboard of that name exists, or the caller may not see it."""

    code = "dashboard_not_found"


class ShareError(InvalidInputError):
    """A share names nobody that could exist."""

    code = "share"


class NotPublishableError(InvalidInputError):
    """A file cannot be shown as a dashboard."""

    code = "not_publishable"


class Runtime(StrEnum):
    """What serves a dashboard."""

    VOILA = "voila"
    """A notebook whose outputs and ipywidgets are shown; each viewer has a kernel."""
    PANEL = "panel"
    """A notebook or program that calls ``.servable()``; viewers share a process."""


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A published dashboard: its newest version and who may see it.

    Attributes
    ----------
    slug
        Its name in addresses.
    owner
        The user whose readable datasets it sees, and who may change it.
    version
        The number of the newest immutable bundle, from 1.
    share_with
        ``user:NAME``, ``group:NAME`` or ``everyone``; the owner and administrators always see it.
    viewed_at
        When somebody last opened it; None if nobody did.
    """

    slug: str
    title: str
    description: str
    owner: str
    version: int
    runtime: Runtime
    share_with: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    viewed_at: datetime | None = None
    shipped: bool = False

    def url(self, settings: Settings) -> str:
        """Return its path under the hub's address."""
        return f"{prefix(settings)}{self.slug}/"

    def document(self, settings: Settings) -> dict[str, Any]:
        """Return what the REST API says of it."""
        return {
            "slug": self.slug,
            "title": self.title,
            "description": self.description,
            "owner": self.owner,
            "version": self.version,
            "runtime": self.runtime.value,
            "share_with": list(self.share_with),
            "url": self.url(settings),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "viewed_at": self.viewed_at.isoformat() if self.viewed_at else None,
        }


@dataclass(frozen=True, kw_only=True)
class Version:
    """One immutable bundle of a dashboard."""

    slug: str
    number: int
    sha256: str
    created_at: datetime
    created_by: str


def prefix(settings: Settings) -> str:
    """Return the path under which every dashboard lives, with a slash at its end."""
    return f"{settings.base_url.rstrip('/')}/services/dashboards/"


def may_view(dashboard: Dashboard, user: str, groups: Iterable[str], admin: bool) -> bool:
    """Say whether a user may open a dashboard.

    Parameters
    ----------
    dashboard
        What is asked for.
    user
        The name the hub knows.
    groups
        The hub groups the user is in.
    admin
        Whether the user is an administrator.
    """
    if admin or user == dashboard.owner or EVERYONE in dashboard.share_with:
        return True
    mine = {f"user:{user}", *(f"group:{group}" for group in groups)}
    return not mine.isdisjoint(dashboard.share_with)


def may_edit(dashboard: Dashboard, user: str, admin: bool) -> bool:
    """Say whether a user may change, share or remove a dashboard: its owner and administrators."""
    return admin or user == dashboard.owner


def shares(targets: Iterable[str]) -> tuple[str, ...]:
    """Check share targets, and return them sorted, each once.

    Raises
    ------
    ShareError
        One is neither ``user:NAME`` nor ``group:NAME`` nor ``everyone``.
    """
    found = {target.strip() for target in targets}
    for target in found:
        if target != EVERYONE and not _TARGET.fullmatch(target):
            raise ShareError(
                f"{target!r} is nobody to share with.", "Write 'user:NAME', 'group:NAME' or 'everyone'."
            )
    return tuple(sorted(found))


def slug_of(name: str) -> str:
    """Make an address-safe name out of a file's name or a title."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")
    return plain or "dashboard"


def check_slug(slug: str) -> str:
    """Return a slug that was chosen by hand, if it can be one."""
    if not _SLUG.fullmatch(slug) or slug == "static":
        raise InvalidInputError(
            f"{slug!r} cannot be a dashboard's name in addresses.",
            "Use up to 60 lower-case letters, digits and hyphens.",
        )
    return slug
