"""Which processes of this machine belong to an installation, and who holds a port.

A process belongs to a state folder when its environment names that folder, when its command line does (a
sandbox binds a home below it), or when it descends from such a process.
"""

import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tradewind.settings import Settings


@dataclass(frozen=True)
class Port:
    """One port the platform needs.

    Parameters
    ----------
    number
        The port.
    address
        Where it is bound.
    purpose
        What it is for.
    """

    number: int
    address: str
    purpose: str


def ports(settings: Settings) -> tuple[Port, ...]:
    """Return the ports of an installation.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    own = "127.0.0.1"
    return (
        Port(settings.port, settings.bind, "the platform's address (TRADEWIND_PORT)"),
        Port(settings.proxy_api_port, own, "the proxy's control"),
        Port(settings.hub_port, own, "the hub"),
        Port(settings.service_port, own, "the service"),
        Port(settings.dashboards_port, own, "the dashboards"),
    )


def is_free(port: Port) -> bool:
    """Say whether a port can be listened on.

    Parameters
    ----------
    port
        The port to try.
    """
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((port.address, port.number))
        except OSError:
            return False
    return True


def holder(port: Port) -> str:
    """Name the process that listens on a port, as far as this user may see it.

    Parameters
    ----------
    port
        A port that is taken.
    """
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port.number,):
                if connection.pid is None:
                    break
                process = psutil.Process(connection.pid)
                return f"{process.name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another process"


def belonging(settings: Settings) -> list[psutil.Process]:
    """Return every live process of an installation, this one and its parents left out.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    home = settings.paths.home
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    everyone = {p.pid: p for p in psutil.process_iter() if p.pid not in own}
    children: dict[int, list[int]] = {}
    found: set[int] = set()
    for pid, process in everyone.items():
        try:
            children.setdefault(process.ppid(), []).append(pid)
            if _names(process, home, settings.paths.runtime):
                found.add(pid)
        except psutil.Error:
            continue  # it ended meanwhile, or belongs to somebody else
    todo = list(found)
    while todo:
        for pid in children.get(todo.pop(), []):
            if pid not in found:
                found.add(pid)
                todo.append(pid)
    return [everyone[pid] for pid in sorted(found) if _lives(everyone[pid])]


def _names(process: psutil.Process, home: Path, runtime: Path) -> bool:
    try:
        if process.environ().get("TRADEWIND_HOME") == str(home):
            return _is_program(process)
    except psutil.Error:
        pass  # another user's process, or one inside another user namespace: its command line still says
    return any(_below(argument, (home, runtime)) for argument in process.cmdline()[1:])


def _is_program(process: psutil.Process) -> bool:
    """Tell a program of the platform from the shell in which somebody has set TRADEWIND_HOME."""
    return process.environ().get("TRADEWIND_RUNTIME") is not None


def _below(argument: str, folders: Iterable[Path]) -> bool:
    return any(argument == str(f) or argument.startswith(f"{f}/") for f in folders)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end(processes: list[psutil.Process], *, patience: float = 10.0) -> list[psutil.Process]:
    """End processes: ask first, then kill.

    Parameters
    ----------
    processes
        What to end.
    patience
        Seconds between asking and killing.

    Returns
    -------
    list of psutil.Process
        Those that are still there.
    """
    for process in processes:
        _signal(process, kill=False)
    deadline = time.monotonic() + patience
    alive = processes
    while alive and time.monotonic() < deadline:
        time.sleep(0.1)
        alive = [p for p in alive if _lives(p)]
    for process in alive:
        _signal(process, kill=True)
    deadline = time.monotonic() + 5
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = [p for p in alive if _lives(p)]
    return alive


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        return
