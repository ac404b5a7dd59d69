"""Page: the form that starts a run."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from tradewind.errors import TradewindError
from tradewind.jobs import api
from tradewind.service import runform, runs
from tradewind.service.context import context, in_thread
from tradewind.service.forms import typed
from tradewind.service.render import page
from tradewind.service.runform import Chosen, Field
from tradewind.service.signin import PostedForm, Runner

router = APIRouter(prefix="/runs/new", include_in_schema=False)


@router.get("")
def form_page(request: Request, identity: Runner) -> Response:
    """Show the form: which notebook first, then its parameters."""
    chosen = runform.choose(context(request), identity, request.query_params)
    status = chosen.problem.status if chosen.problem else 200
    return _form(request, chosen, runform.fields_of(chosen), problem=chosen.problem, status=status)


def _form(
    request: Request,
    chosen: Chosen,
    fields: list[Field],
    *,
    title: str = "",
    problem: TradewindError | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "run_new.html",
        title=f"New run: {chosen.notebook.title}" if chosen.notebook else "New run",
        chosen=chosen,
        fields=fields,
        run_title=title,
        problem=problem,
        templates=[template for template in api.all_templates() if template.kind == "job"],
        status=status,
    )


@router.post("")
async def submit(request: Request, identity: Runner, posted: PostedForm) -> Response:
    """Queue the run, or show the form again with what is wrong."""
    here, form = context(request), typed(posted)
    chosen = await in_thread(runform.choose, here, identity, form.values)
    fields = runform.fields_of(chosen, posted)
    if chosen.notebook is None or any(field.problem for field in fields):
        return _form(request, chosen, fields, title=form["title"], problem=chosen.problem, status=422)
    try:
        body = runform.new_run(chosen, runform.parameters_of(fields), form["title"][:200])
        run = await in_thread(runs.submit, here, identity, body)
    except TradewindError as problem:
        return _form(request, chosen, fields, title=form["title"], problem=problem, status=problem.status)
    return RedirectResponse(f"{here.prefix}/runs/{run.id}?done=submitted", status_code=303)
