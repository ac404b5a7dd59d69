"""Failed attempts: free at first, then slowed, then refused.

Counted in the database, so that a restart forgets nothing. Every attempt counts as failed when it begins,
so that a hundred at once gain nothing; success takes it back. A browser that has signed in before carries a
signed cookie and has a counter of its own: strangers who guess at a name slow down strangers, not its owner.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from tradewind.errors import TooManyAttemptsError
from tradewind.hub import tables
from tradewind.settings import Settings

# One hub process counts for everybody, so a lock makes read-then-write whole on SQLite too.
_one_at_a_time = threading.Lock()

SLOWED = 4.0
"""Seconds: up to this an attempt is held back, beyond it refused."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How fast something may be tried.

    Parameters
    ----------
    free
        Failures without consequence.
    slowed
        How many failures after these are slowed: by 0.5 s, then by twice as much each time.
    first
        Seconds for which further attempts are refused after the next failure; doubled with each one more.
    longest
        Seconds at most.
    forget
        Seconds after the last wait until nothing happened.
    """

    free: int
    slowed: int = 3
    first: float = 30.0
    longest: float = 900.0
    forget: float = 3600.0

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after that many failures."""
        beyond = failures - self.free
        if beyond <= 0:
            return 0.0
        if beyond <= self.slowed:
            return 0.5 * 2.0 ** (beyond - 1)
        return min(self.longest, self.first * 2.0 ** min(beyond - self.slowed - 1, 40))


ACCOUNT = Policy(free=3)
DEVICE = Policy(free=3)
ADDRESS = Policy(free=30, forget=1800.0)
SIGN_UP = Policy(free=20, slowed=0)


@dataclass(frozen=True, kw_only=True)
class Key:
    """One counter.

    Parameters
    ----------
    name
        Such as ``account:alice`` or ``address:10.0.0.7``.
    policy
        How fast.
    account
        Whose account it belongs to, if any, so that an administrator can clear it.
    """

    name: str
    policy: Policy
    account: str | None = None


def keys_for(account: str, address: str, device: str = "") -> tuple[Key, ...]:
    """Return the counters of a sign-in.

    Parameters
    ----------
    account
        The name that was typed.
    address
        Where it comes from.
    device
        The mark of a browser that has signed in to this account before.
    """
    if device:
        return (Key(name=f"device:{account}:{device}", policy=DEVICE, account=account),)
    return (
        Key(name=f"account:{account}", policy=ACCOUNT, account=account),
        Key(name=f"address:{address}", policy=ADDRESS),
    )


def begin(settings: Settings, keys: Iterable[Key], *, now: datetime | None = None) -> float:
    """Count an attempt as failed in advance and return the seconds to hold it back.

    Parameters
    ----------
    settings
        The installation's settings.
    keys
        The counters.
    now
        The present, for tests.

    Raises
    ------
    TooManyAttemptsError
        The wait is too long: the attempt is refused unseen, and not counted.
    """
    now = now or datetime.now(UTC)
    keys = tuple(keys)
    with _one_at_a_time, tables.database(settings).begin() as connection:
        found = {key.name: _state(connection, key, now) for key in keys}
        wait = max((blocked - now).total_seconds() for _, blocked in found.values())
        if wait > SLOWED:
            raise TooManyAttemptsError(
                "There were too many failed attempts.", f"Try again {in_words(wait)}.", wait=wait
            )
        for key in keys:
            failures, blocked = found[key.name]
            until = max(now, blocked) + timedelta(seconds=key.policy.wait(failures + 1))
            _store(connection, key, failures + 1, now, until)
    return max(0.0, wait)


def _state(connection: sa.Connection, key: Key, now: datetime) -> tuple[int, datetime]:
    table = tables.attempts
    row = connection.execute(sa.select(table).where(table.c.key == key.name).with_for_update()).one_or_none()
    if row is None or (now - max(row.last_at, row.blocked_until)).total_seconds() > key.policy.forget:
        return 0, now
    return row.failures, row.blocked_until


def _store(connection: sa.Connection, key: Key, failures: int, now: datetime, until: datetime) -> None:
    table = tables.attempts
    values = {"failures": failures, "last_at": now, "blocked_until": until}
    changed = connection.execute(table.update().where(table.c.key == key.name).values(**values))
    if changed.rowcount == 0:
        # somebody guessing at names leaves a row each: the old ones go when a new one comes
        connection.execute(table.delete().where(table.c.blocked_until < now - timedelta(days=1)))
        connection.execute(table.insert().values(key=key.name, account=key.account, **values))


def undo(settings: Settings, keys: Iterable[Key]) -> None:
    """Take one counted attempt back: it was no failure, but nothing is forgiven yet."""
    table = tables.attempts
    with _one_at_a_time, tables.database(settings).begin() as connection:
        for key in keys:
            row = connection.execute(sa.select(table).where(table.c.key == key.name)).one_or_none()
            if row is not None:
                failures = max(0, row.failures - 1)
                until = row.blocked_until - timedelta(seconds=key.policy.wait(row.failures))
                connection.execute(
                    table.update()
                    .where(table.c.key == key.name)
                    .values(failures=failures, blocked_until=until)
                )


def succeeded(settings: Settings, keys: Iterable[Key]) -> None:
    """Forget the failures of an account or device; of an address only this attempt.

    Otherwise anybody with an account of their own could clear their address between guesses.
    """
    keys = tuple(keys)
    own = [key.name for key in keys if key.account]
    with tables.database(settings).begin() as connection:
        connection.execute(tables.attempts.delete().where(tables.attempts.c.key.in_(own)))
    undo(settings, [key for key in keys if not key.account])


def unlock(settings: Settings, account: str) -> None:
    """Forget every failure of an account."""
    with tables.database(settings).begin() as connection:
        connection.execute(tables.attempts.delete().where(tables.attempts.c.account == account))


def locked(settings: Settings) -> dict[str, datetime]:
    """Return the accounts whose next attempt would be refused now, and until when."""
    table = tables.attempts
    limit = datetime.now(UTC) + timedelta(seconds=SLOWED)
    query = sa.select(table.c.account, sa.func.max(table.c.blocked_until)).where(
        table.c.account.is_not(None), table.c.blocked_until > limit
    )
    with tables.database(settings).connect() as connection:
        rows = connection.execute(query.group_by(table.c.account))
        return {row[0]: row[1] for row in rows}


def in_words(seconds: float) -> str:
    """Say a wait as a person would: ``in 12 seconds``, ``in 14 minutes``."""
    whole = int(seconds) + 1
    if whole < 100:
        return f"in {whole} seconds"
    return f"in {whole // 60 + 1} minutes"
