"""When schedules fire: against a calendar that is walked minute by minute, and against the exchange's own."""

import warnings
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from exchange_calendars import get_calendar
from hypothesis import given, settings
from hypothesis import strategies as st
from tradewind.errors import InvalidInputError
from tradewind.jobs.when import Cron, after_close, latest, parse, upcoming

NEW_YORK = "America/New_York"
ZONES = [NEW_YORK, "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
AROUND_CHANGES = [
    datetime(2026, 10, 31, tzinfo=UTC),
    datetime(2027, 3, 13, tzinfo=UTC),
    datetime(2027, 3, 27, tzinfo=UTC),
    datetime(2027, 4, 3, tzinfo=UTC),
    datetime(2026, 10, 3, tzinfo=UTC),
]


def walked(minute: int | None, zone: str, start: datetime, days: int) -> list[datetime]:
    """Every moment at which the local minute is such: by elapsed time, whatever the clocks do."""
    moments = (start + timedelta(minutes=m) for m in range(1, days * 1440))
    return [m for m in moments if minute is None or m.astimezone(ZoneInfo(zone)).minute == minute]


@given(minute=st.integers(0, 59), zone=st.sampled_from(ZONES), start=st.sampled_from(AROUND_CHANGES))
@settings(max_examples=60, deadline=None)
def test_every_hour_is_every_hour_of_elapsed_time(minute: int, zone: str, start: datetime) -> None:
    expected = walked(minute, zone, start, 3)
    assert list(upcoming(Cron(f"{minute} * * * *", zone), start, len(expected))) == expected


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(AROUND_CHANGES),
)
@settings(max_examples=150, deadline=None)
def test_a_fixed_time_comes_once_on_every_local_day(
    hour: int, minute: int, zone: str, start: datetime
) -> None:
    here = ZoneInfo(zone)
    found = upcoming(Cron(f"{minute} {hour} * * *", zone), start, 5)
    days = [moment.astimezone(here).date() for moment in found]
    assert days == [days[0] + timedelta(days=n) for n in range(5)]
    for moment in found:
        local = moment.astimezone(here)
        wanted = local.replace(hour=hour, minute=minute, fold=0)
        exists = wanted.astimezone(UTC).astimezone(here).replace(tzinfo=None) == wanted.replace(tzinfo=None)
        assert not exists or moment == wanted.astimezone(UTC)


def test_half_past_one_in_the_night_that_has_it_twice() -> None:
    found = upcoming(Cron("30 1 * * *", NEW_YORK), datetime(2026, 11, 1, 0, 0, tzinfo=UTC), 2)
    assert [f"{m:%Y-%m-%dT%H:%MZ}" for m in found] == ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]
    hourly = upcoming(Cron("30 * * * *", NEW_YORK), datetime(2026, 11, 1, 5, 0, tzinfo=UTC), 2)
    local = [m.astimezone(ZoneInfo(NEW_YORK)) for m in hourly]
    assert [f"{m:%H:%M}" for m in local] == ["01:30", "01:30"]
    assert hourly[1] - hourly[0] == timedelta(hours=1)


def test_after_close_follows_holidays_and_early_closes() -> None:
    rule = after_close("XNYS", "30min")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pandas
        calendar = get_calendar("XNYS")
    schedule = calendar.schedule.loc["2026-11-20":"2027-01-08"]  # type: ignore[misc]
    expected = [close.to_pydatetime() + timedelta(minutes=30) for close in schedule["close"]]
    start = datetime(2026, 11, 20, tzinfo=UTC)
    assert list(upcoming(rule, start, len(expected))) == expected
    # The day after Thanksgiving closes at 13:00 in New York.
    assert datetime(2026, 11, 27, 18, 30, tzinfo=UTC) in expected


def test_a_rule_is_its_own_text() -> None:
    assert parse(str(after_close("XLON", "2h"))) == after_close("XLON", "120min")
    assert parse("0 18 * * 1-5", NEW_YORK) == Cron("0 18 * * 1-5", NEW_YORK)


def test_what_was_missed_is_made_up_for_once() -> None:
    rule = Cron("0 * * * *")
    first = datetime(2026, 1, 1, 3, tzinfo=UTC)
    assert latest(rule, first, datetime(2026, 1, 1, 9, 59, tzinfo=UTC)) == datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert latest(rule, first, first) == first


@pytest.mark.parametrize(
    ("when", "zone"),
    [
        ("", "UTC"),
        ("* * * *", "UTC"),
        ("* * * * * *", "UTC"),
        ("61 * * * *", "UTC"),
        ("0 0 30 2 *", "UTC"),
        ("every day", "UTC"),
        ("0 18 * * *", "America/New_Yrok"),
        ("after_close XNYZ", "UTC"),
        ("after_close", "UTC"),
        ("after_close XNYS soon", "UTC"),
        ("after_close XNYS 30h", "UTC"),
    ],
)
def test_nonsense_is_refused(when: str, zone: str) -> None:
    with pytest.raises(InvalidInputError):
        parse(when, zone)
