"""The rebalance calendar: at which bars a portfolio strategy decides again."""

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import calendars
from tradewind.errors import ParameterError, did_you_mean
from tradewind.vocabulary import TIME, Frequency

CALENDAR = ("bars", "session", "week", "month", "quarter", "year")
_PANDAS = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}


def rebalance_bars(ds: xr.Dataset, rebalance: str = "month", every: int = 1) -> np.ndarray:
    """Say at which bars to rebalance.

    Parameters
    ----------
    ds : Dataset [time]
        Its times, and its ``calendar`` and ``frequency`` attributes.
    rebalance
        ``"bars"``: every ``every``-th bar, the first one included. Otherwise the last bar of each session
        (of the dataset's market), week (to Sunday), month, quarter or year.
    every
        Every how many of those, counted on the calendar from 1970 and so the same whenever the data begin.

    Returns
    -------
    array of bool [time]
        The last bar of the data counts only if the market's calendar says that its period ends there.

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
    days = _sessions(times, frequency, code)
    after = _next_session(days[-1], code) if len(days) else days[:0]
    number = _period(np.concatenate((days, after)), rebalance)
    last = np.zeros(len(times), dtype=bool)
    last[: len(number) - 1] = number[1:] != number[:-1]
    if len(after) and frequency and Frequency(frequency).intraday:
        last[-1] = False  # its session may go on: nobody knows yet
    due: np.ndarray = last & (number[: len(times)] % every == every - 1)
    return due


def _sessions(times: np.ndarray, frequency: str, code: str) -> np.ndarray:
    intraday = bool(frequency) and Frequency(frequency).intraday
    return calendars.session_dates(times, code) if intraday and code else times.astype("M8[D]")


def _next_session(day: np.datetime64, code: str) -> np.ndarray:
    if not code:
        return np.array([], dtype="M8[D]")
    return calendars.next_sessions(code, np.array([day + np.timedelta64(1, "D")], dtype="M8[D]"))


def _period(days: np.ndarray, rebalance: str) -> np.ndarray:
    if rebalance == "session":
        return np.asarray(days.astype(np.int64))
    ordinals: np.ndarray = pd.DatetimeIndex(days).to_period(_PANDAS[rebalance]).asi8
    return ordinals
