"""``tradewind data``: list, look at, ingest, export datasets."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tradewind.cli import data_care, data_sync
from tradewind.errors import InvalidInputError
from tradewind.store.roots import root_of
from tradewind.wording import counted

if TYPE_CHECKING:
    from tradewind.store.merging import Change

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Datasets: list, look, ingest.")

AsJson = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Name = Annotated[str, typer.Argument(help="A dataset; mine/... for your own.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Tag, snapshot id or time.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", "-s", help="May be given several times.")]
Start = Annotated[str | None, typer.Option(help="First date or time.")]
Accept = Annotated[list[str] | None, typer.Option(help="A check of the quality gate to let pass.")]
End = Annotated[str | None, typer.Option(help="Last date or time, included.")]


def _print(document: Any) -> None:
    print(json.dumps(document, indent=2, default=str))


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Words that must occur.")] = "", as_json: AsJson = False
) -> None:
    """List the datasets you may read."""
    from tradewind.store.reading import catalog

    found = catalog().search(search)
    if as_json:
        _print([i.to_dict() for i in found])
    else:
        print(found)


@app.command()
def show(name: Name, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show what a dataset holds."""
    from tradewind.store.repository import Store

    root, _ = root_of(name)
    store = Store(root)
    info = store.info(name, as_of)
    document = info.to_dict() | {"symbol_names": store.snapshot(name, as_of).symbols.tolist()}
    if as_json:
        _print(document)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in document.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        table.add_row(key.replace("_", " "), shown if len(shown) < 400 else shown[:400] + " …")
    Console().print(table)


@app.command()
def ingest(  # noqa: PLR0917  typer reads options from parameters
    file: Annotated[Path | None, typer.Argument(help="CSV (also .gz), Parquet or Arrow.")] = None,
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Where to: mine/prices.")] = "",
    vendor: Annotated[
        list[str] | None, typer.Option("--source", help="A vendor instead of a file; of a file, its source.")
    ] = None,
    symbols: Annotated[list[str] | None, typer.Option("--symbols", help="Of a vendor: AAPL,MSFT.")] = None,
    start: Annotated[str | None, typer.Option(help="Of a vendor: the first date.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Of a file without a symbol column.")] = None,
    column: Annotated[list[str] | None, typer.Option("--column", help="theirs=ours; several times.")] = None,
    wide: Annotated[str | None, typer.Option(help="Field of a file with a column per symbol.")] = None,
    frequency: Annotated[str | None, typer.Option(help="1min, 1h, 1d, 1w, 1mo or tick.")] = None,
    calendar: Annotated[str | None, typer.Option(help="Such as XNYS or 24/7.")] = None,
    basis: Annotated[str | None, typer.Option(help="raw, split, total or level.")] = None,
    time_zone: Annotated[str, typer.Option(help="Of times without a zone.")] = "UTC",
    bar_start: Annotated[bool, typer.Option(help="Intraday bars carry their start.")] = False,
    description: Annotated[str | None, typer.Option()] = None,
    licence: Annotated[str | None, typer.Option()] = None,
    accept: Accept = None,
    against: Annotated[str | None, typer.Option(help="Another dataset to compare closes with.")] = None,
    as_json: AsJson = False,
) -> None:
    """Merge a file, or what a vendor has, into a dataset; the same twice changes nothing."""
    from tradewind.ingest import loading

    if not dataset:
        raise InvalidInputError("Into which dataset?", "Say --dataset mine/prices.")
    if file is None:
        if not vendor:
            raise InvalidInputError("There is nothing to ingest.", "Name a file, or --source yfinance.")
        data_sync.run(
            dataset, source=vendor, symbols=symbols, as_json=as_json, mode="full", start=start,
            frequency=frequency, calendar=calendar, description=description, accept=accept or (),
            against=against,
        )  # fmt: skip
        return
    source = ", ".join(vendor) if vendor else None

    columns = dict(_pair(c) for c in column or [])
    with Console(stderr=True).status(f"Reading {file.name}", spinner="line"):
        change = loading.file(
            file, dataset, symbol=symbol, columns=columns, wide=wide, frequency=frequency, calendar=calendar,
            basis=basis, time_zone=time_zone, bar_start=bar_start, description=description, source=source,
            licence=licence, accept=accept or (), against=against,
        )  # fmt: skip
    _tell(dataset, change, as_json)


def _tell(dataset: str, change: "Change", as_json: bool) -> None:
    if as_json:
        _print(
            {"dataset": dataset, "snapshot": change.snapshot, "changed": not change.empty,
             "rows_added": change.rows_added, "rows_changed": change.rows_changed,
             "symbols_added": change.symbols_added, "quarantined": change.quarantined}
        )  # fmt: skip
    elif change.empty:
        print(f"{dataset} holds all of it already (snapshot {change.snapshot}).")
    else:
        print(
            f"{dataset}: {counted(change.rows_added, 'bar')} added, {change.rows_changed:,} changed, "
            f"{counted(change.symbols_added, 'new symbol')}, "
            f"{counted(change.quarantined, 'bar')} kept aside (snapshot {change.snapshot})."
        )


@app.command("ingest-lean")
def ingest_lean(  # noqa: PLR0917
    folder: Annotated[Path, typer.Argument(help="LEAN's Data folder.")],
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Where to: mine/us.")],
    market: Annotated[str, typer.Option(help="usa, coinbase, binance or oanda.")] = "usa",
    resolution: Annotated[str, typer.Option(help="daily, hour or minute.")] = "daily",
    symbol: Symbols = None,
    accept: Accept = None,
    as_json: AsJson = False,
) -> None:
    """Bring a market of a LEAN data folder into a dataset."""
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from tradewind.ingest.lean import lean

    started, rows = time.perf_counter(), 0
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")

        def tell(name: str, bars: int) -> None:
            nonlocal rows
            rows += bars
            speed = rows / max(time.perf_counter() - started, 1e-9)
            progress.update(task, description=f"{name}  {rows:,} rows, {speed:,.0f} a second")

        change = lean(folder, dataset, market=market, resolution=resolution, symbols=symbol or None,
                      accept=accept or (), progress=tell)  # fmt: skip
    _tell(dataset, change, as_json)


def _pair(text: str) -> tuple[str, str]:
    theirs, sign, ours = text.partition("=")
    if not sign or not theirs or not ours:
        raise InvalidInputError(f"--column {text!r} is not of the form theirs=ours.")
    return theirs, ours


@app.command()
def export(  # noqa: PLR0917
    name: Name,
    output: Annotated[Path, typer.Argument(help="A .csv, .parquet, .arrow file or a .zarr folder.")],
    symbol: Symbols = None,
    start: Start = None,
    end: End = None,
    field: Annotated[list[str] | None, typer.Option("--field", "-f")] = None,
    adjust: Annotated[str, typer.Option(help="auto, split, total or none.")] = "auto",
    as_of: AsOf = None,
    format: Annotated[str | None, typer.Option(help="Instead of the file's ending.")] = None,
) -> None:
    """Write a selection to a file."""
    from tradewind.store import reading
    from tradewind.store.export import export as write_file

    how = None if adjust == "none" else adjust
    opened = reading.open(name, symbol or None, start, end, field or None, as_of=as_of, adjust=how)
    write_file(opened, output, format)
    print(
        f"{output}: {opened.sizes['symbol']} symbols × {opened.sizes['time']} times of {name}",
        file=sys.stderr,
    )


@app.command()
def history(name: Name, as_json: AsJson = False) -> None:
    """List the commits of a dataset, newest first."""
    from tradewind.store import changes

    found = changes.history(name)
    if as_json:
        _print(json.loads(found.to_frame().to_json(orient="records", date_format="iso")))
    else:
        print(found)


@app.command()
def diff(
    name: Name,
    before: Annotated[str, typer.Argument(help="Tag, snapshot id or time.")],
    after: Annotated[str | None, typer.Argument(help="The newest, if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two snapshots of a dataset."""
    from tradewind.store import changes

    found = changes.diff(name, before, after)
    if not as_json:
        print(found)
        return
    cells = json.loads(found.cells.to_json(orient="records", date_format="iso"))
    names = ("dataset", "a", "b", "symbols_added", "symbols_removed", "fields_added", "fields_removed",
             "actions_added", "actions_removed")  # fmt: skip
    _print({n: getattr(found, n) for n in names} | {"cells": cells})


data_care.register(app)
data_sync.register(app)
