"""From what a run left behind to its published result: plain files only, and a run card."""

import contextlib
import json
import math
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tradewind.jobs.model import Outcome, Run
from tradewind.jobs.rows import now
from tradewind.provenance import RunCard, cpu_features, lock_hash
from tradewind.sandbox import read_beneath

RECORD_LIMIT = 8 * 2**20
MOST_FILES = 2_000
MOST_BYTES = 4 * 2**30
_PLAIN = (str, int, float, bool)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the notebook's processes noted about themselves; it concerns nobody but the run's user."""

    datasets: list[dict[str, str]] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def collect(home: Path, target: Path) -> None:
    """Move the outputs of an attempt out of the folder its processes could write to.

    Nothing of the attempt runs any more. Symbolic links, pipes and sockets are left behind: whoever serves
    the result has the platform's rights and must not be led anywhere.

    Parameters
    ----------
    home
        The attempt's home.
    target
        The folder of the result; created.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("notebook.ipynb", "notebook.html"):
        source = home / ".run" / name
        if _is_plain(source):
            source.replace(target / name)
    kept, size = 0, 0
    for source in _plain_files(home / "artifacts"):
        kept, size = kept + 1, size + source.lstat().st_size
        if kept > MOST_FILES or size > MOST_BYTES:
            break
        moved = target / "artifacts" / source.relative_to(home / "artifacts")
        moved.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.replace(moved)


def _is_plain(path: Path) -> bool:
    """Whether it is a regular file reached through real folders (the two above it are checked)."""
    try:
        folders = all(stat.S_ISDIR(folder.lstat().st_mode) for folder in (path.parent, path.parent.parent))
        return folders and stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _plain_files(root: Path) -> Iterator[Path]:
    if root.is_symlink() or not root.is_dir():
        return
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and stat.S_ISREG(path.lstat().st_mode):
                yield path


def read_record(home: Path) -> Record:
    """Read and merge what the attempt's processes noted, believing its shape as little as its content."""
    datasets: set[tuple[str, str]] = set()
    seeds: dict[str, int] = {}
    metrics: dict[str, Any] = {}
    folder = home / ".run"
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    for name in names[:1000]:
        if not (name.startswith("record-") and name.endswith(".json")):
            continue
        with contextlib.suppress(Exception):
            noted = json.loads(read_beneath(home, f".run/{name}", limit=RECORD_LIMIT))
            datasets |= {(str(d["dataset"]), str(d["snapshot"])) for d in noted.get("datasets", ())}
            seeds |= {str(k): int(v) for k, v in noted.get("seeds", {}).items()}
            metrics |= {str(k)[:100]: _plain_value(v) for k, v in noted.get("metrics", {}).items()}
    return Record(
        datasets=[{"dataset": d, "snapshot": s} for d, s in sorted(datasets)],
        seeds=dict(sorted(seeds.items())),
        metrics=dict(sorted(metrics.items())[:200]),
    )


def _plain_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it, and PostgreSQL refuses it
    if isinstance(value, str):
        return value.replace("\0", "")[:1000]
    return value if value is None or isinstance(value, _PLAIN) else str(value)[:1000]


def write_card(
    target: Path, run: Run, outcome: Outcome, *, error: str, record: Record, packages: Any
) -> None:
    """Write the run card beside the result."""
    installed = packages if isinstance(packages, dict) else {}
    card = RunCard(
        run_id=run.id,
        template=run.template,
        notebook_sha256=run.notebook_sha256,
        parameters=run.parameters,
        status=outcome.value,
        sdk_version=version("tradewind"),
        lock_sha256=lock_hash(),
        python=sys.version.split()[0],
        cpu=cpu_features(),
        datasets=record.datasets,
        seeds=record.seeds,
        metrics=record.metrics,
        packages={str(k): str(v) for k, v in sorted(installed.items())},
        git_commit=run.git_commit,
        user=run.user,
        attempt=run.attempt,
        queued_at=run.queued_at.isoformat(),
        started_at=run.started_at.isoformat() if run.started_at else "",
        ended_at=now().isoformat(),
        error=error,
    )
    card.write(target / "run.json")


def clear(home: Path) -> None:
    """Remove an attempt's home; what it leaves of hundreds of megabytes nobody looks at again."""
    shutil.rmtree(home, ignore_errors=True)
