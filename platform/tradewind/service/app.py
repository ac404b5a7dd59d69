"""The FastAPI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from jupyterhub.httpclient import JupyterHubHTTPClient

from tradewind.service import monitoring, problems, signin
from tradewind.service.context import Context, service_prefix
from tradewind.service.hubapi import HubApi
from tradewind.service.identity import HubIdentities, IdentitySource
from tradewind.service.routers import all_routers
from tradewind.service.security import BodyLimit, SecurityHeaders
from tradewind.service.sessions import Sessions
from tradewind.service.statics import Assets
from tradewind.service.versions import versions
from tradewind.settings import Settings


def create_app(settings: Settings, identities: IdentitySource | None = None) -> FastAPI:
    """Build the application.

    Parameters
    ----------
    settings
        Of this installation; its state folder must exist.
    identities
        Who says whose a token is; the hub by default.
    """
    prefix = service_prefix(settings)
    oauth = signin.hub_oauth(settings, prefix)
    app = FastAPI(
        title="Tradewind",
        description="Runs, schedules, dashboards and data of a Tradewind platform.",
        version=versions().tradewind,
        openapi_url=f"{prefix}/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.oauth = oauth
    app.state.context = Context(
        settings=settings,
        identities=identities or HubIdentities(settings, oauth),
        sessions=Sessions(settings),
        hub=HubApi(settings),
    )
    problems.install(app)
    app.include_router(signin.router, prefix=prefix)
    for router in all_routers():
        app.include_router(router, prefix=prefix)
    app.mount(f"{prefix}/static", Assets(), name="static")
    limit = settings.upload_limit_mb * 1024 * 1024
    app.add_middleware(BodyLimit, limit=limit, refuse=problems.body_refusal(app, limit))
    app.add_middleware(monitoring.Measured)
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    here: Context = app.state.context
    await here.hub.close()
    await JupyterHubHTTPClient.loop_instance().close()
