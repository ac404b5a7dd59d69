"""Write a new migration from what the declared tables and the last migration differ in.

``python -m tradewind.migrations "why the tables change"``; read and correct what it writes.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.operations import ops

from tradewind.hub.upgrade import alembic_config
from tradewind.settings import Settings


def _first_is_gentle(_context: Any, _revision: Any, directives: list[ops.MigrationScript]) -> None:
    """Let the first migration accept tables that a program has created before it."""
    for script in directives:
        for upgrade in script.upgrade_ops_list:
            for operation in upgrade.ops:
                if isinstance(operation, ops.CreateTableOp | ops.CreateIndexOp):
                    operation.if_not_exists = True
                for inner in getattr(operation, "ops", ()):
                    if isinstance(inner, ops.CreateIndexOp):
                        inner.if_not_exists = True


def main() -> None:
    """Write the migration."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url=f"sqlite:///{folder}/empty.sqlite")
        config = alembic_config(settings)
        command.upgrade(config, "head")
        written = list((Path(__file__).parent / "versions").glob("[0-9]*.py"))
        command.revision(
            config,
            message=sys.argv[1],
            autogenerate=True,
            rev_id=f"{len(written) + 1:04}",
            process_revision_directives=_first_is_gentle if not written else None,
        )


if __name__ == "__main__":
    main()
