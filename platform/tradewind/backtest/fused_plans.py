"""What the fused sweeps compare: the rows of each strategy, computed once and shared by its variants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from tradewind.lazy import lazy
from tradewind.strategies import Bollinger, Donchian, EmaCross, Macd, RsiReversion, SmaCross, Strategy, Turtle

macd = lazy("tradewind.backtest.fused_macd_loops")
averages = lazy("tradewind.indicators.averages_loops")
momentum = lazy("tradewind.indicators.momentum_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
rules = lazy("tradewind.strategies.rules_loops")
smoothed = lazy("tradewind.indicators.smoothed_loops")
spread = lazy("tradewind.indicators.spread_loops")


class Kind(IntEnum):
    """How a lane's comparisons become positions; the numbers are the loops'."""

    CROSS = 0
    REVERSION = 1
    BREAKOUT = 2
    CHANNEL = 3
    TARGET = 4


@dataclass(frozen=True)
class Bars:
    """One symbol's prices, each of shape (1, time)."""

    close: np.ndarray
    high: np.ndarray
    low: np.ndarray


Compute = Callable[[Bars, np.ndarray, int], None]
"""``compute(bars, rows, at)`` fills the rows from number ``at`` on, from prices or other rows."""


@dataclass
class Plan:
    """Rows of one group of lanes, and the pairs of rows each lane compares.

    Attributes
    ----------
    kind
        How comparisons become positions.
    below
        Position after a cross below; ``short`` says whether others may go short.
    pairs
        For each lane ``[a, b, c, d, …]``: bit 0 of a bar's code says that row a is above row b, bit 1 that c
        is above d, and so on.
    widths
        Of a band: a lane's rows are then price, middle and deviation.
    states
        ``states(bars, first, last, out)`` works out the states of some eights of lanes without rows, a bit a
        bar; where there is one, there are no pairs.
    """

    kind: Kind
    below: float = 0.0
    short: bool = False
    stages: list[list[tuple[int, Compute]]] = field(default_factory=list)
    keys: dict[Any, int] = field(default_factory=dict)
    count: int = 0
    pairs: list[list[int]] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    states: Callable[[Bars, int, int, np.ndarray], None] | None = None

    def rows(self, key: Any, count: int, compute: Compute, *, stage: int = 0) -> int:
        """Return the number of the first of some rows that are computed together, once for all lanes.

        What is computed from other rows belongs to a later stage than they.
        """
        if key not in self.keys:
            self.keys[key] = self.count
            while len(self.stages) <= stage:
                self.stages.append([])
            self.stages[stage].append((self.count, compute))
            self.count += count
        return self.keys[key]

    def compute(self, bars: Bars, rows: np.ndarray) -> None:
        """Fill all rows from the prices of one symbol."""
        for stage in self.stages:
            for at, step in stage:
                step(bars, rows, at)

    def closes(self) -> int:
        """The row of closes."""

        def copy(bars: Bars, rows: np.ndarray, at: int) -> None:
            rows[at] = bars.close[0]

        return self.rows("close", 1, copy)

    def level(self, value: float) -> int:
        """A row of one value."""

        def fill(_bars: Bars, rows: np.ndarray, at: int) -> None:
            rows[at] = value

        return self.rows(("level", value), 1, fill)


def _sma(window: int) -> Compute:
    return lambda bars, rows, at: rolled.sma(0, 1, bars.close, window, rows[at : at + 1])


def _ema(window: int) -> Compute:
    return lambda bars, rows, at: averages.ema(
        0, 1, bars.close, window, 2.0 / (window + 1.0), rows[at : at + 1]
    )


def _plan_sma(lanes: Sequence[SmaCross]) -> Plan:
    plan = Plan(Kind.CROSS, below=-1.0 if lanes[0].short else 0.0)
    for lane in lanes:
        fast, slow = (plan.rows(w, 1, _sma(w)) for w in (lane.fast, lane.slow))
        plan.pairs.append([fast, slow, slow, fast])
    return plan


def _plan_ema(lanes: Sequence[EmaCross]) -> Plan:
    plan = Plan(Kind.CROSS, below=-1.0 if lanes[0].short else 0.0)
    for lane in lanes:
        fast, slow = (plan.rows(w, 1, _ema(w)) for w in (lane.fast, lane.slow))
        plan.pairs.append([fast, slow, slow, fast])
    return plan


def _plan_macd(lanes: Sequence[Macd]) -> Plan:
    plan = Plan(Kind.CROSS, below=-1.0 if lanes[0].short else 0.0)
    numbers = np.array([(lane.fast, lane.slow, lane.signal) for lane in lanes], dtype=np.int64)
    plan.pairs = [[] for _ in lanes]
    plan.states = lambda bars, first, last, out: macd.states(first, last, bars.close[0], numbers, out)
    return plan


def _plan_bollinger(lanes: Sequence[Bollinger]) -> Plan:
    first = lanes[0]
    plan = Plan(Kind.BREAKOUT if first.mode == "breakout" else Kind.REVERSION, short=first.short)
    x = plan.closes()

    def middle(window: int) -> Compute:
        return lambda bars, rows, at: spread.mean_and_deviation(
            0, 1, bars.close, window, rows[at : at + 1], rows[at + 1 : at + 2]
        )

    for lane in lanes:
        centre = plan.rows(lane.window, 2, middle(lane.window))
        plan.pairs.append([x, centre, centre + 1])
        plan.widths.append(lane.width)
    return plan


def _plan_rsi(lanes: Sequence[RsiReversion]) -> Plan:
    plan = Plan(Kind.REVERSION, short=lanes[0].short)

    def index(window: int) -> Compute:
        return lambda bars, rows, at: momentum.rsi(0, 1, bars.close, window, rows[at : at + 1])

    for lane in lanes:
        x = plan.rows(lane.window, 1, index(lane.window))
        low, high, middle = (plan.level(v) for v in (lane.low, lane.high, lane.leave))
        plan.pairs.append([low, x, x, high, x, middle, middle, x])
    return plan


def _channel(plan: Plan, window: int) -> int:
    """Two rows: highest high and lowest low of the bars before each."""

    def compute(bars: Bars, rows: np.ndarray, at: int) -> None:
        found = np.empty((3, 1, bars.close.shape[1]))
        rolled.donchian(0, 1, bars.high, bars.low, window, *found)
        rows[at : at + 2, 0] = np.nan
        rows[at, 1:] = found[0, 0, :-1]
        rows[at + 1, 1:] = found[2, 0, :-1]

    return plan.rows(("channel", window), 2, compute)


def _plan_donchian(lanes: Sequence[Donchian]) -> Plan:
    plan = Plan(Kind.CHANNEL, short=lanes[0].short)
    x = plan.closes()
    for lane in lanes:
        top = _channel(plan, lane.entry)
        leave = _channel(plan, lane.exit)
        plan.pairs.append([x, top, top + 1, x, leave + 1, x, x, leave])
    return plan


def _plan_turtle(lanes: Sequence[Turtle]) -> Plan:
    plan = Plan(Kind.TARGET)
    x = plan.closes()

    def noise(window: int) -> Compute:
        return lambda bars, rows, at: smoothed.atr(
            0, 1, bars.high, bars.low, bars.close, window, rows[at : at + 1]
        )

    def units(lane: Turtle, top: int, leave: int, n: int) -> Compute:
        numbers = (lane.risk, lane.units, lane.step, lane.stop, int(lane.short))
        inputs = (x, top, top + 1, leave + 1, leave, n)
        return lambda _bars, rows, at: rules.turtle(
            0, 1, *(rows[k : k + 1] for k in inputs), *numbers, rows[at : at + 1]
        )

    for lane in lanes:
        top = _channel(plan, lane.entry)
        leave = _channel(plan, lane.exit)
        n = plan.rows(("noise", lane.atr), 1, noise(lane.atr))
        plan.pairs.append([plan.rows(lane, 1, units(lane, top, leave, n), stage=1)])
    return plan


PLANS: dict[type[Strategy], Callable[..., Plan]] = {
    SmaCross: _plan_sma,
    EmaCross: _plan_ema,
    Macd: _plan_macd,
    Bollinger: _plan_bollinger,
    RsiReversion: _plan_rsi,
    Donchian: _plan_donchian,
    Turtle: _plan_turtle,
}
SAME: dict[type[Strategy], tuple[str, ...]] = {
    SmaCross: ("short",),
    EmaCross: ("short",),
    Macd: ("short",),
    RsiReversion: ("short",),
    Bollinger: ("mode", "short"),
    Donchian: ("short",),
    Turtle: (),
}
"""Parameters that all lanes of one plan share."""
