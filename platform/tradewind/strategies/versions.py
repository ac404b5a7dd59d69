"""The versions of one's own strategies: written down when they are registered, compared, rolled back to.

They lie in a file beside the trial ledger, with their source, so that another kernel or a job of the same
user finds a strategy that a notebook registered, and an older version can be had back.
"""

import hashlib
import sqlite3
import sys
import warnings
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from enum import StrEnum

from tradewind.errors import InvalidInputError, NotFoundError, UnavailableError
from tradewind.provenance.ledger import ledger_path
from tradewind.strategies.base import Strategy
from tradewind.strategies.identity import source_of


class State(StrEnum):
    """Where a strategy stands."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a strategy.

    Attributes
    ----------
    at
        When it was registered first.
    current
        Whether its name means this version.
    source
        Its text, where Python could tell.
    """

    name: str
    version: str
    state: State
    at: str
    current: bool
    source: str

    def __repr__(self) -> str:
        mark = " (current)" if self.current else ""
        return f"{self.name} {self.version}{mark}, {self.state.value}, since {self.at[:16]}Z"


_TABLE = """
CREATE TABLE IF NOT EXISTS versions (
    name TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL,
    current INTEGER NOT NULL, digest TEXT NOT NULL, source TEXT NOT NULL, code BLOB NOT NULL,
    PRIMARY KEY (name, version)
)
"""


def _open() -> sqlite3.Connection:
    path = ledger_path().with_name("strategies.sqlite")
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=10.0)
    connection.execute(_TABLE)
    return connection


def _frozen(cls: type[Strategy]) -> bytes:
    """The class itself, by value, so that a later change of its module does not change it."""
    import cloudpickle

    module = sys.modules.get(cls.__module__)
    by_value = module is not None and cls.__module__ != "__main__"
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        found: bytes = cloudpickle.dumps(cls)
        return found
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)


def remember(cls: type[Strategy]) -> None:
    """Write a version down and make it the current one; where that cannot be, warn and go on.

    A version whose text changed under the same number is written anew: numbers are for the reader, and a
    strategy in the making changes often. From the state ``active`` on, change ``version`` with the rules.
    """
    try:
        _keep(cls, source_of(cls), _frozen(cls))
    except Exception as problem:  # noqa: BLE001  pickling raises anything; research goes on in this kernel
        warnings.warn(
            f"Version {cls.version} of the strategy {cls.name!r} was not kept: it works in this kernel, but "
            f"others and jobs do not find it. {type(problem).__name__}: {problem}",
            RuntimeWarning,
            stacklevel=3,
        )


def _keep(cls: type[Strategy], source: str, code: bytes) -> None:
    digest = hashlib.sha256((source or repr(code)).encode()).hexdigest()
    with closing(_open()) as connection, connection:
        connection.execute("UPDATE versions SET current = 0 WHERE name = ?", (cls.name,))
        connection.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, 1, ?, ?, ?) "
            "ON CONFLICT (name, version) DO UPDATE SET "
            "current = 1, at = CASE WHEN digest = excluded.digest THEN at ELSE excluded.at END, "
            "digest = excluded.digest, source = excluded.source, code = excluded.code",
            (cls.name, cls.version, cls.state, datetime.now(UTC).isoformat(), digest, source, code),
        )


def history(name: str) -> list[Version]:
    """Return the versions of one of your own strategies, oldest first.

    Raises
    ------
    NotFoundError
        None was ever registered here.
    """
    rows = _rows("WHERE name = ? ORDER BY at", (name,))
    if not rows:
        raise NotFoundError(f"No version of a strategy {name!r} is written down.", "Register one: @register.")
    return rows


def _rows(where: str, values: tuple[str, ...]) -> list[Version]:
    try:
        with closing(_open()) as connection:
            found = connection.execute(
                f"SELECT name, version, state, at, current, source FROM versions {where}",  # noqa: S608
                values,
            ).fetchall()
    except (OSError, sqlite3.Error):
        return []
    return [
        Version(name=n, version=v, state=State(s), at=a, current=bool(c), source=x)
        for n, v, s, a, c, x in found
    ]


def everything() -> list[Version]:
    """Return the current version of each of the user's own strategies."""
    return _rows("WHERE current = 1 ORDER BY name", ())


def load(name: str, version: str | None = None) -> type[Strategy] | None:
    """Return a version's class as it was written down, the current one's by default; None if it was not."""
    which = "current = 1" if version is None else "version = ?"
    try:
        with closing(_open()) as connection:
            row = connection.execute(
                f"SELECT code FROM versions WHERE name = ? AND {which}",  # noqa: S608
                (name,) if version is None else (name, version),
            ).fetchone()
    except (OSError, sqlite3.Error):
        return None
    if row is None:
        return None
    import cloudpickle

    found: type[Strategy] = cloudpickle.loads(row[0])  # the user's own file, as private as a notebook of his
    return found


def set_state(name: str, state: State | str, version: str | None = None) -> Version:
    """Say where one of your own strategies stands: ``draft``, ``active`` or ``retired``.

    A retired one is left out of listings and can still be asked for by name.

    Raises
    ------
    NotFoundError
        No such version.
    """
    try:
        wanted = State(state)
    except ValueError:
        raise InvalidInputError(f"A strategy is draft, active or retired, not {state!r}.") from None
    chosen = _one(name, version)
    _write("UPDATE versions SET state = ? WHERE name = ? AND version = ?", (wanted, name, chosen.version))
    return _one(name, chosen.version)


def make_current(name: str, version: str) -> Version:
    """Let a strategy's name mean this version."""
    _one(name, version)
    _write("UPDATE versions SET current = (version = ?) WHERE name = ?", (version, name))
    return _one(name, version)


def _one(name: str, version: str | None) -> Version:
    versions = history(name)
    found = [v for v in versions if (v.current if version is None else v.version == version)]
    if not found:
        known = ", ".join(v.version for v in versions)
        raise NotFoundError(f"{name!r} has no version {version!r}.", f"There are: {known}.")
    return found[0]


def _write(statement: str, values: tuple[str, ...]) -> None:
    try:
        with closing(_open()) as connection, connection:
            connection.execute(statement, values)
    except (OSError, sqlite3.Error) as error:
        raise UnavailableError("The strategies' history cannot be written.") from error


def difference(name: str, old: str, new: str) -> str:
    """Return how the text of two versions differs, as a unified diff."""
    a, b = _one(name, old), _one(name, new)
    lines = unified_diff(
        a.source.splitlines(), b.source.splitlines(), f"{name} {old}", f"{name} {new}", lineterm=""
    )
    return "\n".join(lines)
