"""When a schedule fires: cron expressions in a time zone, or a while after a market's close."""

import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter

from tradewind.errors import InvalidInputError, did_you_mean

_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600}
_LONGEST_DELAY = timedelta(hours=20)
_ALIASES = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip


class When(Protocol):
    """A rule that names moments."""

    def next(self, after: datetime) -> datetime:
        """Return the first moment after another one, in UTC."""


@dataclass(frozen=True)
class Cron:
    """Five cron fields, read in a time zone.

    A job at a fixed hour runs once a day, also on the two days a year on which clocks change: an hour that is
    skipped runs right after the gap, one that comes twice runs the first time. A job of every hour or minute
    runs by elapsed time. (The rule of Debian's cron.)

    Parameters
    ----------
    expression
        Minute, hour, day of month, month, day of week; or ``@daily`` and the like.
    time_zone
        IANA name.
    """

    expression: str
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.time_zone not in _zones():
            raise InvalidInputError(
                f"'{self.time_zone}' is no time zone.", did_you_mean(self.time_zone, _zones())
            )
        fields = self.fields
        hint = "Give five fields, such as '0 18 * * 1-5': minute, hour, day, month, day of week."
        if len(fields) != 5 or not croniter.is_valid(" ".join(fields)):
            raise InvalidInputError(f"'{self.expression}' is no cron expression.", hint)
        try:
            self.next(datetime.now(UTC))
        except ValueError:
            raise InvalidInputError(f"'{self.expression}' never comes.", hint) from None

    @property
    def fields(self) -> list[str]:
        """The five fields."""
        return _ALIASES.get(self.expression.strip(), self.expression).split()

    def next(self, after: datetime) -> datetime:
        """Return the first moment after another one, in UTC."""
        zone = ZoneInfo(self.time_zone)
        text = " ".join(self.fields)
        if self.fields[1].startswith("*"):
            return self._elapsed(text, zone, after)
        # On the wall clock: a skipped hour and a repeated one each come once.
        local = after.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)
        walk = croniter(text, local)
        while True:
            found: datetime = walk.get_next(datetime)
            moment = found.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if moment > after:
                return moment

    @staticmethod
    def _elapsed(text: str, zone: ZoneInfo, after: datetime) -> datetime:
        # Within one UTC offset the wall clock runs evenly; from a change of offset on the search starts
        # again.
        offset = after.astimezone(zone).utcoffset() or timedelta(0)
        local = (after + offset).replace(tzinfo=None)
        for _ in range(4):
            naive: datetime = croniter(text, local).get_next(datetime)
            moment = (naive - offset).replace(tzinfo=UTC)
            if (moment.astimezone(zone).utcoffset() or timedelta(0)) == offset:
                return moment
            change = _change(after, moment, zone)
            offset = change.astimezone(zone).utcoffset() or timedelta(0)
            local = (change + offset).replace(tzinfo=None) - timedelta(seconds=1)
        raise ValueError(text)

    def __str__(self) -> str:
        return self.expression


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment between two others at which a zone's offset changes, to the second."""
    low = low.replace(microsecond=0)
    before = low.astimezone(zone).utcoffset()
    same, other = 0, int((high - low).total_seconds())
    while other - same > 1:
        middle = (same + other) // 2
        if (low + timedelta(seconds=middle)).astimezone(zone).utcoffset() == before:
            same = middle
        else:
            other = middle
    return low + timedelta(seconds=other)


@dataclass(frozen=True)
class AfterClose:
    """A while after each session's close of a market, early closes and holidays included.

    Parameters
    ----------
    calendar
        A code of ``exchange_calendars``, such as ``XNYS``.
    delay
        How long after the close.
    """

    calendar: str
    delay: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        known = _calendars()
        if self.calendar not in known:
            raise InvalidInputError(
                f"There is no market '{self.calendar}'.", did_you_mean(self.calendar, known)
            )
        if not timedelta(0) <= self.delay <= _LONGEST_DELAY:
            raise InvalidInputError(f"A delay of {self.delay} is out of range.", "Give 0 to 20 hours.")

    def next(self, after: datetime) -> datetime:
        """Return the first moment after another one, in UTC."""
        closes = _closes(self.calendar, after.year)
        return next(close + self.delay for close in closes if close + self.delay > after)

    def __str__(self) -> str:
        minutes = int(self.delay.total_seconds() // 60)
        return f"after_close {self.calendar} {minutes}min"


def after_close(calendar: str = "XNYS", delay: str = "0min") -> AfterClose:
    """Return the rule "a while after a market has closed", for schedules.

    Parameters
    ----------
    calendar
        The market's code, such as ``XNYS`` or ``XLON``.
    delay
        How long after the close: ``"30min"``, ``"2h"``.

    Examples
    --------
    >>> str(after_close("XNYS", "30min"))
    'after_close XNYS 30min'
    """
    return AfterClose(calendar, _duration(delay))


def parse(when: Any, time_zone: str = "UTC") -> When:
    """Read a rule from its text.

    Parameters
    ----------
    when
        A cron expression, ``after_close XNYS 30min``, or a rule itself.
    time_zone
        The zone of a cron expression.

    Raises
    ------
    InvalidInputError
        It is neither.
    """
    if isinstance(when, Cron | AfterClose):
        return when
    text = str(when).strip()
    if text.startswith("after_close"):
        words = text.split()
        if len(words) not in (2, 3):
            raise InvalidInputError(f"'{text}' is incomplete.", "Write 'after_close XNYS 30min'.")
        return after_close(*words[1:])
    return Cron(text, time_zone)


def upcoming(rule: When, after: datetime, count: int) -> tuple[datetime, ...]:
    """Return the next moments of a rule, in UTC."""
    found: list[datetime] = []
    for _ in range(count):
        after = rule.next(after)
        found.append(after)
    return tuple(found)


def latest(rule: When, first: datetime, now: datetime) -> datetime:
    """Return the last moment that is not after ``now``, starting from one that is known to have come.

    What was missed while nothing ran is made up for once, not once for each moment.
    """
    while (following := rule.next(first)) <= now:
        first = following
    return first


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"\s*(\d+)\s*(s|sec|m|min|h|hour)?s?\s*", text)
    if not found:
        raise InvalidInputError(f"'{text}' is no length of time.", "Write it as '30min' or '2h'.")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2] or "min"])


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _calendars() -> frozenset[str]:
    from exchange_calendars import get_calendar_names  # half a second, and most schedules are cron

    return frozenset(get_calendar_names())


@cache
def _closes(calendar: str, year: int) -> tuple[datetime, ...]:
    """Return the closes of a market from a little before a year until a little after the next one's start."""
    from exchange_calendars import get_calendar

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # exchange_calendars' own use of pandas
        found = get_calendar(calendar, start=f"{year - 1}-12-15", end=f"{year + 1}-01-31")
    return tuple(close.to_pydatetime() for close in found.closes.dt.tz_convert("UTC"))
