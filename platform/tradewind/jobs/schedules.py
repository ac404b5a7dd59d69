"""Schedules: create, list, pause, and the tick that starts their runs.

The timer of a schedule is a delayed workflow on the job engine's control queue, set in the same transaction
as the
row that it belongs to. It survives every restart; what came due meanwhile fires once, with the latest time.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tradewind.errors import NotFoundError, TradewindError
from tradewind.jobs import notebooks, queue, rows, runs, writing
from tradewind.jobs.model import Run, RunFilter, Schedule, Source
from tradewind.jobs.notebooks import Checked, Request
from tradewind.jobs.tables import ready, schedules
from tradewind.jobs.tables import runs as run_table
from tradewind.jobs.when import latest, parse
from tradewind.sandbox import check_may_start
from tradewind.settings import Settings

log = logging.getLogger(__name__)


def create(
    settings: Settings,
    *,
    user: str,
    request: Request,
    when: Any,
    time_zone: str = "UTC",
    groups: Sequence[str] = (),
    admin: bool = False,
) -> Schedule:
    """Create a schedule.

    A template is read anew at each firing; a notebook of the user's own is copied now, and it is the copy
    that runs.

    Parameters
    ----------
    settings
        This installation.
    user
        Who runs it.
    request
        What to run.
    when
        A cron expression or ``after_close XNYS 30min``.
    time_zone
        The zone of a cron expression.
    groups, admin
        Of the user.

    Raises
    ------
    InvalidInputError
        No such rule or zone; and what :func:`tradewind.jobs.runs.submit` raises.
    """
    check_may_start(settings, user)
    rule = parse(when, time_zone)
    checked = notebooks.check(settings, user, request)
    writing.check(settings, checked, user=user, groups=groups, admin=admin)
    schedule_id, now = rows.new_id(), rows.now()
    if checked.source is not Source.TEMPLATE:
        notebooks.keep(folder(settings, schedule_id), checked.template)
    with ready(settings).begin() as connection:
        upcoming = rule.next(now)
        connection.execute(
            schedules.insert().values(
                id=schedule_id,
                user=user,
                groups=list(groups),
                admin=admin,
                title=checked.title,
                template=checked.template.name,
                source=checked.source.value,
                parameters=checked.parameters,
                moment=str(rule),
                time_zone=time_zone,
                paused=False,
                generation=1,
                next_at=upcoming,
                created_at=now,
            )
        )
        queue.enqueue_tick(connection, schedule_id, 1, upcoming, now)
    return get(settings, schedule_id)


def get(settings: Settings, schedule_id: str) -> Schedule:
    """Return a schedule, or raise NotFoundError."""
    with ready(settings).connect() as connection:
        row = connection.execute(sa.select(schedules).where(schedules.c.id == schedule_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no schedule '{schedule_id}'.")
    return rows.schedule_of(row)


def list_schedules(
    settings: Settings, *, user: str = "", limit: int = 200, offset: int = 0
) -> list[Schedule]:
    """Return schedules, newest first, of one user or of all."""
    query = sa.select(schedules).order_by(schedules.c.created_at.desc()).limit(limit).offset(offset)
    if user:
        query = query.where(schedules.c.user == user)
    with ready(settings).connect() as connection:
        return [rows.schedule_of(row) for row in connection.execute(query)]


def pause(settings: Settings, schedule_id: str) -> Schedule:
    """Stop a schedule from firing until it is resumed."""
    get(settings, schedule_id)
    with ready(settings).begin() as connection:
        connection.execute(
            sa.update(schedules).where(schedules.c.id == schedule_id).values(paused=True, next_at=None)
        )
    return get(settings, schedule_id)


def resume(settings: Settings, schedule_id: str) -> Schedule:
    """Let a paused schedule fire again, from now on: what it missed meanwhile is not made up for."""
    if get(settings, schedule_id).paused:
        _retime(settings, schedule_id, {"paused": False})
    return get(settings, schedule_id)


def change(settings: Settings, schedule_id: str, *, when: Any, time_zone: str = "UTC") -> Schedule:
    """Give a schedule other times."""
    rule = parse(when, time_zone)
    get(settings, schedule_id)
    _retime(settings, schedule_id, {"moment": str(rule), "time_zone": time_zone})
    return get(settings, schedule_id)


def delete(settings: Settings, schedule_id: str) -> None:
    """Delete a schedule; runs that it started stay."""
    get(settings, schedule_id)
    with ready(settings).begin() as connection:
        connection.execute(sa.delete(schedules).where(schedules.c.id == schedule_id))
    shutil.rmtree(folder(settings, schedule_id), ignore_errors=True)


def run_now(settings: Settings, schedule_id: str) -> Run:
    """Start a run of a schedule at once, besides its times."""
    schedule = get(settings, schedule_id)
    checked = _checked(settings, schedule)
    with ready(settings).begin() as connection:
        run_id = runs.submit_in(
            connection, settings, user=schedule.user, checked=checked,
            groups=schedule.groups, admin=schedule.admin, schedule_id=schedule_id,
        )  # fmt: skip
    return runs.get(settings, run_id)


def hand_over(
    settings: Settings, *, owner: str, to: str, groups: Sequence[str] = (), admin: bool = False
) -> int:
    """Give everything of a user who is removed to another: schedules, and runs with their results.

    What is waiting or running is cancelled. Schedules of notebooks that the user wrote are paused: somebody
    should read such a notebook before it runs with their rights.

    Parameters
    ----------
    settings
        This installation.
    owner, to
        Who goes, and who gets it all.
    groups, admin
        Of the new owner.

    Returns
    -------
    int
        How many schedules and runs there were.
    """
    for run in runs.busy(settings, owner):
        runs.cancel(settings, run.id)
    own = (schedules.c.user == owner) & (schedules.c.source != Source.TEMPLATE.value)
    new = {"user": to, "groups": list(groups), "admin": admin}
    with ready(settings).begin() as connection:
        connection.execute(sa.update(schedules).where(own).values(paused=True, next_at=None))
        moved = connection.execute(
            sa.update(schedules).where(schedules.c.user == owner).values(**new)
        ).rowcount
        moved += connection.execute(
            sa.update(run_table).where(run_table.c.user == owner).values(user=to)
        ).rowcount
    return int(moved)


def fire(settings: Settings, schedule_id: str, generation: int, at: datetime | None = None) -> str | None:
    """Carry out a tick: start the run that is due and set the next timer, in one transaction.

    Whoever ticks twice, or late, or for a schedule that was changed meanwhile, finds another generation or
    another time in the row and does nothing.

    Parameters
    ----------
    settings
        This installation.
    schedule_id, generation
        Which schedule, and as of which change of its timing.
    at
        The current time; given by tests.

    Returns
    -------
    str or None
        The id of the run that was started.
    """
    now = at or rows.now()
    with ready(settings).begin() as connection:
        query = sa.select(schedules).where(
            schedules.c.id == schedule_id, schedules.c.generation == generation, schedules.c.paused.is_(False)
        )
        row = connection.execute(query.with_for_update()).one_or_none()
        if row is None or row.next_at is None:
            return None
        if row.next_at > now:  # a timer that runs early is set again
            queue.enqueue_tick(connection, schedule_id, generation, row.next_at, now)
            return None
        rule = parse(row.moment, row.time_zone)
        due = latest(rule, row.next_at, now)
        upcoming = rule.next(max(due, now))
        taken = connection.execute(
            sa.update(schedules)
            .where(
                schedules.c.id == schedule_id,
                schedules.c.generation == generation,
                schedules.c.next_at == row.next_at,
            )
            .values(next_at=upcoming, last_at=due, error="")
        ).rowcount
        if not taken:
            return None
        queue.enqueue_tick(connection, schedule_id, generation, upcoming, now)
        return _start(connection, settings, rows.schedule_of(row), due)


def _start(connection: sa.Connection, settings: Settings, schedule: Schedule, due: datetime) -> str | None:
    here = schedules.c.id == schedule.id
    try:
        checked = _checked(settings, schedule)
    except TradewindError as problem:
        # The template changed or is gone. The schedule goes on and says why nothing ran.
        connection.execute(sa.update(schedules).where(here).values(error=str(problem)))
        log.warning("schedule %s started no run: %s", schedule.id, problem)
        return None
    run_id = runs.submit_in(
        connection, settings, user=schedule.user, checked=checked, groups=schedule.groups,
        admin=schedule.admin, schedule_id=schedule.id, scheduled_for=due,
    )  # fmt: skip
    connection.execute(sa.update(schedules).where(here).values(last_run_id=run_id))
    return run_id


def rearm(settings: Settings, overdue_before: datetime) -> int:
    """Set the timers again that should have run and did not; returns how many.

    Nothing should ever be found here: a timer is lost only with its workflow, after repeated database errors.
    """
    with ready(settings).connect() as connection:
        query = sa.select(schedules.c.id).where(
            schedules.c.paused.is_(False), schedules.c.next_at < overdue_before
        )
        lost = [row.id for row in connection.execute(query)]
    for schedule_id in lost:
        with ready(settings).begin() as connection:
            now = rows.now()
            row = connection.execute(sa.select(schedules).where(schedules.c.id == schedule_id)).one_or_none()
            if row is None or row.paused or row.next_at is None or row.next_at >= overdue_before:
                continue
            connection.execute(
                sa.update(schedules)
                .where(schedules.c.id == schedule_id, schedules.c.generation == row.generation)
                .values(generation=row.generation + 1)
            )
            queue.enqueue_tick(connection, schedule_id, row.generation + 1, row.next_at, now)
    return len(lost)


def _retime(settings: Settings, schedule_id: str, values: dict[str, Any]) -> None:
    with ready(settings).begin() as connection:
        here = sa.select(schedules).where(schedules.c.id == schedule_id).with_for_update()
        row = connection.execute(here).one()
        now, generation = rows.now(), row.generation + 1
        moment, zone = values.get("moment", row.moment), values.get("time_zone", row.time_zone)
        paused = values.get("paused", row.paused)
        upcoming = None if paused else parse(moment, zone).next(now)
        connection.execute(
            sa.update(schedules)
            .where(schedules.c.id == schedule_id)
            .values(**values, generation=generation, next_at=upcoming, error="")
        )
        if upcoming is not None:
            queue.enqueue_tick(connection, schedule_id, generation, upcoming, now)


def _checked(settings: Settings, schedule: Schedule) -> Checked:
    check_may_start(settings, schedule.user)
    if schedule.source is Source.TEMPLATE:
        request = Request(template=schedule.template, title=schedule.title, parameters=schedule.parameters)
        return notebooks.check(settings, schedule.user, request)
    template = notebooks.kept(folder(settings, schedule.id), schedule.template)
    return Checked(
        template=replace(template),
        source=schedule.source,
        title=schedule.title,
        parameters=template.check(schedule.parameters),
        git_commit="",
    )


def folder(settings: Settings, schedule_id: str) -> Path:
    """Return where a schedule keeps its copy of a user's notebook."""
    return settings.paths.runs / "schedules" / schedule_id


def runs_of(settings: Settings, schedule_id: str, limit: int = 20) -> list[Run]:
    """Return the latest runs a schedule started."""
    return runs.list_runs(settings, RunFilter(schedule_id=schedule_id, limit=limit))
