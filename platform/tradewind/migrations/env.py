"""Alembic's entry: runs the migrations over the engine that ``tradewind.hub.upgrade`` hands in."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from tradewind.migrations import VERSION_TABLE, all_tables


def _render(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Write a type of ours down as the SQL type below it: a migration must not change with our code."""
    if kind == "type" and isinstance(thing, sa.types.TypeDecorator):
        return f"sa.{thing.impl!r}"
    return False


def run() -> None:
    """Run the migrations in one transaction."""
    with context.config.attributes["engine"].begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=all_tables(),
            version_table=VERSION_TABLE,
            render_as_batch=True,
            render_item=_render,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
