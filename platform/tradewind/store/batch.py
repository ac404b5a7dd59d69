"""A batch of bars on its way into a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.store.reference import Instrument
from tradewind.store.spec import ActionKind
from tradewind.vocabulary import FIELDS, INSTRUMENT, SYMBOL, TIME

if TYPE_CHECKING:
    from tradewind.store.vintages import VintageTable


LONGEST_NAME = 63
TAKEN = frozenset({SYMBOL, TIME, INSTRUMENT, "actions", "reference", "quarantine", "vintages"})
"""What a dataset keeps beside its fields."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One corporate action.

    Parameters
    ----------
    symbol
        Whose.
    kind
        Split or dividend.
    ex_date
        ``datetime64[D]``: the first session that trades without it.
    value
        New shares per old one, or cash per share; NaN takes a recorded action back.
    known
        When it was announced, UTC; NaT where the source does not say.
    """

    symbol: str
    kind: ActionKind
    ex_date: np.datetime64
    value: float
    known: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "s"))


def _check_own(name: str) -> None:
    """Refuse a name that could not be an array's beside those that every dataset has."""
    if not name.isidentifier() or name.startswith("_") or len(name) > LONGEST_NAME or name in TAKEN:
        raise InvalidInputError(
            f"{name!r} cannot be a field's name.", "Use letters, digits and '_', such as 'rsi_14'."
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Bars and corporate actions to be merged into a dataset.

    A finite value sets its cell, NaN leaves the cell as it is.

    Parameters
    ----------
    symbols
        Unique (n).
    times
        ``datetime64[ns]``, strictly increasing (m): session dates or bar ends in UTC.
    values
        Field to float64 array (n, m).
    actions
        Corporate actions to add.
    instruments
        Reference data to add or to renew, by id.
    vintages
        Published figures to add; their instruments are places in ``symbols``.
    own_fields
        Whether fields may have names of their own, as derived figures do.
    """

    symbols: tuple[str, ...]
    times: np.ndarray
    values: Mapping[str, np.ndarray]
    actions: tuple[Action, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    vintages: "VintageTable | None" = None
    own_fields: bool = False

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols):
            raise InvalidInputError("A batch names a symbol twice.", "Merge its rows first.")
        if not all(isinstance(s, str) and s for s in self.symbols):
            raise InvalidInputError("A symbol is empty or no text.", "Give every row a symbol.")
        if self.times.dtype != np.dtype("M8[ns]") or np.isnat(self.times).any():
            raise InvalidInputError("A batch has a time that is missing or of the wrong type.")
        if (np.diff(self.times.astype(np.int64)) <= 0).any():
            raise InvalidInputError(
                "The times of a batch are not strictly increasing.", "Sort them, drop duplicates."
            )
        shape = (len(self.symbols), len(self.times))
        for name, values in self.values.items():
            if self.own_fields:
                _check_own(name)
            elif name not in FIELDS:
                raise InvalidInputError(f"{name!r} is not a field.", did_you_mean(name, FIELDS))
            if values.shape != shape or values.dtype != np.float64:
                raise InvalidInputError(
                    f"Field {name!r} is {values.dtype} {values.shape}; it must be float64 {shape}."
                )

    @property
    def rows(self) -> int:
        """How many bars it holds: (symbol, time) pairs with a finite value."""
        if not self.values:
            return 0
        return int(np.logical_or.reduce([np.isfinite(v) for v in self.values.values()]).sum())
