"""Which software a result was made with."""

import hashlib
import os
import platform
import re
from contextlib import suppress
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
    """Return the git commit checked out in a folder or above it, or an empty string.

    Reads git's files itself: git would obey the configuration of a folder that somebody else may have
    written.
    """
    for here in (folder, *folder.parents):
        git = here / ".git"
        try:
            if git.is_file():  # a worktree or submodule points elsewhere
                git = here / git.read_text().removeprefix("gitdir:").strip()
            head = (git / "HEAD").read_text().strip()
        except OSError:
            continue
        return _resolved(git, head) if head.startswith("ref:") else _hash(head)
    return ""


def _resolved(git: Path, head: str) -> str:
    name = head.removeprefix("ref:").strip()
    shared = git
    with suppress(OSError):
        shared = git / (git / "commondir").read_text().strip()
    for root in (git, shared):
        try:
            return _hash((root / name).read_text().strip())
        except OSError:
            continue
    try:
        packed = (shared / "packed-refs").read_text()
    except OSError:
        return ""
    for line in packed.splitlines():
        words = line.split()
        if len(words) == 2 and words[1] == name:
            return _hash(words[0])
    return ""


def _hash(text: str) -> str:
    return text if re.fullmatch(r"[0-9a-f]{40,64}", text) else ""


@cache
def cpu_features() -> str:
    """Return the processor's model and vector instructions: last digits of results may differ by them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    facts = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = facts.get("flags", facts.get("Features", "")).split()
    vectors = [flag for flag in flags if flag.startswith(("avx", "fma", "sse4", "amx", "asimd", "sve"))]
    return f"{facts.get('model name', platform.machine())}; {' '.join(sorted(vectors))}"
