"""The quality gate: what is wrong with a batch, and what becomes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from tradewind import calendars
from tradewind.errors import DataQualityError
from tradewind.store.actions import steps
from tradewind.store.batch import Batch
from tradewind.store.spec import ActionKind, Basis, DatasetSpec
from tradewind.vocabulary import OHLC


class Check(StrEnum):
    """What can be wrong."""

    INFINITE = "infinite"
    NON_POSITIVE = "non_positive"
    NEGATIVE_VOLUME = "negative_volume"
    INCONSISTENT = "inconsistent"
    """High below or low above another price of the bar."""
    SPIKE = "spike"
    """A price far off its neighbours that comes back with the next bar."""
    JUMP = "jump"
    """A level shift that no recorded corporate action explains."""
    MOVE = "move"
    """A large move that is believed: it comes with several times the usual volume and turnover, as news does
    and a mistake does not, or it was undone by the next bar but is not beyond belief."""
    EXTREME = "extreme"
    """Open, high or low far off the close of the same bar."""
    STALE = "stale"
    """Bar after bar exactly the same."""
    GAP = "gap"
    NO_SESSION = "no_session"
    DUPLICATE = "duplicate"
    DISAGREEMENT = "disagreement"
    """Another source says something else."""


class Severity(StrEnum):
    """What becomes of it."""

    WARN = "warn"
    """Noted with the commit."""
    QUARANTINE = "quarantine"
    """Kept aside, never visible to readers."""
    REJECT = "reject"
    """The whole batch is refused."""


_DEFAULTS: Mapping[Check, Severity] = {
    Check.INFINITE: Severity.QUARANTINE,
    Check.NON_POSITIVE: Severity.QUARANTINE,
    Check.NEGATIVE_VOLUME: Severity.QUARANTINE,
    Check.INCONSISTENT: Severity.QUARANTINE,
    Check.SPIKE: Severity.QUARANTINE,
    Check.JUMP: Severity.REJECT,
    Check.EXTREME: Severity.QUARANTINE,
    Check.MOVE: Severity.WARN,
    Check.STALE: Severity.QUARANTINE,
    Check.GAP: Severity.WARN,
    Check.NO_SESSION: Severity.QUARANTINE,
    Check.DUPLICATE: Severity.WARN,
    Check.DISAGREEMENT: Severity.QUARANTINE,
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How strict the gate is.

    Parameters
    ----------
    severities
        Other than the defaults.
    accept
        Checks whose findings were looked at and are right: they only warn.
    deviations
        Robust standard deviations (1.4826 times the median absolute deviation of log returns) that a move
        must exceed to count as a spike or jump.
    smallest_move
        And the smallest relative move that does.
    busy
        How many times the usual volume and turnover makes a large move believable.
    stale_bars
        Equal bars in a row, the first one counted, that are stale.
    tolerance
        Relative difference to the other source.
    most_quarantined
        Share of the bars beyond which a batch is refused as a whole.
    """

    severities: Mapping[Check, Severity] = field(default_factory=dict)
    accept: frozenset[Check] = frozenset()
    deviations: float = 12.0
    smallest_move: float = 0.35
    busy: float = 3.0
    stale_bars: int = 4
    tolerance: float = 0.01
    most_quarantined: float = 0.05

    def severity(self, check: Check, basis: Basis) -> Severity:
        """Return what becomes of a finding; without shares there are no splits, so levels may jump."""
        if check in self.accept:
            return Severity.WARN
        if check in self.severities:
            return self.severities[check]
        if basis is Basis.LEVEL and check in (Check.JUMP, Check.EXTREME, Check.NON_POSITIVE):
            return Severity.WARN
        return _DEFAULTS[check]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong with one symbol.

    ``first`` and ``last`` are the first and last bar concerned, ``count`` is how many there are.
    """

    check: Check
    severity: Severity
    symbol: str
    first: str
    last: str
    count: int
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {n: str(v) if isinstance(v, StrEnum) else v for n, v in self.__dict__.items()}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate decided: the batch that readers may see, the findings, the rows kept aside."""

    batch: Batch
    findings: tuple[Finding, ...]
    quarantined: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the dataset holds already of a batch's symbols: the last closes before it, oldest first (n, m)."""

    closes: np.ndarray
    times: np.ndarray


BEYOND_BELIEF = float(np.log(1.5))
"""Bank shares lost and won back 30 % from one day to the next in January 2009; half is beyond belief."""
LONG_GAP = np.timedelta64(30 * 86_400, "s")
Mask = np.ndarray
_Check = Callable[["_Bars"], Iterator[tuple[Check, Mask, str]]]


@dataclass(frozen=True, kw_only=True)
class _Bars:
    """One symbol's bars, those that exist."""

    times: np.ndarray
    values: Mapping[str, np.ndarray]
    ratios: np.ndarray
    """What raw prices are multiplied by to take out splits."""
    earlier: np.ndarray
    """Closes before the batch, in the same terms."""
    policy: Policy
    spec: DatasetSpec


def inspect(
    batch: Batch,
    spec: DatasetSpec,
    policy: Policy | None = None,
    *,
    context: Context | None = None,
    other: np.ndarray | None = None,
    duplicates: int = 0,
) -> Verdict:
    """Run every check over a batch.

    Parameters
    ----------
    batch
        Bars with the corporate actions that explain their jumps.
    spec
        The dataset.
    policy
        How strict to be.
    context
        What the dataset holds just before the batch.
    other
        Closes of the same cells from another source (n, m), NaN where it has none.
    duplicates
        Equal rows that were merged on the way.

    Raises
    ------
    DataQualityError
        A finding's severity is to reject, or too many bars would be kept aside.
    """
    policy = policy or Policy()
    shape = (len(batch.symbols), len(batch.times))
    aside = np.zeros(shape, dtype=bool)
    reasons: dict[tuple[int, int], Check] = {}
    findings: list[Finding] = []
    if duplicates:
        findings.append(_whole(batch, Check.DUPLICATE, policy, spec, f"{duplicates} rows came twice"))
    for row, symbol in enumerate(batch.symbols):
        bars, places = _bars(batch, row, spec, policy, context)
        found = [hit for check in _CHECKS for hit in check(bars)]
        if other is not None and "close" in batch.values:
            found.extend(_disagreement(bars, other[row, places]))
        for check, mask, message in found:
            severity = policy.severity(check, spec.basis)
            findings.append(_finding((check, mask, message), severity, symbol, bars.times))
            if severity is Severity.QUARANTINE:
                hit = places[mask[: len(places)]]
                aside[row, hit] = True
                reasons.update({(row, int(h)): check for h in hit if (row, int(h)) not in reasons})
    _refuse(findings, batch, aside, policy)
    return Verdict(
        batch=_without(batch, aside),
        findings=tuple(findings),
        quarantined=tuple(_row(batch, i, j, check) for (i, j), check in sorted(reasons.items())),
    )


def _bars(
    batch: Batch, row: int, spec: DatasetSpec, policy: Policy, context: Context | None
) -> tuple[_Bars, np.ndarray]:
    held = {f: v[row] for f, v in batch.values.items()}
    exists = np.logical_or.reduce([~np.isnan(v) for v in held.values()]) if held else np.zeros(0, dtype=bool)
    places = np.flatnonzero(exists)
    times = batch.times[places]
    splits = [a for a in batch.actions if a.symbol == batch.symbols[row] and a.kind is ActionKind.SPLIT]
    chain = steps(
        np.array([a.ex_date for a in splits], dtype="M8[D]"), np.array([1 / a.value for a in splits])
    )
    earlier = np.empty(0)
    if context is not None:
        closes = context.closes[row]
        good = np.isfinite(closes)
        earlier = closes[good] * chain.at(context.times[good].astype("M8[D]"))
    bars = _Bars(
        times=times,
        values={f: v[places] for f, v in held.items()},
        ratios=chain.at(times.astype("M8[D]")),
        earlier=earlier,
        policy=policy,
        spec=spec,
    )
    return bars, places


def _values(bars: _Bars) -> Iterator[tuple[Check, Mask, str]]:
    """Infinite values, prices that are not positive, negative volume, inconsistent bars."""
    infinite = np.logical_or.reduce([np.isinf(v) for v in bars.values.values()])
    if infinite.any():
        yield Check.INFINITE, infinite, "infinite values"
    prices = [bars.values[f] for f in OHLC if f in bars.values]
    bad = np.logical_or.reduce([p <= 0 for p in prices]) if prices else np.zeros(len(bars.times), dtype=bool)
    if bad.any():
        yield Check.NON_POSITIVE, bad, "prices of zero or less"
    volume = bars.values.get("volume")
    if volume is not None and (volume < 0).any():
        yield Check.NEGATIVE_VOLUME, volume < 0, "negative volume"
    high, low = bars.values.get("high"), bars.values.get("low")
    if high is not None and low is not None:
        rest = [bars.values[f] for f in ("open", "close") if f in bars.values]
        slack = 1e-6 * np.abs(high)  # vendors round adjusted prices field by field
        wrong = high < low - slack
        for price in rest:
            wrong |= (price > high + slack) | (price < low - slack)
        if wrong.any():
            yield Check.INCONSISTENT, wrong, "high or low contradicts another price of the bar"


def _moves(bars: _Bars) -> Iterator[tuple[Check, Mask, str]]:
    """Spikes and unexplained jumps of the close; other prices far off the close."""
    close = bars.values.get("close")
    if close is None:
        return
    level = np.concatenate([bars.earlier, close * bars.ratios])
    good = np.flatnonzero(np.isfinite(level) & (level > 0))
    moves = np.diff(np.log(level[good]))
    if not moves.size:
        return
    limit = max(bars.policy.deviations * _deviation(moves), float(np.log1p(bars.policy.smallest_move)))
    spikes, jumps, mild = _sorted_out(moves, limit, good - len(bars.earlier), len(close))
    gap = np.concatenate([[False], np.diff(bars.times) > LONG_GAP])
    jumps &= ~gap  # a long pause explains a move, and is told as a gap
    busy = _busy(bars, spikes | jumps) | mild
    told = f"close moves up to {float(np.exp(np.abs(moves).max())):.2f}-fold"
    if ((spikes | jumps) & busy).any():
        yield (
            Check.MOVE,
            (spikes | jumps) & busy,
            f"{told}, with {bars.policy.busy:g} times the usual volume or undone at once",
        )
    if (spikes & ~busy).any():
        yield Check.SPIKE, spikes & ~busy, "close far off, and back with the next bar"
    if (jumps & ~busy).any():
        yield Check.JUMP, jumps & ~busy, f"{told} and no recorded action explains it"
    for name in ("open", "high", "low"):
        price = bars.values.get(name)
        if price is None:
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.log(price / close)
        far = (np.abs(np.where(np.isfinite(off), off, 0.0)) > max(limit, np.log(2.0))) & ~spikes
        far &= ~_busy(bars, far)
        if far.any():
            yield Check.EXTREME, far, f"{name} far off the close of the same bar"


def _sorted_out(moves: np.ndarray, limit: float, places: np.ndarray, size: int) -> tuple[Mask, Mask, Mask]:
    """Tell large moves that the next one undoes (spikes, of which some are mild) from those that stay."""
    spikes, jumps, mild = (np.zeros(size, dtype=bool) for _ in range(3))
    skip = -1
    for i in np.flatnonzero(np.abs(moves) > limit).tolist():
        place = places[i + 1]
        if place < 0 or i == skip:
            continue
        back = i + 1 < len(moves) and abs(moves[i] + moves[i + 1]) < 0.3 * abs(moves[i])
        (spikes if back else jumps)[place] = True
        mild[place] = back and abs(moves[i]) < BEYOND_BELIEF
        skip = i + 1 if back else skip
    return spikes, jumps, mild


def _busy(bars: _Bars, where: Mask) -> Mask:
    """Say which of some bars come with both volume and turnover well above the twenty bars before.

    A missing split raises the volume alone, a wrong unit the turnover alone; news raises both.
    """
    volume = bars.values.get("volume")
    busy = np.zeros(len(bars.times), dtype=bool)
    if volume is None:
        return busy
    for at in np.flatnonzero(where).tolist():
        usual = slice(max(0, at - 20), at)
        busy[at] = at > 0 and all(
            (typical := float(np.nanmedian(v[usual]))) > 0 and v[at] >= bars.policy.busy * typical
            for v in (volume, volume * bars.values["close"])
        )
    return busy


def _deviation(moves: np.ndarray) -> float:
    typical = moves[moves != 0]
    return float(1.4826 * np.median(np.abs(typical - np.median(typical)))) if typical.size > 4 else 0.0


def _stale(bars: _Bars) -> Iterator[tuple[Check, Mask, str]]:
    """Bars that repeat the one before, volume included; without volume a price may rest."""
    names = [f for f in (*OHLC, "volume") if f in bars.values]
    if "volume" not in names or len(names) < 2 or len(bars.times) < bars.policy.stale_bars:
        return
    same = np.logical_and.reduce([np.diff(bars.values[f]) == 0 for f in names])
    traded = bars.values["volume"][1:] != 0
    repeat = np.concatenate([[False], same & traded])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], repeat.astype(np.int8), [0]])))
    stale = np.zeros(len(repeat), dtype=bool)
    for first, stop in edges.reshape(-1, 2):
        if stop - first + 1 >= bars.policy.stale_bars:
            stale[first:stop] = True
    if stale.any():
        yield Check.STALE, stale, "bars equal to the one before, volume included"


def _sessions(bars: _Bars) -> Iterator[tuple[Check, Mask, str]]:
    """Bars on days without a session, and sessions without a bar."""
    if bars.spec.frequency.value in ("1w", "1mo") or not bars.times.size:
        return
    days = np.unique(bars.times.astype("M8[D]"))
    expected = calendars.sessions(bars.spec.calendar, days[0], days[-1])
    if not bars.spec.frequency.intraday:
        closed = ~np.isin(bars.times.astype("M8[D]"), expected)
        if closed.any():
            yield Check.NO_SESSION, closed, f"no session of {bars.spec.calendar} on that day"
    missing = expected[~np.isin(expected, days)]
    if missing.size:
        near = np.isin(
            bars.times.astype("M8[D]"), days[np.searchsorted(days, missing).clip(0, len(days) - 1)]
        )
        yield Check.GAP, near, f"{missing.size} sessions missing, first {missing[0]}, last {missing[-1]}"


def _disagreement(bars: _Bars, other: np.ndarray) -> Iterator[tuple[Check, Mask, str]]:
    close = bars.values["close"]
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.abs(close / other - 1)
    wrong = np.nan_to_num(gap) > bars.policy.tolerance
    if wrong.any():
        yield Check.DISAGREEMENT, wrong, f"close differs from the other source by up to {np.nanmax(gap):.1%}"


_CHECKS: tuple[_Check, ...] = (_values, _moves, _stale, _sessions)


def _finding(found: tuple[Check, Mask, str], severity: Severity, symbol: str, times: np.ndarray) -> Finding:
    check, mask, message = found
    hit = times[mask].astype("M8[s]")
    return Finding(
        check=check,
        severity=severity,
        symbol=symbol,
        first=str(hit[0]),
        last=str(hit[-1]),
        count=len(hit),
        message=message,
    )


def _whole(batch: Batch, check: Check, policy: Policy, spec: DatasetSpec, message: str) -> Finding:
    everything = np.ones(len(batch.times), dtype=bool)
    return _finding((check, everything, message), policy.severity(check, spec.basis), "", batch.times)


def _refuse(findings: list[Finding], batch: Batch, aside: np.ndarray, policy: Policy) -> None:
    fatal = [f for f in findings if f.severity is Severity.REJECT]
    if fatal:
        told = "; ".join(f"{f.symbol} {f.first[:10]}: {f.check} ({f.message})" for f in fatal[:3])
        names = ", ".join(sorted({str(f.check) for f in fatal}))
        raise DataQualityError(
            f"The batch was refused: {told}{' and more' if len(fatal) > 3 else ''}.",
            f"Correct it, record the missing action, or accept it by name: accept=[{names!r}].",
        )
    count, rows = int(aside.sum()), batch.rows
    if count > 20 and count > policy.most_quarantined * rows:
        checks = sorted({str(f.check) for f in findings if f.severity is Severity.QUARANTINE})
        raise DataQualityError(
            f"{count:,} of {rows:,} bars would have to be kept aside ({', '.join(checks)}).",
            "That is no accident: check calendar, columns and units.",
        )


def _without(batch: Batch, aside: np.ndarray) -> Batch:
    if not aside.any():
        return batch
    return replace(batch, values={f: np.where(aside, np.nan, v) for f, v in batch.values.items()})


def _row(batch: Batch, i: int, j: int, check: Check) -> dict[str, Any]:
    values = {f: float(v[i, j]) for f, v in batch.values.items() if not np.isnan(v[i, j])}
    stored = {f: v if np.isfinite(v) else str(v) for f, v in values.items()}
    return {
        "symbol": batch.symbols[i],
        "time": str(batch.times[j].astype("M8[s]")),
        "check": str(check),
        **stored,
    }
