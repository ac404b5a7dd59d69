"""The checks of the quality gate, one symbol's bars at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tradewind import calendars
from tradewind.ingest.quality_policy import Check, Context, Policy
from tradewind.store.actions import steps
from tradewind.store.batch import Batch
from tradewind.store.spec import ActionKind, DatasetSpec
from tradewind.vocabulary import OHLC

BEYOND_BELIEF = float(np.log(1.5))
"""Bank shares lost and won back 30 % from one day to the next in January 2009; half is beyond belief."""
LONG_GAP = np.timedelta64(30 * 86_400, "s")
Mask = np.ndarray
_Check = Callable[["Bars"], Iterator[tuple[Check, Mask, str]]]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """One symbol's bars, those that exist."""

    times: np.ndarray
    values: Mapping[str, np.ndarray]
    ratios: np.ndarray
    """What raw prices are multiplied by to take out splits."""
    earlier: np.ndarray
    """Closes before the batch, in the same terms."""
    policy: Policy
    spec: DatasetSpec


def bars_of(
    batch: Batch, row: int, spec: DatasetSpec, policy: Policy, context: Context | None
) -> tuple[Bars, np.ndarray]:
    """Return the bars of a batch's row that exist, and their places on its time axis."""
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
    bars = Bars(
        times=times,
        values={f: v[places] for f, v in held.items()},
        ratios=chain.at(times.astype("M8[D]")),
        earlier=earlier,
        policy=policy,
        spec=spec,
    )
    return bars, places


def _values(bars: Bars) -> Iterator[tuple[Check, Mask, str]]:
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


def _moves(bars: Bars) -> Iterator[tuple[Check, Mask, str]]:
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


def _busy(bars: Bars, where: Mask) -> Mask:
    """Say which of some bars come with far more volume than in the twenty sessions before, as news does.

    A missing split raises the volume too, by as much as it lowers the price, so a fall by half needs twice
    as much more: the turnover must have risen. It is taken at the price just before the move, for after a
    week of falling the usual turnover is that of another share. A wrong unit raises no volume at all.
    """
    volume, close = bars.values.get("volume"), bars.values["close"]
    busy = np.zeros(len(bars.times), dtype=bool)
    if volume is None:
        return busy
    level = close * bars.ratios
    # Sessions, not bars: twenty hours are three days, and the days before the worst one were busy already
    a_session = max(1, round(len(bars.times) / max(1, len(np.unique(bars.times.astype("M8[D]"))))))
    for at in np.flatnonzero(where).tolist():
        typical = float(np.nanmedian(volume[max(0, at - 20 * a_session) : at])) if at else 0.0
        fall = level[at - 1] / level[at] if at and level[at] > 0 else 1.0
        more = max(1.0, float(fall)) if np.isfinite(fall) else 1.0
        busy[at] = typical > 0 and volume[at] >= bars.policy.busy * more * typical
    return busy


def _deviation(moves: np.ndarray) -> float:
    typical = moves[moves != 0]
    return float(1.4826 * np.median(np.abs(typical - np.median(typical)))) if typical.size > 4 else 0.0


def _stale(bars: Bars) -> Iterator[tuple[Check, Mask, str]]:
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


def _sessions(bars: Bars) -> Iterator[tuple[Check, Mask, str]]:
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


def disagreement(bars: Bars, other: np.ndarray) -> Iterator[tuple[Check, Mask, str]]:
    """Closes that another source contradicts."""
    close = bars.values["close"]
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.abs(close / other - 1)
    wrong = np.nan_to_num(gap) > bars.policy.tolerance
    if wrong.any():
        yield Check.DISAGREEMENT, wrong, f"close differs from the other source by up to {np.nanmax(gap):.1%}"


CHECKS: tuple[_Check, ...] = (_values, _moves, _stale, _sessions)
