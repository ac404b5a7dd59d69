"""The platform's SQL database: SQLite in the state folder by default, PostgreSQL by URL."""

import sqlite3
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()
"""All tables of the platform; each package declares its own on it."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite forgets the zone, so it is put back when read."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be read back as another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


SQLITE_NEEDED = (3, 42)
"""DBOS uses ``unixepoch('subsec')``; Debian 12 ships 3.40."""


def sqlite_module() -> ModuleType:
    """Return a SQLite driver that is new enough for the job engine."""
    if sqlite3.sqlite_version_info >= SQLITE_NEEDED:
        return sqlite3
    from pysqlite3 import dbapi2  # a wheel with its own, newer SQLite

    driver: ModuleType = dbapi2
    return driver


@cache
def engine(url: str) -> sa.Engine:
    """Return the process-wide engine of a database.

    Parameters
    ----------
    url
        SQLAlchemy URL: ``sqlite:///…`` or ``postgresql+psycopg://…``.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return sa.create_engine(parsed, pool_pre_ping=True)
    result = sa.create_engine(parsed, module=sqlite_module(), connect_args={"timeout": 30})

    @sa.event.listens_for(result, "connect")
    def _tune(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return result


def ensure_tables(found: sa.Engine, *tables: sa.Table) -> None:
    """Create tables and their indexes where they are missing; safe when several processes do it at once.

    Parameters
    ----------
    found
        Where.
    tables
        What.
    """
    with found.begin() as connection:
        for table in tables:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
