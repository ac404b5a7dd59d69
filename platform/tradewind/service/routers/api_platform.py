"""REST: who one is, what answers, whether it is healthy, metrics, and the list of endpoints."""

import hmac
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tradewind.database import engine
from tradewind.jobs import api
from tradewind.jobs.api import RunFilter
from tradewind.service import monitoring
from tradewind.service.context import context, in_thread
from tradewind.service.identity import Scope
from tradewind.service.render import page
from tradewind.service.signin import CurrentIdentity, Reader, bearer_token, current_identity
from tradewind.service.versions import versions
from tradewind.vocabulary import RunStatus

router = APIRouter(tags=["platform"])


@router.get("/", include_in_schema=False)
def root(request: Request, identity: Reader) -> Response:
    """Lead to the runs."""
    return RedirectResponse(f"{context(request).prefix}/runs", status_code=302)


@router.get("/api/me")
def me(identity: CurrentIdentity) -> dict[str, Any]:
    """Say who you are and what your token may be used for."""
    return {
        "name": identity.name,
        "admin": identity.admin,
        "groups": sorted(identity.groups),
        "scopes": sorted(identity.scopes),
    }


@router.get("/api/version")
def version(identity: CurrentIdentity) -> dict[str, object]:
    """Say which versions answer."""
    return versions().document()


def _healthy(request: Request) -> dict[str, str]:
    here = context(request)
    try:
        with engine(here.settings.database).connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        database = "ok"
    except sa.exc.SQLAlchemyError:
        database = "failing"
    workers = "ok" if database == "ok" and api.live_workers(here.settings) else "none"
    return {"database": database, "workers": workers}


@router.get("/health", include_in_schema=False)
@router.get("/api/health")
def health(request: Request) -> Response:
    """Say whether the service works; needs no sign-in and tells nothing else."""
    parts = _healthy(request)
    works = parts["database"] == "ok"
    document = {"status": "ok" if works else "failing", "parts": parts}
    return JSONResponse(document, status_code=200 if works else 503)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Give Prometheus its figures: with the secret ``metrics`` as a bearer token, or an administrator's."""
    here = context(request)
    wanted = here.settings.paths.secret("metrics")
    if not hmac.compare_digest(bearer_token(request).encode(), wanted.encode()):
        (await current_identity(request)).require(Scope.ADMIN)
    for status in RunStatus:
        count = await in_thread(api.count_runs, here.settings, RunFilter(statuses=(status,)))
        monitoring.runs_gauge.labels(status.value).set(count)
    return Response(monitoring.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/docs", include_in_schema=False)
def docs(request: Request, identity: Reader) -> Response:
    """Show the endpoints; drawn here, because the usual viewers come from a CDN."""
    endpoints = [
        (method.upper(), path, about.get("description", ""), about["tags"][0])
        for path, methods in request.app.openapi()["paths"].items()
        for method, about in methods.items()
    ]
    return page(request, "api_docs.html", title="REST API", endpoints=endpoints)
