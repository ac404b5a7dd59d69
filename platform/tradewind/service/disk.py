"""How much room the state folder takes."""

import os
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tradewind.settings import Settings

PATIENCE = 3.0
"""Seconds after which counting stops and what was counted is shown as a lower bound."""
FRESH = 60.0
"""Seconds for which a count is shown again."""


@dataclass(frozen=True)
class Folder:
    """One folder and what lies below it."""

    name: str
    bytes: int
    files: int
    complete: bool


@dataclass(frozen=True)
class DiskUse:
    """The state folder as a whole."""

    folders: tuple[Folder, ...]
    homes: tuple[Folder, ...]
    free: int
    total: int

    def document(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "free": self.free,
            "total": self.total,
            "folders": [vars(folder) for folder in self.folders],
            "homes": [vars(folder) for folder in self.homes],
        }


def _count(path: Path, until: float) -> tuple[int, int, bool]:
    size = files = 0
    todo = [str(path)]
    while todo:
        if time.monotonic() > until:
            return size, files, False
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        files += 1
        except OSError:
            continue  # went away meanwhile
    return size, files, True


def _folder(path: Path, until: float) -> Folder:
    size, files, complete = _count(path, until)
    return Folder(path.name, size, files, complete)


_lock = threading.Lock()
_counted: dict[Path, tuple[float, DiskUse]] = {}


def disk_use(settings: Settings) -> DiskUse:
    """Count what each folder of the state folder takes; a recent count is shown again."""
    root = settings.paths.home
    with _lock:
        held = _counted.get(root)
        if held and time.monotonic() - held[0] < FRESH:
            return held[1]
        until = time.monotonic() + PATIENCE
        paths = settings.paths
        tops = (
            paths.store,
            paths.homes,
            paths.runs,
            paths.dashboards,
            paths.archive,
            paths.logs,
            paths.database,
        )
        folders = tuple(_folder(path, until) for path in tops if path.is_dir())
        homes = tuple(_folder(path, until) for path in sorted(paths.homes.iterdir()) if path.is_dir())
        room = shutil.disk_usage(root)
        found = DiskUse(folders, homes, room.free, room.total)
        _counted[root] = (time.monotonic(), found)
        return found
