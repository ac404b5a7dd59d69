"""``tradewind admin``: start, stop, check and back up the platform; look after accounts."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from tradewind.cli import admin_accounts
from tradewind.errors import NotFoundError, did_you_mean
from tradewind.hub import doctor_installation, doctor_platform, supervision
from tradewind.hub import supervision_lifecycle as lifecycle
from tradewind.hub.backup import backup as save_state
from tradewind.hub.backup import restore as bring_back
from tradewind.hub.doctor import Level, examine
from tradewind.hub.supervision_control import ProgramStatus, State, Supervisor
from tradewind.sandbox import Mode, available, mode
from tradewind.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="As one JSON document.")]
Force = Annotated[bool, typer.Option("--force", help="Do not ask.")]

_MARKS = {State.RUNNING: "●", State.STARTING: "◐", State.FAILING: "✗", State.STOPPED: "○"}

_SIGNS = {Level.GOOD: "✓", Level.NOTE: "i", Level.FAULT: "✗"}


def _say(line: str) -> None:
    print(line, flush=True)


def _shown(path: Path) -> str:
    """Shorten a path that lies below the current folder."""
    try:
        return f"./{path.relative_to(Path.cwd())}"
    except ValueError:
        return str(path)


@app.command()
def up(
    patience: Annotated[float, typer.Option(help="Seconds until the platform must answer.")] = 120.0,
) -> None:
    """Start the platform; says so when it runs already."""
    settings = load_settings()
    started = lifecycle.up(settings, say=_say, patience=patience)
    if started.already:
        _say(f"Tradewind is already up  {settings.public_url}")
        _say("                         `make restart` takes over new settings and a new version.")
        return
    _say(f"Tradewind is up        {settings.public_url}")
    if started.password:
        _say(f"Sign in as             {started.name} / {started.password}   (shown once)")
    elif settings.authenticator == "local":
        _say(f"Sign in as             {started.name}, with the password of the first start")
        _say("                       (forgotten: .venv/bin/tradewind admin reset-password)")
    else:
        _say(f"Sign in with           {settings.authenticator}")
    _say(f"Data and runs live in  {_shown(settings.paths.home)}           stop with: make down")
    for line in _isolation_advice(settings):
        _say(line)


def _isolation_advice(settings: Settings) -> list[str]:
    how = mode(settings)
    if how is Mode.BUBBLEWRAP:
        return []
    if how is Mode.SHARED:
        return [
            "",
            "Warning: users are not kept apart (TRADEWIND_ISOLATION); they share every secret and file.",
        ]
    found = available()
    return [
        "",
        f"Users cannot be kept apart here: {found.reason}",
        f"Until then only {settings.admin_name} may start a server. {found.remedy}",
    ]


@app.command()
def status(as_json: Json = False) -> None:
    """Show what runs, and where."""
    settings = load_settings()
    supervisor = Supervisor(settings)
    if not supervisor.alive():
        if as_json:
            print(json.dumps({"up": False, "url": settings.public_url, "programs": []}))
        else:
            print("Tradewind is down. Start it with: make up")
        raise typer.Exit(1)
    listed = supervisor.programs()
    good = all(p.state is State.RUNNING for p in listed)
    if as_json:
        document = {
            "up": good,
            "url": settings.public_url,
            "home": str(settings.paths.home),
            "programs": [
                {"name": p.name, "state": p.state, "pid": p.pid, "seconds": p.seconds, "log": p.log}
                for p in listed
            ],
        }
        print(json.dumps(document))
    else:
        print(f"Tradewind at {settings.public_url}, state in {_shown(settings.paths.home)}")
        for program in listed:
            print(_line(program))
        work = lifecycle.busy(settings)
        print(f"{work.servers} user server{'' if work.servers == 1 else 's'}")
        for line in work.lines:
            print(line)
    raise typer.Exit(0 if good else 1)


def _line(program: ProgramStatus) -> str:
    text = f"  {_MARKS[program.state]} {program.name:<12}{program.state:<10}"
    if program.pid:
        minutes, seconds = divmod(int(program.seconds), 60)
        text += f"process {program.pid:<8} for {minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return text


@app.command()
def logs(
    program: Annotated[str, typer.Argument(help="One program; all of them when left out.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines of each.")] = 20,
) -> None:
    """Show the end of the programs' logs."""
    folder = load_settings().paths.logs
    files = {p.stem: p for p in sorted(folder.glob("*.log"))} if folder.exists() else {}
    if program and program not in files:
        raise NotFoundError(f"There is no log of {program!r} in {folder}.", did_you_mean(program, files))
    chosen = {program: files[program]} if program else files
    ends: dict[str, int] = {}
    for name, file in chosen.items():
        with file.open(errors="replace") as opened:
            tail = opened.readlines()[-lines:]
            ends[name] = opened.tell()
        for line in tail:
            print(f"{name:<12}{line.rstrip()}")
    while follow:
        time.sleep(0.5)
        for name, file in chosen.items():
            _follow(name, file, ends)


def _follow(name: str, file: Path, ends: dict[str, int]) -> None:
    size = file.stat().st_size if file.exists() else 0
    if size < ends[name]:  # rotated
        ends[name] = 0
    if size == ends[name]:
        return
    with file.open(errors="replace") as opened:
        opened.seek(ends[name])
        for line in opened.readlines():
            print(f"{name:<12}{line.rstrip()}", flush=True)
        ends[name] = opened.tell()


@app.command()
def restart(
    program: Annotated[str, typer.Argument(help="One program; all of them when left out.")] = "",
) -> None:
    """Renew hub, proxy, service, workers and dashboards; user servers and runs go on."""
    settings = load_settings()
    lifecycle.restart(settings, program, say=_say)
    _say(f"{program or 'Tradewind'} is renewed; up at {settings.public_url}")


@app.command()
def down(force: Force = False) -> None:
    """Stop everything, user servers and runs, too; asks when somebody is at work."""
    force = force or os.environ.get("FORCE", "") not in ("", "0")

    def confirm(work: lifecycle.Busy) -> bool:
        print("This would end:")
        for line in work.lines:
            print(f"  {line}")
        if force:
            return True
        if not sys.stdin.isatty():
            print("Nothing was stopped: say FORCE=1 make down to end them.", file=sys.stderr)
            return False
        return typer.confirm("End them?")

    if not lifecycle.down(load_settings(), confirm=confirm, say=_say):
        raise typer.Exit(1)


@app.command()
def programs() -> None:
    """Name the programs of this installation and their commands (for systemd units and the curious)."""
    settings: Settings = load_settings()
    for program in supervision.programs(settings):
        print(f"{program.name:<12}{' '.join(program.argv)}")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the whole installation and say what to do about each finding; exit code 1 at a fault."""
    settings = load_settings()
    findings = examine(settings, (*doctor_installation.ALL, *doctor_platform.ALL))
    faults = [f for f in findings if f.level is Level.FAULT]
    if as_json:
        document = [
            {"check": f.check, "level": f.level, "message": f.message, "remedy": f.remedy} for f in findings
        ]
        print(json.dumps({"faults": len(faults), "findings": document}))
    else:
        for finding in findings:
            print(f"{_SIGNS[finding.level]} {finding.check:<14} {finding.message}")
            if finding.remedy:
                print(f"{'':<17}→ {finding.remedy}")
        count = len(faults)
        print("No faults." if not count else f"{count} fault{'' if count == 1 else 's'}.")
    raise typer.Exit(1 if faults else 0)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to: NAME.tar.zst or NAME.tar.gz")],
) -> None:
    """Save all state into one file, while the platform runs or not. Keep it safe: it holds secrets."""
    settings = load_settings()
    saved = save_state(settings, file)
    size = file.stat().st_size
    _say(f"{saved.files} files, {saved.bytes / 2**20:.1f} MB, in {file} ({size / 2**20:.1f} MB)")
    if settings.store_url and not settings.store_url.startswith("file:"):
        _say(f"The datasets in {settings.store_url} are not in it: back that bucket up by its own means.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="What `tradewind admin backup` has written.")]) -> None:
    """Bring a backup back into an empty state folder; then start with `make up`."""
    settings = load_settings()
    bring_back(settings, file, say=_say)
    _say(f"Restored into {_shown(settings.paths.home)}. Start with: make up")


for _command in admin_accounts.COMMANDS:
    app.command()(_command)
