"""Talk to the supervisor of one installation: start it, ask it, stop it."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from tradewind.errors import NotFoundError, SetupError, UnavailableError, did_you_mean
from tradewind.hub import supervision
from tradewind.settings import Settings

START_SECONDS = 15.0
"""How long the supervisor itself may take to answer; its programs take their own time."""

STOP_SECONDS = 45.0
"""How long the slowest program may take to stop; the supervisor kills it earlier."""


class State(StrEnum):
    """What a program is doing, in words."""

    RUNNING = "running"
    STARTING = "starting"
    FAILING = "failing"
    STOPPED = "stopped"


_STATES = {
    "RUNNING": State.RUNNING,
    "STARTING": State.STARTING,
    "STOPPING": State.STOPPED,
    "STOPPED": State.STOPPED,
    "BACKOFF": State.FAILING,
    "FATAL": State.FAILING,
    "EXITED": State.FAILING,
}


@dataclass(frozen=True)
class ProgramStatus:
    """One program as the supervisor sees it.

    Parameters
    ----------
    name
        The program.
    state
        What it is doing.
    pid
        Its process, 0 when there is none.
    seconds
        How long it has been running.
    log
        Its log file.
    """

    name: str
    state: State
    pid: int
    seconds: float
    log: str


class Supervisor:
    """The supervisor of one installation.

    Parameters
    ----------
    settings
        The installation's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def _call(self, method: str, *arguments: Any) -> Any:
        password = self._settings.paths.secret("supervisor")
        transport = SupervisorTransport("tradewind", password, f"unix://{supervision.socket(self._settings)}")
        proxy = ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def alive(self) -> bool:
        """Say whether the supervisor answers."""
        if not supervision.socket(self._settings).exists():
            return False
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, Fault, ProtocolError):
            return False

    def programs(self) -> tuple[ProgramStatus, ...]:
        """Return every program, in the order in which they start.

        Raises
        ------
        UnavailableError
            The platform is not running.
        """
        try:
            answer = self._call("getAllProcessInfo")
        except (OSError, ProtocolError) as problem:
            raise UnavailableError("The platform is not running.", "Start it with `make up`.") from problem
        order = {program.name: i for i, program in enumerate(supervision.programs(self._settings))}
        listed = [
            ProgramStatus(
                name=info["name"],
                state=_STATES.get(info["statename"], State.FAILING),
                pid=info["pid"],
                seconds=max(0.0, float(info["now"] - info["start"])) if info["pid"] else 0.0,
                log=info["stdout_logfile"],
            )
            for info in answer
        ]
        return tuple(sorted(listed, key=lambda p: order.get(p.name, 99)))

    def _write_configuration(self) -> Path:
        file = supervision.configuration_file(self._settings)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(supervision.configuration(self._settings))
        return file

    def start(self) -> None:
        """Write the configuration and start the supervisor, and with it every program.

        Raises
        ------
        SetupError
            It does not come up.
        """
        settings = self._settings
        file = self._write_configuration()
        for stale in (supervision.socket(settings), supervision.pid_file(settings)):
            stale.unlink(missing_ok=True)
        with (settings.paths.logs / "supervisor.out").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(file)],
                cwd=settings.paths.home,
                env=supervision.environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if self.alive():
                return
            time.sleep(0.05)
        tail = (settings.paths.logs / "supervisor.out").read_text(errors="replace")[-1500:].strip()
        raise SetupError(f"The supervisor did not start.\n{tail}", f"Look into {settings.paths.logs}.")

    def restart(self, names: tuple[str, ...]) -> None:
        """Restart programs, all at once, and nothing else; a worker keeps the runs it has.

        Parameters
        ----------
        names
            The programs.

        Raises
        ------
        NotFoundError
            There is no such program.
        """
        known = {p.name: p for p in self.programs()}
        for name in names:
            if name not in known:
                raise NotFoundError(f"There is no program {name!r}.", did_you_mean(name, known))
        to_stop = []
        for name in names:
            if supervision.renews_itself(name) and known[name].state is State.RUNNING:
                self._call("signalProcess", name, "HUP")
            else:
                to_stop.append(name)
        for name in to_stop:
            with suppress(Fault):  # it is not running: the better
                self._call("stopProcess", name, False)
        deadline = time.monotonic() + STOP_SECONDS
        while any(p.pid for p in self.programs() if p.name in to_stop) and time.monotonic() < deadline:
            time.sleep(0.05)
        for name in to_stop:
            self._call("startProcess", name, False)

    def renew(self) -> None:
        """Restart every program, under the programs and options of the present settings."""
        self._write_configuration()
        added, changed, removed = self._call("reloadConfig")[0]
        for group in (*changed, *removed):
            self._call("stopProcessGroup", group)
            self._call("removeProcessGroup", group)
        names = tuple(p.name for p in self.programs())
        for group in (*added, *changed):
            self._call("addProcessGroup", group)
        self.restart(names)

    def stop(self, *, patience: float = 60.0) -> None:
        """Stop every program and the supervisor itself; what they started stays.

        Parameters
        ----------
        patience
            Seconds to wait for the end.
        """
        try:
            pid = int(self._call("getPID"))
            self._call("shutdown")
        except (OSError, Fault, ProtocolError):
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # ours, if this very process started it
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
