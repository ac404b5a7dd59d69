"""Pages: administration. Every handler needs the administrator's scope."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from tradewind import audit
from tradewind.errors import InvalidInputError
from tradewind.hub.notices import isolation
from tradewind.jobs import api
from tradewind.jobs.api import RunFilter
from tradewind.publish import api as publishing
from tradewind.service import admin, data, runs, schedules
from tradewind.service.admin import Person
from tradewind.service.context import context, in_thread
from tradewind.service.disk import disk_use
from tradewind.service.forms import Filled, share_fields, share_targets, typed
from tradewind.service.listing import PER_PAGE, Shown, View, shown
from tradewind.service.models import Grants
from tradewind.service.render import page
from tradewind.service.routers.pages_schedules import zone_of
from tradewind.service.signin import Administrator, PostedForm
from tradewind.service.versions import versions
from tradewind.store import access

router = APIRouter(prefix="/admin", include_in_schema=False)

FEW = 8
USER_SORTS = {
    "name": lambda person: (not person.waiting, person.name),
    "seen": lambda person: person.last_seen,
    "servers": lambda person: len(person.running),
}


@router.get("")
async def overview(request: Request, identity: Administrator) -> Response:
    """Show the installation at a glance."""
    here = context(request)
    settings = here.settings
    everybody, hub_problem = await admin.people(here)
    workers = await in_thread(api.live_workers, settings)
    infos, broken = await in_thread(data.infos, here, identity)
    return page(
        request,
        "admin.html",
        title="Admin",
        people=everybody[:FEW],
        waiting=[person for person in everybody if person.waiting],
        everybody=len(everybody),
        servers=[server for person in everybody for server in person.running],
        hub_problem=hub_problem,
        runs=await in_thread(api.list_runs, settings, RunFilter(limit=FEW)),
        run_total=await in_thread(api.count_runs, settings),
        open_runs=len(await in_thread(api.busy, settings)),
        schedules=(await in_thread(schedules.listed, here, identity))[:FEW],
        dashboards=await in_thread(publishing.list_all, settings),
        datasets=infos,
        qualities=await in_thread(data.qualities, here, [info.name for info in infos]),
        broken=broken,
        parts=await admin.parts(here, len(workers)),
        versions=versions(),
        disk=await in_thread(disk_use, settings),
        warning=await in_thread(isolation, settings),
        audit=await in_thread(audit.entries, settings, limit=FEW),
        remaining=runs.remaining,
        zone_of=zone_of,
        few=FEW,
    )


@router.get("/users")
async def users_page(request: Request, identity: Administrator) -> Response:
    """Show all users and their servers."""
    here = context(request)
    view = View.of(request, ("q", "status"), tuple(USER_SORTS), "name")
    everybody, problem = await admin.people(here)
    rows = [person for person in everybody if _matches(person, view)]
    return page(
        request,
        "admin_users.html",
        title="Users and servers",
        view=view,
        shown=shown(rows, view, USER_SORTS),
        hub_problem=problem,
        first_admin=here.settings.admin_name,
    )


def _matches(person: Person, view: View) -> bool:
    text = f"{person.name} {' '.join(person.groups)}".lower()
    state = view["status"]
    fits = {"": True, "waiting": person.waiting, "running": bool(person.running), "admin": person.admin}
    return all(word in text for word in view["q"].lower().split()) and fits.get(state, True)


@router.post("/users/{name}/approve")
def approve(request: Request, identity: Administrator, name: str) -> Response:
    """Let somebody who signed up sign in."""
    here = context(request)
    admin.approve(here, identity, name)
    return RedirectResponse(f"{here.prefix}/admin/users?done=approved", status_code=303)


@router.post("/users/{name}/reset-password")
def reset_password(request: Request, identity: Administrator, name: str) -> Response:
    """Give a user a new password and show it once."""
    password = admin.reset_password(context(request), identity, name)
    return page(request, "admin_password.html", title="New password", name=name, password=password)


@router.post("/users/{name}/start")
async def start(request: Request, identity: Administrator, name: str, posted: PostedForm) -> Response:
    """Start a user's server."""
    here = context(request)
    await admin.start_server(here, identity, name, typed(posted)["server"])
    return RedirectResponse(f"{here.prefix}/admin/users?done=starting", status_code=303)


@router.post("/users/{name}/stop")
async def stop(request: Request, identity: Administrator, name: str, posted: PostedForm) -> Response:
    """Stop a user's server."""
    here = context(request)
    await admin.stop_server(here, identity, name, typed(posted)["server"])
    return RedirectResponse(f"{here.prefix}/admin/users?done=stopping", status_code=303)


@router.get("/data/{name}")
async def grants_page(request: Request, identity: Administrator, name: str) -> Response:
    """Show who may read and write a dataset."""
    here = context(request)
    found = await in_thread(data.detail, here, identity, name)
    held = await in_thread(access.grants, here.settings, name)
    fields = share_fields(held.readers)
    writers = share_fields(held.writers)
    form = Filled(
        {
            **fields,
            "writers": " ".join(
                (*writers["users"].split(), *(f"group:{g}" for g in writers["groups"].split()))
            ),
        },
        {"share": ["everyone"] if "everyone" in held.readers else []},
    )
    return page(request, "admin_grants.html", title=f"Who may read {name}", found=found, form=form)


@router.post("/data/{name}")
async def set_grants(request: Request, identity: Administrator, name: str, posted: PostedForm) -> Response:
    """Change who may read and write a dataset."""
    here, form = context(request), typed(posted, several=("share",))
    writers = [
        w if ":" in w or w == "everyone" else f"user:{w}" for w in form["writers"].replace(",", " ").split()
    ]
    try:
        wanted = Grants(readers=share_targets(form), writers=writers)
        await in_thread(data.set_grants, here, identity, name, wanted)
    except InvalidInputError as problem:
        found = await in_thread(data.detail, here, identity, name)
        wrong = Filled(form.values, form.many, general=problem)
        return page(
            request, "admin_grants.html", title=f"Who may read {name}", found=found, form=wrong, status=422
        )
    return RedirectResponse(f"{here.prefix}/admin/data/{name}?done=granted", status_code=303)


@router.get("/audit")
async def audit_page(request: Request, identity: Administrator) -> Response:
    """Show the audit log."""
    here = context(request)
    view = View.of(request, ("q", "actor", "action"), ("at",), "-at")
    found = await in_thread(
        audit.entries,
        here.settings,
        actor=view["actor"],
        action=view["action"],
        text=view["q"],
        limit=PER_PAGE + 1,
        offset=view.offset,
    )
    total = view.offset + len(found)
    return page(
        request, "admin_audit.html", title="Audit log", view=view, shown=Shown(found[:PER_PAGE], total, view)
    )
