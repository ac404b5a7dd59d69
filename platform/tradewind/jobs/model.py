"""What a run and a schedule are, in Python and as the JSON documents of the REST API."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from tradewind.vocabulary import RunStatus


class Source(StrEnum):
    """Where the notebook of a run came from."""

    TEMPLATE = "template"
    PATH = "path"
    NOTEBOOK = "notebook"


class WorkerState(StrEnum):
    """What a worker process is doing."""

    ACTIVE = "active"
    DRAINING = "draining"


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """Its worker died."""
    HANDED_OVER = "handed over"
    """Its worker was stopped and gave the run back to the queue."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try of a run."""

    run_id: str
    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of a notebook.

    Parameters
    ----------
    id
        Short, usable in an address, sorted by time.
    template
        The template's name, or the name of the user's own notebook.
    source
        Which of the two.
    cell, cells
        How many code cells have ended, of how many.
    result_attempt
        The attempt whose result was published; ``None`` until the run has ended.
    url
        Its page, below the platform's address.
    """

    id: str
    user: str
    title: str
    template: str
    source: Source
    parameters: dict[str, Any]
    status: RunStatus
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cell: int = 0
    cells: int = 0
    attempt: int = 0
    result_attempt: int | None = None
    error: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    notebook_sha256: str = ""
    git_commit: str = ""
    schedule_id: str | None = None
    scheduled_for: datetime | None = None
    groups: tuple[str, ...] = ()
    admin: bool = False
    url: str = ""

    @property
    def elapsed(self) -> timedelta:
        """How long it has been running, or ran."""
        if self.started_at is None:
            return timedelta(0)
        return max(timedelta(0), (self.ended_at or datetime.now(UTC)) - self.started_at)

    def as_document(self) -> dict[str, Any]:
        """Return it as the JSON document of the REST API."""
        return {
            "id": self.id,
            "user": self.user,
            "title": self.title,
            "template": self.template,
            "source": self.source.value,
            "parameters": self.parameters,
            "status": self.status.value,
            "queued_at": _text(self.queued_at),
            "started_at": _text(self.started_at),
            "ended_at": _text(self.ended_at),
            "progress": {"cell": self.cell, "cells": self.cells},
            "attempt": self.attempt,
            "has_result": self.result_attempt is not None,
            "error": self.error,
            "metrics": self.metrics,
            "notebook_sha256": self.notebook_sha256,
            "git_commit": self.git_commit,
            "schedule_id": self.schedule_id,
            "scheduled_for": _text(self.scheduled_for),
            "url": self.url,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read the JSON document of the REST API."""
        progress = document.get("progress") or {}
        queued = _moment(document["queued_at"])
        if queued is None:
            raise ValueError("a run was queued at some time")
        return cls(
            id=document["id"],
            user=document["user"],
            title=document["title"],
            template=document["template"],
            source=Source(document["source"]),
            parameters=document["parameters"],
            status=RunStatus(document["status"]),
            queued_at=queued,
            started_at=_moment(document.get("started_at")),
            ended_at=_moment(document.get("ended_at")),
            cell=progress.get("cell", 0),
            cells=progress.get("cells", 0),
            attempt=document.get("attempt", 0),
            error=document.get("error", ""),
            metrics=document.get("metrics") or {},
            notebook_sha256=document.get("notebook_sha256", ""),
            git_commit=document.get("git_commit", ""),
            schedule_id=document.get("schedule_id"),
            scheduled_for=_moment(document.get("scheduled_for")),
            url=document.get("url", ""),
        )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A notebook that is run at certain times.

    Parameters
    ----------
    when
        A cron expression, or ``after_close XNYS 30min``.
    time_zone
        The zone the cron expression is read in.
    next_at
        When it fires next; ``None`` while it is paused.
    error
        Why its last firing started no run.
    """

    id: str
    user: str
    title: str
    template: str
    source: Source
    parameters: dict[str, Any]
    when: str
    time_zone: str
    paused: bool
    created_at: datetime
    generation: int = 1
    next_at: datetime | None = None
    last_at: datetime | None = None
    last_run_id: str | None = None
    error: str = ""
    upcoming: tuple[datetime, ...] = ()
    groups: tuple[str, ...] = ()
    admin: bool = False

    def as_document(self) -> dict[str, Any]:
        """Return it as the JSON document of the REST API."""
        return {
            "id": self.id,
            "user": self.user,
            "title": self.title,
            "template": self.template,
            "source": self.source.value,
            "parameters": self.parameters,
            "when": self.when,
            "time_zone": self.time_zone,
            "status": "paused" if self.paused else "active",
            "created_at": _text(self.created_at),
            "next_at": _text(self.next_at),
            "upcoming": [_text(moment) for moment in self.upcoming],
            "last_at": _text(self.last_at),
            "last_run_id": self.last_run_id,
            "error": self.error,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read the JSON document of the REST API."""
        created = _moment(document["created_at"])
        if created is None:
            raise ValueError("a schedule was created at some time")
        return cls(
            id=document["id"],
            user=document["user"],
            title=document["title"],
            template=document["template"],
            source=Source(document["source"]),
            parameters=document["parameters"],
            when=document["when"],
            time_zone=document["time_zone"],
            paused=document["status"] == "paused",
            created_at=created,
            next_at=_moment(document.get("next_at")),
            last_at=_moment(document.get("last_at")),
            last_run_id=document.get("last_run_id"),
            error=document.get("error", ""),
            upcoming=tuple(m for text in document.get("upcoming", ()) if (m := _moment(text))),
        )


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs to list; everything left out matches all.

    Parameters
    ----------
    user
        Whose.
    statuses
        In any of these states.
    template
        Of this template.
    schedule_id
        Started by this schedule.
    text
        Whose id, title, template, user or error contains it.
    sort
        ``queued``, ``ended``, ``title``, ``template``, ``user`` or ``status``; with a leading ``-`` the
        largest first.
    limit, offset
        The page.
    """

    user: str = ""
    statuses: tuple[RunStatus, ...] = ()
    template: str = ""
    schedule_id: str = ""
    text: str = ""
    sort: str = "-queued"
    limit: int = 50
    offset: int = 0


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
