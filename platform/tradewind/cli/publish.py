"""``tradewind publish``: notebooks and apps as dashboards."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from tradewind.client import Client
from tradewind.publish.sdk import Published, publish


class _PathOrCommand(TyperGroup):
    """Takes ``publish PATH …`` for ``publish file PATH …``: the common case needs no verb."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["file", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0].startswith("-") and args[0] != "--help":
            args = ["file", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_PathOrCommand,
    no_args_is_help=True,
    add_completion=False,
    help="Publish a notebook or an app: tradewind publish PATH --title … --share group:quants",
)

Json = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Share = Annotated[
    list[str] | None,
    typer.Option("--share", help="user:NAME, group:NAME or everyone; may be given several times."),
]
Slug = Annotated[str, typer.Argument(metavar="NAME", help="The dashboard's name in its address.")]


@app.command("file")
def publish_file(  # noqa: PLR0917  typer hands options over by position
    path: Annotated[
        Path, typer.Argument(help="A notebook or a .py file; dashboards/NAME for one that ships.")
    ],
    title: Annotated[str, typer.Option(help="What viewers read; the first heading by default.")] = "",
    description: Annotated[str | None, typer.Option(help="A sentence about it.")] = None,
    share: Share = None,
    slug: Annotated[str, typer.Option("--name", help="Its name in the address.")] = "",
    as_json: Json = False,
) -> None:
    """Publish a file; the same file again makes a new version."""
    _show(publish(path, title, description, share, slug=slug or None), as_json=as_json)


@app.command("list")
def list_dashboards(as_json: Json = False) -> None:
    """List the dashboards that you may open."""
    found = Client.from_environment().get("dashboards")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        print("There are no dashboards. Publish one: tradewind publish NOTEBOOK", file=sys.stderr)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("name", "title", "owner", "version", "runtime", "shared with"):
        table.add_column(name, no_wrap=name == "name", justify="right" if name == "version" else "left")
    for document in found:
        entry = Published(document)
        shared = ", ".join(entry.share_with) or "nobody"
        table.add_row(entry.slug, entry.title, entry.owner, str(entry.version), entry.runtime, shared)
    Console().print(table)


@app.command("share")
def share_dashboard(
    slug: Slug,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHO]...", help="user:NAME, group:NAME, everyone; none: nobody."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Share a dashboard with exactly these."""
    document = Client.from_environment().call(
        "PATCH", f"dashboards/{slug}", json={"share_with": targets or []}
    )
    _show(Published(document), as_json=as_json)


@app.command("remove")
def remove_dashboard(slug: Slug, as_json: Json = False) -> None:
    """Remove a dashboard with all its versions."""
    Client.from_environment().call("DELETE", f"dashboards/{slug}")
    print(json.dumps({"deleted": slug}) if as_json else f"Removed {slug}.")


def _show(entry: Published, *, as_json: bool) -> None:
    if as_json:
        values = {
            **vars(entry),
            "created_at": entry.created_at.isoformat(),
            "share_with": list(entry.share_with),
        }
        print(json.dumps(values, indent=2))
    else:
        print(entry)
