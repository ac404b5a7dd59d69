"""Executes one attempt of a run: a process tree in a sandbox, watched until nothing of it is left."""

import contextlib
import json
import logging
import os
import selectors
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from tradewind.jobs import attempts, notebooks, processes, results, runs, writing
from tradewind.jobs.attempts import Standing
from tradewind.jobs.model import Outcome, Run
from tradewind.jobs.processes import Starter, Tree
from tradewind.sandbox import Sandbox, home_name
from tradewind.settings import Settings
from tradewind.store import access

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often the database is asked whether the attempt should go on."""
LOG_LIMIT = 20 * 2**20
LINE_LIMIT = 2**20
EXIT_FAILED = 3


@dataclass
class Heard:
    """What the runner has said so far: shown to its user, trusted by nobody, for it speaks from inside."""

    cell: int = 0
    cells: int = 0
    error: str = ""
    ended: bool = False
    packages: Any = None
    rest: bytes = b""
    noted: tuple[int, int] = field(default=(0, 0))


class Supervisor:
    """Watches the process tree of one attempt.

    Parameters
    ----------
    settings
        This installation.
    run
        The run, as of this attempt.
    starter
        Starts the runner in its sandbox.
    stopping
        Set when the worker wants its runs back on the queue.
    """

    def __init__(self, settings: Settings, run: Run, starter: Starter, stopping: threading.Event) -> None:
        self._settings = settings
        self._run = run
        self._starter = starter
        self._stopping = stopping
        self._folder = runs.folder(settings, run.id) / f"attempt-{run.attempt}"
        self._home = self._folder / "home"
        self._heard = Heard()
        self._logged = 0

    def execute(self) -> Outcome | None:
        """Run the attempt to its end.

        Returns
        -------
        Outcome or None
            How it ended; nothing if another worker has taken over.
        """
        self._prepare()
        with contextlib.ExitStack() as held, (self._folder / "log.txt").open("ab") as log_file:
            tree = self._starter.start(self._box(held))
            try:
                verdict = self._watch(tree, log_file)
            finally:
                processes.end(tree)
                tree.close()
        if verdict is Standing.SUPERSEDED:
            return None
        if verdict is None:
            return self._publish(self._judge(tree.code))
        outcome = Outcome.CANCELLED if verdict is Standing.CANCEL else Outcome.HANDED_OVER
        if outcome is Outcome.HANDED_OVER:
            return outcome if attempts.end(self._settings, self._run.id, self._run.attempt, outcome) else None
        return self._publish(outcome)

    def _prepare(self) -> None:
        # An attempt's number is never used twice, but a folder may remain from a restored backup.
        shutil.rmtree(self._folder, ignore_errors=True)
        task = self._home / ".run"
        task.mkdir(mode=0o700, parents=True)
        (self._home / "artifacts").mkdir(mode=0o700)
        source = runs.folder(self._settings, self._run.id) / notebooks.INPUT
        shutil.copyfile(source, task / notebooks.INPUT)
        (task / "task.json").write_text(json.dumps({"parameters": self._run.parameters}))

    def _box(self, held: contextlib.ExitStack) -> Sandbox:
        settings, run = self._settings, self._run
        box = Sandbox.for_user(settings, run.user, home=self._home, grace=processes.ASKED_SECONDS)
        inside, own = (
            box.home_inside / ".tradewind",
            settings.paths.user_home(home_name(run.user)) / ".tradewind",
        )
        wish = writing.wish_of(run)
        binds = writing.own_binds(held, own.parent, inside, wish, isolated=box.isolated)
        binds += writing.shared_binds(settings, wish)
        environment = {
            "TRADEWIND_RUN_ID": run.id,
            "TRADEWIND_RUN_DIR": str(box.home_inside / ".run"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **({} if box.isolated else {"TRADEWIND_MINE": str(own / "store")}),
        }
        stores = any(b.writable and b.target == inside / "store" for b in binds)
        if box.isolated and wish is not None and wish.mine and not stores:
            environment["TRADEWIND_MINE"] = (
                "/proc/none"  # a link lies there: fail, and do not write elsewhere
            )
        return Sandbox.for_user(
            settings,
            run.user,
            home=self._home,
            datasets=_datasets(settings, run),
            reader=writing.key(settings, run, wish),
            binds=binds,
            environment=environment,
            grace=processes.ASKED_SECONDS,
        )

    def _watch(self, tree: Tree, log_file: BinaryIO) -> Standing | None:
        """Follow the runner until it has ended and all it said is read, or there is a reason to end it."""
        looked = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(tree.output, selectors.EVENT_READ, self._events)
            selector.register(tree.errors, selectors.EVENT_READ, self._log)
            if tree.runner is not None:
                selector.register(tree.runner, selectors.EVENT_READ)
            while True:
                # Asked before reading: what was said before the end is there when the end is seen.
                ended = tree.ended
                heard = False
                for key, _ in selector.select(0 if ended else LOOK_SECONDS / 2):
                    if key.fd == tree.runner:
                        continue
                    chunk = os.read(key.fd, 65536)
                    heard = heard or bool(chunk)
                    if chunk:
                        handle: Callable[[bytes, BinaryIO], None] = key.data
                        handle(chunk, log_file)
                    else:
                        selector.unregister(key.fileobj)
                if ended and not heard:
                    break
                if self._stopping.is_set():
                    return Standing.HAND_OVER
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    standing = self._look()
                    if standing is not Standing.GO:
                        return standing
        # Cancelled while the last cell ended: what the user asked for last counts.
        standing = self._look()
        return None if standing is Standing.GO else standing

    def _look(self) -> Standing:
        number, heard = self._run.attempt, self._heard
        if heard.noted != (heard.cell, heard.cells):
            attempts.progress(self._settings, self._run.id, number, heard.cell, heard.cells)
            heard.noted = (heard.cell, heard.cells)
        return attempts.standing(self._settings, self._run.id, number)

    def _events(self, chunk: bytes, log_file: BinaryIO) -> None:
        *lines, rest = (self._heard.rest + chunk).split(b"\n")
        self._heard.rest = rest[:LINE_LIMIT]
        for line in lines:
            try:
                event = json.loads(line)
                kind = event["event"]
            except (ValueError, TypeError, KeyError, RecursionError):
                self._log(line + b"\n", log_file)
                continue
            self._event(str(kind), event, log_file)

    def _event(self, kind: str, event: dict[str, Any], log_file: BinaryIO) -> None:
        heard = self._heard
        if kind in ("cell", "cells"):
            heard.cell, heard.cells = _count(event.get("cell", 0)), _count(event.get("cells", 0))
        elif kind == "log":
            self._log(str(event.get("text", "")).encode(), log_file)
        elif kind == "error":
            heard.error = str(event.get("message", "")).replace("\0", "")[:4000]
        elif kind == "end":
            heard.ended, heard.packages = True, event.get("packages")

    def _log(self, chunk: bytes, log_file: BinaryIO) -> None:
        room = LOG_LIMIT - self._logged
        if room <= 0:
            return
        self._logged += len(chunk)
        log_file.write(chunk[:room])
        if self._logged >= LOG_LIMIT:
            log_file.write(b"\n[the log is cut here: it has reached its limit]\n")
        log_file.flush()

    def _judge(self, code: int | None) -> Outcome:
        if self._heard.ended and not self._heard.error and code in (0, None):
            return Outcome.SUCCEEDED
        if not self._heard.error:
            known = "" if code is None else f" (exit code {code})"
            self._heard.error = f"The run's process ended unexpectedly{known}; its log may say why."
        return Outcome.FAILED

    def _publish(self, outcome: Outcome) -> Outcome | None:
        """Complete the result, then let one statement in the database decide whether it counts."""
        target = self._folder / "result"
        record = results.read_record(self._home)
        error = "" if outcome is Outcome.SUCCEEDED else self._heard.error
        results.collect(self._home, target)
        results.write_card(
            target, self._run, outcome, error=error, record=record, packages=self._heard.packages
        )
        logged = self._folder / "log.txt"
        if logged.exists():
            shutil.copyfile(logged, target / "log.txt")
        results.clear(self._home)
        values = {
            "result_attempt": self._run.attempt,
            "error": error,
            "metrics": record.metrics,
            "cell": self._heard.cell,
            "cells": self._heard.cells,
        }
        ended = attempts.end(self._settings, self._run.id, self._run.attempt, outcome, **values)
        return outcome if ended else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 100_000 else 0


def _datasets(settings: Settings, run: Run) -> list[Path]:
    """Return the folders of the shared datasets the user may read; none if the store has no folders."""
    store = urlsplit(settings.store)
    if store.scheme != "file":
        return []
    names = access.readable(settings, run.user, run.groups, run.admin)
    return [folder for name in names if (folder := Path(store.path) / name).is_dir()]
