"""One error base with stable codes; every message says what was wrong and what would be right."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from enum import StrEnum
from typing import ClassVar


class TradewindError(Exception):
    """Base of every error that Tradewind raises on purpose.

    Parameters
    ----------
    message
        What was wrong, in one sentence.
    hint
        What would be right, or what to do next.

    Attributes
    ----------
    code : str
        Stable identifier, the same over HTTP, in the shell and in Python.
    status : int
        The HTTP status the REST layer answers with.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidInputError(TradewindError, ValueError):
    """A value is of the wrong kind, out of range or contradicts another one."""

    code = "invalid_input"
    status = 422


class NotFoundError(TradewindError, LookupError):
    """A named thing does not exist, or is not visible to the caller."""

    code = "not_found"
    status = 404


class DatasetNotFoundError(NotFoundError):
    """No dataset of that name can be read."""

    code = "dataset_not_found"


class SymbolNotFoundError(NotFoundError):
    """A dataset does not hold that symbol."""

    code = "symbol_not_found"


class FieldNotFoundError(NotFoundError):
    """A dataset does not hold that field."""

    code = "field_not_found"


class SnapshotNotFoundError(NotFoundError):
    """No commit answers to that time, id or tag."""

    code = "snapshot_not_found"


class EmptySelectionError(InvalidInputError):
    """A selection holds no data."""

    code = "empty_selection"


class AdjustmentError(InvalidInputError):
    """A dataset cannot be adjusted in that way."""

    code = "adjustment"


class LookaheadError(TradewindError, ValueError):
    """A read asked for something that was not known in the market yet."""

    code = "lookahead"
    status = 422


class ConflictError(TradewindError):
    """Somebody else changed the same thing first."""

    code = "conflict"
    status = 409


class HoldoutError(LookaheadError):
    """A read reached a sealed holdout without a look on the record."""

    code = "holdout"


class DataQualityError(InvalidInputError):
    """A batch did not pass the quality gate."""

    code = "data_quality"


class TemplateNotFoundError(NotFoundError):
    """No template of that name exists."""

    code = "template_not_found"


class ParameterError(InvalidInputError):
    """A parameter is unknown or ill-typed."""

    code = "parameter"


class PathNotAllowedError(TradewindError, PermissionError):
    """A path lies outside the folders that may be read."""

    code = "path_not_allowed"
    status = 403


class RunFailedError(TradewindError):
    """A run that was waited for did not succeed."""

    code = "run_failed"
    status = 409


class NotAllowedError(TradewindError, PermissionError):
    """The caller may not do that."""

    code = "not_allowed"
    status = 403


class NotSignedInError(TradewindError, PermissionError):
    """The caller is not known."""

    code = "not_signed_in"
    status = 401


class WeakPasswordError(InvalidInputError):
    """A password is too easy to guess."""

    code = "weak_password"


class AccountNotFoundError(NotFoundError):
    """No account has that name."""

    code = "account_not_found"


class TooManyAttemptsError(TradewindError):
    """Too many attempts; ``wait`` says after how many seconds the next one is looked at.

    Parameters
    ----------
    message
        What was refused.
    hint
        What to do.
    wait
        Seconds.
    """

    code = "too_many_attempts"
    status = 429

    def __init__(self, message: str, hint: str = "", *, wait: float = 0.0) -> None:
        super().__init__(message, hint)
        self.wait = wait


class UnavailableError(TradewindError, ConnectionError):
    """A part of the platform does not answer."""

    code = "unavailable"
    status = 503


class SetupError(TradewindError):
    """The installation or its settings cannot work as they are."""

    code = "setup"


MUCH_FARTHER = 0.2


def did_you_mean(name: str, known: Iterable[str], *, limit: int = 3) -> str:
    """Say which known names are near, or list them when they are few.

    Parameters
    ----------
    name
        What was asked for.
    known
        What exists.
    limit
        The number of near names to offer.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=limit, cutoff=0.5)
    if near:
        # beside a slip of the finger, what merely resembles it is noise
        nearest = SequenceMatcher(None, near[0], name).ratio()
        near = [n for n in near if SequenceMatcher(None, n, name).ratio() > nearest - MUCH_FARTHER]
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    if not names:
        return "There is none yet."
    shown = ", ".join(names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"There are: {shown}{more}."


def word_of[E: StrEnum](
    kind: type[E], word: E | str, message: str, error: type[TradewindError] = InvalidInputError
) -> E:
    """Return what a word stands for.

    Parameters
    ----------
    kind
        The words there are.
    word
        One of them.
    message, error
        What is raised if it is none, with those that are near.
    """
    try:
        return kind(word)
    except ValueError:
        raise error(message, did_you_mean(str(word), [str(k) for k in kind])) from None
