"""The job engine (DBOS Transact) as the rest of the package sees it: names, a client, one enqueue call.

The engine's own tables live in the platform's database, so that a row of ours and the work it stands for are
committed together or not at all.
"""

from datetime import datetime
from functools import cache

import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions
from dbos._serialization import DBOSPortableJSONSerializer
from dbos._sys_db import SystemDatabase

APPLICATION = "tradewind"
VERSION = "1"
"""Pinned: derived from the source code, as it is by default, every deployment would strand waiting runs."""
SCHEMA = "dbos"

RUNS = "runs"
"""Queue of runs, partitioned by user."""
CONTROL = "control"
"""Queue of short internal work, such as the ticks of schedules."""

RUN_WORKFLOW = "tradewind.run"
TICK_WORKFLOW = "tradewind.tick"

POLL_SECONDS = 0.3


@cache
def serializer() -> DBOSPortableJSONSerializer:
    """Return the serializer of workflow arguments: JSON, because pickle would run what it reads."""
    return DBOSPortableJSONSerializer()


def migrate(engine: sa.Engine) -> None:
    """Create or update the job engine's own tables.

    Parameters
    ----------
    engine
        The platform's database.
    """
    database = SystemDatabase.create(
        system_database_url=nominal_url(engine),
        engine_kwargs={},
        engine=engine,
        schema=SCHEMA,
        serializer=serializer(),
        executor_id=None,
    )
    database.run_migrations()


def nominal_url(engine: sa.Engine) -> str:
    """Return a URL that only tells the job engine the dialect; connections come from the given engine."""
    return "sqlite:///given.sqlite" if engine.dialect.name == "sqlite" else "postgresql://given/given"


@cache
def client(engine: sa.Engine) -> DBOSClient:
    """Return a client that enqueues on the given database.

    Parameters
    ----------
    engine
        The platform's database, already migrated.
    """
    return DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=SCHEMA,
        serializer=serializer(),
        application_name=APPLICATION,
    )


def enqueue_run(connection: sa.Connection, run_id: str, user: str) -> None:
    """Queue a run in the caller's transaction.

    Parameters
    ----------
    connection
        An open transaction on the platform's database.
    run_id
        The run, which is also the workflow's id.
    user
        Whose limit it counts against.
    """
    options: EnqueueOptions = {
        "workflow_name": RUN_WORKFLOW,
        "queue_name": RUNS,
        "workflow_id": run_id,
        "app_version": VERSION,
        "queue_partition_key": user,
        "authenticated_user": user,
    }
    client(connection.engine).enqueue_in_transaction(connection, options, run_id)


def enqueue_tick(
    connection: sa.Connection, schedule_id: str, generation: int, at: datetime, now: datetime
) -> None:
    """Set a schedule's durable timer in the caller's transaction.

    Parameters
    ----------
    connection
        An open transaction on the platform's database.
    schedule_id, generation
        Which schedule, and as of which change of its timing.
    at
        When it fires. The timer's id is made of this moment in UTC, so the two 01:30 of an autumn night
        differ.
    now
        The current time.
    """
    options: EnqueueOptions = {
        "workflow_name": TICK_WORKFLOW,
        "queue_name": CONTROL,
        "workflow_id": f"tick-{schedule_id}-{generation}-{at:%Y%m%dT%H%M%SZ}",
        "app_version": VERSION,
    }
    delay = (at - now).total_seconds()
    if delay > 0:
        options["delay_seconds"] = delay
    client(connection.engine).enqueue_in_transaction(connection, options, schedule_id, generation)


def forget(engine: sa.Engine, run_id: str) -> None:
    """Take a waiting run off the queue; its own row says what became of it."""
    client(engine).cancel_workflow(run_id)
