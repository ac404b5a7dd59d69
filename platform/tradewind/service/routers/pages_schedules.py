"""Pages: schedules."""

from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from tradewind.errors import TradewindError
from tradewind.jobs import api
from tradewind.jobs.api import RunFilter, Schedule
from tradewind.service import runform, runs, schedules
from tradewind.service.context import context, in_thread
from tradewind.service.forms import Filled, typed
from tradewind.service.identity import Scope
from tradewind.service.listing import View, shown
from tradewind.service.models import NewSchedule, ScheduleChange
from tradewind.service.render import page
from tradewind.service.runform import Chosen, Field
from tradewind.service.signin import PostedForm, Reader, Runner

router = APIRouter(prefix="/schedules", include_in_schema=False)

SORTS = {
    "title": lambda found: found.title.lower(),
    "user": lambda found: found.user,
    "next": lambda found: found.next_at,
    "last": lambda found: found.last_at,
}
EXAMPLES = (
    ("0 18 * * 1-5", "18:00 on weekdays"),
    ("30 7 * * *", "07:30 every day"),
    ("0 6 * * 1", "06:00 on Mondays"),
    ("after_close XNYS 30min", "half an hour after New York's close"),
)


def zone_of(found: Schedule) -> ZoneInfo:
    """Return the zone a schedule thinks in."""
    return ZoneInfo(found.time_zone)


@router.get("")
def list_page(request: Request, identity: Reader) -> Response:
    """Show schedules: one's own, or everybody's to administrators."""
    here = context(request)
    view = View.of(request, ("q", "status", "user"), tuple(SORTS), "next")
    every = schedules.listed(here, identity)
    words = view["q"].lower().split()
    rows = [
        found
        for found in every
        if all(word in f"{found.title} {found.template} {found.when} {found.user}".lower() for word in words)
        and view["status"] in ("", "paused" if found.paused else "active")
        and view["user"] in ("", found.user)
    ]
    return page(
        request,
        "schedules.html",
        title="Schedules",
        view=view,
        shown=shown(rows, view, SORTS),
        users=sorted({found.user for found in every}),
        none_at_all=not every,
        zone_of=zone_of,
        may_run=identity.may(Scope.RUN),
    )


@router.get("/new")
def form_page(request: Request, identity: Runner) -> Response:
    """Show the form."""
    chosen = runform.choose(context(request), identity, request.query_params)
    status = chosen.problem.status if chosen.problem else 200
    return _form(request, chosen, runform.fields_of(chosen), Filled({}, general=chosen.problem), status)


def _form(request: Request, chosen: Chosen, fields: list[Field], form: Filled, status: int) -> Response:
    return page(
        request,
        "schedule_new.html",
        title="New schedule",
        chosen=chosen,
        fields=fields,
        form=form,
        examples=EXAMPLES,
        zones=sorted(available_timezones()),
        templates=[template for template in api.all_templates() if template.kind == "job"],
        status=status,
    )


@router.post("/new")
async def create(request: Request, identity: Runner, posted: PostedForm) -> Response:
    """Create the schedule, or show the form again with what is wrong."""
    here, form = context(request), typed(posted)
    chosen = await in_thread(runform.choose, here, identity, form.values)
    fields = runform.fields_of(chosen, posted)
    if chosen.notebook is None or any(field.problem for field in fields):
        return _form(request, chosen, fields, Filled(form.values, general=chosen.problem), 422)
    try:
        body = NewSchedule(
            **runform.body_of(chosen, runform.parameters_of(fields), form["title"][:200]),
            when=form["when"][:200],
            time_zone=form["time_zone"][:100] or "UTC",
        )
        found = await in_thread(schedules.create, here, identity, body)
    except TradewindError as problem:
        field = _field_of(problem, form)
        wrong = Filled(
            form.values,
            problems={field: str(problem)} if field else {},
            general=None if field else problem,
        )
        return _form(request, chosen, fields, wrong, problem.status)
    return RedirectResponse(f"{here.prefix}/schedules/{found.id}?done=scheduled", status_code=303)


def _field_of(problem: TradewindError, form: Filled) -> str:
    """Return the field that an error is about."""
    if problem.code != "invalid_input":
        return ""
    if form["time_zone"] and f"'{form['time_zone']}'" in problem.message:
        return "time_zone"
    return "when"


@router.get("/{schedule_id}")
def detail_page(request: Request, identity: Reader, schedule_id: str) -> Response:
    """Show one schedule: when it fires next, and the runs it started."""
    here = context(request)
    found = schedules.find(here, identity, schedule_id)
    return page(
        request,
        "schedule.html",
        title=found.title,
        found=found,
        zone=zone_of(found),
        started=api.list_runs(here.settings, RunFilter(schedule_id=found.id, limit=20)),
        may_run=identity.may(Scope.RUN),
        remaining=runs.remaining,
    )


@router.post("/{schedule_id}/pause")
def pause(request: Request, identity: Runner, schedule_id: str) -> Response:
    """Pause a schedule."""
    return _change(request, identity, schedule_id, paused=True)


@router.post("/{schedule_id}/resume")
def resume(request: Request, identity: Runner, schedule_id: str) -> Response:
    """Resume a schedule."""
    return _change(request, identity, schedule_id, paused=False)


def _change(request: Request, identity: Runner, schedule_id: str, *, paused: bool) -> Response:
    here = context(request)
    schedules.change(here, identity, schedule_id, ScheduleChange(paused=paused))
    done = "paused" if paused else "resumed"
    return RedirectResponse(f"{here.prefix}/schedules/{schedule_id}?done={done}", status_code=303)


@router.post("/{schedule_id}/run")
def run_now(request: Request, identity: Runner, schedule_id: str) -> Response:
    """Start a run at once."""
    here = context(request)
    run = schedules.run_now(here, identity, schedule_id)
    return RedirectResponse(f"{here.prefix}/runs/{run.id}?done=submitted", status_code=303)


@router.post("/{schedule_id}/delete")
def delete(request: Request, identity: Runner, schedule_id: str) -> Response:
    """Delete a schedule."""
    here = context(request)
    schedules.remove(here, identity, schedule_id)
    return RedirectResponse(f"{here.prefix}/schedules?done=deleted", status_code=303)
