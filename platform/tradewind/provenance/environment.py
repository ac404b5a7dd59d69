"""Which software a result was made with."""

import hashlib
import os
import subprocess
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def lock_hash() -> str:
    """Return the sha256 of the ``requirements.lock`` this installation was made from."""
    for path in (_PACKAGE / "requirements.lock", _PACKAGE.parents[1] / "requirements.lock"):
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


def installed_layer(folder: Path | None = None) -> dict[str, str]:
    """Return the packages in the user's own layer, name to version.

    Parameters
    ----------
    folder
        The layer's site-packages; by default ``TRADEWIND_LAYER``, which sandboxes set.
    """
    where = str(folder) if folder else os.environ.get("TRADEWIND_LAYER", "")
    if not where:
        return {}
    return {d.name: d.version for d in sorted(distributions(path=[where]), key=lambda d: d.name)}


def git_commit(folder: Path) -> str:
    """Return the git commit checked out in a folder, or an empty string."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
