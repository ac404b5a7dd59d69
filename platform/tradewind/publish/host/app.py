"""The host's web application: routes, and the check in front of every one of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from tradewind.errors import NotAllowedError, NotSignedInError, TradewindError, UnavailableError
from tradewind.publish import api
from tradewind.publish.host import pages, proxy, static
from tradewind.publish.host.identity import Identities, Session, Viewer
from tradewind.publish.host.rights import dataset_folders
from tradewind.publish.host.runtimes import Process, Runtimes, State
from tradewind.publish.host.views import View, Views
from tradewind.publish.model import Dashboard, may_edit, may_view, prefix
from tradewind.publish.shipped import publish_shipped
from tradewind.settings import Settings

log = logging.getLogger("tradewind.dashboards")

WATCH_SECONDS = 2.0
"""How often open pages are checked against the shares: access withdrawn closes them within this and the
hub's say."""
CULL_SECONDS = 15.0
WARM_MOST = 4
"""How many dashboards are started with the host, so that their first visitor does not wait."""
WARM_DELAY = 3.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Host:
    """The dashboard host of one installation.

    Parameters
    ----------
    settings
        The installation.
    warm
        Whether to start dashboards before somebody asks for them.
    """

    def __init__(self, settings: Settings, *, warm: bool = True) -> None:
        self.settings = settings
        self._warm = warm
        self.identities = Identities(settings)
        self.runtimes = Runtimes(settings, self._datasets)
        self.views = Views()

    def application(self) -> web.Application:
        """Return the application, ready to be served."""
        here = prefix(self.settings)
        app = web.Application(
            middlewares=[self._errors], client_max_size=self.settings.upload_limit_mb * 2**20
        )
        app.router.add_get(here.rstrip("/"), self._index)
        app.router.add_get(here, self._index)
        app.router.add_get(f"{here}-/health", self._health)
        app.router.add_get(f"{here}oauth_callback", self.identities.finish)
        app.router.add_get(f"{here}static/{{path:.+}}", static.serve)
        app.router.add_get(f"{here}{{slug}}", self._slash)
        app.router.add_get(f"{here}{{slug}}/", self._frame)
        app.router.add_get(f"{here}{{slug}}/-/state", self._state)
        app.router.add_route("*", f"{here}{{slug}}/{{key:~[A-Za-z0-9_-]{{32}}}}/{{rest:.*}}", self._forward)
        app.cleanup_ctx.append(self._background)
        return app

    # ---- who may --------------------

    async def _allowed(self, viewer: Viewer, slug: str) -> Dashboard:
        """Return a dashboard, if the viewer may open it now."""
        dashboard = await asyncio.to_thread(api.get, self.settings, slug)
        if not may_view(dashboard, viewer.name, viewer.groups, viewer.admin):
            raise NotAllowedError(
                "This dashboard is not shared with you.", f"Ask its owner, {dashboard.owner}, to share it."
            )
        return dashboard

    async def _view(self, request: web.Request) -> View:
        """Return the view a request's key belongs to, after asking everything again."""
        view = self.views.find(request.match_info["key"])
        if view is None or view.slug != request.match_info["slug"]:
            raise NotSignedInError("This page has expired.", "Load it again.")
        if not await self.identities.refresh(view.session):
            await self.views.close(view, reason="signed out")
            raise NotSignedInError("You have been signed out.", "Sign in again.")
        await self._allowed(view.session.viewer, view.slug)
        return view

    async def _datasets(self, owner: str) -> list[Path]:
        user = await self.identities.user(owner)
        return await asyncio.to_thread(dataset_folders, self.settings, user)

    # ---- pages --------------------

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        base = self.settings.base_url.rstrip("/")
        raise web.HTTPFound(f"{base}/services/tradewind/dashboards")

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def _slash(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{prefix(self.settings)}{request.match_info['slug']}/")

    async def _frame(self, request: web.Request) -> web.StreamResponse:
        session = await self.identities.session(request)
        if session is None:
            return self.identities.begin(request.path)
        dashboard = await self._allowed(session.viewer, request.match_info["slug"])
        process = self.runtimes.ensure(dashboard)
        await asyncio.to_thread(api.touch, self.settings, dashboard.slug)
        viewer = session.viewer
        return pages.page(
            self.settings,
            "frame.html",
            viewer=viewer,
            dashboard=dashboard,
            src=self._source(session, process) if process.state is State.READY else "",
            sandbox=proxy.SANDBOX,
            may_edit=may_edit(dashboard, viewer.name, viewer.admin),
        )

    def _source(self, session: Session, process: Process) -> str:
        assert process.launch is not None
        view = self.views.open(session, process)
        return f"{prefix(self.settings)}{process.slug}/{view.key}/{process.launch.entry}"

    async def _state(self, request: web.Request) -> web.StreamResponse:
        session = await self.identities.session(request)
        if session is None:
            raise NotSignedInError("You are not signed in.", "Load the page again.")
        dashboard = await self._allowed(session.viewer, request.match_info["slug"])
        answer = self._shown(request, dashboard) if "shown" in request.query else None
        if answer is None:
            answer = await self._starting(session, dashboard, again="again" in request.query)
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _shown(self, request: web.Request, dashboard: Dashboard) -> dict[str, object]:
        """Say whether what a page shows is still alive; never starts anything."""
        view = self.views.find(request.query["shown"])
        alive = view is not None and view.slug == dashboard.slug and view.process.state is State.READY
        if view is not None and alive:
            view.used = asyncio.get_running_loop().time()
        return {"state": State.READY if alive else State.STOPPED, "version": dashboard.version}

    async def _starting(self, session: Session, dashboard: Dashboard, *, again: bool) -> dict[str, object]:
        """Say how far a dashboard has come that a page waits for, starting it if need be."""
        process = self.runtimes.ensure(dashboard, again=again)
        answer: dict[str, object] = {"state": process.state, "version": dashboard.version}
        if process.state is State.READY:
            answer["src"] = self._source(session, process)
        if process.state is State.FAILED:
            answer["reason"] = process.reason
            if may_edit(dashboard, session.viewer.name, session.viewer.admin):
                answer["log"] = await asyncio.to_thread(process.log_tail)
        return answer

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        view = await self._view(request)
        view.used = view.process.used = asyncio.get_running_loop().time()
        told = view.process.manifest is not None and view.process.manifest.viewer_header
        if request.headers.get("Upgrade", "").lower() == "websocket":
            _refuse_other_sites(request)
            return await proxy.forward_socket(request, view, viewer_header=told)
        if request.headers.get("Sec-Fetch-Dest") == "document":  # outside its frame: put it back into one
            raise web.HTTPFound(f"{prefix(self.settings)}{view.slug}/")
        return await proxy.forward(request, view, viewer_header=told)

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Say what is wrong: a page to people, JSON to programs."""
        try:
            return await handler(request)
        except TradewindError as problem:
            return await self._explain(request, problem)

    async def _explain(self, request: web.Request, problem: TradewindError) -> web.StreamResponse:
        if "text/html" not in request.headers.get("Accept", "") or "key" in request.match_info:
            error = {"code": problem.code, "message": problem.message, "hint": problem.hint}
            return web.json_response({"error": error}, status=problem.status)
        viewer = None
        with contextlib.suppress(TradewindError):
            session = await self.identities.session(request)
            viewer = session.viewer if session else None
        titles = {403: "Not shared with you", 404: "No such dashboard", 401: "Not signed in"}
        again = isinstance(problem, NotSignedInError | UnavailableError)
        return pages.page(
            self.settings,
            "message.html",
            viewer=viewer,
            status=problem.status,
            title=titles.get(problem.status, "This does not work right now"),
            text=problem.message,
            hint=problem.hint,
            link=request.path if again and "slug" in request.match_info else "",
            action="Try again" if again and "slug" in request.match_info else "",
        )

    # ---- in the background --------------------

    async def _background(self, _app: web.Application) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self._repeat(WATCH_SECONDS, self.watch)),
            asyncio.create_task(self._repeat(CULL_SECONDS, self.runtimes.cull)),
        ]
        if self._warm:
            tasks.append(asyncio.create_task(self.warm(WARM_DELAY)))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for view in self.views:
            await self.views.close(view, reason="the host is stopping")
        await self.runtimes.close()

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:  # the next round may succeed; without it nothing would ever be closed again
                log.exception("background work failed")

    async def watch(self) -> None:
        """Close every open page whose viewer may no longer see it, or whose process has ended."""
        self.views.forget_unused()
        for view in self.views:
            try:
                known = await self.identities.refresh(view.session)
                if known:
                    await self._allowed(view.session.viewer, view.slug)
            except UnavailableError:
                known = False
            except TradewindError:
                await self.views.close(view, reason="no longer shared with you")
                continue
            if not known or view.process.state is not State.READY:
                await self.views.close(view, reason="the page has expired")

    async def warm(self, delay: float = 0.0) -> None:
        """Publish what ships; start that, and what was looked at last, one after the other."""
        try:
            await asyncio.to_thread(publish_shipped, self.settings)
        except TradewindError as problem:  # another process does the same at the same moment
            log.warning("what ships was not published: %s", problem)
        await asyncio.sleep(delay)
        known = await asyncio.to_thread(api.list_all, self.settings)
        seen = sorted((d for d in known if d.viewed_at), key=lambda d: str(d.viewed_at), reverse=True)
        for dashboard in [*seen, *(d for d in known if d.shipped and not d.viewed_at)][:WARM_MOST]:
            with contextlib.suppress(UnavailableError):
                await self.runtimes.ready(self.runtimes.ensure(dashboard))


def _refuse_other_sites(request: web.Request) -> None:
    """A dashboard's own page has an opaque origin; the platform's pages have its host. Nobody else
    connects."""
    origin = request.headers.get("Origin", "null")
    if origin != "null" and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower():
        raise NotAllowedError("The connection came from another site.", "Open the dashboard itself.")
