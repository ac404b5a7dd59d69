"""REST: dashboards."""

from typing import Any

from fastapi import APIRouter, Request

from tradewind.service import dashboards
from tradewind.service.context import context
from tradewind.service.models import DashboardChange, NewDashboard
from tradewind.service.signin import Publisher, Reader

router = APIRouter(prefix="/api/dashboards", tags=["dashboards"])


@router.get("")
def list_dashboards(request: Request, identity: Reader) -> list[dict[str, Any]]:
    """List the dashboards that you may open."""
    here = context(request)
    return [found.document(here.settings) for found in dashboards.visible(here, identity)]


@router.post("", status_code=201)
def publish(request: Request, identity: Publisher, body: NewDashboard) -> dict[str, Any]:
    """Publish an immutable copy of a notebook or app."""
    here = context(request)
    return dashboards.publish(here, identity, body).document(here.settings)


@router.get("/{slug}")
def read(request: Request, identity: Reader, slug: str) -> dict[str, Any]:
    """Read one dashboard with its versions."""
    here = context(request)
    found = dashboards.find(here, identity, slug)
    history = [
        {
            "version": v.number,
            "sha256": v.sha256,
            "created_at": v.created_at.isoformat(),
            "created_by": v.created_by,
        }
        for v in dashboards.versions(here, slug)
    ]
    return {**found.document(here.settings), "versions": history}


@router.patch("/{slug}")
def change(request: Request, identity: Publisher, slug: str, body: DashboardChange) -> dict[str, Any]:
    """Change title, description or who it is shared with."""
    here = context(request)
    return dashboards.change(here, identity, slug, body).document(here.settings)


@router.delete("/{slug}")
def delete(request: Request, identity: Publisher, slug: str) -> dict[str, Any]:
    """Delete a dashboard with all its versions."""
    dashboards.remove(context(request), identity, slug)
    return {"deleted": slug}
