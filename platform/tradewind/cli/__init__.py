"""The ``tradewind`` command.

Each group lives in a module of its own and is imported only when it is used, so that ``tradewind --help``
answers at once. Exit codes: 0 done, 1 the platform failed, 2 the request was wrong. Errors go to stderr.
"""

import json
import platform
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

import tradewind
from tradewind.errors import TradewindError


@dataclass(frozen=True)
class _Group:
    module: str
    help: str


_GROUPS = {
    "data": _Group("tradewind.cli.data", "Datasets: list, look, ingest."),
    "run": _Group("tradewind.cli.run", "Run a template or a notebook as a job."),
    "schedule": _Group("tradewind.cli.schedule", "Run a job again and again, by the clock."),
    "publish": _Group("tradewind.cli.publish", "Publish a notebook or an app as a dashboard."),
    "admin": _Group("tradewind.cli.admin", "Start, stop, check, back up the platform; look after accounts."),
}


class _LazyGroup(TyperGroup):
    """Knows its commands by name; imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_GROUPS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _GROUPS:
            return TyperGroup(name=cmd_name, help=_GROUPS[cmd_name].help)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in _GROUPS:
            return super().resolve_command(ctx, args)
        command = typer.main.get_command(import_module(_GROUPS[name].module).app)
        command.name = name
        return name, command, args[1:]


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tradewind: research in quantitative trading, from market data to a published result.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"tradewind {tradewind.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    show: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


@app.command()
def version(as_json: bool = typer.Option(False, "--json", help="As one JSON document.")) -> None:
    """Show the version of Tradewind and of the Python it runs in."""
    document = {"tradewind": tradewind.__version__, "python": platform.python_version()}
    if as_json:
        print(json.dumps(document))
    else:
        print(f"tradewind {document['tradewind']}, Python {document['python']}")


def report(problem: TradewindError, *, as_json: bool) -> int:
    """Write an error to stderr and return the exit code that goes with it.

    Parameters
    ----------
    problem
        What went wrong.
    as_json
        Whether the caller asked for JSON.
    """
    if as_json:
        document = {"code": problem.code, "message": problem.message, "hint": problem.hint}
        print(json.dumps({"error": document}), file=sys.stderr)
    else:
        print(f"Error: {problem.message}", file=sys.stderr)
        if problem.hint:
            print(problem.hint, file=sys.stderr)
    return 2 if problem.status < 500 else 1


def main() -> None:
    """Run the command line; the ``tradewind`` entry point."""
    try:
        app()
    except TradewindError as problem:
        sys.exit(report(problem, as_json="--json" in sys.argv))
