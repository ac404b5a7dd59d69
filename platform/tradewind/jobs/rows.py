"""Rows of the database as runs, attempts and schedules."""

import secrets
from datetime import UTC, datetime
from typing import Any

from tradewind.jobs.model import Attempt, Run, Schedule, Source
from tradewind.jobs.when import parse, upcoming
from tradewind.settings import Settings
from tradewind.vocabulary import RunStatus

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
SHOWN_UPCOMING = 5


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a new id: 9 digits of time in milliseconds, so that ids sort by time, and 5 random ones."""
    stamp = int(now().timestamp() * 1000)
    digits = "".join(_DIGITS[(stamp >> shift) & 31] for shift in range(40, -1, -5))
    return digits + "".join(secrets.choice(_DIGITS) for _ in range(5))


def page(settings: Settings, run_id: str) -> str:
    """Return the address of a run's page below the platform's address."""
    return f"{settings.base_url.rstrip('/')}/services/tradewind/runs/{run_id}"


def run_of(settings: Settings, row: Any) -> Run:
    """Make a run of a row."""
    return Run(
        id=row.id,
        user=row.user,
        title=row.title,
        template=row.template,
        source=Source(row.source),
        parameters=row.parameters,
        status=RunStatus(row.status),
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        cell=row.cell,
        cells=row.cells,
        attempt=row.attempt,
        result_attempt=row.result_attempt,
        error=row.error,
        metrics=row.metrics,
        notebook_sha256=row.notebook_sha256,
        git_commit=row.git_commit,
        schedule_id=row.schedule_id,
        scheduled_for=row.scheduled_for,
        groups=tuple(row.groups),
        admin=row.admin,
        url=page(settings, row.id),
    )


def attempt_of(row: Any) -> Attempt:
    """Make an attempt of a row."""
    return Attempt(
        run_id=row.run_id,
        number=row.number,
        worker=row.worker,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
    )


def schedule_of(row: Any) -> Schedule:
    """Make a schedule of a row, with the next times it fires."""
    coming: tuple[datetime, ...] = ()
    if not row.paused and row.next_at is not None:
        rule = parse(row.moment, row.time_zone)
        coming = (row.next_at, *upcoming(rule, row.next_at, SHOWN_UPCOMING - 1))
    return Schedule(
        id=row.id,
        user=row.user,
        title=row.title,
        template=row.template,
        source=Source(row.source),
        parameters=row.parameters,
        when=row.moment,
        time_zone=row.time_zone,
        paused=row.paused,
        created_at=row.created_at,
        generation=row.generation,
        next_at=row.next_at,
        last_at=row.last_at,
        last_run_id=row.last_run_id,
        error=row.error,
        upcoming=coming,
        groups=tuple(row.groups),
        admin=row.admin,
    )
