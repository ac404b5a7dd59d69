"""Who may read and write which shared dataset, kept outside the store where no sandbox can see it."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from tradewind.errors import InvalidInputError
from tradewind.settings import Settings
from tradewind.store.roots import Root, from_settings
from tradewind.store.spec import check_name

FILE = "store-access.json"
EVERYONE = "everyone"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Grants:
    """Who may read and write one dataset: ``user:NAME``, ``group:NAME`` or ``everyone``.

    Administrators may do both always, and a writer may read.
    """

    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()


def _path(settings: Settings) -> Path:
    return settings.paths.home / FILE


def _load(settings: Settings) -> dict[str, dict[str, list[str]]]:
    try:
        document: Any = json.loads(_path(settings).read_text())
    except FileNotFoundError:
        return {}
    held: dict[str, dict[str, list[str]]] = document["datasets"]
    return held


def all_grants(settings: Settings) -> dict[str, Grants]:
    """Return the grants of every dataset that has any."""
    return {
        name: Grants(readers=tuple(g["readers"]), writers=tuple(g["writers"]))
        for name, g in sorted(_load(settings).items())
    }


def grants(settings: Settings, name: str) -> Grants:
    """Return who may read and write a dataset; nobody but administrators until somebody was named."""
    return all_grants(settings).get(name, Grants())


def set_grants(
    settings: Settings, name: str, *, readers: Iterable[str] = (), writers: Iterable[str] = ()
) -> Grants:
    """Say who may read and write a dataset, replacing what was said before.

    Parameters
    ----------
    settings
        Of this installation.
    name
        A shared dataset.
    readers, writers
        ``user:NAME``, ``group:NAME`` or ``everyone``.

    Raises
    ------
    InvalidInputError
        One of them has another form.
    """
    check_name(name)
    new = Grants(readers=tuple(sorted(set(readers))), writers=tuple(sorted(set(writers))))
    for who in (*new.readers, *new.writers):
        if who != EVERYONE and not (who.startswith(("user:", "group:")) and who.split(":", 1)[1]):
            raise InvalidInputError(f"{who!r} names nobody.", "Write user:NAME, group:NAME or everyone.")
    path = _path(settings)
    with FileLock(f"{path}.lock"):
        held = _load(settings)
        held[name] = {"readers": list(new.readers), "writers": list(new.writers)}
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"version": VERSION, "datasets": held}, indent=2, sort_keys=True) + "\n")
        part.chmod(0o600)
        os.replace(part, path)  # noqa: PTH105  atomic on every system
    return new


def forget(settings: Settings, name: str) -> None:
    """Drop the grants of a dataset that is gone."""
    set_grants(settings, name)


def _covers(names: tuple[str, ...], user: str, groups: Iterable[str]) -> bool:
    mine = {EVERYONE, f"user:{user}", *(f"group:{g}" for g in groups)}
    return not mine.isdisjoint(names)


def _listed(root: Root) -> list[str]:
    from tradewind.store import storage  # Icechunk: half a second and 60 MB, which the hub does without

    return storage.names(root)


def readable(settings: Settings, user: str, groups: Iterable[str], admin: bool = False) -> list[str]:
    """Return the shared datasets somebody may read, sorted.

    Parameters
    ----------
    settings
        Of this installation.
    user, groups, admin
        Who asks, as the hub says.
    """
    root = from_settings(settings)
    held = root.folder_names() if root.scheme == "file" else _listed(root)
    if admin:
        return held
    groups = list(groups)
    given = all_grants(settings)
    return [n for n in held if n in given and _covers(given[n].readers + given[n].writers, user, groups)]


def may_write(settings: Settings, name: str, user: str, groups: Iterable[str], admin: bool = False) -> bool:
    """Say whether somebody may write a shared dataset.

    Parameters
    ----------
    settings
        Of this installation.
    name
        The dataset.
    user, groups, admin
        Who asks, as the hub says.
    """
    return admin or _covers(grants(settings, name).writers, user, groups)
