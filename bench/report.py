"""Print benchmark figures as a table, or with ``JSON=1`` as one JSON object a line."""

import json
import os
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its peer's.

    Parameters
    ----------
    work
        What was measured.
    ours, peer
        Medians in ``unit``; ``peer`` is None where there is nobody to compare with.
    goal
        The bound that ``ours`` (``kind="value"``) or ``ratio`` (``kind="ratio"``) should keep, if any.
    at_least
        Whether the goal is a lower bound.
    """

    work: str
    ours: float
    unit: str
    peer: float | None = None
    goal: float | None = None
    kind: str = "value"
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Peer over ours: how many times better we are where less is better."""
        return self.peer / self.ours if self.peer is not None and self.ours else None

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without a goal."""
        value = self.ours if self.kind == "value" else self.ratio
        if self.goal is None or value is None:
            return None
        return value >= self.goal if self.at_least else value <= self.goal

    def as_document(self) -> dict[str, Any]:
        """The keys every benchmark of this repository prints."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def show(title: str, figures: list[Figure]) -> None:
    """Print the figures."""
    if os.environ.get("JSON") == "1":
        for figure in figures:
            document = figure.as_document()
            print(
                json.dumps({k: document[k] for k in ("work", "ours", "peer", "ratio", "goal", "met", "unit")})
            )
        return
    table = Table(title=title)
    table.add_column("work")
    for name in ("ours", "peer", "ratio", "goal"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    table.add_column("met")
    for f in figures:
        sign = "≥" if f.at_least else "≤"
        table.add_row(
            f.work,
            f"{f.ours:.4g}",
            "" if f.peer is None else f"{f.peer:.4g}",
            "" if f.ratio is None else f"{f.ratio:.3g}",
            "" if f.goal is None else f"{sign} {f.goal:g}{'×' if f.kind == 'ratio' else ''}",
            f.unit,
            {True: "yes", False: "no", None: ""}[f.met],
        )
    Console(width=int(os.environ.get("COLUMNS", "130"))).print(table)


def interleaved(*works: Any, rounds: int = 7) -> list[float]:
    """Time callables in turn, A B A B …, and return each one's median in seconds."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, spent in zip(works, times, strict=True):
            begin = perf_counter()
            work()
            spent.append(perf_counter() - begin)
    return [median(spent) for spent in times]
