"""``tw.ingest.sync``: bring a dataset up to date from its sources, in commits that can be told from whole."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from tradewind.errors import DataQualityError, InvalidInputError, UnavailableError, did_you_mean
from tradewind.ingest import sync_plan
from tradewind.ingest.completeness import check_whole, last_known
from tradewind.ingest.loading import Gate, commit, described
from tradewind.ingest.quality import Policy
from tradewind.ingest.sources.base import Options, Series, Source, Wanted
from tradewind.ingest.sources.failures import PartialDataError, SourceError
from tradewind.ingest.sources.patience import Patience
from tradewind.ingest.sources.registry import load
from tradewind.ingest.sync_plan import KEY, Mode, Plan, Span
from tradewind.store.batch import Batch
from tradewind.store.merging import Change
from tradewind.store.moments import moment
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.store.spec import ActionKind, DatasetSpec
from tradewind.vocabulary import Frequency
from tradewind.wording import counted

log = logging.getLogger("tradewind.ingest")
GROUP = 25
"""Symbols in one commit: what an interruption can cost."""
PARTIAL_TRIES = 2
Progress = Callable[[str, int, int, int], None]
"""Told each symbol with: how many are done, of how many, how many rows came."""


class IncompleteSyncError(UnavailableError):
    """Some symbols could not be had whole; what is in ``result.failed`` was not stored.

    Parameters
    ----------
    message, hint
        As always.
    result
        What was done for the others.
    """

    code = "incomplete_sync"

    def __init__(self, message: str, hint: str, result: "Synced") -> None:
        super().__init__(message, hint)
        self.result = result


@dataclass(kw_only=True)
class Synced:
    """What a sync did.

    Parameters
    ----------
    snapshot
        The newest one afterwards.
    served
        Symbol to the source that delivered it.
    failed
        Symbol to the reason why nothing of it was stored.
    late
        Symbol to its last bar, where that is earlier than what can be known: not up to date, for the source
        did not say why.
    current
        Symbols of which nothing new could be known; the sources were not asked.
    resumed
        Symbols that an interrupted sync had committed already.
    through
        The last bar that could be known.
    """

    dataset: str
    mode: Mode
    through: np.datetime64
    snapshot: str = ""
    commits: list[str] = field(default_factory=list)
    rows_added: int = 0
    rows_changed: int = 0
    quarantined: int = 0
    served: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)
    current: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        return {**self.__dict__, "mode": str(self.mode), "through": _shown(self.through)}

    def __repr__(self) -> str:
        parts = [f"{counted(self.rows_added, 'bar')} added, {self.rows_changed:,} changed"]
        for word, names in (("failed", self.failed), ("late", self.late), ("nothing new for", self.current)):
            if names:
                parts.append(f"{word} {len(names)}")
        return f"{self.dataset} through {_shown(self.through)}: {'; '.join(parts)}"


def sync(
    dataset: str,
    symbols: Sequence[str] | str | None = None,
    *,
    source: str | Source | Sequence[str | Source] | None = None,
    mode: Mode | str = Mode.INCREMENTAL,
    start: str | None = None,
    end: str | None = None,
    frequency: Frequency | str | None = None,
    calendar: str | None = None,
    description: str | None = None,
    accept: Iterable[str] = (),
    policy: Policy | None = None,
    against: str | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    patience: Patience | None = None,
    options: Options | None = None,
) -> Synced:
    """Bring a dataset up to date from a source, creating it at first use.

    Nothing is asked for where nothing new can be known: after the last session's close, and not before the
    next one's. Each symbol is stored whole or not at all; several are committed together, and a sync that was
    interrupted goes on where it stopped.

    Parameters
    ----------
    dataset
        ``mine/...``, or a shared one you may write.
    symbols
        As the source writes them; by default those the dataset has.
    source
        A name, or several: the next one is asked for what the one before could not deliver whole. By default
        those of the last sync.
    mode
        ``incremental`` (since the newest bar of each symbol), ``full`` (everything again: finds corrections),
        ``backfill`` (what lies before the oldest bar, from ``start`` on).
    start, end
        The first and last bar of what is not stored yet; by default from the source's beginning to now.
    frequency, calendar, description
        Of a new dataset: daily bars and the source's calendar by default.
    accept, policy, against
        The quality gate: see ``tw.ingest.frame``.
    resume
        Whether to leave out what an interrupted sync of the same kind has done already.
    progress
        Called with each symbol, how many are done, of how many, and how many rows came.
    patience, options
        How often to ask again; how to reach the vendor.

    Raises
    ------
    IncompleteSyncError
        Some symbols could not be had whole; the others were stored. The error holds the result.
    InvalidInputError, SetupError
        The source is unknown, its library missing, or it cannot serve such a dataset.
    """
    root, bare = root_of(dataset)
    store = Store(root)
    view = sync_plan.held(store, dataset)
    asked = _sources(store, dataset, source, known=view is not None, options=options)
    facts = asked[0].facts
    spec = view.spec if view else None
    bars = Frequency(frequency) if frequency else spec.frequency if spec else Frequency.DAY
    code = calendar or (spec.calendar if spec else facts.calendar)
    _check_sources(asked, spec, bars)
    lag = max(facts.delay, spec.lag) if spec else facts.delay
    through = last_known(bars, code, lag)
    if end is not None:
        through = min(through, moment(end, end=True))
    plan = sync_plan.make(
        store, dataset, mode=Mode(mode), symbols=[symbols] if isinstance(symbols, str) else symbols,
        sources=tuple(s.facts.name for s in asked), frequency=bars, start=moment(start or facts.first),
        through=through, resume=resume,
    )  # fmt: skip
    given = {"calendar": code, "frequency": bars, "description": description}
    work = _Work(
        store=store, dataset=dataset, bare=bare, spec=spec, plan=plan, sources=asked, frequency=bars,
        code=code, patience=patience or Patience(),
        gate=Gate(accept=tuple(accept), policy=policy, against=against),
        given={k: v for k, v in given.items() if v is not None},
    )  # fmt: skip
    return work.run(progress)


def _sources(
    store: Store,
    dataset: str,
    source: str | Source | Sequence[str | Source] | None,
    *,
    known: bool,
    options: Options | None,
) -> tuple[Source, ...]:
    if source is None:
        source = sync_plan.remembered(store, dataset).get("sources") if known else None
    if not source:
        raise InvalidInputError(f"{dataset!r} was never synced: from where?", "Give source='yfinance'.")
    listed: list[Any] = [source] if isinstance(source, str) or hasattr(source, "fetch") else [*source]
    return tuple(load(s, options) if isinstance(s, str) else s for s in listed)


def _check_sources(sources: Sequence[Source], spec: DatasetSpec | None, bars: Frequency) -> None:
    basis = spec.basis if spec else sources[0].facts.basis
    if spec and spec.frequency is not bars:
        raise InvalidInputError(f"{spec.name!r} holds {spec.frequency} bars.", "Leave frequency out.")
    for source in sources:
        facts = source.facts
        if bars not in facts.frequencies:
            has = [str(f) for f in facts.frequencies]
            raise InvalidInputError(f"{facts.title} has no {bars} bars.", did_you_mean(str(bars), has))
        if facts.basis is not basis:
            raise InvalidInputError(
                f"{facts.title} delivers {facts.basis} prices; the dataset holds {basis} ones.",
                "Use another dataset for them.",
            )


@dataclass(kw_only=True)
class _Work:
    """One sync under way."""

    store: Store
    dataset: str
    bare: str
    spec: DatasetSpec | None
    plan: Plan
    sources: tuple[Source, ...]
    frequency: Frequency
    code: str
    patience: Patience
    gate: Gate
    given: dict[str, Any]

    def run(self, progress: Progress | None) -> Synced:
        plan = self.plan
        done = Synced(
            dataset=self.dataset,
            mode=plan.mode,
            through=plan.through,
            current=plan.current,
            resumed=plan.done,
        )
        spans, count = iter(plan.spans), 0
        for group in _groups(spans):
            series: dict[str, Series] = {}
            for span in group:
                found = self._ask(span, done)
                count += 1
                if found is not None:
                    series[span.symbol] = found
                if progress:
                    progress(span.symbol, count, len(plan.spans), 0 if found is None else len(found.times))
            self._store(series, done)
        view = sync_plan.held(self.store, self.dataset)
        done.snapshot = view.id if view else ""
        if done.failed:
            told = "; ".join(f"{s}: {why}" for s, why in list(done.failed.items())[:3])
            raise IncompleteSyncError(
                f"{len(done.failed)} of {len(plan.spans)} symbols of {self.dataset!r} are not whole. {told}",
                "The others are stored; the same sync again asks for these only.",
                done,
            )
        return done

    def _ask(self, span: Span, done: Synced) -> Series | None:
        """Ask one source after the other for a symbol until one delivers it whole."""
        reasons: list[str] = []
        for source in self.sources:
            name = source.facts.name
            try:
                series, last = self._whole(source, span)
            except SourceError as problem:
                reasons.append(f"{name}: {problem.message}")
                log.warning("%s of %s: %s", span.symbol, self.dataset, reasons[-1])
                continue
            done.served[span.symbol] = name
            if reasons:
                log.warning("%s of %s comes from %s instead.", span.symbol, self.dataset, name)
            if last is not None:
                done.late[span.symbol] = _shown(last)
            return series
        done.failed[span.symbol] = " ".join(reasons)
        return None

    def _whole(self, source: Source, span: Span) -> tuple[Series, np.datetime64 | None]:
        wanted = Wanted(symbol=span.symbol, frequency=self.frequency, start=span.start, end=span.end)
        for attempt in range(PARTIAL_TRIES):
            series = source.fetch(wanted, self.patience).between(wanted.start, wanted.end)
            if self.plan.mode is Mode.BACKFILL and not series.times.size:
                return series, None  # there is nothing earlier, or the source does not go back as far
            try:
                return series, check_whole(series, wanted, self.code)
            except PartialDataError:
                if attempt + 1 == PARTIAL_TRIES:
                    raise
        raise AssertionError("unreachable")

    def _store(self, series: dict[str, Series], done: Synced) -> None:
        series = {s: found for s, found in series.items() if found.times.size}
        if not series:
            return
        try:
            self._commit(series, done)
        except DataQualityError as problem:
            if len(series) == 1:
                (symbol,) = series
                done.failed[symbol] = problem.message
                done.served.pop(symbol, None)
                done.late.pop(symbol, None)
                log.warning("%s of %s: %s", symbol, self.dataset, problem.message)
                return
            for symbol, found in series.items():  # one bad symbol must not keep the others out
                self._store({symbol: found}, done)

    def _commit(self, series: dict[str, Series], done: Synced) -> None:
        batch = _batch(series)
        facts = self.sources[0].facts
        given = self.given
        if self.spec is None:
            given = {"basis": facts.basis, "source": facts.title, "licence": facts.licence,
                     "currency": facts.currency} | given  # fmt: skip
        else:
            given = {k: v for k, v in given.items() if k == "description"}
        spec = described(self.spec, self.bare, batch, self.frequency, given)
        recorded = {*spec.actions, *facts.actions}
        spec = replace(spec, actions=tuple(k for k in ActionKind if k in recorded))
        report = {
            "plan": self.plan.id, "mode": str(self.plan.mode), "sources": list(self.plan.sources),
            "symbols": sorted(series), "served": {s: done.served[s] for s in series},
            "failed": dict(done.failed), "late": {s: t for s, t in done.late.items() if s in series},
            "through": _shown(self.plan.through),
        }  # fmt: skip
        change: Change = commit(
            self.store, spec, batch, self.gate, message=self._message(series, done), metadata={KEY: report}
        )
        self.spec = spec
        if not change.empty:
            done.commits.append(change.snapshot)
        done.rows_added += change.rows_added
        done.rows_changed += change.rows_changed
        done.quarantined += change.quarantined

    def _message(self, series: dict[str, Series], done: Synced) -> str:
        """Say where everything came from, what came from elsewhere, and what is missing."""
        first = self.sources[0].facts.name
        parts = []
        for name in dict.fromkeys(done.served[s] for s in series):
            mine = [s for s in series if done.served[s] == name]
            told = ", ".join(mine[:6]) + (f" and {len(mine) - 6} more" if len(mine) > 6 else "")
            parts.append(f"{name}: {told}" if name == first else f"{name} instead of {first}: {told}")
        text = (
            f"{str(self.plan.mode).capitalize()} sync through {_shown(self.plan.through)}, {'; '.join(parts)}"
        )
        if late := [f"{s} ends {done.late[s]}" for s in series if s in done.late]:
            text += f"; not up to date: {', '.join(late[:4])}{' …' if len(late) > 4 else ''}"
        if done.failed:
            text += f"; missing: {', '.join(list(done.failed)[:6])}{' …' if len(done.failed) > 6 else ''}"
        return text


def _groups(spans: Iterator[Span]) -> Iterator[list[Span]]:
    while group := list(islice(spans, GROUP)):
        yield group


def _batch(series: dict[str, Series]) -> Batch:
    """Put the bars of several symbols on one time axis."""
    symbols = tuple(series)
    times = np.unique(np.concatenate([s.times for s in series.values()]))
    fields = list(dict.fromkeys(f for s in series.values() for f in s.values))
    values = {f: np.full((len(symbols), len(times)), np.nan) for f in fields}
    for row, found in enumerate(series.values()):
        at = np.searchsorted(times, found.times)
        for name, column in found.values.items():
            values[name][row, at] = column
    actions = tuple(a for s in series.values() for a in s.actions)
    return Batch(symbols=symbols, times=times, values=values, actions=actions)


def _shown(time: np.datetime64) -> str:
    whole = time == time.astype("M8[D]")
    return str(time.astype("M8[D]")) if whole else f"{time.astype('M8[s]')}Z"
