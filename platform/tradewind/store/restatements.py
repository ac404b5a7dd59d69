"""Which runs read data that was corrected afterwards."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.client import Client
from tradewind.errors import SnapshotNotFoundError
from tradewind.provenance.card import RunCard
from tradewind.store import changes
from tradewind.store.repository import Store
from tradewind.store.roots import root_of

if TYPE_CHECKING:
    import pandas as pd

NAMED = 8
REMEMBERED = 1_000


@dataclass(frozen=True, kw_only=True)
class RunRead:
    """A run that read a dataset at a snapshot, as its run card says."""

    run_id: str
    user: str
    template: str
    ended_at: str
    dataset: str
    snapshot: str


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What later commits changed of what a snapshot held; what was merely appended is not counted.

    Parameters
    ----------
    restated
        Stored values that say something else now, or nothing any more.
    filled
        Values that were missing then, at times the snapshot covered, and are there now.
    actions
        Splits and dividends added or taken back: they change adjusted prices.
    symbols
        Whose, the first few.
    first, last
        The span of what changed, ISO dates; empty where only actions did.
    """

    restated: int
    filled: int
    actions: int
    symbols: tuple[str, ...]
    first: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Restatement:
    """One run whose data was changed afterwards."""

    run: RunRead
    changed: Changed

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {**asdict(self.run), **asdict(self.changed), "symbols": list(self.changed.symbols)}


@dataclass(frozen=True)
class Restatements:
    """The runs whose data was changed afterwards, newest first; iterable, ``.to_frame()``."""

    items: tuple[Restatement, ...]

    def __iter__(self) -> Any:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a run."""
        import pandas as pd

        return pd.DataFrame([r.to_dict() for r in self.items])

    def __repr__(self) -> str:
        if not self.items:
            return "No run read data that was changed afterwards."
        return "\n".join(
            f"{r.run.run_id}  {r.run.template}  {r.run.user}  {r.run.dataset} at {r.run.snapshot[:8]}: "
            f"{told(r.changed)}"
            for r in self.items
        )

    def _repr_html_(self) -> str:
        if not self.items:
            return f"<p>{self!r}</p>"
        head = "".join(f"<th>{h}</th>" for h in ("run", "template", "user", "read", "changed since"))
        body = "".join(
            "<tr>" + "".join(
                f"<td>{escape(text)}</td>"
                for text in (r.run.run_id, r.run.template, r.run.user,
                             f"{r.run.dataset} at {r.run.snapshot[:8]}", told(r.changed))
            ) + "</tr>"
            for r in self.items
        )  # fmt: skip
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def told(changed: Changed) -> str:
    """Say what changed, in a line."""
    parts = []
    if changed.restated:
        parts.append(f"{changed.restated:,} value{'s' if changed.restated > 1 else ''} restated")
    if changed.filled:
        parts.append(f"{changed.filled:,} filled in")
    if changed.actions:
        parts.append(f"{changed.actions} corporate actions")
    span = f", {changed.first} to {changed.last}" if changed.first else ""
    whose = f" ({', '.join(changed.symbols)})" if changed.symbols else ""
    return ", ".join(parts) + span + whose


def reads(runs: Path) -> list[RunRead]:
    """Return what the runs of an installation read, as their cards say; the last attempt of each counts.

    Parameters
    ----------
    runs
        The folder of the runs.
    """
    cards: dict[str, RunCard] = {}
    for path in runs.glob("*/**/run.json"):
        try:
            card = _card(path, path.stat().st_mtime_ns)
            if card.run_id not in cards or cards[card.run_id].attempt <= card.attempt:
                cards[card.run_id] = card
        except (OSError, ValueError, TypeError, AttributeError):
            continue
    found = []
    for card in cards.values():
        for read in card.datasets:
            found.append(
                RunRead(run_id=card.run_id, user=card.user, template=card.template, ended_at=card.ended_at,
                        dataset=str(read.get("dataset", "")), snapshot=str(read.get("snapshot", "")))
            )  # fmt: skip
    return sorted(found, key=lambda r: (r.ended_at, r.run_id), reverse=True)


@lru_cache(maxsize=10_000)
def _card(path: Path, _changed: int) -> RunCard:
    return RunCard.load(path)


def restated(store: Store, name: str, wanted: Iterable[RunRead]) -> Restatements:
    """Return the runs of which a later commit changed what they had read.

    Parameters
    ----------
    store, name
        The dataset.
    wanted
        Runs that read it, as ``reads`` returns them.
    """
    newest = store.snapshot(name).id
    found = []
    for run in wanted:
        if run.dataset != name or run.snapshot == newest:
            continue
        try:
            changed = _changed(store, name, run.snapshot, newest)
        except SnapshotNotFoundError:
            continue  # it was of another dataset that had this name
        if changed is not None:
            found.append(Restatement(run=run, changed=changed))
    return Restatements(tuple(found))


_known: dict[tuple[str, str, str, str], Changed | None] = {}
"""What was found out about two snapshots stays true."""


def _changed(store: Store, name: str, before: str, after: str) -> Changed | None:
    key = (store.root.url, name, before, after)
    if key not in _known:
        if len(_known) > REMEMBERED:
            _known.clear()
        _known[key] = _compare(store, name, before, after)
    return _known[key]


def _compare(store: Store, name: str, before: str, after: str) -> Changed | None:
    old, new = store.snapshot(name, before), store.snapshot(name, after)
    found = changes.compare(old, new)
    cells = found.cells
    end = old.times[-1] if old.times.size else np.datetime64("NaT", "ns")
    held = set(old.symbols.tolist())
    inside = cells[(cells["time"] <= end) & cells["symbol"].isin(held)] if len(cells) else cells
    filled = int(inside["before"].isna().sum()) if len(inside) else 0
    actions = len(found.actions_removed) + sum(
        1 for a in found.actions_added if np.datetime64(a.rsplit(" ", 1)[1]) <= end.astype("M8[D]")
    )
    if not len(inside) and not actions:
        return None
    spans = inside["time"].to_numpy().astype("M8[D]") if len(inside) else np.empty(0, dtype="M8[D]")
    return Changed(
        restated=len(inside) - filled, filled=filled, actions=actions,
        symbols=tuple(sorted(inside["symbol"].unique())[:NAMED]) if len(inside) else (),
        first=str(spans.min()) if spans.size else "", last=str(spans.max()) if spans.size else "",
    )  # fmt: skip


def restatements(name: str) -> Restatements:
    """Return your runs that read data of a dataset which was corrected afterwards.

    Parameters
    ----------
    name
        A name from ``tw.catalog()``. Administrators get everybody's runs of a shared dataset.

    Raises
    ------
    UnavailableError
        There is no running platform to ask for the runs.
    """
    listed = Client.from_environment().get("reads", dataset=name)
    return restated(Store(root_of(name)[0]), name, [RunRead(**r) for r in listed])
