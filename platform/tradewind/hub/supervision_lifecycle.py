"""Up, down, restart: the whole platform at once."""

import json
import os
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from filelock import FileLock, Timeout
from pydantic import SecretStr

from tradewind.errors import SetupError, UnavailableError
from tradewind.hub import accounts, node, proxy, supervision, upgrade
from tradewind.hub import supervision_processes as processes
from tradewind.hub.supervision_control import ProgramStatus, State, Supervisor
from tradewind.hub.supervision_hub import Hub
from tradewind.settings import STARTED_WITH, Settings
from tradewind.vocabulary import RunStatus

DISK_NEEDED = 500 * 1024 * 1024
"""Bytes that must be free in the state folder to start."""

_TRIES = 3
"""So many starts of one program, and it is taken to fail for good."""
_HEALTH = {"service": "/services/tradewind/api/health", "dashboards": "/services/dashboards/-/health"}
"""Where the programs answer that a first visit may lead to."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Started:
    """What ``up`` has to tell.

    Parameters
    ----------
    already
        The platform was running before.
    name
        The first administrator.
    password
        Its generated password, on the first start only.
    seconds
        How long it took.
    """

    already: bool
    name: str = ""
    password: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Busy:
    """What a stop would end.

    Parameters
    ----------
    kernels
        ``user: notebook`` of each kernel that is computing.
    runs
        ``user: title (id)`` of each run that is being executed; it starts anew with the next ``up``.
    servers
        The number of user servers.
    """

    kernels: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    servers: int = 0
    lines: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        lines = [f"busy kernel  {name}" for name in self.kernels] + [
            f"run          {name}" for name in self.runs
        ]
        object.__setattr__(self, "lines", tuple(lines))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.paths.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(str(settings.paths.runtime / "change.lock"))
    try:
        with lock.acquire(timeout=120):
            yield
    except Timeout as problem:
        raise SetupError(
            "Another `make up`, `restart` or `down` of this platform is at work.", "Wait for it to end."
        ) from problem


def _check_disk(settings: Settings) -> None:
    folder = settings.paths.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < DISK_NEEDED:
        raise SetupError(
            f"Only {free // 2**20} MB are free in {folder}; {DISK_NEEDED // 2**20} MB are needed to start.",
            "Free some space, or set TRADEWIND_HOME to a folder on another disk.",
        )


def _check_ports(settings: Settings) -> None:
    for port in processes.ports(settings):
        if not processes.is_free(port):
            raise SetupError(
                f"Port {port.number} on {port.address}, for {port.purpose}, "
                f"is taken by {processes.holder(port)}.",
                "Stop that, or choose other ports: TRADEWIND_PORT=9000 make up (it uses 9000 to 9004).",
            )


def _end_orphans(settings: Settings) -> None:
    """End programs whose supervisor has died; user servers and runs are left alone."""
    commands = {program.argv for program in supervision.programs(settings)}
    commands.add(tuple(proxy.command(settings)))
    configuration = str(supervision.configuration_file(settings))

    def orphan(process: psutil.Process) -> bool:
        try:
            command = tuple(process.cmdline())
        except psutil.Error:
            return False
        return command in commands or (configuration in command and "supervisor.supervisord" in command)

    processes.end([p for p in processes.belonging(settings) if orphan(p)])


def _remember(settings: Settings) -> None:
    """Write down which settings came by the environment, for the programs, other shells and ``restart``."""
    file = settings.paths.home / STARTED_WITH
    known: dict[str, Any] = tomllib.loads(file.read_text()) if file.exists() else {}
    for name in Settings.model_fields:
        if f"TRADEWIND_{name.upper()}" in os.environ and name != "home":
            known[name] = getattr(settings, name)
    text = "".join(f"{name} = {_toml(value)}\n" for name, value in sorted(known.items()))
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case SecretStr():
            return _toml(value.get_secret_value())
        case Path():  # given relative to the shell's folder; the programs run in another one
            return _toml(str(value.resolve()))
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(_toml(part) for part in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
        case _:
            return json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML string, too


def wait_until_up(settings: Settings, *, patience: float, say: Say) -> None:
    """Wait until the platform answers at its address.

    Parameters
    ----------
    settings
        The installation's settings.
    patience
        Seconds to wait.
    say
        Where to tell of programs that keep failing.

    Raises
    ------
    SetupError
        It does not answer in time; the message holds the end of the log of what fails.
    """
    supervisor = Supervisor(settings)
    deadline = time.monotonic() + patience
    seen: dict[str, set[int]] = {}
    with httpx.Client(timeout=5, trust_env=False, verify=False) as client:  # noqa: S501  our own proxy on loopback
        while True:
            listed = supervisor.programs()
            for program in listed:
                before = seen.setdefault(program.name, set())
                if program.pid and program.pid not in before:
                    before.add(program.pid)
                    if len(before) == 2:
                        say(f"{program.name} has ended and is started again; see {program.log}")
            if all(p.pid for p in listed) and _pages_answer(settings, client, listed):
                return
            flapping = [p for p in listed if len(seen[p.name]) >= _TRIES]
            if flapping or time.monotonic() > deadline:
                raise _failure(settings, tuple(flapping) or listed)
            time.sleep(0.1)


def _pages_answer(settings: Settings, client: httpx.Client, listed: tuple[ProgramStatus, ...]) -> bool:
    """Ask through the front door: proxy, hub, service and dashboards at once."""
    names = {program.name for program in listed}
    paths = ["/hub/login", *(path for name, path in _HEALTH.items() if name in names)]
    try:
        return all(client.get(settings.public_url + path).status_code == 200 for path in paths)
    except httpx.HTTPError:
        return False


def _failure(settings: Settings, listed: tuple[ProgramStatus, ...]) -> SetupError:
    bad = [p for p in listed if p.state is State.FAILING] or [p for p in listed if p.name == "hub"] or listed
    told = [f"Tradewind did not come up at {settings.public_url}."]
    for program in bad:
        try:
            with open(program.log, errors="replace") as file:  # noqa: PTH123
                tail = "".join(file.readlines()[-15:]).strip()
        except OSError:
            tail = "(no log)"
        told.append(f"--- {program.name} ({program.state}), end of {program.log}:\n{tail}")
    return SetupError("\n".join(told), "`make doctor` looks for the reason; `make down` stops what runs.")


def up(settings: Settings, *, say: Say, patience: float = 120.0) -> Started:
    """Bring the platform up; does nothing when it is.

    Parameters
    ----------
    settings
        The installation's settings.
    say
        Where to tell what is being done.
    patience
        Seconds until the platform must answer.

    Raises
    ------
    SetupError
        A port is taken, the disk is full, the state folder is from a newer version, a program keeps failing.
    """
    began = time.monotonic()
    upgrade.refuse_newer(settings)
    with _alone(settings):
        supervisor = Supervisor(settings)
        if supervisor.alive():
            wait_until_up(settings, patience=patience, say=say)
            return Started(already=True)
        _check_disk(settings)
        node.install()
        upgrade.bring_up_to_date(settings)
        _end_orphans(settings)
        _check_ports(settings)
        name, password = accounts.ensure_first_admin(settings)
        _remember(settings)
        say("Starting hub, proxy, service, workers and dashboards ...")
        supervisor.start()
        try:
            _seed(settings, say)
            wait_until_up(settings, patience=patience, say=say)
        except SetupError:
            if password:
                say(f"Sign in as             {name} / {password}   (shown once)")
            raise
    return Started(already=False, name=name, password=password or "", seconds=time.monotonic() - began)


def restart(settings: Settings, name: str = "", *, say: Say, patience: float = 120.0) -> None:
    """Renew the platform's programs; user servers and runs go on.

    Parameters
    ----------
    settings
        The installation's settings.
    name
        One program; everything when empty.
    say
        Where to tell what is being done.
    patience
        Seconds until the platform must answer.
    """
    with _alone(settings):
        supervisor = Supervisor(settings)
        if not supervisor.alive():
            raise UnavailableError("Tradewind is not running.", "Start it with `make up`.")
        if name:
            supervisor.restart((name,))
        else:
            upgrade.bring_up_to_date(settings)
            _remember(settings)
            _seed(settings, say)
            supervisor.renew()
        wait_until_up(settings, patience=patience, say=say)


def busy(settings: Settings) -> Busy:
    """Return what a stop would end.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    hub = Hub(settings)
    servers = hub.servers()
    kernels = tuple(f"{server.user}: {path}" for server in servers for path in hub.busy_kernels(server))
    return Busy(kernels=kernels, runs=_running(settings), servers=len(servers))


def down(settings: Settings, *, confirm: Callable[[Busy], bool], say: Say) -> bool:
    """Stop everything: user servers, runs, dashboards, programs; leave no process.

    Parameters
    ----------
    settings
        The installation's settings.
    confirm
        Asked with what would be ended, when there is such work.
    say
        Where to tell what is being done.

    Returns
    -------
    bool
        Whether the platform is down now.
    """
    with _alone(settings):
        supervisor = Supervisor(settings)
        alive = supervisor.alive()
        if alive:
            work = busy(settings)
            if work.lines and not confirm(work):
                return False
            hub = Hub(settings)
            hub.stop(hub.servers())
        supervisor.stop()
        left = processes.end(processes.belonging(settings))
        (settings.paths.home / STARTED_WITH).unlink(missing_ok=True)
        if left:
            names = ", ".join(f"{p.pid} {p.name()}" for p in left)
            raise SetupError(f"These processes could not be ended: {names}.", "End them by hand.")
        say("Tradewind is down." if alive else "Tradewind was not running.")
    return True


def _seed(settings: Settings, say: Say) -> None:
    # Imported here: the store's libraries take half a second, which only a start needs.
    from tradewind.ingest import samples
    from tradewind.publish.shipped import publish_shipped

    samples.seed(settings, progress=lambda name: say(f"Sample data: {name}"))
    publish_shipped(settings)


def _running(settings: Settings) -> tuple[str, ...]:
    from tradewind.jobs import runs  # imported here: the job engine is as heavy as the store

    going = (RunStatus.RUNNING, RunStatus.CANCELLING)
    return tuple(f"{run.user}: {run.title} ({run.id})" for run in runs.busy(settings) if run.status in going)
