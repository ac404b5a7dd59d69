"""How much of a dataset is there: bars held, symbols by time; and what the quality gate found."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from tradewind.store.repository import Snapshot, Store
from tradewind.store.roots import root_of
from tradewind.store.snapshots import AsOf

ROWS = 60
"""Symbols shown one by one; of more, an even sample."""
COLUMNS = 96
_LEVELS = 10
_STYLE = {
    "table": ' style="width:100%;border-collapse:collapse;font-size:0.85em"',
    "name": ' style="text-align:left;font-weight:400"',
    "strip": ' style="width:100%"',
    "number": ' style="text-align:right;font-weight:400;white-space:nowrap"',
    "span": ' style="display:flex;justify-content:space-between"',
    "svg": ' style="display:block;width:100%;height:11px;fill:#0072B2;background:rgba(128,128,128,.15)"',
}
"""Of a notebook, which has no style sheet of ours."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The share of bars that exist, symbols by spans of time.

    Parameters
    ----------
    symbols
        The rows: all, or an even sample of ``of``.
    starts
        First date of each span.
    end
        Last date.
    share
        Float (rows, spans), 0 to 1: bars held of those on the dataset's time axis.
    total
        The same for the whole axis, a row.
    """

    dataset: str
    snapshot: str
    symbols: tuple[str, ...]
    of: int
    starts: tuple[str, ...]
    end: str
    share: np.ndarray
    total: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return {
            "dataset": self.dataset, "snapshot": self.snapshot, "symbols": list(self.symbols), "of": self.of,
            "starts": list(self.starts), "end": self.end, "share": self.share.round(3).tolist(),
            "total": self.total.round(4).tolist(),
        }  # fmt: skip

    def __repr__(self) -> str:
        if not self.symbols:
            return f"{self.dataset} holds no bars."
        width = max(len(s) for s in self.symbols)
        shades = " ░▒▓█"
        lines = [f"{self.dataset}: bars held, {self.starts[0]} to {self.end}"]
        for name, row, total in zip(self.symbols, self.share, self.total, strict=True):
            bar = "".join(shades[int(np.ceil(v * (len(shades) - 1)))] for v in row)
            lines.append(f"{name:<{width}}  {bar}  {total:6.1%}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.html()

    def html(self, *, inline: bool = True) -> str:
        """Return a table with a strip a symbol; darker means more bars, in light and in dark.

        Parameters
        ----------
        inline
            Whether the style is written into it; a page with a style sheet of its own does without.
        """
        if not self.symbols:
            return "<p>There are no bars.</p>"
        look = _STYLE if inline else dict.fromkeys(_STYLE, "")
        rows = "".join(
            f'<tr><th scope="row"{look["name"]}>{escape(name)}</th>'
            f'<td class="tw-strip"{look["strip"]}>{self._strip(name, row, total, look["svg"])}</td>'
            f'<td class="tw-num"{look["number"]}>{total:.1%}</td></tr>'
            for name, row, total in zip(self.symbols, self.share, self.total, strict=True)
        )
        some = f", {len(self.symbols)} of {self.of} symbols" if len(self.symbols) < self.of else ""
        span = f"<div{look['span']}><span>{self.starts[0]}</span><span>{self.end}</span></div>"
        return (
            f'<table class="tw-coverage"{look["table"]}><thead><tr><th></th>'
            f"<th{look['name']}>{span}</th><th{look['number']}>held{escape(some)}</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )

    def _strip(self, name: str, row: np.ndarray, total: float, style: str) -> str:
        levels = np.ceil(row * _LEVELS).astype(int)
        edges = np.flatnonzero(np.diff(np.concatenate([[-1], levels, [-1]])))
        parts = []
        for first, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if levels[first]:
                until = self.starts[stop] if stop < len(self.starts) else self.end
                told = f"{name}, {self.starts[first]} to {until}: {row[first:stop].mean():.0%} of the bars"
                parts.append(
                    f'<rect x="{first}" y="0" width="{stop - first}" height="1" '
                    f'fill-opacity="{levels[first] / _LEVELS:g}"><title>{escape(told)}</title></rect>'
                )
        return (
            f'<svg role="img" aria-label="{escape(name)}: {total:.1%} of the bars" '
            f'viewBox="0 0 {len(row)} 1" preserveAspectRatio="none"{style}>{"".join(parts)}</svg>'
        )


def of(view: Snapshot, *, rows: int = ROWS, columns: int = COLUMNS) -> Coverage:
    """Count the bars of a snapshot.

    Parameters
    ----------
    view
        The snapshot.
    rows, columns
        At most so many symbols and spans of time.
    """
    times = view.times
    names = [str(s) for s in view.symbols]
    field = "close" if "close" in view.fields else next(iter(view.fields), "")
    if not times.size or not names or not field:
        empty = np.zeros((0, 0))
        return Coverage(dataset=view.name, snapshot=view.id, symbols=(), of=len(names), starts=(), end="",
                        share=empty, total=np.zeros(0))  # fmt: skip
    chosen = np.unique(np.linspace(0, len(names) - 1, min(rows, len(names))).round().astype(int))
    edges = np.unique(np.linspace(0, len(times), min(columns, len(times)) + 1).round().astype(int))
    blocks = view.blocks(field)
    share = np.empty((len(chosen), len(edges) - 1))
    total = np.empty(len(chosen))
    for place, row in enumerate(chosen.tolist()):
        held = np.isfinite(np.asarray(blocks.read((row, slice(None))), dtype=np.float64))
        share[place] = np.add.reduceat(held, edges[:-1]) / np.diff(edges)
        total[place] = held.mean()
    labels = view.tickers.labels(str(times[-1].astype("M8[D]")))
    return Coverage(
        dataset=view.name, snapshot=view.id, symbols=tuple(labels[i] for i in chosen.tolist()), of=len(names),
        starts=tuple(str(t.astype("M8[D]")) for t in times[edges[:-1]]), end=str(times[-1].astype("M8[D]")),
        share=share, total=total,
    )  # fmt: skip


def coverage(name: str, as_of: AsOf = None) -> Coverage:
    """Say how much of a dataset is there, symbols by time.

    Parameters
    ----------
    name
        A name from ``tw.catalog()``.
    as_of
        Tag, snapshot id or time; None for the newest.

    Returns
    -------
    Coverage
        A heat map in notebooks and terminals; ``.share`` (symbols by spans of time), ``.total``.
    """
    return of(Store(root_of(name)[0]).snapshot(name, as_of))


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What the quality gate found, newest commit first, and how many bars it kept aside."""

    findings: tuple[dict[str, Any], ...]
    quarantined: int

    @property
    def counts(self) -> dict[str, int]:
        """Bars by check."""
        found: dict[str, int] = {}
        for f in self.findings:
            found[f["check"]] = found.get(f["check"], 0) + int(f["count"])
        return dict(sorted(found.items()))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return {"findings": list(self.findings), "quarantined": self.quarantined, "counts": self.counts}


def quality(store: Store, name: str) -> Quality:
    """Return what the quality gate found.

    Parameters
    ----------
    store, name
        The dataset.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for commit in store.history(name):
        for f in dict(commit.metadata).get("findings", ()):
            same = tuple(f.get(n) for n in ("check", "symbol", "first", "last", "count"))
            found.setdefault(same, {"snapshot": commit.snapshot, **f})  # told again by each batch that has it
    return Quality(findings=tuple(found.values()), quarantined=len(store.snapshot(name).quarantine))
