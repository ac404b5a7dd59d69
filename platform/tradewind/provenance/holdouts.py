"""Sealed holdouts: a span of a dataset kept for the last judgement, and a log of every look at it.

A holdout lies in the trial ledger, for one dataset in one project. Sealed bars are read inside :func:`look`
only, which writes down who looked, when and why; any other read is an error. A seal cannot be broken, only
looked through: what was seen once is no longer unseen, and the log says so.
"""

import getpass
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tradewind.errors import ConflictError, HoldoutError, InvalidInputError, UnavailableError
from tradewind.provenance.ledger import connect, ledger_path, project_name

_lock = threading.Lock()
_looking: list[str] = []
_sealed: dict[tuple[str, int, str], dict[str, np.datetime64]] = {}
"""The seals of a ledger as it was at a moment: a read asks often, and nothing changes in between."""

_TABLES = """
CREATE TABLE IF NOT EXISTS holdouts (
    project TEXT NOT NULL, dataset TEXT NOT NULL, start TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (project, dataset)
);
CREATE TABLE IF NOT EXISTS looks (
    project TEXT NOT NULL, dataset TEXT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL
);
"""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look into a sealed holdout."""

    at: str
    who: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """A sealed span: from ``start`` on.

    Attributes
    ----------
    looks
        Every look so far, oldest first.
    """

    dataset: str
    start: np.datetime64
    sealed: str
    reason: str
    looks: tuple[Look, ...]

    def __repr__(self) -> str:
        seen = f"looked at {len(self.looks)} times" if len(self.looks) != 1 else "looked at once"
        return f"{self.dataset} from {str(self.start)[:10]} on is sealed since {self.sealed[:10]}; {seen}"


def _open() -> sqlite3.Connection:
    connection = connect()
    connection.executescript(_TABLES)
    return connection


def seal(dataset: str, start: str, reason: str = "") -> Holdout:
    """Seal a dataset from a time on, in this project, for good.

    Parameters
    ----------
    dataset
        Its name.
    start
        First sealed bar; ``"2012"``, a date, a time.
    reason
        What it is kept for.

    Raises
    ------
    ConflictError
        It is sealed from another time on already.
    """
    if not dataset:
        raise InvalidInputError("A holdout belongs to a named dataset.")
    try:
        first = np.datetime64(str(start), "ns")
    except ValueError:
        first = None
    if first is None or np.isnat(first):  # not a time would seal nothing
        raise InvalidInputError(f"{start!r} is no time.", 'Such as "2012" or "2012-06-30".')
    try:
        with closing(_open()) as connection, connection:
            row = (project_name(), dataset, str(first), datetime.now(UTC).isoformat(), reason)
            connection.execute("INSERT OR IGNORE INTO holdouts VALUES (?, ?, ?, ?, ?)", row)
    except (OSError, sqlite3.Error) as error:
        raise UnavailableError("The trial ledger cannot be written, so nothing is sealed.") from error
    found = holdout(dataset)
    if found is None or found.start != first:
        raise ConflictError(
            f"{dataset!r} is sealed from {str(found.start)[:10] if found else '?'} on already; a seal stays.",
            "Use another project (TRADEWIND_PROJECT) for another study.",
        )
    return found


def holdout(dataset: str) -> Holdout | None:
    """Return a dataset's sealed holdout in this project with its looks, or None."""
    try:
        with closing(_open()) as connection:
            key = (project_name(), dataset)
            row = connection.execute(
                "SELECT start, at, reason FROM holdouts WHERE project = ? AND dataset = ?", key
            ).fetchone()
            if row is None:
                return None
            looks = connection.execute(
                "SELECT at, who, reason FROM looks WHERE project = ? AND dataset = ? ORDER BY at", key
            ).fetchall()
    except (OSError, sqlite3.Error):
        return None
    return Holdout(
        dataset=dataset,
        start=np.datetime64(row[0]),
        sealed=row[1],
        reason=row[2],
        looks=tuple(Look(at=a, who=w, reason=r) for a, w, r in looks),
    )


@contextmanager
def look(dataset: str, reason: str) -> Iterator[Holdout]:
    """Read a sealed holdout inside this block; the look is written down before anything is read.

    Parameters
    ----------
    dataset
        Its name.
    reason
        Why; it stays in the log.

    Raises
    ------
    InvalidInputError
        Nothing is sealed, or no reason is given.
    UnavailableError
        The look cannot be written down, so there is none.
    """
    if not reason.strip():
        raise InvalidInputError("Say why you look into the holdout; the reason stays in its log.")
    if holdout(dataset) is None:
        raise InvalidInputError(f"Nothing of {dataset!r} is sealed in project {project_name()!r}.")
    try:
        with closing(_open()) as connection, connection:
            who = os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
            row = (project_name(), dataset, datetime.now(UTC).isoformat(), who, reason)
            connection.execute("INSERT INTO looks VALUES (?, ?, ?, ?, ?)", row)
    except (OSError, sqlite3.Error, KeyError) as error:
        raise UnavailableError("The look cannot be written down, so the holdout stays closed.") from error
    found = holdout(dataset)
    if found is None:
        raise UnavailableError("The trial ledger cannot be read.")
    with _lock:
        _looking.append(dataset)
    try:
        yield found
    finally:
        with _lock:
            _looking.remove(dataset)


def _seals() -> dict[str, np.datetime64]:
    path = ledger_path()
    try:
        moment = path.stat().st_mtime_ns
    except OSError:
        return {}
    key = (str(path), moment, project_name())
    if key not in _sealed:
        try:
            with closing(_open()) as connection:
                rows = connection.execute(
                    "SELECT dataset, start FROM holdouts WHERE project = ?", key[2:]
                ).fetchall()
        except (OSError, sqlite3.Error):
            return {}
        _sealed.clear()
        _sealed[key] = {name: np.datetime64(start) for name, start in rows}
    return _sealed[key]


def check(dataset: str, last: np.datetime64) -> None:
    """Refuse a read that reaches a sealed bar outside :func:`look`.

    Parameters
    ----------
    dataset
        Its name.
    last
        The latest bar of the read.

    Raises
    ------
    HoldoutError
        The bar is sealed.
    """
    start = _seals().get(dataset)
    if start is None:
        return
    with _lock:
        looking = dataset in _looking
    if not looking and last >= start:
        day = str(start)[:10]
        raise HoldoutError(
            f"{dataset!r} is sealed from {day} on, and this reaches {str(last)[:10]}.",
            f'Give an end before {day}, or look on the record: with tw.validation.look("{dataset}", "why").',
        )
