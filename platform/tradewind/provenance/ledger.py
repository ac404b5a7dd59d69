"""The trial ledger: every variant ever tried on a dataset, across cells, kernels and jobs.

The best of many trials looks good by luck alone; how much depends on how many there were. People forget, so
this file remembers: one SQLite database in the home, shown to jobs as well (``TRADEWIND_LEDGER`` names
another file, ``TRADEWIND_PROJECT`` a project to count for), written by every backtest and sweep on a named
dataset. Running the same variant again is no new trial.
"""

import hashlib
import math
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

LEDGER = "TRADEWIND_LEDGER"
PROJECT = "TRADEWIND_PROJECT"
RESEARCH = "research"
"""The folder below ``~/.tradewind`` with the ledger and what lies beside it; runs may write to it."""
_DIGEST = 8
_REMEMBERED = 100_000
_noted: set[tuple[str, str, str, str, bytes]] = set()
"""What this process has written already: the same variant again costs nothing."""

_TABLES = """
CREATE TABLE IF NOT EXISTS tries (
    project TEXT NOT NULL, dataset TEXT NOT NULL, strategy TEXT NOT NULL, at TEXT NOT NULL,
    variants BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS tries_by_dataset ON tries (project, dataset);
"""


def ledger_path() -> Path:
    """Return where this user's ledger lies."""
    return _path(os.environ.get(LEDGER), os.environ.get("TRADEWIND_MINE"), os.environ.get("HOME"))


@lru_cache(maxsize=16)  # every backtest asks
def _path(named: str | None, mine: str | None, _home: str | None) -> Path:
    if named:
        return Path(named)
    own = Path(mine).parent if mine else Path.home() / ".tradewind"
    return own / RESEARCH / "trials.sqlite"


def project_name() -> str:
    """Return the project that trials are counted for."""
    return os.environ.get(PROJECT, "default")


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What was tried on a dataset so far."""

    dataset: str
    project: str
    count: int
    by_strategy: dict[str, int]
    sharpes: tuple[float, ...] = ()
    """Sharpe ratio per bar of each trial of which it is known."""

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {n:,}" for name, n in sorted(self.by_strategy.items()))
        return f"{self.count:,} variants tried on {self.dataset}" + (f": {parts}" if parts else "")


def connect() -> sqlite3.Connection:
    """Open the ledger; the caller closes it."""
    path = ledger_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=10.0)
    # No waiting for the disk: after a power cut the last trials may be forgotten; research is not slowed
    connection.execute("PRAGMA synchronous=OFF")
    connection.executescript(_TABLES)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(tries)")}
    if "sharpes" not in columns:  # a ledger from before trials had a figure
        with suppress(sqlite3.OperationalError):  # another process was faster
            connection.execute("ALTER TABLE tries ADD COLUMN sharpes BLOB")
    return connection


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()


def note(
    dataset: str, strategy: str, variants: Iterable[str], sharpes: Iterable[float] | None = None
) -> bool:
    """Write down variants that were tried; say whether that was possible.

    A home that cannot be written to must not stop research, so a failure is an answer and no error; the
    overfitting report then says that it counts the sweep's own trials only.

    Parameters
    ----------
    dataset
        Its name; trials on unnamed data are nobody's.
    strategy
        Its name.
    variants
        One text for each, in which everything that makes it another variant is written.
    sharpes
        The Sharpe ratio per bar of each, in the same order, where it is known.
    """
    if not dataset:
        return False
    keys = [_digest(f"{strategy}|{v}") for v in variants]
    figures = [float(s) for s in sharpes] if sharpes is not None else [float("nan")] * len(keys)
    by_key = dict(zip(keys, figures, strict=True))
    digests = b"".join(sorted(by_key))
    known_figures = np.array([by_key[k] for k in sorted(by_key)], dtype="<f4").tobytes()
    entry = (str(ledger_path()), project_name(), dataset, strategy, digests)
    if entry in _noted:
        return True
    try:
        with closing(connect()) as connection, connection:
            row = (project_name(), dataset, strategy, datetime.now(UTC).isoformat(), digests)
            known = connection.execute(
                "SELECT 1 FROM tries WHERE project = ? AND dataset = ? AND strategy = ? AND variants = ?",
                (row[0], row[1], row[2], digests),
            ).fetchone()
            if known is None:
                connection.execute(
                    "INSERT INTO tries (project, dataset, strategy, at, variants, sharpes) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (*row, known_figures),
                )
    except (OSError, sqlite3.Error):
        return False
    if len(_noted) < _REMEMBERED:
        _noted.add(entry)
    return True


def trials(dataset: str) -> Trials:
    """Count the different variants tried on a dataset in this project."""
    found: dict[str, dict[bytes, float]] = {}
    try:
        with closing(connect()) as connection:
            rows = connection.execute(
                "SELECT strategy, variants, sharpes FROM tries WHERE project = ? AND dataset = ?",
                (project_name(), dataset),
            )
            for strategy, digests, figures in rows:
                keys = [digests[k : k + _DIGEST] for k in range(0, len(digests), _DIGEST)]
                values = np.frombuffer(figures, "<f4").tolist() if figures else [float("nan")] * len(keys)
                found.setdefault(strategy, {}).update(zip(keys, values, strict=True))
    except (OSError, sqlite3.Error):
        found = {}
    by_strategy = {name: len(seen) for name, seen in found.items()}
    every = (s for seen in found.values() for s in seen.values())
    return Trials(
        dataset=dataset,
        project=project_name(),
        count=sum(by_strategy.values()),
        by_strategy=by_strategy,
        sharpes=tuple(s for s in every if not math.isnan(s)),
    )
