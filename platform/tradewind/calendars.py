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
            return _covering(code, first)
    except xc.errors.InvalidCalendarName:
        known = xc.get_calendar_names()
        raise InvalidInputError(f"There is no calendar {code!r}.", did_you_mean(code, known)) from None


def _covering(code: str, first: str) -> "ExchangeCalendar":
    import exchange_calendars as xc
    import pandas as pd

    try:
        return xc.get_calendar(code, start=first)
    except ValueError:  # some exchanges are not known as far back
        earliest = type(xc.get_calendar(code)).bound_min()
        if earliest is None or earliest <= pd.Timestamp(first):
            raise
        return xc.get_calendar(code, start=earliest)


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


def session_dates(times: np.ndarray, code: str) -> np.ndarray:
    """Return the session that each moment belongs to, by the date on the exchange's own clock.

    Parameters
    ----------
    times
        ``datetime64[ns]`` in UTC: ends of bars, so that one that ends at midnight belongs to the day before.
    code
        The calendar's code.
    """
    inside = times.astype("M8[ns]") - np.timedelta64(1, "ns")
    if code == ALWAYS_OPEN:
        days: np.ndarray = inside.astype("M8[D]")
        return days
    import pandas as pd

    local = pd.DatetimeIndex(inside).tz_localize("UTC").tz_convert(calendar(code).tz).tz_localize(None)
    dates: np.ndarray = local.to_numpy().astype("M8[D]")
    return dates


def session_hours(days: np.ndarray, code: str) -> tuple[np.ndarray, np.ndarray]:
    """Return when each session opens and closes, ``datetime64[ns]`` in UTC.

    Parameters
    ----------
    days
        ``datetime64[D]``; a day without a session counts as a whole day in UTC.
    code
        The calendar's code.
    """
    opens: np.ndarray = days.astype("M8[ns]")
    closes: np.ndarray = opens + np.timedelta64(86_400_000_000_000, "ns")
    if code == ALWAYS_OPEN or not days.size:
        return opens, closes
    first = _first_year(days.min())
    held, known = _closes(code, first)
    started = _opens(code, first)
    place = np.searchsorted(held, days)
    hit = (place < len(held)) & (held[np.minimum(place, len(held) - 1)] == days)
    opens[hit], closes[hit] = started[place[hit]], known[place[hit]]
    return opens, closes


def _first_year(day: np.datetime64) -> str:
    first = min(day.astype("M8[D]"), np.datetime64("1990-01-01"))
    return f"{first.astype('M8[Y]')}-01-01"


@lru_cache(maxsize=32)
def _opens(code: str, first: str) -> np.ndarray:
    opens = calendar(code, first).opens
    found: np.ndarray = opens.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[ns]")
    return found


@lru_cache(maxsize=32)
def _closes(code: str, first: str) -> tuple[np.ndarray, np.ndarray]:
    closes = calendar(code, first).closes
    days = closes.index.to_numpy().astype("M8[D]")
    return days, closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[ns]")
