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
from tradewind.strategies import Bollinger, Macd, SmaCross, Strategy
from tradewind.threads import cores

loops = lazy("tradewind.backtest.fused_loops")
averages = lazy("tradewind.indicators.averages_loops")
momentum = lazy("tradewind.indicators.momentum_loops")
bands = lazy("tradewind.indicators.bands_loops")

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


@dataclass
class Plan:
    """Rows of one group of lanes, and the pairs of rows each lane compares.

    Attributes
    ----------
    kind
        How comparisons become positions.
    below
        Position after a cross below; ``short`` says whether others may go short.
    """

    kind: Kind
    below: float = 0.0
    short: bool = False
    fill: list[Callable[[np.ndarray, np.ndarray], None]] = field(default_factory=list)
    keys: dict[Any, int] = field(default_factory=dict)
    pairs: list[list[int]] = field(default_factory=list)

    def row(self, key: Any, compute: Callable[[np.ndarray, np.ndarray], None]) -> int:
        """Return the number of a row; ``compute(close, rows)`` fills it, and the ``more`` after it, once."""
        return self.block(key, 1, compute)

    def block(self, key: Any, count: int, compute: Callable[[np.ndarray, np.ndarray], None]) -> int:
        """As :meth:`row` for several rows that are computed together."""
        if key not in self.keys:
            self.keys[key] = len(self.fill)
            self.fill.append(compute)
            self.fill.extend([_nothing] * (count - 1))
        return self.keys[key]

    def compute(self, close: np.ndarray, rows: np.ndarray) -> None:
        """Fill all rows from the closes of one symbol, shape (1, time)."""
        for at, fill in enumerate(self.fill):
            fill(close, rows[at:])


def _nothing(_close: np.ndarray, _rows: np.ndarray) -> None:
    """A row that the one before it fills too."""


def _close(close: np.ndarray, rows: np.ndarray) -> None:
    rows[0] = close[0]


def _sma(window: int) -> Callable[[np.ndarray, np.ndarray], None]:
    return lambda close, rows: averages.sma(0, 1, close, window, rows[:1])


def _macd(fast: int, slow: int, signal: int) -> Callable[[np.ndarray, np.ndarray], None]:
    return lambda close, rows: momentum.macd(
        0, 1, close, fast, slow, signal, rows[:1], rows[1:2], np.empty_like(close)
    )


def _bollinger(window: int, width: float) -> Callable[[np.ndarray, np.ndarray], None]:
    return lambda close, rows: bands.bollinger(0, 1, close, window, width, rows[:1], rows[1:2], rows[2:3])


def _plan_sma(lanes: Sequence[SmaCross]) -> Plan:
    plan = Plan(Kind.CROSS, below=-1.0 if lanes[0].short else 0.0)
    for lane in lanes:
        fast, slow = (plan.row(w, _sma(w)) for w in (lane.fast, lane.slow))
        plan.pairs.append([fast, slow, slow, fast])
    return plan


def _plan_macd(lanes: Sequence[Macd]) -> Plan:
    plan = Plan(Kind.CROSS, below=-1.0 if lanes[0].short else 0.0)
    for lane in lanes:
        line = plan.block((lane.fast, lane.slow, lane.signal), 2, _macd(lane.fast, lane.slow, lane.signal))
        plan.pairs.append([line, line + 1, line + 1, line])
    return plan


def _plan_bollinger(lanes: Sequence[Bollinger]) -> Plan:
    first = lanes[0]
    plan = Plan(Kind.BREAKOUT if first.mode == "breakout" else Kind.REVERSION, short=first.short)
    x = plan.row("close", _close)
    for lane in lanes:
        upper = plan.block((lane.window, lane.width), 3, _bollinger(lane.window, lane.width))
        plan.pairs.append([upper + 2, x, x, upper, x, upper + 1, upper + 1, x])
    return plan


PLANS: dict[type[Strategy], Callable[..., Plan]] = {
    SmaCross: _plan_sma,
    Macd: _plan_macd,
    Bollinger: _plan_bollinger,
}
SAME: dict[type[Strategy], tuple[str, ...]] = {
    SmaCross: ("short",),
    Macd: ("short",),
    Bollinger: ("mode", "short"),
}
"""Parameters that all lanes of one plan share."""


def can_fuse(cls: type[Strategy], options: dict[str, Any]) -> bool:
    """Whether a sweep can run fused: a known strategy, fractional lots, no warm-up before a start."""
    return cls in PLANS and not options.get("lot") and options.get("start") is None


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
        rows = np.empty((len(plan.fill), bars))
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
