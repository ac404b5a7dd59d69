"""REST: templates and runs."""

import mimetypes
import os
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.jobs import api
from tradewind.jobs.api import Run, RunFilter
from tradewind.service import runs
from tradewind.service.context import Context, context
from tradewind.service.identity import Identity
from tradewind.service.models import NewRun
from tradewind.service.security import NOTEBOOK_POLICY
from tradewind.service.signin import Reader, Runner
from tradewind.vocabulary import RunStatus

router = APIRouter(prefix="/api", tags=["runs"])

TEXT_TYPES = {".ipynb": "application/json", ".txt": "text/plain", ".log": "text/plain", ".csv": "text/csv"}


@router.get("/templates")
def list_templates(identity: Reader) -> list[dict[str, Any]]:
    """List the shipped templates with their parameters."""
    return [template.as_document() for template in api.all_templates()]


@router.get("/templates/{name}")
def read_template(identity: Reader, name: str) -> dict[str, Any]:
    """Read one template's parameters."""
    return api.load_template(name).as_document()


@router.get("/runs")
def list_runs(
    request: Request,
    identity: Reader,
    *,
    user: str = "",
    status: str = "",
    template: str = "",
    schedule: str = "",
    q: str = "",
    sort: str = "-queued",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """List your runs, newest first; administrators see everybody's, or one user's by `user`."""
    wanted = RunFilter(
        user=user if identity.admin else identity.name,
        statuses=statuses(status),
        template=template,
        schedule_id=schedule,
        text=q,
        sort=sort,
        limit=limit,
        offset=offset,
    )
    found, total = runs.listed(context(request), identity, wanted)
    return JSONResponse([run.as_document() for run in found], headers={"X-Total-Count": str(total)})


def statuses(text: str) -> tuple[RunStatus, ...]:
    """Read a list of states, separated by commas."""
    known = {status.value: status for status in RunStatus}
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in known:
            raise InvalidInputError(f"'{name}' is no state of a run.", did_you_mean(name, known))
    return tuple(known[name] for name in names)


@router.post("/runs", status_code=201)
def submit(request: Request, identity: Runner, body: NewRun) -> dict[str, Any]:
    """Queue a run of a template, of a notebook in your home, or of a notebook that you send."""
    return runs.submit(context(request), identity, body).as_document()


@router.get("/runs/{run_id}")
def read(request: Request, identity: Reader, run_id: str) -> dict[str, Any]:
    """Read one run."""
    return runs.find(context(request), identity, run_id).as_document()


@router.delete("/runs/{run_id}")
def delete(request: Request, identity: Runner, run_id: str) -> dict[str, Any]:
    """Delete a run that has ended, with all it made."""
    runs.delete(context(request), identity, run_id)
    return {"deleted": run_id}


@router.post("/runs/{run_id}/cancel")
def cancel(request: Request, identity: Runner, run_id: str) -> dict[str, Any]:
    """Cancel a run; it stays `cancelling` until none of its processes is left."""
    return runs.cancel(context(request), identity, run_id).as_document()


@router.get("/runs/{run_id}/log")
def log(
    request: Request, identity: Reader, run_id: str, offset: Annotated[int | None, Query(ge=0)] = None
) -> Response:
    """Read a run's log from a byte on; its end when no offset is given."""
    here = context(request)
    part = runs.log_part(here, runs.find(here, identity, run_id), offset)
    return PlainTextResponse(
        part.text, headers={"X-Log-Offset": str(part.offset), "X-Log-Size": str(part.size)}
    )


@router.get("/runs/{run_id}/files")
def list_files(request: Request, identity: Reader, run_id: str) -> list[dict[str, Any]]:
    """List the files of a run's result."""
    here = context(request)
    return [{"path": f.path, "size": f.size} for f in runs.files(here, runs.find(here, identity, run_id))]


@router.get("/runs/{run_id}/files/{path:path}")
def read_file(request: Request, identity: Reader, run_id: str, path: str, download: bool = False) -> Response:
    """Read one file of a run's result."""
    here: Context = context(request)
    return file_response(here, identity, runs.find(here, identity, run_id), path, download=download)


def file_response(here: Context, identity: Identity, run: Run, path: str, *, download: bool) -> Response:
    """Stream a file that a user made: in a sandbox of its own when a browser shows it."""
    file = runs.open_file(here, run, path)
    name = path.rsplit("/", 1)[-1]
    suffix = PurePosixPath(name).suffix.lower()
    kind = TEXT_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    shown = "attachment" if download else "inline"
    return StreamingResponse(
        runs.chunks(file),
        media_type=kind,
        headers={
            "Content-Security-Policy": NOTEBOOK_POLICY,
            "Content-Length": str(os.fstat(file.fileno()).st_size),
            # Percent-encoded: whoever made the file chose its name, line breaks and quotes included.
            "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(name, safe='')}",
        },
    )
