"""REST: administration. Every handler needs the administrator's scope."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from tradewind import audit
from tradewind.service import admin, data
from tradewind.service.context import context, in_thread
from tradewind.service.disk import disk_use
from tradewind.service.models import Grants
from tradewind.service.signin import Administrator
from tradewind.service.versions import versions
from tradewind.store import access

router = APIRouter(prefix="/api/admin", tags=["admin"])


@router.get("/users")
async def users(request: Request, identity: Administrator) -> list[dict[str, Any]]:
    """List all users with their servers."""
    found, _ = await admin.people(context(request))
    return [person.document() for person in found]


@router.post("/users/{name}/approve")
async def approve(request: Request, identity: Administrator, name: str) -> dict[str, Any]:
    """Let somebody who signed up sign in."""
    here = context(request)
    await in_thread(admin.approve, here, identity, name)
    return (await admin.person(here, name)).document()


@router.get("/servers")
async def servers(request: Request, identity: Administrator) -> list[dict[str, Any]]:
    """List the servers that run, start or stop."""
    found, _ = await admin.people(context(request))
    return [admin.server_document(server) for person in found for server in person.running]


@router.post("/servers/{user}/start", status_code=202)
async def start(request: Request, identity: Administrator, user: str, server: str = "") -> dict[str, str]:
    """Start a user's server in the background."""
    await admin.start_server(context(request), identity, user, server)
    return {"user": user, "server": server, "state": "starting"}


@router.post("/servers/{user}/stop", status_code=202)
async def stop(request: Request, identity: Administrator, user: str, server: str = "") -> dict[str, str]:
    """Stop a user's server in the background."""
    await admin.stop_server(context(request), identity, user, server)
    return {"user": user, "server": server, "state": "stopping"}


@router.get("/disk")
def disk(request: Request, identity: Administrator) -> dict[str, object]:
    """Say how much room the state folder takes."""
    return disk_use(context(request).settings).document()


@router.get("/versions")
def version_list(identity: Administrator) -> dict[str, object]:
    """Say which versions are installed."""
    return versions().document()


@router.get("/audit")
def audit_log(
    request: Request,
    identity: Administrator,
    *,
    actor: str = "",
    action: str = "",
    q: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> list[dict[str, Any]]:
    """Read the audit log, newest first."""
    found = audit.entries(
        context(request).settings, actor=actor, action=action, text=q, limit=limit, offset=offset
    )
    return [{**vars(entry), "at": entry.at.isoformat()} for entry in found]


@router.get("/datasets/{name}/grants")
def grants(request: Request, identity: Administrator, name: str) -> dict[str, Any]:
    """Read who may read and write a dataset."""
    found = access.grants(context(request).settings, name)
    return {"readers": list(found.readers), "writers": list(found.writers)}


@router.put("/datasets/{name}/grants")
def set_grants(request: Request, identity: Administrator, name: str, body: Grants) -> dict[str, Any]:
    """Say who may read and write a dataset."""
    data.set_grants(context(request), identity, name, body)
    return grants(request, identity, name)
