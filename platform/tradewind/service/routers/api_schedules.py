"""REST: schedules."""

from typing import Any

from fastapi import APIRouter, Request

from tradewind.service import schedules
from tradewind.service.context import context
from tradewind.service.models import NewSchedule, ScheduleChange
from tradewind.service.signin import Reader, Runner

router = APIRouter(prefix="/api/schedules", tags=["schedules"])


@router.get("")
def list_schedules(request: Request, identity: Reader, user: str = "") -> list[dict[str, Any]]:
    """List your schedules; administrators see everybody's, or one user's by `user`."""
    return [found.as_document() for found in schedules.listed(context(request), identity, user)]


@router.post("", status_code=201)
def create(request: Request, identity: Runner, body: NewSchedule) -> dict[str, Any]:
    """Create a schedule."""
    return schedules.create(context(request), identity, body).as_document()


@router.get("/{schedule_id}")
def read(request: Request, identity: Reader, schedule_id: str) -> dict[str, Any]:
    """Read one schedule with the next times it fires."""
    return schedules.find(context(request), identity, schedule_id).as_document()


@router.patch("/{schedule_id}")
def change(request: Request, identity: Runner, schedule_id: str, body: ScheduleChange) -> dict[str, Any]:
    """Pause, resume or retime a schedule."""
    return schedules.change(context(request), identity, schedule_id, body).as_document()


@router.delete("/{schedule_id}")
def delete(request: Request, identity: Runner, schedule_id: str) -> dict[str, Any]:
    """Delete a schedule; its runs stay."""
    schedules.remove(context(request), identity, schedule_id)
    return {"deleted": schedule_id}


@router.post("/{schedule_id}/run", status_code=201)
def run_now(request: Request, identity: Runner, schedule_id: str) -> dict[str, Any]:
    """Start a run of a schedule at once."""
    return schedules.run_now(context(request), identity, schedule_id).as_document()
