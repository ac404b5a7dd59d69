"""What a source of market data is asked and answers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

import numpy as np

from tradewind.ingest.sources.failures import SourceChangedError
from tradewind.ingest.sources.patience import Patience
from tradewind.store.batch import Action
from tradewind.store.spec import ActionKind, Basis
from tradewind.vocabulary import FIELDS, Frequency

NEVER_LIVE = "proved against a local server that speaks its format; never run against the live service"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a source says of itself.

    Parameters
    ----------
    name
        As in ``--source``.
    title
        For people.
    basis
        What kind of prices ``fetch`` returns.
    calendar
        Of a new dataset, where nothing else is said.
    frequencies
        Bar lengths it has.
    licence
        What the vendor allows.
    actions
        The kinds of corporate action it records completely.
    currency
        Of the prices, where it is one for all.
    delay
        How long after a bar's end it can be asked for.
    first
        The earliest date worth asking for, where no start is given.
    tried
        Whether it was ever run against the live service.
    """

    name: str
    title: str
    basis: Basis
    calendar: str
    frequencies: tuple[Frequency, ...]
    licence: str
    actions: tuple[ActionKind, ...] = ()
    currency: str = ""
    delay: timedelta = timedelta(minutes=15)
    first: str = "1990-01-01"
    tried: str = "not said"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The bars of one symbol, from one to another, both included.

    Parameters
    ----------
    symbol
        As the source writes it.
    frequency
        The bar length.
    start, end
        ``datetime64[ns]``: session dates for daily bars, bar ends in UTC for intraday ones. ``end`` is in the
        past: nothing is asked for that cannot be known.
    """

    symbol: str
    frequency: Frequency
    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True, kw_only=True)
class Series:
    """The bars of one symbol.

    Parameters
    ----------
    times
        ``datetime64[ns]``, strictly increasing (m), as in ``Wanted``.
    values
        Field to float64 (m); NaN where the source has no value.
    actions
        Splits and dividends from the first bar on.
    listed
        The first bar the source has at all; None where it does not say.
    ends
        The last bar the source has at all, as it says itself; None where it does not say.
    """

    times: np.ndarray
    values: Mapping[str, np.ndarray]
    actions: tuple[Action, ...] = ()
    listed: np.datetime64 | None = None
    ends: np.datetime64 | None = None

    def __post_init__(self) -> None:
        if self.times.dtype != np.dtype("M8[ns]") or np.isnat(self.times).any():
            raise SourceChangedError("A source gave times that are none.")
        if (np.diff(self.times.astype(np.int64)) <= 0).any():
            raise SourceChangedError("A source gave times that do not increase.")
        for name, values in self.values.items():
            if name not in FIELDS or values.shape != self.times.shape or values.dtype != np.float64:
                raise SourceChangedError(f"A source gave a field {name!r} of {values.dtype} {values.shape}.")

    def between(self, start: np.datetime64, end: np.datetime64) -> "Series":
        """Return the bars from one time to another, both included."""
        inside = (self.times >= start) & (self.times <= end)
        return Series(
            times=self.times[inside],
            values={f: v[inside] for f, v in self.values.items()},
            actions=tuple(a for a in self.actions if start <= a.ex_date.astype("M8[ns]") <= end),
            listed=self.listed,
            ends=self.ends,
        )


class Source(Protocol):
    """A source of market data; one's own is an entry point of the group ``tradewind.sources``."""

    facts: Facts

    def fetch(self, wanted: Wanted, patience: Patience) -> Series:
        """Return the bars of one symbol.

        Parameters
        ----------
        wanted
            Which bars.
        patience
            Call it with each request to the vendor: it waits and asks again where that may help.

        Raises
        ------
        SourceError
            One of its kinds; nothing of this symbol is stored then, and the next source is asked.
        """


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the adapters reach their vendors.

    Parameters
    ----------
    timeout
        Seconds that one request may take.
    relay
        An address put in front of every URL, for networks that reach vendors through a relay only.
    """

    timeout: float = 30.0
    relay: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """Return what ``TRADEWIND_SOURCE_TIMEOUT`` and ``TRADEWIND_SOURCE_RELAY`` say."""
        timeout = os.environ.get("TRADEWIND_SOURCE_TIMEOUT") or cls.timeout
        return cls(timeout=float(timeout), relay=os.environ.get("TRADEWIND_SOURCE_RELAY", cls.relay))
