"""What a sync has to ask for: which symbols, from when to when, and what an interrupted one did already."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from tradewind.errors import DatasetNotFoundError, InvalidInputError
from tradewind.store.merging import places
from tradewind.store.reference import ALWAYS
from tradewind.store.repository import Snapshot, Store
from tradewind.vocabulary import Frequency

KEY = "sync"
"""In a commit's metadata: what the sync that made it asked for and got."""
OVERLAP = 5
"""Bars before the newest stored one that an incremental sync asks for again: vendors correct them."""
_BAR = {Frequency.MINUTE: 60, Frequency.HOUR: 3_600, Frequency.DAY: 86_400}
_SLAB = 1 << 24


class Mode(StrEnum):
    """What a sync asks for."""

    INCREMENTAL = "incremental"
    """What came since the newest stored bar of each symbol; the whole history of a new symbol."""
    FULL = "full"
    """Everything from the start again: finds what the vendor has corrected."""
    BACKFILL = "backfill"
    """What lies before the oldest stored bar of each symbol."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is asked for one symbol."""

    symbol: str
    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sync asks for.

    Parameters
    ----------
    id
        The same for the same question: an interrupted sync is known again by it.
    spans
        What is asked for; symbols with nothing new to know are left out.
    current
        Symbols of which nothing new can be known.
    done
        Symbols that an interrupted sync of the same plan has committed already.
    """

    id: str
    mode: Mode
    sources: tuple[str, ...]
    spans: tuple[Span, ...]
    current: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    through: np.datetime64


def held(store: Store, name: str) -> Snapshot | None:
    """Return a dataset's newest snapshot, or None where there is none yet."""
    try:
        return store.snapshot(name)
    except DatasetNotFoundError:
        return None


def remembered(store: Store, name: str) -> dict[str, Any]:
    """Return what the last sync of a dataset was asked for; empty where there was none."""
    for commit in store.history(name):
        found: Any = dict(commit.metadata).get(KEY)
        if found:
            return dict(found)
    return {}


def make(
    store: Store,
    name: str,
    *,
    mode: Mode,
    symbols: Sequence[str] | None,
    sources: tuple[str, ...],
    frequency: Frequency,
    start: np.datetime64,
    through: np.datetime64,
    resume: bool = True,
) -> Plan:
    """Decide what is asked for.

    Parameters
    ----------
    store, name
        The dataset.
    mode
        See ``Mode``.
    symbols
        As the source writes them; those of the dataset where none are given.
    sources
        Their names, in the order they are asked.
    frequency
        The bar length.
    start
        The first bar, of what is not stored yet.
    through
        The last bar that can be known.
    resume
        Whether to leave out what an interrupted sync of the same plan has done.
    """
    view = held(store, name)
    wanted = list(symbols) if symbols else _own(view, name)
    if len(set(wanted)) != len(wanted):
        raise InvalidInputError("A symbol is named twice.", "Name each once.")
    if mode is Mode.BACKFILL and view is None:
        raise InvalidInputError(f"There is nothing in {name!r} yet to fill up.", "Use mode='full'.")
    stored = _stored(view, wanted)
    text = json.dumps([mode, sources, wanted, frequency, str(start), str(through)])
    plan = hashlib.sha256(text.encode()).hexdigest()[:16]
    again = resume and mode is Mode.FULL and view is not None  # the others go by what is stored
    done = _done(store, name, plan) if again else frozenset()
    spans, current = [], []
    for symbol in wanted:
        span = _span(symbol, stored.get(symbol), mode=mode, frequency=frequency, start=start, through=through)
        if span is None:
            current.append(symbol)
        elif symbol not in done:
            spans.append(span)
    return Plan(
        id=plan, mode=mode, sources=sources, spans=tuple(spans), current=tuple(current),
        done=tuple(s for s in wanted if s in done and s not in current), through=through,
    )  # fmt: skip


def _own(view: Snapshot | None, name: str) -> list[str]:
    if view is None:
        raise InvalidInputError(f"{name!r} is new: which symbols?", "Give symbols=['AAPL', ...].")
    return view.tickers.labels(str(view.times[-1].astype("M8[D]")) if view.times.size else ALWAYS)


def _span(
    symbol: str,
    stored: tuple[np.datetime64, np.datetime64] | None,
    *,
    mode: Mode,
    frequency: Frequency,
    start: np.datetime64,
    through: np.datetime64,
) -> Span | None:
    end = through
    if stored is not None and mode is Mode.BACKFILL:
        end = stored[0] - np.timedelta64(1, "ns")
    if stored is not None and mode is Mode.INCREMENTAL:
        if stored[1] >= through:
            return None
        # Calendar days, so that a week-end does not eat up the overlap
        days = 3 if frequency is Frequency.DAY else 1
        start = stored[1] - np.timedelta64(OVERLAP * days * _BAR[frequency], "s")
    return Span(symbol=symbol, start=start, end=end) if start <= end else None


def _stored(view: Snapshot | None, wanted: Sequence[str]) -> dict[str, tuple[np.datetime64, np.datetime64]]:
    """Return the first and last stored bar of each symbol that has any."""
    if view is None or not view.times.size:
        return {}
    day = str(view.times[-1].astype("M8[D]"))
    ids = tuple(view.tickers.id_during(s, day, day) for s in wanted) if view.reference else tuple(wanted)
    rows = places(view.symbols, ids)
    array = view.array("close" if "close" in view.fields else view.fields[0])
    found = {}
    step = max(1, _SLAB // max(1, array.shape[1]))
    have = [i for i in range(len(wanted)) if rows[i] >= 0]
    for first in range(0, len(have), step):
        part = have[first : first + step]
        block = np.isfinite(np.asarray(array.oindex[rows[part], slice(None)]))
        for i, mask in zip(part, block, strict=True):
            if mask.any():
                at = np.flatnonzero(mask)
                found[wanted[i]] = (view.times[at[0]], view.times[at[-1]])
    return found


def _done(store: Store, name: str, plan: str) -> frozenset[str]:
    """Return the symbols that a plan has committed whole."""
    done: set[str] = set()
    for commit in store.history(name):
        found: Any = dict(commit.metadata).get(KEY, {})
        if found.get("plan") == plan:
            done.update(set(found.get("symbols", ())) - set(found.get("late", ())))
    return frozenset(done)
