"""How many bars a year has."""

import numpy as np

from tradewind.vocabulary import Frequency

TRADING_DAYS = 252
CRYPTO_DAYS = 365
_PER_YEAR = {Frequency.DAY: TRADING_DAYS, Frequency.WEEK: 52, Frequency.MONTH: 12}
ROUND_THE_CLOCK = ("24/7", "CRYPTO")


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
        The dataset's; ``24/7`` trades all days.
    """
    days = CRYPTO_DAYS if calendar.upper() in ROUND_THE_CLOCK else TRADING_DAYS
    try:
        known = Frequency(frequency)
    except ValueError:
        known = None
    if known is Frequency.DAY:
        return float(days)
    if known in _PER_YEAR:
        return float(_PER_YEAR[known])
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
