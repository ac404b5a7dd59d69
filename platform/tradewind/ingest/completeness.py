"""Whether a source's answer is whole: against the calendar, and against what the source says of itself."""

from datetime import UTC, datetime, timedelta

import numpy as np

from tradewind import calendars
from tradewind.ingest.sources.base import Series, Wanted
from tradewind.ingest.sources.failures import PartialDataError
from tradewind.vocabulary import Frequency

LONGEST_HOLE = 5
"""Sessions in a row that may lack a bar; a longer suspension is asked about at another source."""
MOST_MISSING = 0.02
_STEPS = {Frequency.MINUTE: timedelta(minutes=1), Frequency.HOUR: timedelta(hours=1)}


def last_known(frequency: Frequency, code: str, lag: timedelta, now: datetime | None = None) -> np.datetime64:
    """Return the time of the last bar that can be known: nothing later is asked for.

    Parameters
    ----------
    frequency
        Minutes, hours or days.
    code
        The calendar's code.
    lag
        How long after its end a bar can be known.
    now
        With a time zone; given by tests.

    Returns
    -------
    numpy.datetime64
        A session date, or a bar's end in UTC.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None) - lag
    then = np.datetime64(moment, "ns")
    today = then.astype("M8[D]")
    days = calendars.sessions(code, today - np.timedelta64(15, "D"), today + np.timedelta64(1, "D"))
    opens, closes = calendars.session_hours(days, code)
    if not frequency.intraday:
        session: np.datetime64 = days[closes <= then][-1].astype("M8[ns]")
        return session
    begun = opens <= then
    step = np.timedelta64(int(_STEPS[frequency].total_seconds()), "s").astype("m8[ns]")
    opened, closed = opens[begun][-1], closes[begun][-1]
    if then >= closed:
        last: np.datetime64 = closed
        return last
    if code == calendars.ALWAYS_OPEN:
        opened = np.datetime64(0, "ns")
    ended: np.datetime64 = opened + (then - opened) // step * step
    return ended


def check_whole(series: Series, wanted: Wanted, code: str) -> np.datetime64 | None:
    """Refuse an answer that lacks what it must have.

    Parameters
    ----------
    series
        The answer, cut to what was wanted.
    wanted
        The question.
    code
        The calendar's code.

    Returns
    -------
    numpy.datetime64 or None
        The last bar, where the answer ends before what was wanted and the source does not say why: a
        delisting, a suspension, or bars that are yet to come. None where it is whole.

    Raises
    ------
    PartialDataError
        Bars are missing at the start, inside, or at an end the source itself says it has.
    """
    who, times = repr(wanted.symbol), series.times
    if not times.size:
        raise PartialDataError(f"There is not one bar of {who} between {wanted.start} and {wanted.end}.")
    if wanted.frequency.intraday:
        return None if times[-1] >= wanted.end else times[-1]
    days = times.astype("M8[D]")
    expected = calendars.sessions(code, wanted.start, wanted.end)
    if series.listed is not None:
        expected = expected[expected >= series.listed.astype("M8[D]")]
        if expected.size and (early := int((expected < days[0]).sum())) > LONGEST_HOLE:
            raise PartialDataError(f"{early} sessions are missing at the start of {who}, until {days[0]}.")
    inside = expected[(expected >= days[0]) & (expected <= days[-1])]
    held = np.isin(inside, days)
    missing = int((~held).sum())
    if missing > MOST_MISSING * len(inside) or _longest_run(~held) > LONGEST_HOLE:
        raise PartialDataError(
            f"{missing} of {len(inside)} sessions of {code} are missing in {who}, first {inside[~held][0]}."
        )
    if not (expected > days[-1]).any():
        return None
    if series.ends is not None and (expected <= series.ends.astype("M8[D]"))[expected > days[-1]].any():
        raise PartialDataError(
            f"{who} ends on {days[-1]}, and the source says it has bars up to {series.ends.astype('M8[D]')}."
        )
    last: np.datetime64 = times[-1]
    return last


def _longest_run(mask: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0
