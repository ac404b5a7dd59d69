"""What changed between two snapshots, and the list of commits as a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.store.actions import KINDS, ActionTable
from tradewind.store.repository import Snapshot, Store
from tradewind.store.roots import root_of
from tradewind.store.snapshots import AsOf, Commit

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class History:
    """The commits of a dataset, newest first."""

    dataset: str
    commits: tuple[Commit, ...]

    def __iter__(self) -> Iterator[Commit]:
        return iter(self.commits)

    def __len__(self) -> int:
        return len(self.commits)

    def __getitem__(self, at: int) -> Commit:
        return self.commits[at]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a commit."""
        import pandas as pd

        names = ("snapshot", "time", "message", "author", "rows_added", "rows_changed", "tags")
        return pd.DataFrame([{n: getattr(c, n) for n in names} for c in self.commits], columns=list(names))

    def __repr__(self) -> str:
        lines = [f"{self.dataset}: {len(self)} commits, newest first"]
        for c in self.commits:
            tags = f"  [{', '.join(c.tags)}]" if c.tags else ""
            lines.append(
                f"  {c.snapshot}  {c.time:%Y-%m-%d %H:%M:%S}Z  +{c.rows_added:,} ~{c.rows_changed:,} bars"
                f"  {c.author}  {c.message}{tags}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        html: str = self.to_frame().to_html(index=False, border=0)
        return html


@dataclass(frozen=True, kw_only=True)
class Diff:
    """What changed from snapshot ``a`` to snapshot ``b``.

    ``cells`` holds one row a changed cell: symbol, time, field, before, after; NaN where there was or is
    nothing.
    """

    dataset: str
    a: str
    b: str
    symbols_added: tuple[str, ...]
    symbols_removed: tuple[str, ...]
    fields_added: tuple[str, ...]
    fields_removed: tuple[str, ...]
    actions_added: tuple[str, ...]
    actions_removed: tuple[str, ...]
    cells: "pd.DataFrame"

    @property
    def empty(self) -> bool:
        """Whether both snapshots say the same."""
        named = (self.symbols_added, self.symbols_removed, self.fields_added, self.fields_removed)
        return not (any(named) or self.actions_added or self.actions_removed or len(self.cells))

    def __repr__(self) -> str:
        lines = [f"{self.dataset}: {self.a[:8]} to {self.b[:8]}"]
        if self.empty:
            return lines[0] + ": no difference"
        for what in ("symbols", "fields", "actions"):
            for how in ("added", "removed"):
                if found := getattr(self, f"{what}_{how}"):
                    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
                    lines.append(f"  {what} {how}: {', '.join(found[:8])}{more}")
        if len(self.cells):
            new = self.cells["before"].isna()
            days = self.cells["time"]
            lines.append(
                f"  cells: {int(new.sum()):,} added, {int((~new).sum()):,} changed, in fields "
                f"{', '.join(sorted(self.cells['field'].unique()))}, from {days.min()} to {days.max()}"
            )
        return "\n".join(lines)


def history(name: str) -> History:
    """List the commits of a dataset, newest first.

    Parameters
    ----------
    name
        A name from ``tw.catalog()``.
    """
    root, _ = root_of(name)
    return History(name, tuple(Store(root).history(name)))


def diff(name: str, a: AsOf, b: AsOf = None) -> Diff:
    """Say which symbols, dates and fields changed between two snapshots.

    Parameters
    ----------
    name
        A name from ``tw.catalog()``.
    a, b
        Tags, snapshot ids or times; ``b`` is the newest snapshot by default.
    """
    root, _ = root_of(name)
    store = Store(root)
    return compare(store.snapshot(name, a), store.snapshot(name, b))


def compare(a: Snapshot, b: Snapshot) -> Diff:
    """Compare two snapshots of one dataset, a block of symbols at a time."""
    import pandas as pd

    old, new = set(a.symbols.tolist()), set(b.symbols.tolist())
    before, after = _described(a), _described(b)
    frames = [f for f in _cells(a, b) if len(f)]
    columns = ["symbol", "time", "field", "before", "after"]
    cells = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    return Diff(
        dataset=a.name,
        a=a.id,
        b=b.id,
        symbols_added=tuple(sorted(new - old)),
        symbols_removed=tuple(sorted(old - new)),
        fields_added=tuple(f for f in b.fields if f not in a.fields),
        fields_removed=tuple(f for f in a.fields if f not in b.fields),
        actions_added=tuple(sorted(after - before)),
        actions_removed=tuple(sorted(before - after)),
        cells=cells,
    )


def _described(view: Snapshot) -> set[str]:
    table: ActionTable = view.actions
    return {
        f"{view.symbols[i]} {KINDS[k]} {v:g} on {d}"
        for i, k, v, d in zip(table.instrument, table.kind, table.value, table.ex_date, strict=True)
    }


def _cells(a: Snapshot, b: Snapshot) -> "Iterator[pd.DataFrame]":
    import pandas as pd

    symbols = np.array(list(dict.fromkeys([*a.symbols.tolist(), *b.symbols.tolist()])), dtype=object)
    times = np.union1d(a.times, b.times)
    for field in dict.fromkeys([*a.fields, *b.fields]):
        for start in range(0, len(symbols), ROWS_AT_ONCE):
            block = symbols[start : start + ROWS_AT_ONCE]
            before, after = _block(a, field, block, times), _block(b, field, block, times)
            i, j = np.nonzero(~((before == after) | (np.isnan(before) & np.isnan(after))))
            yield pd.DataFrame(
                {
                    "symbol": block[i],
                    "time": times[j],
                    "field": field,
                    "before": before[i, j],
                    "after": after[i, j],
                }
            )


def _block(view: Snapshot, field: str, symbols: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Read some symbols of a snapshot onto a wider time axis."""
    values: np.ndarray = np.full((len(symbols), len(times)), np.nan)
    if field not in view.fields or not view.times.size:
        return values
    place: dict[Any, int] = {s: i for i, s in enumerate(view.symbols.tolist())}
    rows = np.array([place.get(s, -1) for s in symbols.tolist()])
    held = np.flatnonzero(rows >= 0)
    if held.size:
        low, high = int(rows[held].min()), int(rows[held].max()) + 1
        block = np.asarray(view.array(field)[low:high, :])
        values[np.ix_(held, np.searchsorted(times, view.times))] = block[rows[held] - low]
    return values
