"""The run card: everything a result depended on."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

CARD_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RunCard:
    """Everything a result depended on; written as ``run.json`` beside the result.

    Times are ISO 8601 in UTC; hashes are hexadecimal sha256.
    """

    run_id: str
    template: str
    notebook_sha256: str
    parameters: dict[str, Any]
    status: str
    sdk_version: str
    lock_sha256: str
    python: str
    cpu: str = ""
    datasets: list[dict[str, str]] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    git_commit: str = ""
    user: str = ""
    attempt: int = 1
    queued_at: str = ""
    started_at: str = ""
    ended_at: str = ""
    error: str = ""
    version: int = CARD_VERSION

    def write(self, path: Path) -> None:
        """Write the card whole or not at all."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a card back; unknown keys of newer versions are left out."""
        data = json.loads(path.read_text())
        known = cls.__dataclass_fields__
        return cls(**{k: v for k, v in data.items() if k in known})
