"""Where dashboards, their versions and their shares are kept."""

from functools import cache

import sqlalchemy as sa

from tradewind.database import engine, ensure_tables, metadata
from tradewind.settings import Settings

dashboards = sa.Table(
    "dashboards",
    metadata,
    sa.Column("slug", sa.String(60), primary_key=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("owner", sa.String(128), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("runtime", sa.String(16), nullable=False),
    sa.Column("shipped", sa.Boolean, nullable=False),
    # Times are ISO 8601 in UTC: they sort as text, in SQLite as in PostgreSQL.
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("updated_at", sa.String(32), nullable=False),
    sa.Column("viewed_at", sa.String(32)),
)

versions = sa.Table(
    "dashboard_versions",
    metadata,
    sa.Column("slug", sa.ForeignKey("dashboards.slug", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
)

shares = sa.Table(
    "dashboard_shares",
    metadata,
    sa.Column("slug", sa.ForeignKey("dashboards.slug", ondelete="CASCADE"), primary_key=True),
    sa.Column("target", sa.String(140), primary_key=True),
)


@cache
def _ready(url: str) -> sa.Engine:
    found = engine(url)
    ensure_tables(found, dashboards, versions, shares)
    return found


def ready(settings: Settings) -> sa.Engine:
    """Return the platform's database, with these tables in it."""
    settings.paths.database.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _ready(settings.database)
