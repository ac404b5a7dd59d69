"""Pages: the list of runs with its live rows, and one run."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from tradewind.jobs import api
from tradewind.jobs.api import Run, RunFilter
from tradewind.service import runs
from tradewind.service.context import Context, context
from tradewind.service.identity import Identity, Scope
from tradewind.service.listing import PER_PAGE, Shown, View
from tradewind.service.render import page
from tradewind.service.routers.api_runs import file_response
from tradewind.service.signin import Reader, Runner
from tradewind.vocabulary import RunStatus

router = APIRouter(prefix="/runs", include_in_schema=False)

SORTS = ("queued", "ended", "title", "user", "status")
OPEN = tuple(status for status in RunStatus if not status.final)
MOST_LIVE = 60
GROUPS = {"open": OPEN, "ended": tuple(status for status in RunStatus if status.final)}


def _filter(view: View, identity: Identity, *, limit: int = PER_PAGE, offset: int = 0) -> RunFilter:
    wanted = view["status"]
    known = {status.value: (status,) for status in RunStatus} | GROUPS
    return RunFilter(
        user=view["user"] if identity.admin else identity.name,
        statuses=known.get(wanted, ()),
        template=view["template"],
        schedule_id=view["schedule"],
        text=view["q"],
        sort=view.sort,
        limit=limit,
        offset=offset,
    )


def _view(request: Request) -> View:
    return View.of(request, ("q", "status", "template", "user", "schedule"), SORTS, "-queued")


@router.get("")
def list_page(request: Request, identity: Reader) -> Response:
    """Show runs: one's own, or everybody's to administrators."""
    here, view = context(request), _view(request)
    found, total = runs.listed(here, identity, _filter(view, identity, offset=view.offset))
    return page(
        request,
        "runs.html",
        title="Runs",
        view=view,
        shown=Shown(found, total, view),
        states=["open", "ended", *(status.value for status in RunStatus)],
        templates=sorted(
            {template.name for template in api.all_templates()} | {run.template for run in found}
        ),
        users=sorted({run.user for run in found} | {view["user"]} - {""}),
        none_at_all=not total and not view.narrowed,
        live=_live_ids(found),
        known=total,
        workers=api.live_workers(here.settings),
        remaining=runs.remaining,
    )


def _live_ids(found: Sequence[Run]) -> str:
    return ",".join(run.id for run in found if not run.status.final)


@router.get("/live")
def live_rows(
    request: Request,
    identity: Reader,
    ids: Annotated[str, Query(max_length=4000)] = "",
    known: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Answer the list's poll: the rows that may have changed, each in its own place, and how many are new."""
    here, view = context(request), _view(request)
    found = []
    for run_id in [name for name in ids.split(",") if name][:MOST_LIVE]:
        try:
            found.append(runs.find(here, identity, run_id))
        except LookupError:
            continue  # deleted meanwhile; its row stays until the page is loaded again
    total = api.count_runs(here.settings, _filter(view, identity))
    return page(
        request,
        "fragments/runs_live.html",
        rows=found,
        live=_live_ids(found),
        known=known,
        total=total,
        view=view,
        remaining=runs.remaining,
    )


@router.get("/{run_id}")
def detail_page(request: Request, identity: Reader, run_id: str) -> Response:
    """Show one run."""
    here = context(request)
    run = runs.find(here, identity, run_id)
    return page(request, "run.html", title=f"{run.title} {run.id[-5:]}", **_parts(here, identity, run))


def _parts(here: Context, identity: Identity, run: Run) -> dict[str, Any]:
    names = runs.files(here, run)
    return {
        "run": run,
        "attempts": api.attempts_of(here.settings, run.id),
        "log": runs.log_part(here, run),
        "card": runs.card(here, run),
        "files": names,
        "has_page": any(file.path == runs.NOTEBOOK_PAGE for file in names),
        "remaining": runs.remaining,
        "may_run": identity.may(Scope.RUN),
        "again": _again(run),
    }


def _again(run: Run) -> str:
    """Return the query of the form that runs the same again."""
    return f"again={run.id}"


@router.get("/{run_id}/live")
def live_parts(request: Request, identity: Reader, run_id: str) -> Response:
    """Answer the run page's poll: state, progress and log; the whole page once the run has ended."""
    here = context(request)
    run = runs.find(here, identity, run_id)
    headers = {"HX-Refresh": "true"} if run.status.final else {}
    return page(request, "fragments/run_live.html", headers=headers, **_parts(here, identity, run))


@router.get("/{run_id}/notebook")
def notebook(request: Request, identity: Reader, run_id: str) -> Response:
    """Serve the executed notebook for the frame in the run's page."""
    here = context(request)
    run = runs.find(here, identity, run_id)
    return file_response(here, identity, run, runs.NOTEBOOK_PAGE, download=False)


@router.get("/{run_id}/files/{path:path}")
def file(request: Request, identity: Reader, run_id: str, path: str, download: bool = False) -> Response:
    """Serve a file of the result."""
    here = context(request)
    return file_response(here, identity, runs.find(here, identity, run_id), path, download=download)


@router.get("/{run_id}/log")
def log(request: Request, identity: Reader, run_id: str) -> Response:
    """Serve the whole log as text."""
    here = context(request)
    log_file = runs.open_log(here, runs.find(here, identity, run_id))
    content = runs.chunks(log_file) if log_file else iter(())
    return StreamingResponse(content, media_type="text/plain; charset=utf-8")


@router.post("/{run_id}/cancel")
def cancel(request: Request, identity: Runner, run_id: str) -> Response:
    """Cancel a run."""
    here = context(request)
    runs.cancel(here, identity, run_id)
    return RedirectResponse(f"{here.prefix}/runs/{run_id}?done=cancelled", status_code=303)


@router.post("/{run_id}/delete")
def delete(request: Request, identity: Runner, run_id: str) -> Response:
    """Delete a run that has ended."""
    here = context(request)
    runs.delete(here, identity, run_id)
    return RedirectResponse(f"{here.prefix}/runs?done=deleted", status_code=303)
