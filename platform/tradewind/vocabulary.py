"""The words of the house: dimensions, fields, frequencies, how prices may be adjusted, run states."""

from enum import StrEnum

SYMBOL = "symbol"
TIME = "time"
INSTRUMENT = "instrument"
"""A coordinate along ``symbol``: the stable id behind the ticker, where a dataset has reference data."""
DIMS = (SYMBOL, TIME)

OHLC = ("open", "high", "low", "close")
MEMBER = "member"
FIELDS = (*OHLC, "volume", "trades", "vwap", "bid", "ask", "open_interest", "funding", MEMBER)


class Adjust(StrEnum):
    """How prices are adjusted when read; ``None`` in the public surface means raw."""

    SPLIT = "split"
    TOTAL = "total"


class Frequency(StrEnum):
    """The bar length of a dataset."""

    TICK = "tick"
    MINUTE = "1min"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"

    @property
    def intraday(self) -> bool:
        """Whether ``time`` is a bar's end in UTC rather than a session date."""
        return self in (Frequency.TICK, Frequency.MINUTE, Frequency.HOUR)


class RunStatus(StrEnum):
    """Where a run stands. ``cancelling`` lasts until no process of the run is left."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether the run has ended."""
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST)
