"""What a dataset says about itself, stored in the root group's attributes of its repository."""

import re
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from tradewind.errors import InvalidInputError, UnavailableError
from tradewind.vocabulary import Frequency

FORMAT = 1
KEY = "tradewind"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Basis(StrEnum):
    """What kind of prices a source delivers."""

    RAW = "raw"
    """As traded; splits and dividends are recorded beside them."""
    SPLIT = "split"
    """Already adjusted for splits by the source."""
    TOTAL = "total"
    """Already adjusted for splits and dividends by the source."""
    LEVEL = "level"
    """Of something that has neither: an index, an exchange rate, a coin."""


class ActionKind(StrEnum):
    """A corporate action."""

    SPLIT = "split"
    """``value`` is new shares per old share: 2 for a 2-for-1 split."""
    DIVIDEND = "dividend"
    """``value`` is cash per share, as traded on the day before the ex-date."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset's own description.

    Parameters
    ----------
    name
        Lower-case letters, digits, ``.``, ``_`` and ``-``; at most 63 characters.
    frequency
        The bar length.
    calendar
        An exchange_calendars code, such as ``XNYS`` or ``24/7``.
    basis
        What kind of prices the source delivers.
    actions
        The kinds of corporate action this dataset records completely.
    publication_lag
        Seconds from a bar's end until it could be known.
    vintages
        Whether the figures are revised after publication, and every one of them is kept.
    """

    name: str
    frequency: Frequency
    calendar: str
    basis: Basis = Basis.RAW
    actions: tuple[ActionKind, ...] = ()
    description: str = ""
    source: str = ""
    licence: str = ""
    adjustments: str = ""
    currency: str = ""
    publication_lag: float = 0.0
    owner: str = ""
    vintages: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def lag(self) -> timedelta:
        """How long after its end a bar could be known."""
        return timedelta(seconds=self.publication_lag)

    def to_attributes(self) -> dict[str, Any]:
        """Return what is stored in the repository."""
        return {**asdict(self), "actions": [str(a) for a in self.actions], "format": FORMAT}

    @classmethod
    def from_attributes(cls, values: dict[str, Any]) -> Self:
        """Read a description back, leaving out what a newer version added."""
        if values.get("format", 0) > FORMAT:
            raise UnavailableError(
                f"Dataset {values.get('name')!r} was written by a newer Tradewind.",
                "Update this installation.",
            )
        known = {k: v for k, v in values.items() if k in cls.__dataclass_fields__}
        known["frequency"] = Frequency(known["frequency"])
        known["basis"] = Basis(known["basis"])
        known["actions"] = tuple(ActionKind(a) for a in known["actions"])
        return cls(**known)

    def renamed(self, name: str) -> Self:
        """Return the same description under another name."""
        return replace(self, name=name)


def check_name(name: str) -> str:
    """Return a dataset's name, or refuse it.

    Raises
    ------
    InvalidInputError
        The name could not be a folder's name everywhere.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot be a dataset's name.",
            "Use 1 to 63 lower-case letters, digits, '.', '_' and '-', starting with a letter or digit.",
        )
    return name
