"""The history of the platform's own tables, for alembic."""

from importlib import import_module

import sqlalchemy as sa

from tradewind.database import metadata

VERSION_TABLE = "tradewind_version"
"""Of our own name: in a PostgreSQL database shared with the hub, ``alembic_version`` is the hub's."""

_DECLARE_TABLES = (
    "tradewind.audit",
    "tradewind.hub.tables",
    "tradewind.jobs.tables",
    "tradewind.publish.tables",
    "tradewind.service.sessions",
)


def all_tables() -> sa.MetaData:
    """Return the metadata with every table of the platform in it."""
    for module in _DECLARE_TABLES:
        import_module(module)
    return metadata
