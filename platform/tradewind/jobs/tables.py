"""The tables of runs, their attempts, the workers and the schedules."""

from functools import cache

import sqlalchemy as sa

from tradewind.database import UtcDateTime, engine, ensure_tables, metadata
from tradewind.jobs import queue
from tradewind.settings import Settings

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(128), nullable=False, index=True),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("admin", sa.Boolean, nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("template", sa.String(200), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("notebook_sha256", sa.String(64), nullable=False),
    sa.Column("git_commit", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("schedule_id", sa.String(32), nullable=True, index=True),
    sa.Column("scheduled_for", UtcDateTime, nullable=True),
    sa.Column("queued_at", UtcDateTime, nullable=False, index=True),
    sa.Column("started_at", UtcDateTime, nullable=True),
    sa.Column("ended_at", UtcDateTime, nullable=True),
    sa.Column("cell", sa.Integer, nullable=False, default=0),
    sa.Column("cells", sa.Integer, nullable=False, default=0),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("result_attempt", sa.Integer, nullable=True),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("metrics", sa.JSON, nullable=False),
    # The same moment of a schedule is never run twice, whoever fires it.
    sa.UniqueConstraint("schedule_id", "scheduled_for", name="runs_once_a_tick"),
)

attempts = sa.Table(
    "run_attempts",
    metadata,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String(64), nullable=False, index=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=True),
    sa.Column("outcome", sa.String(16), nullable=False, default=""),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("beat_at", UtcDateTime, nullable=False),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(128), nullable=False, index=True),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("admin", sa.Boolean, nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("template", sa.String(200), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("moment", sa.String(200), nullable=False),
    sa.Column("time_zone", sa.String(64), nullable=False),
    sa.Column("paused", sa.Boolean, nullable=False),
    # Counts changes of the timing: a timer set before the last change finds another number and does nothing.
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=True),
    sa.Column("last_at", UtcDateTime, nullable=True),
    sa.Column("last_run_id", sa.String(32), nullable=True),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("created_at", UtcDateTime, nullable=False),
)


@cache
def _ready(url: str) -> sa.Engine:
    found = engine(url)
    ensure_tables(found, runs, attempts, workers, schedules)
    queue.migrate(found)
    return found


def ready(settings: Settings) -> sa.Engine:
    """Return the database with the tables of runs and of the job engine in place.

    Parameters
    ----------
    settings
        Whose database.
    """
    return _ready(settings.database)
