"""The version of a state folder: made new, brought up to date, or refused before anything is touched."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config

import tradewind
from tradewind.database import engine
from tradewind.errors import SetupError
from tradewind.settings import Settings

STATE_VERSION = 1
"""What this version writes. One higher whenever an older version could not read the folder any more."""

_KNOWN = {
    "secrets", "db", "store", "homes", "runs", "dashboards", "archive", "logs", "tradewind.toml",
    "state.json", "store-access.json", "lost+found",
}  # fmt: skip

_STEPS: dict[int, Callable[[Settings], None]] = {}
"""What takes a folder of version N to N + 1, apart from the database, which alembic looks after."""


def state_file(settings: Settings) -> Path:
    """Return where the version is written."""
    return settings.paths.home / "state.json"


def version(settings: Settings) -> int:
    """Return the version of a state folder, 0 when it is new.

    Raises
    ------
    SetupError
        The folder holds something else, or its version cannot be read.
    """
    home, file = settings.paths.home, state_file(settings)
    if not file.exists():
        strange = sorted(p.name for p in home.iterdir() if p.name not in _KNOWN) if home.exists() else []
        if strange:
            raise SetupError(
                f"{home} is not a state folder of Tradewind: it holds {', '.join(strange[:3])}.",
                "Set TRADEWIND_HOME to an empty or a new folder.",
            )
        return 0
    try:
        return int(json.loads(file.read_text())["version"])
    except (ValueError, KeyError, TypeError) as problem:
        raise SetupError(
            f"{file} cannot be read ({problem}).", "Bring the state back from a backup."
        ) from problem


def refuse_newer(settings: Settings) -> int:
    """Return the version of a state folder, and refuse one that a newer Tradewind has written.

    Nothing is touched.

    Raises
    ------
    SetupError
        The folder is from a newer version.
    """
    found = version(settings)
    if found > STATE_VERSION:
        raise SetupError(
            f"{settings.paths.home} was written by a newer Tradewind (state version {found}; "
            f"this one, {tradewind.__version__}, knows {STATE_VERSION}). Nothing was changed.",
            "Update this checkout, or set TRADEWIND_HOME to another folder.",
        )
    return found


def alembic_config(settings: Settings) -> Config:
    """Return alembic's configuration for the platform's database.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(tradewind.__file__).parent / "migrations"))
    config.attributes["engine"] = engine(settings.database)
    return config


def migrate_database(settings: Settings) -> None:
    """Bring the platform's own tables to this version's form.

    Parameters
    ----------
    settings
        The installation's settings.
    """
    command.upgrade(alembic_config(settings), "head")


def bring_up_to_date(settings: Settings) -> None:
    """Create a state folder, or bring an older one to this version.

    Parameters
    ----------
    settings
        The installation's settings.

    Raises
    ------
    SetupError
        The folder is from a newer version; nothing was touched.
    """
    found = refuse_newer(settings)
    settings.paths.create()
    for step in range(found, STATE_VERSION):
        if step in _STEPS:
            _STEPS[step](settings)
            _write_version(settings, step + 1)
    migrate_database(settings)
    if version(settings) != STATE_VERSION:
        _write_version(settings, STATE_VERSION)


def _write_version(settings: Settings, reached: int) -> None:
    document = {
        "version": reached,
        "tradewind": tradewind.__version__,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    fresh = state_file(settings).with_suffix(".new")
    fresh.write_text(json.dumps(document) + "\n")
    fresh.replace(state_file(settings))
