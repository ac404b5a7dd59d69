"""Installations with real workers: job engine, papermill, kernels and sandbox are the ones users have."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from live_platform import port_base
from tradewind.database import engine
from tradewind.jobs import api
from tradewind.jobs.api import Request, Run
from tradewind.settings import Settings

USER = "admin"
"""The first administrator: the one user who may run things also where no sandbox works."""


def notebook(*cells: str, parameters: str = "") -> dict[str, Any]:
    """A notebook of code cells, the first of them tagged if there are parameters."""

    def cell(number: int, source: str, tags: list[str]) -> dict[str, Any]:
        return {
            "cell_type": "code", "id": f"c{number}", "metadata": {"tags": tags}, "source": source,
            "outputs": [], "execution_count": None,
        }  # fmt: skip

    tagged = [cell(0, parameters, ["parameters"])] if parameters else []
    plain = [cell(number, source, []) for number, source in enumerate(cells, 1)]
    return {"cells": [*tagged, *plain], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def wait_for(condition: Callable[[], Any], seconds: float = 40.0, what: str = "something") -> Any:
    """Wait until a condition holds and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return found


def processes_with(text: str) -> list[int]:
    """Every living process of this machine with a text in its command line, in whatever namespace."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if text.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


class Installation:
    """A state folder of its own, with as many workers as a test starts."""

    def __init__(self, home: Path, **extra: Any) -> None:
        values = {"port": port_base(), "run_lease_seconds": 2.0, **extra}
        self.settings = Settings(home=home, **values)
        self.settings.paths.create()
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TRADEWIND_")},
            **{f"TRADEWIND_{k.upper()}": str(v) for k, v in values.items()},
            "TRADEWIND_HOME": str(home),
        }
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self) -> "subprocess.Popen[bytes]":
        """Start a worker: a keeper, as the supervisor would."""
        log = (self.settings.paths.logs / f"worker-{len(self.workers)}.log").open("wb")
        with log:
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "tradewind.jobs.worker"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """Stop every worker, and see that they stop in an orderly way."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(30)
        engine(self.settings.database).dispose()

    def submit(self, content: dict[str, Any] | None = None, user: str = USER, **options: Any) -> Run:
        """Queue a notebook."""
        options.setdefault("parameters", {})
        return api.submit(self.settings, user=user, request=Request(content=content, **options))

    def get(self, run: Run) -> Run:
        """Look at a run."""
        return api.get(self.settings, run.id)

    def finish(self, run: Run, seconds: float = 60.0) -> Run:
        """Wait for a run's end."""
        return wait_for(
            lambda: found if (found := self.get(run)).status.final else None, seconds, f"{run.id} to end"
        )

    def reach(self, run: Run, cell: int, seconds: float = 40.0) -> Run:
        """Wait until a run has ended its first so many cells."""
        return wait_for(
            lambda: found if (found := self.get(run)).cell >= cell else None, seconds, f"cell {cell}"
        )

    def result(self, run: Run, name: str) -> str:
        """Read a file of a published result."""
        return api.result_file(self.settings, self.get(run), name).read_text()

    def logs(self) -> str:
        """What all workers have written."""
        return "\n".join(path.read_text() for path in sorted(self.settings.paths.logs.glob("worker-*.log")))
