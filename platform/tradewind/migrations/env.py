"""Alembic's entry: runs the migrations over the engine that ``tradewind.hub.upgrade`` hands in."""

from alembic import context

from tradewind.database import metadata

VERSION_TABLE = "tradewind_version"
"""Of our own name: in a PostgreSQL database shared with the hub, ``alembic_version`` is the hub's."""


def run() -> None:
    """Run the migrations in one transaction."""
    with context.config.attributes["engine"].begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            version_table=VERSION_TABLE,
            render_as_batch=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
