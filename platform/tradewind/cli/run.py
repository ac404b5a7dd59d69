"""``tradewind run``: submit a run, follow it, look at it.

``tradewind run backtest -p fast=10`` is short for ``tradewind run submit backtest -p fast=10``.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from typer.core import TyperGroup

from tradewind.client import Client
from tradewind.errors import NotFoundError, ParameterError
from tradewind.jobs import live, templates
from tradewind.jobs.model import Run as RunState
from tradewind.jobs.parameters import Parameter, check_all
from tradewind.jobs.sdk import Run
from tradewind.vocabulary import RunStatus

SUBMIT = "submit"

Json = Annotated[bool, typer.Option("--json", help="As one JSON document on standard output.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The run's id.")]
What = Annotated[
    str, typer.Argument(metavar="TEMPLATE", help="A template's name, or the path of a notebook here.")
]
Given = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter; may be given several times."),
]
Title = Annotated[str, typer.Option("--title", help="What to call it.")]


class SubmitByDefault(TyperGroup):
    """Takes a first word that is no command for the template of ``submit``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that a line of words calls."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            args = [SUBMIT, *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=SubmitByDefault,
    add_completion=False,
    no_args_is_help=True,
    help="Run a template or a notebook as a job: tradewind run TEMPLATE -p NAME=VALUE.",
)


@app.command(SUBMIT)
def submit(
    what: What,
    parameter: Given = None,
    title: Title = "",
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Wait for its end; exit with 1 if it fails.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Queue a run (the word `submit` can be left out)."""
    client = Client.from_environment()
    body = request(client, what, parameter or [], title)
    run = Run(client.post("runs", json=body), client)
    if wait:
        follow(run)
    if as_json:
        print(json.dumps(run.state.as_document(), indent=2))
    else:
        print(run.id)
        note(f"{live.sentence(run.state)}  {run.url}")
        if run.state.error:
            note(run.state.error)
    if wait and run.state.status is not RunStatus.SUCCEEDED:
        raise typer.Exit(1)


@app.command("list")
def list_runs(
    status: Annotated[str, typer.Option(help="Only in these states, separated by commas.")] = "",
    template: Annotated[str, typer.Option(help="Only of this template.")] = "",
    text: Annotated[str, typer.Option("--search", help="Only those that contain this text.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    found = Client.from_environment().get("runs", status=status, template=template, q=text, limit=limit)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        note("There are no runs. Start one: tradewind run backtest")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "title", "user", "queued (UTC)", "state"):
        table.add_column(name, no_wrap=name == "id")
    for document in found:
        run = RunState.from_document(document)
        state = f"{live.SHAPES[run.status]} {live.sentence(run)}"
        table.add_row(run.id, run.title, run.user, f"{run.queued_at:%Y-%m-%d %H:%M}", state)
    Console().print(table)


@app.command()
def show(run_id: Id, as_json: Json = False) -> None:
    """Show one run."""
    client = Client.from_environment()
    document = client.get(f"runs/{run_id}")
    if as_json:
        print(json.dumps(document, indent=2))
        return
    run = RunState.from_document(document)
    print(f"{run.title}  {live.SHAPES[run.status]} {live.sentence(run)}")
    facts = {
        "id": run.id,
        "template": run.template,
        "user": run.user,
        "queued": f"{run.queued_at:%Y-%m-%d %H:%M:%S} UTC",
        "attempt": run.attempt,
        "page": run.url,
        "error": run.error,
    }
    _pairs({name: value for name, value in facts.items() if value})
    for heading, values in (("parameters", run.parameters), ("figures", run.metrics)):
        if values:
            print(heading)
            _pairs({name: live.figure(value) for name, value in values.items()})


@app.command()
def cancel(run_id: Id, as_json: Json = False) -> None:
    """Cancel a run."""
    run = Run(Client.from_environment().post(f"runs/{run_id}/cancel"))
    print(json.dumps(run.state.as_document(), indent=2) if as_json else run.state.status.value)


@app.command()
def log(run_id: Id) -> None:
    """Print a run's log (the end of it, when it is long)."""
    answer = Client.from_environment().get(f"runs/{run_id}/log")
    sys.stdout.write(answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer))


@app.command()
def save(
    run_id: Id, folder: Annotated[Path, typer.Argument(help="Where to; created if need be.")] = Path()
) -> None:
    """Copy a run's result: notebook, HTML page, artifacts, log, run card."""
    client = Client.from_environment()
    target = Run(client.get(f"runs/{run_id}"), client).save(folder / run_id)
    print(target)


@app.command("templates")
def list_templates(as_json: Json = False) -> None:
    """List the templates with their parameters."""
    found = Client.from_environment().get("templates")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for template in found:
        print(f"{template['name']}  {template['title']}")
        for parameter in template["parameters"]:
            print(f"    {parameter['name']} = {parameter['default']!r}  {parameter['help']}".rstrip())


def request(client: Client, what: str, given: list[str], title: str) -> dict[str, Any]:
    """Return the body of a request to run something, with its parameters read in their types.

    Parameters
    ----------
    client
        The platform.
    what
        A template's name, or the path of a notebook on this machine.
    given
        ``NAME=VALUE`` texts.
    title
        What to call it.
    """
    texts = dict(_split(text) for text in given)
    body: dict[str, Any] = {"title": title}
    if what.endswith(".ipynb"):
        path = Path(what).expanduser()
        if not path.is_file():
            raise NotFoundError(f"There is no notebook '{what}'.", f"This is {Path.cwd()}.")
        content = path.read_bytes()
        known = templates.read(path.stem, content).parameters
        body["notebook"] = {"name": path.name, "content": json.loads(content)}
    else:
        document = client.get(f"templates/{what}")
        known = tuple(Parameter.from_document(parameter) for parameter in document["parameters"])
        body["template"] = what
    body["parameters"] = check_all(known, texts, what=f"'{what}'", texts=True)
    return body


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ParameterError(f"'{text}' is no parameter.", "Write -p NAME=VALUE.")
    return name.strip(), value


def follow(run: Run) -> None:
    """Wait for a run's end with a progress bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(run.state.title, total=None, state="")

        def show(state: RunState) -> None:
            progress.update(task, completed=state.cell, total=state.cells or None, state=live.sentence(state))

        run.wait(check=False, progress=show)


def note(text: str) -> None:
    """Say something that is not the command's output."""
    print(text, file=sys.stderr)


def _pairs(values: dict[str, Any]) -> None:
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"  {name:<{width}}  {value}")
