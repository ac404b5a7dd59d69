"""``tradewind schedule``: run a template or a notebook again and again."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tradewind.cli.run import Given, Json, Title, What, note, request
from tradewind.client import Client
from tradewind.jobs.model import Schedule

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run a job again and again, by the clock.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The schedule's id.")]


@app.command()
def add(  # noqa: PLR0917  typer hands options over by position
    what: What,
    when: Annotated[
        str, typer.Option("--when", help="Five cron fields ('0 18 * * 1-5'), or 'after_close XNYS 30min'.")
    ],
    parameter: Given = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", "--tz", help="The zone of the cron fields.")
    ] = "UTC",
    title: Title = "",
    as_json: Json = False,
) -> None:
    """Create a schedule."""
    client = Client.from_environment()
    body = request(client, what, parameter or [], title) | {"when": when, "time_zone": time_zone}
    _show(client.post("schedules", json=body), as_json=as_json)


@app.command("list")
def list_schedules(as_json: Json = False) -> None:
    """List schedules."""
    found = Client.from_environment().get("schedules")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        note("There are no schedules. Create one: tradewind schedule add backtest --when '0 18 * * 1-5'")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "title", "user", "when", "zone", "next (UTC)", "last (UTC)"):
        table.add_column(name, no_wrap=name == "id")
    for document in found:
        schedule = Schedule.from_document(document)
        coming = f"{schedule.next_at:%Y-%m-%d %H:%M}" if schedule.next_at else "paused"
        last = f"{schedule.last_at:%Y-%m-%d %H:%M}" if schedule.last_at else ""
        table.add_row(
            schedule.id, schedule.title, schedule.user, schedule.when, schedule.time_zone, coming, last
        )
    Console().print(table)


@app.command()
def show(schedule_id: Id, as_json: Json = False) -> None:
    """Show one schedule with the next times it fires."""
    _show(Client.from_environment().get(f"schedules/{schedule_id}"), as_json=as_json)


@app.command()
def pause(schedule_id: Id, as_json: Json = False) -> None:
    """Stop a schedule from firing until it is resumed."""
    client = Client.from_environment()
    _show(client.call("PATCH", f"schedules/{schedule_id}", json={"paused": True}), as_json=as_json)


@app.command()
def resume(schedule_id: Id, as_json: Json = False) -> None:
    """Let a schedule fire again, from now on."""
    client = Client.from_environment()
    _show(client.call("PATCH", f"schedules/{schedule_id}", json={"paused": False}), as_json=as_json)


@app.command("run")
def run_now(schedule_id: Id, as_json: Json = False) -> None:
    """Start a run of a schedule at once."""
    run = Client.from_environment().post(f"schedules/{schedule_id}/run")
    print(json.dumps(run, indent=2) if as_json else run["id"])


@app.command()
def remove(schedule_id: Id) -> None:
    """Delete a schedule; the runs it has started stay."""
    Client.from_environment().call("DELETE", f"schedules/{schedule_id}")


def _show(document: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, indent=2))
        return
    schedule = Schedule.from_document(document)
    print(schedule.id)
    note(f"{schedule.title}: {schedule.when} ({schedule.time_zone})")
    if schedule.paused:
        note("paused")
    for moment in schedule.upcoming:
        note(f"  {moment:%Y-%m-%d %H:%M} UTC")
    if schedule.error:
        note(f"Its last firing started nothing: {schedule.error}")
