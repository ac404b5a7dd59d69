"""Who did what to what, when: an append-only table that administrators read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from tradewind.database import UtcDateTime, engine, ensure_tables, metadata
from tradewind.settings import Settings

table = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("object", sa.String(200), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


@cache
def _ready(url: str) -> sa.Engine:
    found = engine(url)
    ensure_tables(found, table)
    return found


def record(settings: Settings, actor: str, action: str, target: str = "", **detail: object) -> None:
    """Append one line.

    Parameters
    ----------
    settings
        Whose database.
    actor
        The user (or ``system``) who acted.
    action
        A dotted verb, such as ``run.submit`` or ``user.approve``.
    target
        What it was done to.
    detail
        Anything short that helps to understand it later; never a secret.
    """
    with _ready(settings.database).begin() as connection:
        append(connection, actor, action, target, **detail)


def append(connection: sa.Connection, actor: str, action: str, target: str = "", **detail: object) -> None:
    """Append one line within a transaction that is already open (see :func:`record`)."""
    row = {
        "at": datetime.now(UTC),
        "actor": actor[:64],
        "action": action,
        "object": target[:200],
        "detail": {key: str(value)[:500] for key, value in detail.items()},
    }
    connection.execute(table.insert().values(**row))


def entries(
    settings: Settings,
    *,
    actor: str = "",
    action: str = "",
    text: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Sequence[Entry]:
    """Read lines, newest first.

    Parameters
    ----------
    settings
        Whose database.
    actor, action
        Only lines of that actor, only actions that begin so.
    text
        Only lines whose target, actor, action or detail contains it.
    limit, offset
        The page.
    """
    query = sa.select(table).order_by(table.c.id.desc()).limit(limit).offset(offset)
    if actor:
        query = query.where(table.c.actor == actor)
    if action:
        query = query.where(table.c.action.startswith(action, autoescape=True))
    if text:
        columns = (table.c.object, table.c.actor, table.c.action, sa.cast(table.c.detail, sa.Text))
        query = query.where(sa.or_(*(column.contains(text, autoescape=True) for column in columns)))
    with _ready(settings.database).connect() as connection:
        rows = connection.execute(query).all()
    return [
        Entry(id=row.id, at=row.at, actor=row.actor, action=row.action, target=row.object, detail=row.detail)
        for row in rows
    ]
