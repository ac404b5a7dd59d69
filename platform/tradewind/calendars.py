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
        held, closes = _closes(code, _first_year(days.min()))
        place = np.searchsorted(held, days)
        hit = (place < len(held)) & (held[np.minimum(place, len(held) - 1)] == days)
        ends[hit] = closes[place[hit]]
    known: np.ndarray = ends + delay
    return known


def sessions(code: str, first: np.datetime64, last: np.datetime64) -> np.ndarray:
    """Return a calendar's sessions from one date to another, both included.

    Parameters
    ----------
    code
        The calendar's code.
    first, last
        Dates.
    """
    first, last = first.astype("M8[D]"), last.astype("M8[D]")
    if code == ALWAYS_OPEN:
        return np.arange(first, last + np.timedelta64(1, "D"))
    days, _ = _closes(code, _first_year(first))
    held: np.ndarray = days[np.searchsorted(days, first) : np.searchsorted(days, last, side="right")]
    return held


def next_sessions(code: str, days: np.ndarray) -> np.ndarray:
    """Return the first session on or after each day; a day beyond the calendar's end stays.

    Parameters
    ----------
    code
        The calendar's code.
    days
        ``datetime64[D]``.
    """
    if code == ALWAYS_OPEN or days.size == 0:
        return days
    held, _ = _closes(code, _first_year(days.min()))
    place = np.searchsorted(held, days)
    return np.where(place < len(held), held[np.minimum(place, len(held) - 1)], days)


def _first_year(day: np.datetime64) -> str:
    first = min(day.astype("M8[D]"), np.datetime64("1990-01-01"))
    return f"{first.astype('M8[Y]')}-01-01"


@lru_cache(maxsize=32)
def _closes(code: str, first: str) -> tuple[np.ndarray, np.ndarray]:
    closes = calendar(code, first).closes
    days = closes.index.to_numpy().astype("M8[D]")
    return days, closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[ns]")
