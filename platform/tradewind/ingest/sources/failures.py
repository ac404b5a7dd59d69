"""How a source of market data fails."""

from typing import ClassVar

from tradewind.errors import UnavailableError


class SourceError(UnavailableError):
    """A source could not deliver."""

    code: ClassVar[str] = "source"


class RateLimitedError(SourceError):
    """The source asks to wait.

    Parameters
    ----------
    message
        What it said.
    wait
        Seconds it asked for; 0 where it did not say.
    """

    code = "source_rate_limited"

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message, "Try again later, or name another source to fall back to.")
        self.wait = wait


class SourceDownError(SourceError):
    """The source does not answer, or not in time; asking again may help."""

    code = "source_down"


class SourceChangedError(SourceError):
    """The source's answer does not have the form it is documented to have; asking again does not help."""

    code = "source_changed"


class PartialDataError(SourceError):
    """The source left out something that it must have."""

    code = "source_partial"


class NotServedError(SourceError):
    """The source does not have that: another symbol, a shorter history, another bar length."""

    code = "source_not_served"
