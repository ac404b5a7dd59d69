"""The life of an attempt in the database.

Every change names the attempt it is for, so a superseded one changes nothing.
"""

from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from tradewind.jobs import rows
from tradewind.jobs.model import Outcome, Run
from tradewind.jobs.tables import attempts, ready, runs
from tradewind.settings import Settings
from tradewind.vocabulary import RunStatus

MOST_LOST = 3
"""A run that took that many workers down with it is not tried again."""


class Standing(StrEnum):
    """Whether an attempt should go on."""

    GO = "go"
    CANCEL = "cancel"
    SUPERSEDED = "superseded"
    """Another worker has taken over."""
    HAND_OVER = "hand over"
    """Its worker is being stopped."""


def begin(settings: Settings, worker: str, run_id: str) -> Run | None:
    """Open the next attempt of a run.

    Parameters
    ----------
    settings
        This installation.
    worker
        Who executes it.
    run_id
        The run.

    Returns
    -------
    Run or None
        The run with the new attempt's number; nothing if there is nothing to do: it has ended, was cancelled
        while no worker had it, or has used up its attempts.
    """
    now = rows.now()
    with ready(settings).begin() as connection:
        # Whatever attempt was open belonged to a worker that is gone; the update also takes the write lock.
        lost = sa.update(attempts).where(attempts.c.run_id == run_id, attempts.c.ended_at.is_(None))
        connection.execute(lost.values(ended_at=now, outcome=Outcome.LOST.value))
        row = connection.execute(sa.select(runs).where(runs.c.id == run_id).with_for_update()).one_or_none()
        if row is None or RunStatus(row.status).final:
            return None
        if row.status == RunStatus.CANCELLING:
            _finish(connection, run_id, RunStatus.CANCELLED, {})
            return None
        lost_count = connection.execute(
            sa.select(sa.func.count())
            .select_from(attempts)
            .where(attempts.c.run_id == run_id, attempts.c.outcome == Outcome.LOST.value)
        ).scalar_one()
        if lost_count >= MOST_LOST:
            error = f"{lost_count} workers died while they ran this; it is not tried again."
            _finish(connection, run_id, RunStatus.LOST, {"error": error})
            return None
        number = row.attempt + 1
        connection.execute(
            attempts.insert().values(run_id=run_id, number=number, worker=worker, started_at=now, outcome="")
        )
        values = {
            "status": RunStatus.RUNNING.value,
            "attempt": number,
            "started_at": now,
            "cell": 0,
            "error": "",
        }
        connection.execute(sa.update(runs).where(runs.c.id == run_id).values(**values))
        row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
    return rows.run_of(settings, row)


def standing(settings: Settings, run_id: str, number: int) -> Standing:
    """Say whether an attempt should go on."""
    with ready(settings).connect() as connection:
        row = connection.execute(
            sa.select(runs.c.status, runs.c.attempt).where(runs.c.id == run_id)
        ).one_or_none()
    if row is None or row.attempt != number:
        return Standing.SUPERSEDED
    if row.status == RunStatus.CANCELLING:
        return Standing.CANCEL
    return Standing.GO if row.status == RunStatus.RUNNING else Standing.SUPERSEDED


def progress(settings: Settings, run_id: str, number: int, cell: int, cells: int) -> None:
    """Note how far an attempt is."""
    with ready(settings).begin() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.attempt == number)
            .values(cell=cell, cells=cells)
        )


def end(settings: Settings, run_id: str, number: int, outcome: Outcome, **values: Any) -> bool:
    """Close an attempt and with it the run: compare and set, so that a run ends exactly once.

    Parameters
    ----------
    settings
        This installation.
    run_id, number
        The attempt.
    outcome
        How it ended. ``HANDED_OVER`` puts the run back to the queue.
    values
        More columns of the run: ``error``, ``metrics``, ``result_attempt``.

    Returns
    -------
    bool
        False if another worker has taken over: the result of this attempt counts for nothing.
    """
    now = rows.now()
    with ready(settings).begin() as connection:
        closed = connection.execute(
            sa.update(attempts)
            .where(attempts.c.run_id == run_id, attempts.c.number == number, attempts.c.ended_at.is_(None))
            .values(ended_at=now, outcome=outcome.value)
        ).rowcount
        if not closed:
            return False
        if outcome is Outcome.HANDED_OVER:
            # A run that is being cancelled stays so: whoever takes it next ends it.
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run_id, runs.c.status == RunStatus.RUNNING.value)
                .values(status=RunStatus.QUEUED.value, started_at=None, cell=0)
            )
        else:
            _finish(connection, run_id, RunStatus(outcome.value), values)
    return True


def _finish(connection: sa.Connection, run_id: str, status: RunStatus, values: dict[str, Any]) -> None:
    connection.execute(
        sa.update(runs).where(runs.c.id == run_id).values(status=status.value, ended_at=rows.now(), **values)
    )


def give_up(settings: Settings, run_id: str, error: str) -> None:
    """End a run whose work the job engine no longer holds, unless it has ended."""
    still = [status.value for status in RunStatus if not status.final]
    with ready(settings).begin() as connection:
        connection.execute(
            sa.update(attempts)
            .where(attempts.c.run_id == run_id, attempts.c.ended_at.is_(None))
            .values(ended_at=rows.now(), outcome=Outcome.LOST.value)
        )
        connection.execute(
            sa.update(runs)
            .where(runs.c.id == run_id, runs.c.status.in_(still))
            .values(status=RunStatus.LOST.value, ended_at=rows.now(), error=error)
        )
