"""Schedules: what fires, once, and what happens to those that could not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from job_installation import USER, Installation, notebook, wait_for
from tradewind.errors import InvalidInputError, NotFoundError, ParameterError
from tradewind.jobs import api, queue, schedules
from tradewind.jobs.api import Request, RunFilter, Schedule
from tradewind.jobs.tables import ready
from tradewind.jobs.tables import schedules as table
from tradewind.vocabulary import RunStatus

NEW_YORK = "America/New_York"
CONTENT = notebook("import tradewind as tw\ntw.record(x=x)", parameters="x: int = 1")


def create(here: Installation, when: str = "0 * * * *", **options: object) -> Schedule:
    request = Request(content=CONTENT, name="hourly", parameters={"x": 5})
    return api.create_schedule(here.settings, user=USER, request=request, when=when, **options)  # type: ignore[arg-type]


def set_next(here: Installation, schedule: Schedule, moment: datetime) -> None:
    """Move a schedule's next time, as if it had been created before."""
    with ready(here.settings).begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == schedule.id).values(next_at=moment))


def runs(here: Installation, schedule: Schedule) -> list[api.Run]:
    return api.list_runs(here.settings, RunFilter(schedule_id=schedule.id))


def test_a_schedule_says_when_it_fires(installation: Installation) -> None:
    here = installation
    made = create(here, "30 9 * * 1-5", time_zone=NEW_YORK)
    assert made.next_at == made.upcoming[0] and len(made.upcoming) == 5
    assert made.next_at > datetime.now(UTC)
    assert Schedule.from_document(made.as_document()).upcoming == made.upcoming
    assert [s.id for s in api.list_schedules(here.settings, user=USER)] == [made.id]
    assert api.list_schedules(here.settings, user="somebody") == []


def test_bad_schedules_are_refused(installation: Installation) -> None:
    here = installation
    with pytest.raises(InvalidInputError):
        create(here, "every day")
    with pytest.raises(InvalidInputError):
        create(here, time_zone="Mars")
    with pytest.raises(ParameterError):
        request = Request(content=CONTENT, parameters={"z": 1})
        api.create_schedule(here.settings, user=USER, request=request, when="0 * * * *")
    assert api.list_schedules(here.settings) == []


def test_a_tick_starts_one_run_whoever_ticks(installation: Installation) -> None:
    here = installation
    made = create(here)
    due = made.next_at
    assert due
    late = due + timedelta(seconds=1)
    assert schedules.fire(here.settings, made.id, made.generation, at=due - timedelta(seconds=1)) is None
    first = schedules.fire(here.settings, made.id, made.generation, at=late)
    assert first
    assert schedules.fire(here.settings, made.id, made.generation, at=late) is None
    (run,) = runs(here, made)
    assert (run.id, run.scheduled_for, run.parameters) == (first, due, {"x": 5})
    after = api.get_schedule(here.settings, made.id)
    assert (after.last_at, after.last_run_id) == (due, first)
    assert after.next_at == due + timedelta(hours=1)


def test_the_same_moment_never_runs_twice(installation: Installation) -> None:
    here = installation
    made = create(here)
    due = made.next_at
    assert due and schedules.fire(here.settings, made.id, 1, at=due)
    set_next(here, made, due)  # as after a restored backup
    with pytest.raises(sa.exc.IntegrityError):
        schedules.fire(here.settings, made.id, 1, at=due)
    assert len(runs(here, made)) == 1


def test_missed_times_are_made_up_for_once(installation: Installation) -> None:
    here = installation
    made = create(here)
    now = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
    set_next(here, made, now.replace(minute=0) - timedelta(hours=30))
    assert schedules.fire(here.settings, made.id, 1, at=now)
    (run,) = runs(here, made)
    assert run.scheduled_for == now.replace(minute=0)
    assert api.get_schedule(here.settings, made.id).next_at == now.replace(minute=0) + timedelta(hours=1)


def test_both_halves_past_one_of_an_autumn_night_are_two_moments(installation: Installation) -> None:
    here = installation
    made = create(here, "30 * * * *", time_zone=NEW_YORK)
    night = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    set_next(here, made, night)
    assert schedules.fire(here.settings, made.id, 1, at=night)
    assert schedules.fire(here.settings, made.id, 1, at=night + timedelta(hours=1))
    second, first = runs(here, made)
    assert first.scheduled_for and second.scheduled_for
    assert second.scheduled_for - first.scheduled_for == timedelta(hours=1)
    ticks = queue.client(ready(here.settings)).list_workflows(name=queue.TICK_WORKFLOW, load_input=False)
    ids = [tick.workflow_id for tick in ticks]
    assert f"tick-{made.id}-1-20261101T063000Z" in ids and f"tick-{made.id}-1-20261101T073000Z" in ids


def test_pausing_and_resuming(installation: Installation) -> None:
    here = installation
    made = create(here)
    due = made.next_at
    assert due
    paused = api.pause_schedule(here.settings, made.id)
    assert (paused.paused, paused.next_at, paused.upcoming) == (True, None, ())
    assert schedules.fire(here.settings, made.id, 1, at=due) is None
    resumed = api.resume_schedule(here.settings, made.id)
    assert resumed.generation == 2 and resumed.next_at
    assert schedules.fire(here.settings, made.id, 1, at=due) is None  # the timer of before
    assert schedules.fire(here.settings, made.id, 2, at=resumed.next_at)
    changed = api.change_schedule(here.settings, made.id, when="after_close XNYS 30min")
    assert changed.generation == 3 and changed.when == "after_close XNYS 30min"
    api.delete_schedule(here.settings, made.id)
    with pytest.raises(NotFoundError):
        api.get_schedule(here.settings, made.id)
    assert len(runs(here, made)) == 1


def test_a_template_that_is_gone_is_said(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewind.jobs import templates

    here = installation
    request = Request(template="backtest", parameters={"fast": 5})
    made = api.create_schedule(here.settings, user=USER, request=request, when="0 * * * *")
    monkeypatch.setattr(templates, "folder", lambda: Path("/nowhere"))
    assert made.next_at and schedules.fire(here.settings, made.id, 1, at=made.next_at) is None
    after = api.get_schedule(here.settings, made.id)
    assert "no template 'backtest'" in after.error
    assert after.next_at == made.next_at + timedelta(hours=1)


def test_a_schedule_fires_on_a_worker(installation: Installation) -> None:
    here = installation
    made = create(here, "0 0 1 1 *")
    soon = datetime.now(UTC) + timedelta(seconds=3)
    set_next(here, made, soon)
    with ready(here.settings).begin() as connection:
        queue.enqueue_tick(connection, made.id, made.generation, soon, datetime.now(UTC))
    here.start_worker()
    (run,) = wait_for(lambda: runs(here, made), 30, "the schedule to fire")
    assert run.queued_at >= soon
    ended = here.finish(run)
    assert (ended.status, ended.metrics) == (RunStatus.SUCCEEDED, {"x": 5})
    again = here.finish(api.run_now(here.settings, made.id))
    assert (again.status, again.scheduled_for, again.schedule_id) == (RunStatus.SUCCEEDED, None, made.id)


def test_a_lost_timer_is_set_again(installation: Installation) -> None:
    here = installation
    made = create(here, "0 0 1 1 *")
    set_next(here, made, datetime.now(UTC) - timedelta(minutes=5))  # and no timer for it
    here.start_worker()
    (run,) = wait_for(lambda: runs(here, made), 30, "the reaper to notice")
    here.finish(run)
    assert len(runs(here, made)) == 1


def test_a_removed_users_schedules_and_runs_go_to_the_heir(installation: Installation) -> None:
    here = installation
    made = create(here)
    run = here.submit(CONTENT)
    assert api.hand_over(here.settings, owner=USER, to="heir") == 2
    kept = api.get_schedule(here.settings, made.id)
    assert (kept.user, kept.next_at) == ("heir", None), "a notebook somebody else wrote waits to be read"
    assert (here.get(run).user, here.get(run).status) == ("heir", RunStatus.CANCELLED)
