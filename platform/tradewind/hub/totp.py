"""The second factor: time-based one-time codes (RFC 6238), shown as a QR code to set up."""

import hmac
import io
import time

import pyotp
import segno

from tradewind.errors import ConflictError, InvalidInputError, NotAllowedError
from tradewind.hub import accounts, credentials
from tradewind.settings import Settings

STEP = 30
DRIFT = 1
"""Steps of 30 seconds a clock may be off, either way."""


def matching_step(secret: str, code: str, after: int, *, now: float | None = None) -> int | None:
    """Return the number of the time step a code belongs to, or None.

    Parameters
    ----------
    secret
        Base-32 secret.
    code
        Six digits; blanks are ignored.
    after
        The last step that was used: a code works once.
    now
        Unix time, for tests.
    """
    typed = "".join(code.split())
    present = int((time.time() if now is None else now) // STEP)
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        same = hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode())
        if same and step > after:
            found = step
    return found


def use_code(settings: Settings, name: str, secret: str, code: str, after: int) -> bool:
    """Whether a code is right; if so it is spent.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The user's name.
    secret, after
        As stored in the account.
    code
        What was typed.
    """
    step = matching_step(secret, code, after)
    if step is None:
        return False
    return credentials.spend(settings, name, step)


def enable_totp(settings: Settings, name: str) -> str:
    """Begin to set a second factor up and return its secret; nothing is asked for until it is confirmed.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        The user's name.
    """
    row = accounts.row_of(settings, name)
    if row is None or row["password_origin"] == accounts.Origin.PROVIDER:
        raise NotAllowedError(
            "This account has no second factor here.", "Set it up at the identity provider."
        )
    if row["totp_secret"]:
        raise ConflictError("The second factor is already set up.", "Remove it first.")
    if row["totp_pending"]:
        return str(row["totp_pending"])
    secret = pyotp.random_base32()
    accounts.change(settings, name, name, "account.second-factor.begin", totp_pending=secret)
    return secret


def confirm_totp(settings: Settings, name: str, code: str) -> None:
    """Finish setting the second factor up with a code that proves it works.

    Raises
    ------
    InvalidInputError
        The code is wrong.
    """
    row = accounts.row_of(settings, name)
    pending = row["totp_pending"] if row else None
    if not pending:
        raise ConflictError("No second factor is being set up.", "Begin anew.")
    step = matching_step(pending, code, 0)
    if step is None:
        raise InvalidInputError(
            "The code is wrong.", "Type the newest one, and check that the device's clock is right."
        )
    accounts.change(
        settings,
        name,
        name,
        "account.second-factor.on",
        totp_secret=pending,
        totp_pending=None,
        totp_counter=step,
    )


def disable_totp(settings: Settings, name: str, password: str) -> None:
    """Remove one's own second factor, with the password.

    Raises
    ------
    NotAllowedError
        The password is wrong.
    """
    credentials.prove(settings, name, password)
    accounts.change(settings, name, name, "account.second-factor.off", totp_secret=None, totp_pending=None)


def reset_second_factor(settings: Settings, name: str, *, actor: str) -> None:
    """Remove somebody's second factor, as an administrator."""
    accounts.change(settings, name, actor, "account.second-factor.reset", totp_secret=None, totp_pending=None)


def address(settings: Settings, name: str, secret: str) -> str:
    """Return the ``otpauth://`` address that an authenticator app reads."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Tradewind"))


def qr_code(text: str) -> str:
    """Return a QR code as an SVG element."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=4, border=0, xmldecl=False, svgns=True, omitsize=True
    )
    return out.getvalue().decode()
