"""Which strategies sweep without materialising signals, and how: rows to compute, and what each lane
compares."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import xarray as xr

from tradewind.backtest.market import Market, array_of
from tradewind.backtest.rules import Costs
from tradewind.lazy import lazy
from tradewind.strategies import Bollinger, EmaCross, Macd, RsiReversion, SmaCross, Strategy
from tradewind.threads import cores

loops = lazy("tradewind.backtest.fused_loops")
averages = lazy("tradewind.indicators.averages_loops")
momentum = lazy("tradewind.indicators.momentum_loops")
rolled = lazy("tradewind.indicators.rolled_loops")
spread = lazy("tradewind.indicators.spread_loops")

BUDGET = 32 * 2**20
"""Bytes of equity curves one thread holds at a time, when several symbols add up to one."""
MOST_LANES = 512
STATE, STATS = 10, 18


class Kind(IntEnum):
    """How a lane's comparisons become positions; the numbers are the loops'."""

    CROSS = 0
    REVERSION = 1
    BREAKOUT = 2
    CHANNEL = 3


Compute = Callable[[np.ndarray, np.ndarray, int], None]
"""``compute(close, rows, at)`` fills the rows from number ``at`` on, from closes of shape (1, time) or other
rows."""


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
    """

    kind: Kind
    below: float = 0.0
    short: bool = False
    steps: list[tuple[int, Compute]] = field(default_factory=list)
    keys: dict[Any, int] = field(default_factory=dict)
    count: int = 0
    pairs: list[list[int]] = field(default_factory=list)

    def rows(self, key: Any, count: int, compute: Compute) -> int:
        """Return the number of the first of some rows that are computed together, once for all lanes."""
        if key not in self.keys:
            self.keys[key] = self.count
            self.steps.append((self.count, compute))
            self.count += count
        return self.keys[key]

    def compute(self, close: np.ndarray, rows: np.ndarray) -> None:
        """Fill all rows from the closes of one symbol, shape (1, time)."""
        for at, step in self.steps:
            step(close, rows, at)

    def closes(self) -> int:
        """The row of closes."""

        def copy(close: np.ndarray, rows: np.ndarray, at: int) -> None:
            rows[at] = close[0]

        return self.rows("close", 1, copy)

    def level(self, value: float) -> int:
        """A row of one value."""

        def fill(_close: np.ndarray, rows: np.ndarray, at: int) -> None:
            rows[at] = value

        return self.rows(("level", value), 1, fill)


def _sma(window: int) -> Compute:
    return lambda close, rows, at: rolled.sma(0, 1, close, window, rows[at : at + 1])


def _ema(window: int) -> Compute:
    return lambda close, rows, at: averages.ema(0, 1, close, window, 2.0 / (window + 1.0), rows[at : at + 1])


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
    families: dict[tuple[int, int], list[int]] = {}
    for lane in lanes:
        signals = families.setdefault((lane.fast, lane.slow), [])
        if lane.signal not in signals:
            signals.append(lane.signal)

    def family(pair: tuple[int, int], signals: list[int]) -> Compute:
        lengths = np.array(signals, dtype=np.int64)
        return lambda close, rows, at: momentum.macd_family(
            close[0], *pair, lengths, rows[at], rows[at + 1 : at + 1 + lengths.size]
        )

    for lane in lanes:
        pair = (lane.fast, lane.slow)
        signals = families[pair]
        line = plan.rows(pair, 1 + len(signals), family(pair, signals))
        smooth = line + 1 + signals.index(lane.signal)
        plan.pairs.append([line, smooth, smooth, line])
    return plan


def _plan_bollinger(lanes: Sequence[Bollinger]) -> Plan:
    first = lanes[0]
    plan = Plan(Kind.BREAKOUT if first.mode == "breakout" else Kind.REVERSION, short=first.short)
    x = plan.closes()

    def middle(window: int) -> Compute:
        return lambda close, rows, at: spread.mean_and_deviation(
            0, 1, close, window, rows[at : at + 1], rows[at + 1 : at + 2]
        )

    def edges(centre: int, width: float) -> Compute:
        def compute(_close: np.ndarray, rows: np.ndarray, at: int) -> None:
            np.multiply(rows[centre + 1], width, out=rows[at])
            np.subtract(rows[centre], rows[at], out=rows[at + 1])
            np.add(rows[centre], rows[at], out=rows[at])

        return compute

    for lane in lanes:
        centre = plan.rows(lane.window, 2, middle(lane.window))
        upper = plan.rows((lane.window, lane.width), 2, edges(centre, lane.width))
        plan.pairs.append([upper + 1, x, x, upper, x, centre, centre, x])
    return plan


def _plan_rsi(lanes: Sequence[RsiReversion]) -> Plan:
    plan = Plan(Kind.REVERSION, short=lanes[0].short)

    def index(window: int) -> Compute:
        return lambda close, rows, at: momentum.rsi(0, 1, close, window, rows[at : at + 1])

    for lane in lanes:
        x = plan.rows(lane.window, 1, index(lane.window))
        low, high, middle = (plan.level(v) for v in (lane.low, lane.high, lane.leave))
        plan.pairs.append([low, x, x, high, x, middle, middle, x])
    return plan


PLANS: dict[type[Strategy], Callable[..., Plan]] = {
    SmaCross: _plan_sma,
    EmaCross: _plan_ema,
    Macd: _plan_macd,
    Bollinger: _plan_bollinger,
    RsiReversion: _plan_rsi,
}
SAME: dict[type[Strategy], tuple[str, ...]] = {
    SmaCross: ("short",),
    EmaCross: ("short",),
    Macd: ("short",),
    RsiReversion: ("short",),
    Bollinger: ("mode", "short"),
}
"""Parameters that all lanes of one plan share."""


def can_fuse(cls: type[Strategy], options: dict[str, Any]) -> bool:
    """Whether a sweep can run fused: a known strategy, fractional lots, no warm-up before a start."""
    desk = any(options.get(name) is not None for name in ("limits", "financing", "instruments", "currencies"))
    return cls in PLANS and not options.get("lot") and options.get("start") is None and not desk


def run_fused(
    variants: Sequence[Strategy], ds: xr.Dataset, market: Market, costs: Costs, capital: float
) -> np.ndarray:
    """Account for all variants; return their statistics, one row each."""
    close = array_of(ds["close"])
    symbols, bars = close.shape
    stats = np.zeros((len(variants), STATS))
    stats[:, [loops.PREV, loops.PEAK, loops.LOW]] = capital
    shared = SAME[type(variants[0])]
    alike: dict[Any, list[int]] = {}
    for at, variant in enumerate(variants):
        alike.setdefault(tuple(getattr(variant, n) for n in shared), []).append(at)
    room = MOST_LANES if symbols == 1 else max(16, min(MOST_LANES, BUDGET // (8 * bars)))
    groups = [part for rows in alike.values() for part in _split(rows, room)]
    job = _Job(close, market, costs, capital / symbols, stats)
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda group: job.run(variants, group), groups))
    loops.finish(0, len(variants), stats)
    return stats


def _split(rows: list[int], room: int) -> list[list[int]]:
    """Cut lanes into groups that keep all threads busy and fit in memory."""
    parts = max(-(-len(rows) // room), min(cores(), -(-len(rows) // 16)))
    parts = -(-parts // cores()) * cores() if len(rows) >= 32 else parts
    return [list(part) for part in np.array_split(rows, parts) if len(part)]


@dataclass(frozen=True)
class _Job:
    close: np.ndarray
    market: Market
    costs: Costs
    slice_of_capital: float
    stats: np.ndarray

    def run(self, variants: Sequence[Strategy], group: list[int]) -> None:
        plan = PLANS[type(variants[0])]([variants[at] for at in group])
        pairs = np.ascontiguousarray(plan.pairs, dtype=np.int64)
        symbols, bars = self.close.shape
        rows = np.empty((plan.count, bars))
        stats = self.stats[group]
        many = len(group)
        equity = np.zeros((many, bars)) if symbols > 1 else None
        costs = np.array(
            [self.costs.per_value, self.costs.per_share, self.costs.minimum, self.costs.slippage]
        )
        for i in range(symbols):
            plan.compute(self.close[i : i + 1], rows)
            lanes = np.zeros((many, STATE))
            lanes[:, 0] = self.slice_of_capital
            mark = (
                np.nan_to_num(self.market.mark[i])
                if np.isnan(self.market.mark[i, 0])
                else self.market.mark[i]
            )
            settings = (
                0, many, rows, pairs, int(plan.kind), plan.below, int(plan.short), self.market.price[i], mark,
                0 if self.market.fill.looks_ahead else 1, costs, lanes, stats,
            )  # fmt: skip
            if equity is None:
                loops.account_one(*settings)
            else:
                loops.account_more(*settings, equity)
        if equity is not None:
            loops.measure(0, many, equity, stats)
        self.stats[group] = stats


def figures_of(stats: np.ndarray, bars: int, capital: float, periods: float) -> dict[str, np.ndarray]:
    """From the loops' statistics to metrics, by the definitions of :mod:`tradewind.metrics`."""
    s = stats.T
    with np.errstate(invalid="ignore", divide="ignore"):
        final = s[loops.PREV]
        mean = s[loops.SUM1] / bars
        spread = np.sqrt(np.maximum(s[loops.SUM2] - s[loops.SUM1] * mean, 0.0) / (bars - 1))
        down = np.sqrt(s[loops.SUM3] / bars)
        root = np.sqrt(periods)
        cagr = np.where(final > 0.0, (final / capital) ** (periods / bars) - 1.0, -1.0)
        closed = s[loops.CLOSED]

        def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
            return np.where(bottom != 0.0, top / bottom, np.nan)

        return {
            "total_return": final / capital - 1.0,
            "cagr": cagr,
            "volatility": spread * root,
            "sharpe": ratio(mean * root, spread),
            "sortino": ratio(mean * root, down),
            "calmar": ratio(cagr, -s[loops.DEEPEST]),
            "max_drawdown": s[loops.DEEPEST],
            "longest_drawdown": s[loops.LONGEST],
            "trades": s[loops.TRADES],
            "hit_rate": ratio(s[loops.WINS], closed),
            "profit_factor": ratio(s[loops.GAINS], s[loops.LOSSES]),
            "expectancy": ratio(s[loops.EARNED], closed),
            "turnover": s[loops.TRADED] / (s[loops.TOTAL] / bars) * periods / bars,
            "costs": s[loops.COSTS],
            "final_equity": final,
        }
