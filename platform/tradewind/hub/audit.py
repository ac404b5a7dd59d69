"""Who did what to what, and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tradewind.hub import tables
from tradewind.settings import Settings


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One line of the audit log.

    Parameters
    ----------
    id
        Rising number.
    at
        When, UTC.
    actor
        Who did it: a user's name, or ``system``.
    action
        What was done, such as ``account.approve``.
    object
        What it was done to.
    detail
        More, without secrets.
    """

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: dict[str, Any]


def audit(
    settings: Settings, actor: str, action: str, object: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Add one line to the audit log.

    Parameters
    ----------
    settings
        The installation's settings.
    actor
        Who did it.
    action
        What was done, such as ``account.approve``.
    object
        What it was done to.
    detail
        More; never a secret.
    """
    with tables.database(settings).begin() as connection:
        record(connection, actor, action, object, detail)


def record(
    connection: sa.Connection, actor: str, action: str, object: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Add one line within a transaction that is already open (see :func:`audit`)."""
    connection.execute(
        tables.audit.insert().values(
            at=datetime.now(UTC),
            actor=actor[:64],
            action=action,
            object=object[:200],
            detail=dict(detail or {}),
        )
    )


def list_audit(
    settings: Settings, *, limit: int = 100, before: int | None = None, object: str = ""
) -> list[AuditEntry]:
    """Return the newest lines of the audit log, newest first.

    Parameters
    ----------
    settings
        The installation's settings.
    limit
        How many at most.
    before
        Only lines with a smaller id, for paging.
    object
        Only lines about this object.
    """
    query = sa.select(tables.audit).order_by(tables.audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(tables.audit.c.id < before)
    if object:
        query = query.where(tables.audit.c.object == object)
    with tables.database(settings).connect() as connection:
        return [AuditEntry(**row._mapping) for row in connection.execute(query)]
