"""What the catalog shows of each dataset, as a table in notebooks and terminals."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.vocabulary import Frequency

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """One dataset in the catalog.

    ``start`` and ``end`` are the first and last ``time``; ``snapshot_time`` is when the newest commit was
    made (UTC); ``bytes`` counts all snapshots together and is 0 where it would cost a listing.
    """

    name: str
    description: str
    frequency: Frequency
    calendar: str
    start: np.datetime64
    end: np.datetime64
    symbols: int
    fields: tuple[str, ...]
    licence: str
    source: str
    adjustments: str
    snapshot: str
    snapshot_time: datetime
    bytes: int = 0
    owner: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        values = asdict(self)
        values.update(
            frequency=str(self.frequency),
            start=_date(self.start, self.frequency),
            end=_date(self.end, self.frequency),
            fields=list(self.fields),
            snapshot_time=self.snapshot_time.isoformat(),
        )
        return values

    def _repr_html_(self) -> str:
        from tradewind.store import card

        return card.html(self)

    def row(self) -> tuple[str, ...]:
        """Return what the table shows."""
        return (
            self.name,
            self.description,
            " – ".join(_date(t, self.frequency, short=True) for t in (self.start, self.end)),
            f"{self.symbols:,}",
            str(self.frequency),
            self.adjustments,
            self.licence,
            self.source,
            self.snapshot[:8],
        )


HEAD = ("dataset", "description", "span", "symbols", "bars", "prices", "licence", "source", "snapshot")
_RIGHT = frozenset({"symbols"})


def _date(value: np.datetime64, frequency: Frequency, *, short: bool = False) -> str:
    if np.isnat(value):
        return ""
    if short or not frequency.intraday:
        return str(value.astype("M8[D]"))
    return str(value.astype("M8[s]")) + "Z"


@dataclass(frozen=True)
class Catalog:
    """The datasets one may read."""

    items: tuple[DatasetInfo, ...]

    def __iter__(self) -> Iterator[DatasetInfo]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, name: str) -> DatasetInfo:
        for item in self.items:
            if item.name == name:
                return item
        raise KeyError(name)

    def search(self, text: str) -> "Catalog":
        """Return the datasets whose name, description, source or fields contain a text.

        Parameters
        ----------
        text
            Case does not matter; several words must all occur.
        """
        words = text.lower().split()

        def fits(item: DatasetInfo) -> bool:
            held = " ".join((*item.row(), *item.fields)).lower()
            return all(w in held for w in words)

        return Catalog(tuple(i for i in self.items if fits(i)))

    def to_frame(self) -> "pd.DataFrame":
        """Return the catalog as a pandas frame, one row a dataset."""
        import pandas as pd

        return (
            pd.DataFrame([asdict(i) for i in self.items]).set_index("name") if self.items else pd.DataFrame()
        )

    def to_json(self) -> str:
        """Return the catalog as JSON."""
        return json.dumps([i.to_dict() for i in self.items])

    def __repr__(self) -> str:
        from rich.console import Console
        from rich.table import Table

        if not self.items:
            return "No datasets yet. `tradewind data ingest` adds one."
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in HEAD:
            table.add_column(name, justify="right" if name in _RIGHT else "left", overflow="fold")
        for item in self.items:
            table.add_row(*item.row())
        text = io.StringIO()
        Console(file=text, width=160, force_terminal=False).print(table)
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        if not self.items:
            return "<p>No datasets yet. <code>tradewind data ingest</code> adds one.</p>"

        def cell(name: str, value: str, tag: str) -> str:
            side = "right" if name in _RIGHT else "left"
            return f'<{tag} style="text-align:{side};vertical-align:top">{escape(value)}</{tag}>'

        head = "".join(cell(n, n, "th") for n in HEAD)
        body = "".join(
            "<tr>" + "".join(cell(n, v, "td") for n, v in zip(HEAD, i.row(), strict=True)) + "</tr>"
            for i in self.items
        )
        return (
            '<div class="tradewind-catalog" style="overflow-x:auto">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
