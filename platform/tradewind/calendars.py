"""Trading calendars: when a session closed, and so when a bar could be known.

exchange_calendars takes half a second to import and does so only when a calendar is needed.
"""

import warnings
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.vocabulary import Frequency

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

ALWAYS_OPEN = "24/7"


@lru_cache(maxsize=32)
def calendar(code: str, first: str = "1990-01-01") -> "ExchangeCalendar":
    """Return an exchange's calendar.

    Parameters
    ----------
    code
        An exchange_calendars code, such as ``XNYS`` or ``24/7``.
    first
        The first date it must cover.

    Raises
    ------
    InvalidInputError
        No such calendar.
    """
    import exchange_calendars as xc

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # exchange_calendars' own use of pandas
            return xc.get_calendar(code, start=first)
    except xc.errors.InvalidCalendarName:
        known = xc.get_calendar_names()
        raise InvalidInputError(f"There is no calendar {code!r}.", did_you_mean(code, known)) from None


def known_at(times: np.ndarray, *, frequency: Frequency, code: str, lag: timedelta) -> np.ndarray:
    """Return when each bar could be known.

    Parameters
    ----------
    times
        ``datetime64[ns]``: session dates for daily and slower bars, ends in UTC for intraday ones.
    frequency
        The bar length.
    code
        The calendar's code.
    lag
        The dataset's publication lag.

    Returns
    -------
    numpy.ndarray
        ``datetime64[ns]`` in UTC: the session's close plus the lag. A date that is no session of the calendar
        counts as known at the end of that day in UTC.
    """
    delay = np.timedelta64(lag)
    if frequency.intraday or times.size == 0:
        shifted: np.ndarray = times.astype("M8[ns]") + delay
        return shifted
    days = times.astype("M8[D]")
    ends: np.ndarray = (days + np.timedelta64(1, "D")).astype("M8[ns]")
    if code != ALWAYS_OPEN:
        first = min(days.min(), np.datetime64("1990-01-01"))
        sessions, closes = _closes(code, str(first.astype("M8[Y]")) + "-01-01")
        place = np.searchsorted(sessions, days)
        hit = (place < len(sessions)) & (sessions[np.minimum(place, len(sessions) - 1)] == days)
        ends[hit] = closes[place[hit]]
    known: np.ndarray = ends + delay
    return known


@lru_cache(maxsize=32)
def _closes(code: str, first: str) -> tuple[np.ndarray, np.ndarray]:
    closes = calendar(code, first).closes
    sessions = closes.index.to_numpy().astype("M8[D]")
    return sessions, closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[ns]")
