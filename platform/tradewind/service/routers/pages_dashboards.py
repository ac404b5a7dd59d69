"""Pages: the dashboards a user may open, publishing one, sharing and deleting it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from tradewind.errors import InvalidInputError, PathNotAllowedError, TradewindError
from tradewind.publish.api import Dashboard
from tradewind.service import dashboards
from tradewind.service.context import Context, context, in_thread
from tradewind.service.forms import Filled, explained, share_fields, share_targets, typed
from tradewind.service.identity import Identity
from tradewind.service.listing import View, shown
from tradewind.service.models import DashboardChange, NewDashboard
from tradewind.service.render import page
from tradewind.service.signin import PostedForm, Publisher, Reader

router = APIRouter(prefix="/dashboards", include_in_schema=False)

SORTS = {
    "title": lambda found: found.title.lower(),
    "owner": lambda found: found.owner,
    "updated": lambda found: found.updated_at,
    "viewed": lambda found: found.viewed_at,
}


@router.get("")
def list_page(request: Request, identity: Reader) -> Response:
    """Show the dashboards that the user may open."""
    here = context(request)
    view = View.of(request, ("q", "owner"), tuple(SORTS), "-updated")
    every = dashboards.visible(here, identity)
    rows = [found for found in every if _matches(found, view)]
    return page(
        request,
        "dashboards.html",
        title="Dashboards",
        view=view,
        shown=shown(rows, view, SORTS),
        owners=sorted({found.owner for found in every}),
        none_at_all=not every,
    )


def _matches(found: Dashboard, view: View) -> bool:
    text = f"{found.title} {found.description} {found.owner} {found.slug}".lower()
    words = view["q"].lower().split()
    return all(word in text for word in words) and view["owner"] in ("", found.owner)


@router.get("/new")
async def publish_page(request: Request, identity: Publisher, path: Annotated[str, Query()] = "") -> Response:
    """Show the form that publishes a notebook."""
    return await _publish_form(request, Filled({"path": path}))


async def _publish_form(request: Request, form: Filled, status: int = 200) -> Response:
    return page(
        request,
        "dashboard_new.html",
        title="Publish a dashboard",
        form=form,
        groups=await _groups(context(request), request.state.identity),
        status=status,
    )


async def _groups(here: Context, identity: Identity) -> list[str]:
    """Return the groups to offer: all of them to administrators, one's own otherwise."""
    if not identity.admin:
        return sorted(identity.groups)
    try:
        return list(await here.hub.groups())
    except TradewindError:
        return sorted(identity.groups)


@router.post("/new")
async def publish(request: Request, identity: Publisher, posted: PostedForm) -> Response:
    """Publish, or show the form again with what is wrong."""
    form = typed(posted, several=("share",))
    here = context(request)
    try:
        body = NewDashboard(
            path=form["path"],
            title=form["title"],
            description=form["description"],
            share_with=share_targets(form),
            slug=form["slug"] or None,
        )
        found = await in_thread(dashboards.publish, here, identity, body)
    except ValidationError as problem:
        return await _publish_form(request, Filled(form.values, form.many, explained(problem)), 422)
    except TradewindError as problem:
        where = _field_of(problem)
        wrong = Filled(
            form.values,
            form.many,
            {where: str(problem)} if where else {},
            None if where else problem,
        )
        return await _publish_form(request, wrong, problem.status)
    return RedirectResponse(f"{here.prefix}/dashboards/{found.slug}?done=published", status_code=303)


def _field_of(problem: TradewindError) -> str:
    """Return the field that an error is about."""
    if isinstance(problem, PathNotAllowedError) or problem.code in ("not_found", "not_publishable"):
        return "path"
    return {"share": "users", "conflict": "slug"}.get(problem.code, "")


@router.get("/{slug}")
async def detail_page(request: Request, identity: Reader, slug: str) -> Response:
    """Show one dashboard: versions, shares, and what its owner may do."""
    here = context(request)
    found = await in_thread(dashboards.find, here, identity, slug)
    return await _detail(request, found, Filled({**_fields(found)}, {"share": list(found.share_with)}))


def _fields(found: Dashboard) -> dict[str, str]:
    return {"title": found.title, "description": found.description, **share_fields(found.share_with)}


async def _detail(request: Request, found: Dashboard, form: Filled, status: int = 200) -> Response:
    here, identity = context(request), request.state.identity
    return page(
        request,
        "dashboard.html",
        title=found.title,
        found=found,
        url=found.url(here.settings),
        versions=await in_thread(dashboards.versions, here, found.slug),
        mine=identity.admin or identity.name == found.owner,
        groups=await _groups(here, identity),
        form=form,
        status=status,
    )


@router.post("/{slug}")
async def change(request: Request, identity: Publisher, slug: str, posted: PostedForm) -> Response:
    """Change title, description and shares."""
    form = typed(posted, several=("share",))
    here = context(request)
    body = DashboardChange(
        title=form["title"], description=form["description"], share_with=share_targets(form)
    )
    try:
        found = await in_thread(dashboards.change, here, identity, slug, body)
    except InvalidInputError as problem:
        found = await in_thread(dashboards.own, here, identity, slug)
        field = {"share": "users"}.get(problem.code, "title")
        return await _detail(request, found, Filled(form.values, form.many, {field: str(problem)}), 422)
    return RedirectResponse(f"{here.prefix}/dashboards/{found.slug}?done=saved", status_code=303)


@router.post("/{slug}/delete")
def delete(request: Request, identity: Publisher, slug: str) -> Response:
    """Delete a dashboard."""
    here = context(request)
    dashboards.remove(here, identity, slug)
    return RedirectResponse(f"{here.prefix}/dashboards?done=deleted", status_code=303)
