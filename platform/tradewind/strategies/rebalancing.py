"""The rebalance calendar: at which bars a portfolio strategy decides again."""

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import calendars
from tradewind.errors import ParameterError, did_you_mean
from tradewind.vocabulary import TIME, Frequency

CALENDAR = ("bars", "session", "week", "month", "quarter", "year")
_PANDAS = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
_DAY = np.timedelta64(1, "D")
_UNKNOWN = np.timedelta64(31, "D")
"""No exchange is closed so long: its calendar does not reach that far back."""


def rebalance_bars(ds: xr.Dataset, rebalance: str = "month", every: int = 1) -> np.ndarray:
    """Say at which bars to rebalance, each from what is known at its close.

    Parameters
    ----------
    ds : Dataset [time]
        Its times, and its ``calendar`` and ``frequency`` attributes.
    rebalance
        ``"bars"``: every ``every``-th bar, the first one included. Otherwise the end of each session (of the
        dataset's market), week (to Sunday), month, quarter or year.
    every
        Every how many of those, counted on the calendar from 1970 and so the same whenever the data begin.

    Returns
    -------
    array of bool [time]
        The bar of a period's last session by the market's calendar, which is known in advance; of intraday
        bars the one that reaches the session's close. Where that bar is missing, the first one after the
        period; where the dataset names no calendar, the period's last day or the first bar after it. Later
        bars never change it.

    Raises
    ------
    ParameterError
        No such calendar.
    """
    if rebalance not in CALENDAR:
        raise ParameterError(f"There is no rebalance {rebalance!r}.", did_you_mean(rebalance, CALENDAR))
    times = ds[TIME].values
    if rebalance == "bars":
        counted: np.ndarray = np.arange(len(times)) % every == 0
        return counted
    frequency, code = str(ds.attrs.get("frequency", "")), str(ds.attrs.get("calendar", ""))
    intraday = bool(frequency) and Frequency(frequency).intraday
    days = calendars.session_dates(times, code) if intraday and code else times.astype("M8[D]")
    if not len(days):
        return np.zeros(0, dtype=bool)
    begun = _following(days, code if rebalance != "session" else "")
    if intraday:
        begun = np.where(_closed(times, days, code), begun, days)
    over = _period(begun, rebalance) // every
    due: np.ndarray = np.diff(over, prepend=_period(days[:1], rebalance) // every) > 0
    return due


def _following(days: np.ndarray, code: str) -> np.ndarray:
    """The first day on which there can be another session."""
    tomorrow = days + _DAY
    if not code:
        return tomorrow
    after = calendars.next_sessions(code, tomorrow)
    return np.where(after - days < _UNKNOWN, after, tomorrow)


def _closed(times: np.ndarray, days: np.ndarray, code: str) -> np.ndarray:
    """Whether the session of intraday bars is over at their ends; without a calendar nobody knows."""
    if not code:
        return np.zeros(len(times), dtype=bool)
    _, closes = calendars.session_hours(days, code)
    over: np.ndarray = times >= closes
    return over


def _period(days: np.ndarray, rebalance: str) -> np.ndarray:
    """The number of the period that each day lies in, from 1970."""
    if rebalance == "session":
        return np.asarray(days.astype(np.int64))
    ordinals: np.ndarray = pd.DatetimeIndex(days).to_period(_PANDAS[rebalance]).asi8
    return ordinals
