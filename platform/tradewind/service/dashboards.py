"""Dashboards for a caller: who may see, publish, share and delete them."""

from collections.abc import Sequence

from tradewind import audit
from tradewind.errors import NotAllowedError
from tradewind.publish import api
from tradewind.publish.api import Dashboard, DashboardNotFoundError, Source, Version
from tradewind.service.context import Context
from tradewind.service.identity import Identity
from tradewind.service.models import DashboardChange, NewDashboard, source_of


def visible(here: Context, identity: Identity) -> Sequence[Dashboard]:
    """Return the dashboards that the caller may open."""
    return api.list_visible(here.settings, identity.name, identity.groups, identity.admin)


def find(here: Context, identity: Identity, slug: str) -> Dashboard:
    """Return one dashboard, which must be visible to the caller."""
    found = api.get(here.settings, slug)
    if not api.may_view(found, identity.name, identity.groups, identity.admin):
        raise DashboardNotFoundError(f"There is no dashboard {slug!r}.", "See the Dashboards page.")
    return found


def own(here: Context, identity: Identity, slug: str) -> Dashboard:
    """Return one dashboard that the caller may change."""
    found = find(here, identity, slug)
    if not api.may_edit(found, identity.name, identity.admin):
        raise NotAllowedError(f"{slug!r} belongs to {found.owner}.", "Ask its owner to change it.")
    return found


def publish(here: Context, identity: Identity, body: NewDashboard) -> Dashboard:
    """Publish a file of the caller's."""
    file = source_of(here, identity, body)
    result = api.publish(
        here.settings,
        owner=identity.name,
        source=Source(name=file.name, content=file.content),
        title=body.title,
        description=body.description,
        share_with=body.share_with,
        slug=body.slug or None,
    )
    audit.record(
        here.settings,
        identity.name,
        "dashboard.publish",
        result.slug,
        version=result.version,
        share_with=", ".join(result.share_with),
    )
    return result


def change(here: Context, identity: Identity, slug: str, body: DashboardChange) -> Dashboard:
    """Change title, description or shares."""
    result = own(here, identity, slug)
    if body.title is not None or body.description is not None:
        result = api.update(here.settings, slug, title=body.title, description=body.description)
        audit.record(here.settings, identity.name, "dashboard.update", slug)
    if body.share_with is not None:
        result = api.update_shares(here.settings, slug, body.share_with)
        audit.record(
            here.settings, identity.name, "dashboard.share", slug, share_with=", ".join(result.share_with)
        )
    return result


def remove(here: Context, identity: Identity, slug: str) -> None:
    """Delete a dashboard with all its versions."""
    own(here, identity, slug)
    api.delete(here.settings, slug)
    audit.record(here.settings, identity.name, "dashboard.delete", slug)


def versions(here: Context, slug: str) -> Sequence[Version]:
    """Return a dashboard's versions, the newest first."""
    return api.history(here.settings, slug)
