"""Event-time guard: reads of what the market did not know yet raise."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np

from tradewind.errors import LookaheadError
from tradewind.store.moments import moment

_lock = threading.Lock()
_active: list[np.datetime64] = []


def active() -> np.datetime64 | None:
    """Return the earliest moment any guard of this process holds at, or None."""
    with _lock:
        return min(_active, default=None)


@contextmanager
def guard(until: str | datetime | np.datetime64) -> Iterator[None]:
    """Raise on every read of anything that was not known in the market at ``until``.

    A bar counts as known when its session has closed (daily) or it has ended (intraday), plus the dataset's
    publication lag. Splits and dividends that came into force later are left out of adjusted prices. The
    strictest guard of the process holds for all of its threads, and a lazy dataset sent to another process
    takes it along: a backtest cannot get round it by handing work on.

    Parameters
    ----------
    until
        A moment; without a zone it is UTC, a bare date is its first moment.

    Raises
    ------
    LookaheadError
        By the read, when it touches what was not known.
    """
    limit = moment(until)
    with _lock:
        _active.append(limit)
    try:
        yield
    finally:
        with _lock:
            _active.remove(limit)


def check(dataset: str, known: np.ndarray, until: np.datetime64) -> None:
    """Refuse a read whose latest value was not known at a moment.

    Parameters
    ----------
    dataset
        For the message.
    known
        When each value that the read touches became known, ``datetime64[ns]`` in UTC.
    until
        The guard's moment.
    """
    if known.size and (latest := known.max()) > until:
        raise LookaheadError(
            f"This read of {dataset!r} reaches data that was known at {latest.astype('M8[s]')}Z only; "
            f"the guard holds at {until.astype('M8[s]')}Z.",
            "Select earlier times, such as .sel(time=slice(None, day)).",
        )
