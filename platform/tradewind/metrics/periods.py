"""How many bars a year has."""

import numpy as np

from tradewind.vocabulary import Frequency

TRADING_DAYS = 252
CRYPTO_DAYS = 365
_PER_YEAR = {Frequency.WEEK: 52, Frequency.MONTH: 12}
ROUND_THE_CLOCK = ("24/7", "CRYPTO")
QUARTER = 90
"""Days of data below which the share of weekends depends much on the day they begin at."""
FORTNIGHT = 14
"""Days of data below which weekends say nothing."""
SEVEN_DAYS = (0.25, 0.33)
"""The share of bars on Saturdays and Sundays where all days are traded; 2/7 = 0.286. Five days from Sunday
on, as in Riyadh, give 0.20, and six with currencies' Sunday evenings 0.17."""
FEWEST = 0.20
"""The least such share in a short span: 4 of 19 days that begin on a Monday are 0.21."""


def days_per_year(time: np.ndarray, calendar: str = "") -> int:
    """Return the trading days a year.

    Parameters
    ----------
    time
        The bars' times, sorted.
    calendar
        The dataset's; where it has none, 365 if ``time`` spans a quarter of a year at least and about two of
        seven bars are on weekends, or two weeks at least with bars on all seven days and one of five on
        weekends.
    """
    if calendar:
        return CRYPTO_DAYS if calendar.upper() in ROUND_THE_CLOCK else TRADING_DAYS
    days = np.asarray(time, dtype="datetime64").astype("M8[D]").view(np.int64)
    if len(days) < FORTNIGHT or days[-1] - days[0] < FORTNIGHT - 1:
        return TRADING_DAYS
    bars = np.bincount((days + 3) % 7, minlength=7)  # by weekday from Monday: 1970 began on a Thursday
    weekends = bars[5:].sum() / len(days)
    if len(days) < QUARTER or days[-1] - days[0] < QUARTER:
        every = (
            bars.all() and weekends >= FEWEST
        )  # markets of five days may have Saturdays or Sundays, or both
    else:
        every = SEVEN_DAYS[0] <= weekends <= SEVEN_DAYS[1]
    return CRYPTO_DAYS if every else TRADING_DAYS


def periods_per_year(time: np.ndarray, frequency: str = "", calendar: str = "") -> float:
    """Return the number of bars a year.

    Parameters
    ----------
    time
        The bars' times, sorted.
    frequency
        The dataset's: daily 252 (365 round the clock), weekly 52, monthly 12. Intraday and unknown ones are
        counted: bars a day seen in ``time``, times the days a year.
    calendar
        The dataset's; ``24/7`` trades all days. Without one the weekends decide: see :func:`days_per_year`.
    """
    try:
        known = Frequency(frequency)
    except ValueError:
        known = None
    if known in _PER_YEAR:
        return float(_PER_YEAR[known])
    days = days_per_year(time, calendar)
    if known is Frequency.DAY:
        return float(days)
    stamps = np.asarray(time, dtype="datetime64")
    if len(stamps) < 3:
        return float(days)
    ticks = stamps.view(np.int64)
    day = int(np.array(1, dtype="m8[D]").astype(stamps.dtype.str.replace("M8", "m8")).view(np.int64))
    if known is None:
        step = float(np.median(np.diff(ticks))) / day
        if step >= 25.0:
            return 12.0
        if step >= 5.0:
            return 52.0
        if step >= 0.9:
            return float(days)
    seen = 1 + np.count_nonzero(np.diff(ticks // day))
    return float(days) * len(stamps) / seen
