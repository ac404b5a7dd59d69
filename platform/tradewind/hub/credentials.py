"""The password of an account: proved, changed by its owner, reset by an administrator."""

from datetime import UTC, datetime

from tradewind.errors import InvalidInputError, NotAllowedError
from tradewind.hub import accounts, passwords, ratelimit, tables
from tradewind.hub.tables import Origin
from tradewind.settings import Settings


def prove(settings: Settings, name: str, password: str) -> None:
    """Let somebody who is signed in prove once more that they know the password.

    Raises
    ------
    NotAllowedError
        It is wrong.
    TooManyAttemptsError
        It was wrong too often.
    """
    keys = [
        ratelimit.Key(
            name=f"prove:{accounts.normal(name)}", policy=ratelimit.DEVICE, account=accounts.normal(name)
        )
    ]
    ratelimit.begin(settings, keys)
    row = accounts.row_of(settings, name)
    if not passwords.matches(row["password_hash"] if row else None, password):
        raise NotAllowedError("The present password is wrong.")
    ratelimit.succeeded(settings, keys)


def spend(settings: Settings, name: str, step: int) -> bool:
    """Mark the time step of a one-time code as used; False when somebody was faster."""
    newer = tables.accounts.update().where(
        tables.accounts.c.name == accounts.normal(name), tables.accounts.c.totp_counter < step
    )
    with tables.database(settings).begin() as connection:
        return connection.execute(newer.values(totp_counter=step)).rowcount == 1


def set_password(
    settings: Settings, name: str, password: str, *, actor: str, current: str | None = None
) -> None:
    """Give an account a new password of its owner's choice.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The user's name.
    password
        The new one.
    actor
        Who does it.
    current
        The present password, when its owner must prove to know it.

    Raises
    ------
    NotAllowedError
        The present password is wrong.
    WeakPasswordError
        The new one will not do.
    """
    row = accounts.row_of(settings, name)
    if row is None or row["password_origin"] == Origin.PROVIDER:
        raise NotAllowedError(
            "This account has no password here.", "It signs in through an identity provider."
        )
    if current is not None:
        prove(settings, name, current)
    passwords.check(password, accounts.normal(name), settings.minimum_password_length)
    if passwords.matches(row["password_hash"], password):
        raise InvalidInputError("That is the present password.", "Choose another one.")
    accounts.change(
        settings,
        name,
        actor,
        "account.password",
        password_hash=passwords.hashed(password),
        password_origin=Origin.OWN,
        password_changed_at=datetime.now(UTC),
    )


def reset_password(settings: Settings, name: str, *, actor: str) -> str:
    """Give an account a generated password, returned once; its owner must then choose a new one.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The user's name.
    actor
        The administrator.
    """
    account = accounts.get(settings, name)
    if account.origin is Origin.PROVIDER:
        raise NotAllowedError(
            "This account has no password here.", "It signs in through an identity provider."
        )
    password = passwords.generate()
    accounts.change(
        settings,
        name,
        actor,
        "account.reset-password",
        password_hash=passwords.hashed(password),
        password_origin=Origin.RESET,
        password_changed_at=datetime.now(UTC),
    )
    ratelimit.unlock(settings, account.name)
    return password
