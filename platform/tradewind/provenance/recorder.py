"""A process-wide record of what was read, seeded and measured, for the run card."""

import atexit
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RUN_FOLDER = "TRADEWIND_RUN_DIR"
"""Set in a run's kernel: the folder the record is written to when the process ends."""


@dataclass(frozen=True, order=True)
class DatasetRead:
    """One dataset at one snapshot."""

    dataset: str
    snapshot: str


class Recorder:
    """Collects the facts of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reads: set[DatasetRead] = set()
        self._seeds: dict[str, int] = {}
        self._metrics: dict[str, Any] = {}

    def read(self, dataset: str, snapshot: str) -> None:
        """Note that a dataset was read at a snapshot."""
        self._note(lambda: self._reads.add(DatasetRead(dataset, snapshot)))

    def seed(self, name: str, value: int) -> None:
        """Note the seed of a random source."""
        self._note(lambda: self._seeds.update({name: value}))

    def metric(self, name: str, value: float | str | bool | None) -> None:
        """Note a figure that the run wants to be known by."""
        self._note(lambda: self._metrics.update({name: value}))

    def _note(self, change: Any) -> None:
        with self._lock:
            change()
        folder = os.environ.get(RUN_FOLDER)
        if folder:
            self.write(Path(folder) / f"record-{os.getpid()}.json")

    @property
    def reads(self) -> list[DatasetRead]:
        """What was read so far, sorted."""
        with self._lock:
            return sorted(self._reads)

    def as_dict(self) -> dict[str, Any]:
        """Everything noted, ready for JSON."""
        reads = self.reads
        with self._lock:
            return {
                "datasets": [asdict(r) for r in reads],
                "seeds": dict(self._seeds),
                "metrics": dict(self._metrics),
            }

    def write(self, path: Path) -> None:
        """Write the record whole or not at all."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self.as_dict()))
        part.replace(path)


recorder = Recorder()
"""The record of this process."""


def _write_at_exit() -> None:
    folder = os.environ.get(RUN_FOLDER)
    if folder and Path(folder).is_dir():
        recorder.write(Path(folder) / f"record-{os.getpid()}.json")


atexit.register(_write_at_exit)
