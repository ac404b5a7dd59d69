"""Tables of the hub's part: accounts, failed attempts, audit."""

from enum import StrEnum

import sqlalchemy as sa

from tradewind import audit as audit_log
from tradewind.database import UtcDateTime, engine, ensure_tables, metadata
from tradewind.settings import Settings


class Origin(StrEnum):
    """Where an account's password came from."""

    OWN = "own"
    """Chosen by the user."""
    GENERATED = "generated"
    """Made at the first start and shown on the terminal: a new one is offered."""
    RESET = "reset"
    """Made by an administrator, who has seen it: a new one is required."""
    PROVIDER = "provider"
    """There is none: the user signs in through an identity provider."""


accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("password_hash", sa.String(255)),
    sa.Column("password_origin", sa.String(16), nullable=False, default=Origin.OWN.value),
    sa.Column("approved", sa.Boolean, nullable=False, default=False),
    sa.Column("admin", sa.Boolean, nullable=False, default=False),
    sa.Column("totp_secret", sa.String(64)),
    sa.Column("totp_pending", sa.String(64)),
    sa.Column("totp_counter", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("approved_at", UtcDateTime),
    sa.Column("approved_by", sa.String(64)),
    sa.Column("password_changed_at", UtcDateTime),
    sa.Column("last_sign_in_at", UtcDateTime),
)

attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("account", sa.String(64), index=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("blocked_until", UtcDateTime, nullable=False),
)

audit = audit_log.table
"""The platform's one audit log; the service writes to it too."""

_prepared: set[str] = set()


def database(settings: Settings) -> sa.Engine:
    """Return the platform's database with these tables in it.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    found = engine(settings.database)
    if settings.database not in _prepared:
        ensure_tables(found, accounts, attempts, audit)
        _prepared.add(settings.database)
    return found
