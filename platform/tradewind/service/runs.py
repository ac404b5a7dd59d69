"""Runs for a caller: submit, find, cancel, and read what a run made."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from tradewind import audit
from tradewind.errors import InvalidInputError, NotFoundError
from tradewind.jobs import api
from tradewind.jobs.api import Request, Run, RunFilter, Template
from tradewind.sandbox import home_name, open_beneath
from tradewind.service.context import Context
from tradewind.service.identity import Identity
from tradewind.service.models import NewRun, SentFile
from tradewind.vocabulary import RunStatus

LOG_TAIL = 64 * 1024
CHUNK = 256 * 1024
CARD, NOTEBOOK_PAGE = "run.json", "notebook.html"
LARGEST_CARD = 4 * 1024 * 1024


@dataclass(frozen=True)
class ResultFile:
    """A file of a run's result."""

    path: str
    size: int


@dataclass(frozen=True)
class LogPart:
    """A part of a run's log."""

    text: str
    offset: int
    size: int


def request_of(here: Context, identity: Identity, body: NewRun, *, texts: bool = False) -> Request:
    """Turn what a caller sent into what the jobs package takes."""
    template, path = body.template or "", body.path or ""
    shown = PurePosixPath(path)
    if path and shown.parts[:1] == ("templates",) and len(shown.parts) == 2:
        # Lab shows the shipped templates as a folder of the home; outside of Lab it is empty or not there.
        home = here.settings.paths.user_home(home_name(identity.name))
        if shown.suffix == ".ipynb" and not os.path.lexists(home / path):
            template, path = shown.stem, ""
    content: dict[str, Any] | None = None
    name = "notebook"
    if body.notebook is not None:
        name, content = body.notebook.name, parsed_notebook(body.notebook)
    return Request(
        template=template,
        path=path,
        content=content,
        name=name,
        title=body.title,
        parameters=body.parameters,
        texts=texts,
    )


def parsed_notebook(sent: SentFile) -> dict[str, Any]:
    """Return a sent notebook as a document."""
    if isinstance(sent.content, dict):
        return sent.content
    try:
        document = json.loads(sent.read().content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidInputError(f"{sent.name!r} is not a notebook.", "Send the JSON of an .ipynb file.")
    return document


def submit(here: Context, identity: Identity, body: NewRun, *, texts: bool = False) -> Run:
    """Check and queue a run of the caller's."""
    run = api.submit(
        here.settings,
        user=identity.name,
        request=request_of(here, identity, body, texts=texts),
        groups=sorted(identity.groups),
        admin=identity.admin_account,
    )
    audit.record(here.settings, identity.name, "run.submit", run.id, template=run.template, title=run.title)
    return run


def find(here: Context, identity: Identity, run_id: str) -> Run:
    """Return a run of the caller's; administrators may see all.

    Raises
    ------
    NotFoundError
        There is none, or it is somebody else's: which of the two is not told.
    """
    run = api.get(here.settings, run_id)
    if run.user != identity.name and not identity.admin:
        raise NotFoundError(f"There is no run '{run_id}'.")
    return run


def listed(here: Context, identity: Identity, wanted: RunFilter) -> tuple[Sequence[Run], int]:
    """Return a page of runs, and how many match; without the administrator's right only one's own."""
    return api.list_runs(here.settings, wanted), api.count_runs(here.settings, wanted)


def cancel(here: Context, identity: Identity, run_id: str) -> Run:
    """Cancel a run that the caller may see."""
    find(here, identity, run_id)
    run = api.cancel(here.settings, run_id)
    audit.record(here.settings, identity.name, "run.cancel", run_id)
    return run


def delete(here: Context, identity: Identity, run_id: str) -> None:
    """Delete a run that has ended, with all it made."""
    run = find(here, identity, run_id)
    api.delete(here.settings, run_id)
    audit.record(here.settings, identity.name, "run.delete", run_id, title=run.title, user=run.user)


def files(here: Context, run: Run) -> list[ResultFile]:
    """Return the files of a run's result."""
    root = api.result_folder(here.settings, run)
    if root is None:
        return []
    return [ResultFile(name, (root / name).lstat().st_size) for name in api.result_files(here.settings, run)]


def open_file(here: Context, run: Run, name: str) -> BinaryIO:
    """Open one file of a run's result, following no link."""
    root = api.result_folder(here.settings, run)
    if root is None or not root.is_dir():
        raise NotFoundError(f"The run has no file '{name}'.", "It has no result yet.")
    return open_beneath(root, name)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Read a file in pieces and close it."""
    with file:
        while piece := file.read(CHUNK):
            yield piece


def open_log(here: Context, run: Run) -> BinaryIO | None:
    """Open a run's whole log as it is now, or nothing before there is one."""
    root = api.folder(here.settings, run.id)
    try:
        return open_beneath(root, str(api.log_file(here.settings, run).relative_to(root)))
    except (NotFoundError, FileNotFoundError):
        return None


def log_part(here: Context, run: Run, offset: int | None = None) -> LogPart:
    """Return a run's log from an offset in bytes, or its end when none is given."""
    file = open_log(here, run)
    if file is None:
        return LogPart("", 0, 0)
    with file:
        size = os.fstat(file.fileno()).st_size
        start = max(0, size - LOG_TAIL) if offset is None else min(max(0, offset), size)
        file.seek(start)
        raw = file.read(LOG_TAIL if offset is None else CHUNK)
    if offset is None and start:
        raw = raw[raw.find(b"\n") + 1 :]  # begin with a whole line
    return LogPart(raw.decode(errors="replace"), start, size)


def card(here: Context, run: Run) -> dict[str, Any]:
    """Return the run card, or nothing before there is one."""
    try:
        with open_file(here, run, CARD) as file:
            found = json.loads(file.read(LARGEST_CARD))
    except (NotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remaining(run: Run) -> timedelta | None:
    """Guess how long a run still takes, from the cells that have ended."""
    if run.status is not RunStatus.RUNNING or not 0 < run.cell < run.cells:
        return None
    return run.elapsed / run.cell * (run.cells - run.cell)


def template_of(here: Context, identity: Identity, run: Run) -> Template | None:
    """Return the shipped template that a run was made from, if it still exists."""
    known = {template.name: template for template in api.all_templates()}
    return known.get(run.template) if run.source is api.Source.TEMPLATE else None
