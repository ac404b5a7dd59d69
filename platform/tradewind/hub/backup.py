"""Back up a state folder while the platform runs, and bring it back into an empty one."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tradewind.database import engine, sqlite_module
from tradewind.errors import ConflictError, NotFoundError, SetupError
from tradewind.hub import backup_archive, upgrade
from tradewind.hub import supervision_processes as processes
from tradewind.settings import STARTED_WITH, Settings

_FILES = ("state.json", "tradewind.toml", "store-access.json")
_FOLDERS = ("secrets", "store", "homes", "runs", "dashboards", "archive")
_LEFT_OUT = frozenset({STARTED_WITH.name, "lost+found", "__pycache__"})
_DUMPS = {"platform.dump": "database", "hub.dump": "hub_database"}
"""PostgreSQL databases in an archive, and the setting that says where each belongs."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Saved:
    """What a backup holds.

    Parameters
    ----------
    files
        Number of files.
    bytes
        Their size together, before compression.
    """

    files: int
    bytes: int


def backup(settings: Settings, target: Path) -> Saved:
    """Save the whole state into one archive, while the platform runs or not.

    Databases are saved first, each at one moment; files that rows refer to are written before the rows, so
    every row of the backup finds its files. Logs and sockets are left out.

    Parameters
    ----------
    settings
        The installation's settings.
    target
        ``….tar.zst`` or ``….tar.gz``. It is readable by its owner only: it holds the platform's secrets.

    Raises
    ------
    NotFoundError
        There is no state to save.
    ConflictError
        The target exists.
    """
    if upgrade.refuse_newer(settings) == 0:
        raise NotFoundError(f"There is no state in {settings.paths.home}.", "Set TRADEWIND_HOME.")
    if target.exists():
        raise ConflictError(f"{target} exists.", "Choose another name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.close(descriptor)
    try:
        with tempfile.TemporaryDirectory(prefix="tradewind-backup-", dir=target.parent) as staging:
            _save_databases(settings, Path(staging))
            with backup_archive.compressed(partial, "wb") as stream:
                writer = backup_archive.Writer(stream)
                _write(settings, Path(staging), writer)
                writer.close()
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return Saved(writer.files, writer.bytes)


def _write(settings: Settings, databases: Path, writer: backup_archive.Writer) -> None:
    home = settings.paths.home
    for path, name in backup_archive.tree(databases, "db"):
        writer.add(path, name)
    for name in _FILES:
        writer.add(home / name, name)
    for folder in _FOLDERS:
        for path, name in backup_archive.tree(home / folder, folder, _LEFT_OUT):
            writer.add(path, name)


def _save_databases(settings: Settings, target: Path) -> None:
    for file in sorted(settings.paths.database.glob("*.sqlite")):
        _copy_sqlite(file, target / file.name)
    for dump, setting in _DUMPS.items():
        url = getattr(settings, setting)
        if sa.make_url(url).get_backend_name() == "postgresql":
            _postgres(["pg_dump", "--format=custom", f"--file={target / dump}"], url)


def _copy_sqlite(source: Path, target: Path) -> None:
    driver: Any = sqlite_module()
    before = driver.connect(source, timeout=60)
    after = driver.connect(target)
    try:
        before.backup(after)
    finally:
        before.close()
        after.close()
    target.chmod(0o600)


def _postgres(command: list[str], url: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by the environment, not the command line."""
    program = shutil.which(command[0])
    if program is None:
        raise SetupError(
            f"{command[0]} is not installed.", "Debian and Ubuntu: apt-get install postgresql-client"
        )
    parsed = sa.make_url(url)
    place = {
        "PGHOST": parsed.host,
        "PGPORT": str(parsed.port or 5432),
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
    }
    done = subprocess.run(
        [program, *command[1:]],
        env={**os.environ, **{k: v for k, v in place.items() if v}},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SetupError(f"{command[0]} failed: {done.stderr.strip()[-1000:]}", "See the message.")


def restore(settings: Settings, source: Path, *, say: Say) -> None:
    """Bring a backup back into an empty state folder.

    The archive is unpacked and checked beside the state folder and moved into place as a whole at the end.

    Parameters
    ----------
    settings
        The installation's settings.
    source
        What ``backup`` has written.
    say
        Where to tell what is being done.

    Raises
    ------
    NotFoundError
        There is no such file.
    ConflictError
        The state folder is not empty, or the platform runs.
    SetupError
        The archive is damaged or from a newer version.
    """
    home = settings.paths.home
    if not source.is_file():
        raise NotFoundError(
            f"There is no {source}.", "Name a file that `tradewind admin backup` has written."
        )
    if processes.belonging(settings):
        raise ConflictError("The platform is running.", "Stop it first: make down")
    if home.exists() and any(home.iterdir()):
        raise ConflictError(
            f"{home} is not empty.",
            "Move it away, or set TRADEWIND_HOME to a new folder; nothing was changed.",
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{home.name}-restoring-", dir=home.parent) as aside:
        fresh = Path(aside) / home.name
        fresh.mkdir(mode=0o700)
        say("Unpacking and checking ...")
        with backup_archive.compressed(source, "rb") as stream:
            backup_archive.extract(stream, fresh)
        upgrade.refuse_newer(settings.model_copy(update={"home": fresh}))
        for dump, setting in _DUMPS.items():
            _bring_back_dump(fresh / "db" / dump, getattr(settings, setting), setting)
        if home.exists():
            home.rmdir()
        fresh.rename(home)
    settings.paths.create()
    _forget_servers(settings)


def _bring_back_dump(dump: Path, url: str, setting: str) -> None:
    if not dump.exists():
        return
    if sa.make_url(url).get_backend_name() != "postgresql":
        raise SetupError(
            f"The backup holds a PostgreSQL database, and {setting}_url names none.",
            f"Set TRADEWIND_{setting.upper()}_URL to an empty database.",
        )
    name = sa.make_url(url).database
    _postgres(["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={name}", str(dump)], url)
    dump.unlink()


def _forget_servers(settings: Settings) -> None:
    """Tell the hub that no server runs: the processes it remembers are another machine's, or long gone."""
    found = engine(settings.hub_database)
    try:
        with found.begin() as connection:
            if sa.inspect(connection).has_table("spawners"):
                connection.execute(
                    sa.text("UPDATE spawners SET server_id = NULL, state = NULL, started = NULL")
                )
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as problem:
        raise SetupError(
            f"The hub's database cannot be changed: {problem}.", "Take another backup."
        ) from problem
    finally:
        found.dispose()
