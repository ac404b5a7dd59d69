"""Instruments: a stable id, the tickers it traded under, and what else is known of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tradewind.errors import InvalidInputError, SymbolNotFoundError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

ALWAYS = "9999-12-31"


@dataclass(frozen=True, kw_only=True)
class TickerSpan:
    """A ticker and the sessions it was used on, both included (ISO dates)."""

    ticker: str
    start: str = "0001-01-01"
    end: str = ALWAYS


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """Something that is traded, under one ticker after another.

    Parameters
    ----------
    id
        Never changes: the first ticker and its first date, such as ``GOOG@2004-08-19``, or just a ticker.
    tickers
        In order of time, not overlapping.
    listed, delisted
        First and last session, ISO dates; empty where unknown or still listed.
    """

    id: str
    tickers: tuple[TickerSpan, ...]
    name: str = ""
    exchange: str = ""
    currency: str = ""
    tick_size: float | None = None
    lot_size: float | None = None
    multiplier: float | None = None
    sector: str = ""
    listed: str = ""
    delisted: str = ""

    def __post_init__(self) -> None:
        if not self.tickers:
            raise InvalidInputError(f"Instrument {self.id!r} has no ticker.")
        for before, after in zip(self.tickers, self.tickers[1:], strict=False):
            if after.start <= before.end:
                raise InvalidInputError(f"The tickers of {self.id!r} overlap at {after.start}.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read one back, leaving out what a newer version added."""
        known = {k: v for k, v in values.items() if k in cls.__dataclass_fields__}
        known["tickers"] = tuple(TickerSpan(**t) for t in known["tickers"])
        return cls(**known)

    def ticker_on(self, day: str) -> str:
        """Return the ticker on a date; the first one before listing, the last one after the end."""
        for span in self.tickers:
            if day <= span.end:
                return span.ticker
        return self.tickers[-1].ticker

    def live_on(self, day: str) -> bool:
        """Whether a ticker was in use on a date."""
        return any(s.start <= day <= s.end for s in self.tickers)


def encode(instruments: Iterable[Instrument]) -> np.ndarray:
    """Return reference data as stored: UTF-8 JSON in bytes."""
    text = json.dumps([asdict(i) for i in sorted(instruments, key=lambda i: i.id)], separators=(",", ":"))
    return np.frombuffer(text.encode(), dtype=np.uint8)


def decode(stored: list[dict[str, Any]]) -> dict[str, Instrument]:
    """Read stored reference data, by id."""
    return {v["id"]: Instrument.from_dict(v) for v in stored}


class Tickers:
    """Translates between the stored ids of a dataset and the tickers of a day.

    Parameters
    ----------
    ids
        The stored symbol axis.
    instruments
        Reference data by id; a symbol without any is its own ticker, always.
    """

    def __init__(self, ids: np.ndarray, instruments: Mapping[str, Instrument]) -> None:
        self._ids: list[str] = ids.tolist()
        self._instruments = instruments
        self._place = {s: i for i, s in enumerate(self._ids)}

    def labels(self, day: str) -> list[str]:
        """Return a unique label for every symbol: its ticker on a day, its id where two would share one."""
        tickers = [self._ticker(s, day) for s in self._ids]
        live: dict[str, int] = {}
        for i, (symbol, ticker) in enumerate(zip(self._ids, tickers, strict=True)):
            held = live.get(ticker)
            if held is None or (self._live(symbol, day) and not self._live(self._ids[held], day)):
                live[ticker] = i
        return [t if live[t] == i else s for i, (s, t) in enumerate(zip(self._ids, tickers, strict=True))]

    def resolve(self, name: str, wanted: Iterable[str], day: str) -> list[int]:
        """Return the places of tickers, as they were used on a day, or ids.

        Parameters
        ----------
        name
            The dataset, for messages.
        wanted
            Tickers or ids.
        day
            ISO date.

        Raises
        ------
        SymbolNotFoundError
            Nothing had that ticker on that day; the message says what has it now, if that is known.
        """
        labels = self.labels(day)
        by_label = {t: i for i, t in enumerate(labels)}
        found = []
        for symbol in wanted:
            at = by_label.get(symbol, self._place.get(symbol, -1))
            if at < 0:
                raise SymbolNotFoundError(
                    f"{name!r} has no symbol {symbol!r}.", self._hint(symbol, labels, day)
                )
            found.append(at)
        return found

    def id_during(self, ticker: str, first: str, last: str) -> str:
        """Return the id that a ticker meant during a period; itself where there is no reference data of it.

        Raises
        ------
        InvalidInputError
            It meant one instrument in one part of the period and another in the rest.
        """
        if ticker in self._instruments:
            return ticker
        meant = {
            i.id
            for i in self._instruments.values()
            for s in i.tickers
            if s.ticker == ticker and s.start <= last and first <= s.end
        }
        if len(meant) > 1:
            raise InvalidInputError(
                f"{ticker!r} names {' and '.join(sorted(meant))} between {first} and {last}.",
                "Split the batch at the change, or use the ids.",
            )
        return meant.pop() if meant else ticker

    def _ticker(self, symbol: str, day: str) -> str:
        held = self._instruments.get(symbol)
        return symbol if held is None else held.ticker_on(day)

    def _live(self, symbol: str, day: str) -> bool:
        held = self._instruments.get(symbol)
        return held is None or held.live_on(day)

    def _hint(self, symbol: str, labels: list[str], day: str) -> str:
        for place, own in enumerate(self._ids):
            held = self._instruments.get(own)
            for span in held.tickers if held else ():
                if span.ticker == symbol:
                    return (
                        f"{symbol!r} was the ticker of {labels[place]!r} from {span.start} to {span.end}; "
                        f"this read is as of {day}."
                    )
        return did_you_mean(symbol, labels)


def frame(instruments: Iterable[Instrument]) -> "pd.DataFrame":
    """Return reference data as a table, one row a ticker span."""
    import pandas as pd

    rows = [
        {**{k: v for k, v in asdict(i).items() if k != "tickers"}, **asdict(s)}
        for i in instruments
        for s in i.tickers
    ]
    return pd.DataFrame(rows)
