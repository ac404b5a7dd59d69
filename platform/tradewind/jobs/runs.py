"""Runs: submit, look at, cancel. Who may do what is decided by the caller."""

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tradewind.errors import ConflictError, InvalidInputError, NotFoundError, did_you_mean
from tradewind.jobs import notebooks, queue, rows, writing
from tradewind.jobs.model import Attempt, Run, RunFilter, WorkerState
from tradewind.jobs.notebooks import Checked, Request
from tradewind.jobs.tables import attempts, ready, runs, workers
from tradewind.sandbox import check_may_start
from tradewind.settings import Settings
from tradewind.vocabulary import RunStatus


def submit(
    settings: Settings, *, user: str, request: Request, groups: Sequence[str] = (), admin: bool = False
) -> Run:
    """Check a request and queue it.

    Parameters
    ----------
    settings
        This installation.
    user
        Who runs it: whose datasets and packages it sees, and whose limit it counts against.
    request
        What to run.
    groups, admin
        Of the user; they decide which shared datasets the run may read.

    Returns
    -------
    Run
        The queued run.

    Raises
    ------
    TemplateNotFoundError, NotFoundError, PathNotAllowedError, ParameterError, InvalidInputError
        See :func:`tradewind.jobs.notebooks.check`.
    NotAllowedError
        Nothing keeps users apart on this machine, and the user is not the first administrator.
    """
    check_may_start(settings, user)
    checked = notebooks.check(settings, user, request)
    writing.check(settings, checked, user=user, groups=groups, admin=admin)
    with ready(settings).begin() as connection:
        run_id = submit_in(connection, settings, user=user, checked=checked, groups=groups, admin=admin)
    return get(settings, run_id)


def submit_in(
    connection: sa.Connection,
    settings: Settings,
    *,
    user: str,
    checked: Checked,
    groups: Sequence[str],
    admin: bool,
    schedule_id: str | None = None,
    scheduled_for: datetime | None = None,
) -> str:
    """Queue a checked request in the caller's transaction: our row and the engine's, or neither.

    Returns
    -------
    str
        The run's id.
    """
    run_id = rows.new_id()
    notebooks.keep(folder(settings, run_id), checked.template)
    connection.execute(
        runs.insert().values(
            id=run_id,
            user=user,
            groups=list(groups),
            admin=admin,
            title=checked.title,
            template=checked.template.name,
            source=checked.source.value,
            parameters=checked.parameters,
            notebook_sha256=checked.template.sha256,
            git_commit=checked.git_commit,
            status=RunStatus.QUEUED.value,
            schedule_id=schedule_id,
            scheduled_for=scheduled_for,
            queued_at=rows.now(),
            metrics={},
        )
    )
    queue.enqueue_run(connection, run_id, user)
    return run_id


def get(settings: Settings, run_id: str) -> Run:
    """Return a run.

    Raises
    ------
    NotFoundError
        There is none of that id.
    """
    with ready(settings).connect() as connection:
        row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no run '{run_id}'.")
    return rows.run_of(settings, row)


def list_runs(settings: Settings, wanted: RunFilter | None = None) -> list[Run]:
    """Return runs, newest first."""
    wanted = wanted or RunFilter()
    query = sa.select(runs).where(*_conditions(wanted)).order_by(*_order(wanted.sort))
    with ready(settings).connect() as connection:
        found = connection.execute(query.limit(wanted.limit).offset(wanted.offset)).all()
    return [rows.run_of(settings, row) for row in found]


def count_runs(settings: Settings, wanted: RunFilter | None = None) -> int:
    """Return how many runs match, whatever the page."""
    query = sa.select(sa.func.count()).select_from(runs).where(*_conditions(wanted or RunFilter()))
    with ready(settings).connect() as connection:
        return int(connection.execute(query).scalar_one())


_SORTS = {
    "queued": runs.c.queued_at, "ended": runs.c.ended_at, "title": runs.c.title,
    "template": runs.c.template, "user": runs.c.user, "status": runs.c.status,
}  # fmt: skip


def _order(sort: str) -> tuple[sa.ColumnElement[Any], ...]:
    column = _SORTS.get(sort.removeprefix("-"))
    if column is None:
        raise InvalidInputError(f"Runs cannot be sorted by '{sort}'.", did_you_mean(sort, _SORTS))
    first = column.desc() if sort.startswith("-") else column.asc()
    return first.nulls_last(), runs.c.queued_at.desc(), runs.c.id.desc()


def _conditions(wanted: RunFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.user:
        found.append(runs.c.user == wanted.user)
    if wanted.statuses:
        found.append(runs.c.status.in_([status.value for status in wanted.statuses]))
    if wanted.template:
        found.append(runs.c.template == wanted.template)
    if wanted.schedule_id:
        found.append(runs.c.schedule_id == wanted.schedule_id)
    if wanted.text:
        searched = (runs.c.id, runs.c.title, runs.c.template, runs.c.user, runs.c.error)
        found.append(sa.or_(*(column.icontains(wanted.text, autoescape=True) for column in searched)))
    return found


def attempts_of(settings: Settings, run_id: str) -> list[Attempt]:
    """Return the attempts of a run, first to last."""
    query = sa.select(attempts).where(attempts.c.run_id == run_id).order_by(attempts.c.number)
    with ready(settings).connect() as connection:
        return [rows.attempt_of(row) for row in connection.execute(query)]


def cancel(settings: Settings, run_id: str) -> Run:
    """Cancel a run: at once while it waits; while it runs it stays ``cancelling`` until no process is left.

    Raises
    ------
    NotFoundError
        There is none of that id.
    ConflictError
        It has ended already.
    """
    engine = ready(settings)
    with engine.begin() as connection:
        waiting = connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.status == RunStatus.QUEUED.value)
            .values(status=RunStatus.CANCELLED.value, ended_at=rows.now())
        ).rowcount
        if not waiting:
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run_id, runs.c.status == RunStatus.RUNNING.value)
                .values(status=RunStatus.CANCELLING.value)
            )
    if waiting:
        queue.forget(engine, run_id)
    run = get(settings, run_id)
    if run.status not in (RunStatus.CANCELLED, RunStatus.CANCELLING):
        raise ConflictError(f"The run has ended already: {run.status.value}.")
    return run


def delete(settings: Settings, run_id: str) -> None:
    """Delete a run that has ended, with everything it made.

    Raises
    ------
    NotFoundError
        There is none of that id.
    ConflictError
        It has not ended.
    """
    if not get(settings, run_id).status.final:
        raise ConflictError("The run has not ended.", "Cancel it first.")
    with ready(settings).begin() as connection:
        connection.execute(sa.delete(attempts).where(attempts.c.run_id == run_id))
        connection.execute(sa.delete(runs).where(runs.c.id == run_id))
    shutil.rmtree(folder(settings, run_id), ignore_errors=True)


def busy(settings: Settings, user: str = "") -> list[Run]:
    """Return the runs that have not ended, of one user or of all; `make down` names them."""
    open_states = tuple(status for status in RunStatus if not status.final)
    return list_runs(settings, RunFilter(user=user, statuses=open_states, limit=1000))


def live_workers(settings: Settings) -> dict[str, WorkerState]:
    """Return the workers whose heartbeat is younger than the lease."""
    with ready(settings).connect() as connection:
        found = connection.execute(sa.select(workers)).all()
    return {
        row.id: WorkerState(row.state)
        for row in found
        if (rows.now() - row.beat_at).total_seconds() < settings.run_lease_seconds
    }


def folder(settings: Settings, run_id: str) -> Path:
    """Return the folder of a run."""
    return settings.paths.runs / run_id


def result_folder(settings: Settings, run: Run) -> Path | None:
    """Return the folder of the published result; none before the run has ended.

    It lies outside of what the run itself could write to, and holds plain files and folders only.
    """
    if run.result_attempt is None:
        return None
    return folder(settings, run.id) / f"attempt-{run.result_attempt}" / "result"


def log_file(settings: Settings, run: Run) -> Path:
    """Return the log of the current attempt; it grows while the run goes on and may not exist yet."""
    return folder(settings, run.id) / f"attempt-{run.attempt}" / "log.txt"


def result_files(settings: Settings, run: Run) -> list[str]:
    """Return the relative paths of all files of the published result, sorted."""
    root = result_folder(settings, run)
    if root is None or not root.is_dir():
        return []
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.is_symlink()
    )


def result_file(settings: Settings, run: Run, name: str) -> Path:
    """Return one file of the published result.

    Raises
    ------
    NotFoundError
        The run has no result yet, or no such file in it.
    """
    root = result_folder(settings, run)
    if root is None or name not in result_files(settings, run):
        raise NotFoundError(f"The run has no file '{name}'.")
    return root / name
