"""``tradewind data sync`` and ``sources``: market data from vendors."""

import json
import logging
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from tradewind.errors import InvalidInputError

if TYPE_CHECKING:
    from tradewind.ingest.syncing import Synced

AsJson = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", help="Where from; several in the order of falling back (or with commas)."),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--symbols", "--symbol", "-s", help="AAPL,MSFT; may be given several times."),
]
Frequency = Annotated[str | None, typer.Option(help="1min, 1h or 1d.")]
Calendar = Annotated[str | None, typer.Option(help="Such as XNYS or 24/7.")]
Start = Annotated[str | None, typer.Option(help="First date of what is not stored yet.")]
End = Annotated[str | None, typer.Option(help="Last date; what can be known now, if left out.")]
Accept = Annotated[list[str] | None, typer.Option(help="A check of the quality gate to let pass.")]


def sync(  # noqa: PLR0917  typer reads options from parameters
    dataset: Annotated[str, typer.Argument(help="mine/..., or a shared one you may write.")],
    source: Sources = None,
    symbols: Names = None,
    mode: Annotated[str, typer.Option(help="incremental, full or backfill.")] = "incremental",
    start: Start = None,
    end: End = None,
    frequency: Frequency = None,
    calendar: Calendar = None,
    accept: Accept = None,
    fresh: Annotated[bool, typer.Option("--no-resume", help="Begin an interrupted sync anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a dataset up to date from its sources; asks for nothing where nothing new can be known."""
    run(
        dataset, source=source, symbols=symbols, as_json=as_json, mode=mode, start=start, end=end,
        frequency=frequency, calendar=calendar, accept=accept or (), resume=not fresh,
    )  # fmt: skip


def run(
    dataset: str, *, source: list[str] | None, symbols: list[str] | None, as_json: bool, **options: Any
) -> None:
    """Sync with progress on standard error; exit code 1 where a symbol could not be had whole."""
    from tradewind.ingest.syncing import IncompleteSyncError
    from tradewind.ingest.syncing import sync as bring

    mode = options.pop("mode", None) or "incremental"
    if mode not in ("incremental", "full", "backfill"):
        raise InvalidInputError(f"{mode!r} is no mode.", "Use incremental, full or backfill.")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    started, rows = time.perf_counter(), 0
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(symbol: str, done: int, total: int, came: int) -> None:
            nonlocal rows
            rows += came
            speed = rows / max(time.perf_counter() - started, 1e-9)
            told = f"{symbol}  {rows:,} rows, {speed:,.0f} rows/s"
            bar.update(task, completed=done, total=total, description=told)

        try:
            done = bring(dataset, _split(symbols), source=_split(source), mode=mode, progress=tell, **options)
        except IncompleteSyncError as problem:
            bar.stop()
            _tell(problem.result, as_json)
            raise
    _tell(done, as_json)


def _split(words: list[str] | None) -> list[str] | None:
    found = [w.strip() for text in words or [] for w in text.split(",") if w.strip()]
    return found or None


def _tell(done: "Synced", as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.to_dict(), indent=2))
        return
    print(f"{done!r} (snapshot {done.snapshot or 'none'}).")
    for symbol, last in done.late.items():
        print(f"  {symbol} is not up to date: its last bar is {last}.")


def sources(as_json: AsJson = False) -> None:
    """List the sources of market data that can be used here."""
    from tradewind.errors import SetupError
    from tradewind.ingest.sources.registry import load, names

    rows: list[dict[str, Any]] = []
    for name in names():
        try:
            facts = load(name).facts
        except SetupError as problem:
            rows.append({"name": name, "ready": False, "title": str(problem)})
            continue
        rows.append(
            {"name": name, "ready": True, "title": facts.title, "bars": [str(f) for f in facts.frequencies],
             "prices": str(facts.basis), "calendar": facts.calendar, "licence": facts.licence,
             "tried": facts.tried}
        )  # fmt: skip
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("source", "what", "bars", "prices", "tried"):
        table.add_column(head, overflow="fold")
    for row in rows:
        shown = {n: " ".join(v) if isinstance(v, list) else str(v) for n, v in row.items()}
        table.add_row(*(shown.get(n, "") for n in ("name", "title", "bars", "prices", "tried")))
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sync)
    app.command()(sources)
