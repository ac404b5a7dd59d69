"""What the fused sweeps compare: the rows of each strategy, computed once and shared by its variants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from tradewind.lazy import lazy
from tradewind.strategies import Bollinger, Donchian, EmaCross, Macd, RsiReversion, SmaCross, Strategy, Turtle
from tradewind.threads import cores

macd = lazy("tradewind.backtest.fused_macd_loops")
channel = lazy("tradewind.backtest.fused_channel_loops")
averages = lazy("tradewind.indicators.averages_loops")
momentum = lazy("tradewind.indicators.momentum_loops")
rsi = lazy("tradewind.backtest.fused_rsi_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
scanned = lazy("tradewind.indicators.scanned_loops")
spread = lazy("tradewind.indicators.spread_loops")


EIGHT = 8
"""Lanes, or what they share, that the loops take side by side."""
WORD = 64
PIECES = 2
"""Pieces of work a thread, where each piece finds out anew what its lanes share."""


class Kind(IntEnum):
    """How a lane's comparisons become positions; the numbers are the loops'."""

    CROSS = 0
    REVERSION = 1
    BREAKOUT = 2
    CHANNEL = 3
    TURTLE = 4


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
    numbers
        What else a lane is told: of a band its width, and its rows are then price, middle and deviation; of a
        Turtle its rules, and its rows are then price, the channels and N.
    states
        ``states(bars, first, last, out)`` does some of ``parts`` pieces of work, which together find the
        states of all lanes without rows, a bit a bar; where there is one, there are no pairs.
    """

    kind: Kind
    below: float = 0.0
    short: bool = False
    steps: list[tuple[int, Compute]] = field(default_factory=list)
    keys: dict[Any, int] = field(default_factory=dict)
    count: int = 0
    pairs: list[list[int]] = field(default_factory=list)
    numbers: list[list[float]] = field(default_factory=list)
    states: Callable[[Bars, int, int, np.ndarray], None] | None = None
    parts: int = 0

    def rows(self, key: Any, count: int, *computes: Compute) -> int:
        """Return the number of the first of some rows that are computed once for all lanes.

        Several ``computes`` each do a part of them.
        """
        if key not in self.keys:
            self.keys[key] = self.count
            self.steps += [(self.count, compute) for compute in computes]
            self.count += count
        return self.keys[key]

    def compute(self, bars: Bars, rows: np.ndarray) -> None:
        """Fill all rows from the prices of one symbol."""
        for at, step in self.steps:
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
    plan.parts = -(-len(lanes) // EIGHT)
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
        plan.numbers.append([lane.width])
    return plan


def _plan_rsi(lanes: Sequence[RsiReversion]) -> Plan:
    return _plan_rsi_short(lanes) if lanes[0].short else _plan_rsi_long(lanes)


def _plan_rsi_long(lanes: Sequence[RsiReversion]) -> Plan:
    plan = Plan(Kind.REVERSION, pairs=[[] for _ in lanes])
    windows, window = np.unique([lane.window for lane in lanes], return_inverse=True)
    low, lower = np.unique([lane.low for lane in lanes], return_inverse=True)
    leave, upper = np.unique([lane.leave for lane in lanes], return_inverse=True)
    numbers = np.column_stack([window, lower, upper]).astype(np.int64)
    plan.parts = -(-windows.size // EIGHT)
    plan.states = lambda bars, first, last, out: rsi.states(
        first, last, bars.close[0], windows.astype(np.int64), low, leave, numbers, out
    )
    return plan


def _plan_rsi_short(lanes: Sequence[RsiReversion]) -> Plan:
    plan = Plan(Kind.REVERSION, short=True)

    def index(window: int) -> Compute:
        return lambda bars, rows, at: momentum.rsi(0, 1, bars.close, window, rows[at : at + 1])

    for lane in lanes:
        x = plan.rows(lane.window, 1, index(lane.window))
        low, high, middle = (plan.level(v) for v in (lane.low, lane.high, lane.leave))
        plan.pairs.append([low, x, x, high, x, middle, middle, x])
    return plan


def _edges(plan: Plan, windows: list[int], *, high: bool) -> dict[int, int]:
    """Rows of the highest highs or lowest lows of the bars before each, by window."""
    known = np.unique(np.array(windows, dtype=np.int64))

    def part(first: float, last: float) -> Compute:
        def compute(bars: Bars, rows: np.ndarray, at: int) -> None:
            many = bars.close.shape[1]
            x, other = (bars.high[0], bars.low[0]) if high else (bars.low[0], bars.high[0])
            found = rows[at : at + known.size]
            channel.extremes_before(
                int(first * many), int(last * many), x, other, 1.0 if high else -1.0, known, found
            )

        return compute

    at = plan.rows(("high" if high else "low", *known), known.size, part(0.0, 0.5), part(0.5, 1.0))
    return {int(window): at + k for k, window in enumerate(known)}


def _channels(plan: Plan, lanes: Sequence[Donchian] | Sequence[Turtle], x: int) -> list[list[int]]:
    """For each lane the rows of its entry channel, high and low, and of its exit channel, low and high; those
    that only a short position needs are ``x`` where there is none."""
    long = _edges(plan, [lane.entry for lane in lanes], high=True)
    leave = _edges(plan, [lane.exit for lane in lanes], high=False)
    shorts = [lane for lane in lanes if lane.short]
    short = _edges(plan, [lane.entry for lane in shorts], high=False) if shorts else {}
    cover = _edges(plan, [lane.exit for lane in shorts], high=True) if shorts else {}
    return [[long[a.entry], short.get(a.entry, x), leave[a.exit], cover.get(a.exit, x)] for a in lanes]


def _plan_donchian(lanes: Sequence[Donchian]) -> Plan:
    return _plan_donchian_short(lanes) if lanes[0].short else _plan_donchian_long(lanes)


def _beyond(bars: Bars, windows: np.ndarray, *, high: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which bars are above channels of highs, or below channels of lows, and each lane's row of that."""
    known, row = np.unique(windows, return_inverse=True)
    many = bars.close.shape[1]
    found = np.empty((known.size, -(-many // WORD)), np.uint64)
    x, other = (bars.high[0], bars.low[0]) if high else (bars.low[0], bars.high[0])
    channel.beyond(bars.close[0], x, other, 1.0 if high else -1.0, known, found)
    return found, row


def _plan_donchian_long(lanes: Sequence[Donchian]) -> Plan:
    windows = np.array([(lane.entry, lane.exit) for lane in lanes], dtype=np.int64)
    plan = Plan(Kind.CHANNEL, pairs=[[] for _ in lanes], parts=min(len(lanes), PIECES * cores()))

    def states(bars: Bars, first: int, last: int, out: np.ndarray) -> None:
        some = slice(len(lanes) * first // plan.parts, len(lanes) * last // plan.parts)
        ups, enter = _beyond(bars, windows[some, 0], high=True)
        downs, leave = _beyond(bars, windows[some, 1], high=False)
        channel.states(ups, downs, np.column_stack([enter, leave]), out[some])

    plan.states = states
    return plan


def _plan_donchian_short(lanes: Sequence[Donchian]) -> Plan:
    plan = Plan(Kind.CHANNEL, short=True)
    x = plan.closes()
    for top, bottom, low, high in _channels(plan, lanes, x):
        plan.pairs.append([x, top, bottom, x, low, x, x, high])
    return plan


def _plan_turtle(lanes: Sequence[Turtle]) -> Plan:
    plan = Plan(Kind.TURTLE)
    x = plan.closes()

    def noise(window: int) -> Compute:
        return lambda bars, rows, at: scanned.atr(
            0, 1, bars.high, bars.low, bars.close, window, rows[at : at + 1]
        )

    for lane, channels in zip(lanes, _channels(plan, lanes, x), strict=True):
        plan.pairs.append([x, *channels, plan.rows(("noise", lane.atr), 1, noise(lane.atr))])
        plan.numbers.append([lane.risk, lane.units, lane.step, lane.stop, lane.short])
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
