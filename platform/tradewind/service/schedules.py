"""Schedules for a caller."""

from collections.abc import Sequence

from tradewind import audit
from tradewind.errors import InvalidInputError, NotFoundError
from tradewind.jobs import api
from tradewind.jobs.api import Run, Schedule
from tradewind.service.context import Context
from tradewind.service.identity import Identity
from tradewind.service.models import NewSchedule, ScheduleChange
from tradewind.service.runs import request_of

MOST = 1000


def listed(here: Context, identity: Identity, user: str = "") -> Sequence[Schedule]:
    """Return the caller's schedules; administrators see everybody's, or one user's."""
    return api.list_schedules(here.settings, user=user if identity.admin else identity.name, limit=MOST)


def find(here: Context, identity: Identity, schedule_id: str) -> Schedule:
    """Return a schedule of the caller's; administrators may see all."""
    found = api.get_schedule(here.settings, schedule_id)
    if found.user != identity.name and not identity.admin:
        raise NotFoundError(f"There is no schedule '{schedule_id}'.")
    return found


def create(here: Context, identity: Identity, body: NewSchedule, *, texts: bool = False) -> Schedule:
    """Create a schedule of the caller's."""
    found = api.create_schedule(
        here.settings,
        user=identity.name,
        request=request_of(here, identity, body, texts=texts),
        when=body.when,
        time_zone=body.time_zone,
        groups=sorted(identity.groups),
        admin=identity.admin_account,
    )
    audit.record(
        here.settings, identity.name, "schedule.create", found.id, template=found.template, when=found.when
    )
    return found


def change(here: Context, identity: Identity, schedule_id: str, body: ScheduleChange) -> Schedule:
    """Pause, resume or retime a schedule."""
    found = find(here, identity, schedule_id)
    if body.paused is None and body.when is None:
        raise InvalidInputError("Nothing is to be changed.", "Give 'paused', or 'when' and 'time_zone'.")
    if body.when is not None:
        zone = body.time_zone or found.time_zone
        found = api.change_schedule(here.settings, schedule_id, when=body.when, time_zone=zone)
        audit.record(here.settings, identity.name, "schedule.change", schedule_id, when=found.when)
    if body.paused is not None:
        act = api.pause_schedule if body.paused else api.resume_schedule
        found = act(here.settings, schedule_id)
        verb = "schedule.pause" if body.paused else "schedule.resume"
        audit.record(here.settings, identity.name, verb, schedule_id)
    return found


def remove(here: Context, identity: Identity, schedule_id: str) -> None:
    """Delete a schedule; its runs stay."""
    found = find(here, identity, schedule_id)
    api.delete_schedule(here.settings, schedule_id)
    audit.record(here.settings, identity.name, "schedule.delete", schedule_id, title=found.title)


def run_now(here: Context, identity: Identity, schedule_id: str) -> Run:
    """Start a run of a schedule at once."""
    find(here, identity, schedule_id)
    run = api.run_now(here.settings, schedule_id)
    audit.record(here.settings, identity.name, "schedule.run", schedule_id, run=run.id)
    return run
