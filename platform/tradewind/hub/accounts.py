"""Accounts: who may sign in (their passwords: ``credentials``, second factors: ``totp``).

Synchronous and free of JupyterHub: the hub calls these through :func:`tradewind.hub.passwords.in_pool`, the
shell and the service directly. Every change leaves a line in the audit log.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tradewind import audit
from tradewind.errors import (
    AccountNotFoundError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    TooManyAttemptsError,
    did_you_mean,
)
from tradewind.hub import passwords, ratelimit, tables
from tradewind.hub.tables import Origin
from tradewind.settings import Settings

__all__ = [
    "Account", "Origin", "approve", "create", "ensure_first_admin", "find", "get",
    "list_accounts", "normal", "provide", "reject", "remove_user", "set_admin", "sign_up",
    "unlock",
]  # fmt: skip

NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
MOST_WAITING = 200
"""Sign-ups that may wait for approval at a time; strangers cannot fill the disk."""
_COLUMNS = tables.accounts.c


@dataclass(frozen=True, kw_only=True)
class Account:
    """What may be shown of an account: no hash, no secret.

    Parameters
    ----------
    name
        The user's name.
    approved
        Whether it may sign in.
    admin
        Whether it was made an administrator here (the hub's own flag decides).
    origin
        Where its password came from.
    second_factor
        Whether a one-time code is asked for.
    created_at, approved_at, last_sign_in_at, password_changed_at
        When, UTC.
    approved_by
        By whom.
    locked_until
        When its next attempt from an unknown browser is looked at again, if it is refused now.
    """

    name: str
    approved: bool
    admin: bool
    origin: Origin
    second_factor: bool
    created_at: datetime
    approved_at: datetime | None
    approved_by: str | None
    last_sign_in_at: datetime | None
    password_changed_at: datetime | None
    locked_until: datetime | None = None


def normal(name: str) -> str:
    """Return a name as it is stored."""
    return name.strip().lower()


def _account(row: sa.RowMapping, locked: Mapping[str, datetime] | None = None) -> Account:
    return Account(
        name=row["name"],
        approved=row["approved"],
        admin=row["admin"],
        origin=Origin(row["password_origin"]),
        second_factor=bool(row["totp_secret"]),
        created_at=row["created_at"],
        approved_at=row["approved_at"],
        approved_by=row["approved_by"],
        last_sign_in_at=row["last_sign_in_at"],
        password_changed_at=row["password_changed_at"],
        locked_until=(locked or {}).get(row["name"]),
    )


def row_of(settings: Settings, name: str) -> sa.RowMapping | None:
    """Return the stored row of an account, secrets included, or None (for the sign-in only)."""
    with tables.database(settings).connect() as connection:
        found = connection.execute(sa.select(tables.accounts).where(_COLUMNS.name == normal(name)))
        return found.mappings().one_or_none()


def find(settings: Settings, name: str) -> Account | None:
    """Return an account, or None.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The user's name.
    """
    row = row_of(settings, name)
    return _account(row, ratelimit.locked(settings)) if row else None


def get(settings: Settings, name: str) -> Account:
    """Return an account.

    Raises
    ------
    AccountNotFoundError
        There is none of that name.
    """
    found = find(settings, name)
    if found is None:
        known = [account.name for account in list_accounts(settings)]
        raise AccountNotFoundError(
            f"There is no account {normal(name)!r}.", did_you_mean(normal(name), known)
        )
    return found


def list_accounts(settings: Settings, *, approved: bool | None = None) -> list[Account]:
    """Return every account by name.

    Parameters
    ----------
    settings
        The installation's settings.
    approved
        True for those that may sign in, False for those that wait, None for all.
    """
    query = sa.select(tables.accounts).order_by(_COLUMNS.name)
    if approved is not None:
        query = query.where(_COLUMNS.approved.is_(approved))
    locked = ratelimit.locked(settings)
    with tables.database(settings).connect() as connection:
        return [_account(row, locked) for row in connection.execute(query).mappings()]


def _insert(connection: sa.Connection, **values: Any) -> None:
    connection.execute(tables.accounts.insert().values(created_at=datetime.now(UTC), **values))


def change(
    settings: Settings,
    name: str,
    actor: str,
    action: str,
    detail: Mapping[str, object] | None = None,
    **values: Any,
) -> None:
    """Change columns of an account and say so in the audit log.

    Raises
    ------
    AccountNotFoundError
        There is none of that name.
    """
    name = normal(name)
    with tables.database(settings).begin() as connection:
        changed = connection.execute(tables.accounts.update().where(_COLUMNS.name == name).values(**values))
        if changed.rowcount:
            audit.append(connection, actor, action, f"user:{name}", **(detail or {}))
            return
    get(settings, name)  # says which names are near


def ensure_first_admin(settings: Settings) -> tuple[str, str | None]:
    """Create the first administrator if there is no account of that name yet.

    Parameters
    ----------
    settings
        The installation's settings.

    Returns
    -------
    tuple of str and (str or None)
        The name, and the generated password the one time it can be shown. None afterwards, and with an
        identity provider.
    """
    name = normal(settings.admin_name)
    if not NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot be a user's name.",
            "Set admin_name to lower-case letters, digits, dots, hyphens.",
        )
    if row_of(settings, name) is not None:
        return name, None
    local = settings.authenticator == "local"
    password = passwords.generate() if local else None
    with tables.database(settings).begin() as connection:
        _insert(
            connection,
            name=name,
            password_hash=passwords.hashed(password) if password else None,
            password_origin=Origin.GENERATED if local else Origin.PROVIDER,
            approved=True,
            admin=True,
            approved_at=datetime.now(UTC),
            approved_by="system",
        )
        audit.append(connection, "system", "account.first-admin", f"user:{name}")
    return name, password


def sign_up(settings: Settings, name: str, password: str, *, address: str = "") -> Account:
    """Ask for an account; an administrator approves it.

    Parameters
    ----------
    settings
        The installation's settings.
    name, password
        The wish.
    address
        Where it comes from, for the limit; empty for no limit.

    Raises
    ------
    NotAllowedError
        Sign-up is switched off.
    InvalidInputError, WeakPasswordError
        The name or the password will not do.
    ConflictError
        The name is taken.
    TooManyAttemptsError
        Too many sign-ups from there, or waiting.
    """
    if not settings.allow_signup or settings.authenticator != "local":
        raise NotAllowedError("Nobody can sign up here.", "Ask an administrator for an account.")
    if address:
        ratelimit.begin(settings, [ratelimit.Key(name=f"sign-up:{address}", policy=ratelimit.SIGN_UP)])
    return _create(settings, name, password, actor=normal(name)[:64], approved=False)


def create(settings: Settings, name: str, *, actor: str) -> str:
    """Create an approved account and return its generated password, to be changed at the first sign-in.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The user's name.
    actor
        The administrator.
    """
    password = passwords.generate()
    _create(settings, name, password, actor=actor, approved=True)
    return password


def _create(settings: Settings, name: str, password: str, *, actor: str, approved: bool) -> Account:
    name = normal(name)
    if not NAME.fullmatch(name):
        raise InvalidInputError(
            "The name will not do.", "2 to 32 lower-case letters, digits, dots and hyphens, a letter first."
        )
    passwords.check(password, name, settings.minimum_password_length)
    secret = passwords.hashed(password)
    now = datetime.now(UTC)
    try:
        with tables.database(settings).begin() as connection:
            waiting = sa.select(sa.func.count()).where(_COLUMNS.approved.is_(False))
            if not approved and connection.execute(waiting).scalar_one() >= MOST_WAITING:
                raise TooManyAttemptsError("Too many people wait for approval.", "Ask an administrator.")
            _insert(
                connection,
                name=name,
                password_hash=secret,
                password_origin=Origin.RESET if approved else Origin.OWN,
                approved=approved,
                approved_at=now if approved else None,
                approved_by=actor if approved else None,
                password_changed_at=now,
            )
            audit.append(
                connection, actor, "account.create" if approved else "account.sign-up", f"user:{name}"
            )
    except sa.exc.IntegrityError:
        raise ConflictError(f"The name {name!r} is taken.", "Choose another one.") from None
    return get(settings, name)


def provide(settings: Settings, name: str, *, approved: bool) -> Account:
    """Return the account of somebody whom an identity provider has named, creating it at the first time.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The name, as the hub has normalised it.
    approved
        Whether a rule of ``oauth_allow`` lets them in without an administrator.
    """
    found = find(settings, name)
    if found is None:
        with tables.database(settings).begin() as connection:
            waiting = sa.select(sa.func.count()).where(_COLUMNS.approved.is_(False))
            if not approved and connection.execute(waiting).scalar_one() >= MOST_WAITING:
                raise TooManyAttemptsError("Too many people wait for approval.", "Ask an administrator.")
            _insert(connection, name=normal(name), password_origin=Origin.PROVIDER, approved=approved)
            audit.append(connection, normal(name), "account.sign-up", f"user:{normal(name)}", by="provider")
    elif approved and not found.approved:
        approve(settings, name, actor="system")
    return get(settings, name)


def approve(settings: Settings, name: str, *, actor: str) -> None:
    """Let an account sign in."""
    change(
        settings,
        name,
        actor,
        "account.approve",
        approved=True,
        approved_at=datetime.now(UTC),
        approved_by=actor,
    )


def reject(settings: Settings, name: str, *, actor: str) -> None:
    """Drop an account that waits for approval.

    Raises
    ------
    ConflictError
        It has been approved: remove the user instead.
    """
    account = get(settings, name)
    if account.approved:
        raise ConflictError(f"{account.name!r} is already approved.", "Remove the user instead.")
    _delete(settings, account.name, actor, "account.reject")


def remove_user(settings: Settings, name: str, *, actor: str) -> None:
    """Delete the account itself; :mod:`tradewind.hub.removal` does the whole.

    Raises
    ------
    NotAllowedError
        It is the first administrator's.
    """
    account = get(settings, name)
    if account.name == normal(settings.admin_name):
        raise NotAllowedError(
            "The first administrator cannot be removed.", "Set admin_name to another account first."
        )
    _delete(settings, account.name, actor, "account.remove")


def _delete(settings: Settings, name: str, actor: str, action: str) -> None:
    with tables.database(settings).begin() as connection:
        connection.execute(tables.accounts.delete().where(_COLUMNS.name == name))
        connection.execute(tables.attempts.delete().where(tables.attempts.c.account == name))
        audit.append(connection, actor, action, f"user:{name}")


def unlock(settings: Settings, name: str, *, actor: str) -> None:
    """Forget the failed attempts of an account."""
    account = get(settings, name)
    ratelimit.unlock(settings, account.name)
    audit.record(settings, actor, "account.unlock", f"user:{account.name}")


def set_admin(settings: Settings, name: str, admin: bool, *, actor: str) -> None:
    """Make an account an administrator's, or no longer (the hub's own flag is changed by the caller)."""
    if not admin and normal(name) == normal(settings.admin_name):
        raise NotAllowedError(
            "The first administrator stays one.", "Set admin_name to another account first."
        )
    change(settings, name, actor, "account.admin", {"admin": admin}, admin=admin)
