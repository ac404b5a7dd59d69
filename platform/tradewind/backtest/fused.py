"""Sweeps without materialised signals: variants in groups, each through all symbols on one thread."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import xarray as xr

from tradewind.backtest.fused_plans import PLANS, SAME, Bars
from tradewind.backtest.market import Market, array_of
from tradewind.backtest.rules import Costs
from tradewind.lazy import lazy
from tradewind.strategies import Strategy
from tradewind.threads import cores

loops = lazy("tradewind.backtest.fused_loops")
columns = lazy("tradewind.backtest.fused_fills_inline")

BUDGET = 32 * 2**20
"""Bytes of equity curves one thread holds at a time, when several symbols add up to one."""
ROWS_BUDGET = 64 * 2**20
"""Bytes of rows one thread holds at a time."""
MOST_LANES = 512
STATE, STATS = 10, 18


class Way(IntEnum):
    """What becomes of a lane's equity; the numbers are the loops'."""

    MEASURE = 0
    ADD = 1
    FINAL = 2


_ELSEWHERE = ("lot", "start", "limits", "financing", "instruments", "currencies", "universe")
_EVENTS = ("split", "roll", "dividend", "member")


def can_fuse(cls: type[Strategy], ds: xr.Dataset, costs: Costs, options: dict[str, Any]) -> bool:
    """Whether a sweep can run fused: a known strategy, plain costs, no events, no special options."""
    given = [options[name] for name in _ELSEWHERE if options.get(name) is not None]
    special = any(not isinstance(value, int | float) or value != 0 for value in given)
    events = any(name in ds.data_vars for name in _EVENTS)
    return cls in PLANS and costs.is_plain and not costs.impact and not special and not events


def run_fused(
    variants: Sequence[Strategy],
    ds: xr.Dataset,
    market: Market,
    costs: Costs,
    capital: float,
    *,
    statistics: bool = True,
    told: Callable[[int], Any] | None = None,
) -> np.ndarray:
    """Account for all variants; return their statistics, one row each.

    Parameters
    ----------
    statistics
        Whether every bar's equity is measured; otherwise only what the end and the trades tell is known.
    told
        Called with the number of variants done after each group; what it raises ends the sweep.
    """
    close = array_of(ds["close"])
    high, low = (array_of(ds[name]) if name in ds.data_vars else close for name in ("high", "low"))
    symbols, bars = close.shape
    stats = np.zeros((len(variants), STATS))
    if statistics:
        stats[:, [columns.PREV, columns.PEAK, columns.LOW]] = capital
    way = Way.FINAL if not statistics else (Way.MEASURE if symbols == 1 else Way.ADD)
    shared = SAME[type(variants[0])]
    alike: dict[Any, list[int]] = {}
    for at, variant in enumerate(variants):
        alike.setdefault(tuple(getattr(variant, n) for n in shared), []).append(at)
    room = MOST_LANES if way is not Way.ADD else max(16, min(MOST_LANES, BUDGET // (8 * bars)))
    groups = [
        part
        for rows in alike.values()
        for part in _split(rows, min(room, _room_for_rows(variants, rows, bars)))
    ]
    marks = np.nan_to_num(market.mark) if np.isnan(market.mark[:, 0]).any() else market.mark
    job = _Job((close, high, low), marks, market, costs, capital / symbols, stats, way)
    done = 0
    with ThreadPoolExecutor(cores()) as pool:
        work = [pool.submit(job.run, variants, group) for group in groups]
        try:
            for group, one in zip(groups, work, strict=True):
                one.result()
                done += len(group)
                if told is not None:
                    told(done)
        finally:
            for one in work:
                one.cancel()
    if statistics:
        loops.finish(0, len(variants), stats)
    return stats


def _room_for_rows(variants: Sequence[Strategy], lanes: list[int], bars: int) -> int:
    """How many lanes can be worked on together so that the rows they compare fit in a thread's budget."""
    room = min(MOST_LANES, len(lanes))
    while room > 16:
        plan = PLANS[type(variants[0])]([variants[at] for at in lanes[:room]])
        if plan.count * bars * 8 <= ROWS_BUDGET:
            break
        room //= 2
    return room


def _split(rows: list[int], room: int) -> list[list[int]]:
    """Cut lanes into groups that keep all threads busy and fit in memory."""
    parts = max(-(-len(rows) // room), min(cores(), -(-len(rows) // 16)))
    parts = -(-parts // cores()) * cores() if len(rows) >= 32 else parts
    return [list(part) for part in np.array_split(rows, parts) if len(part)]


@dataclass(frozen=True)
class _Job:
    prices: tuple[np.ndarray, np.ndarray, np.ndarray]
    mark: np.ndarray
    market: Market
    costs: Costs
    slice_of_capital: float
    stats: np.ndarray
    way: Way

    def run(self, variants: Sequence[Strategy], group: list[int]) -> None:
        plan = PLANS[type(variants[0])]([variants[at] for at in group])
        pairs = np.ascontiguousarray(plan.pairs, dtype=np.int64)
        widths = np.array(plan.widths or [-1.0] * len(group))
        symbols, bars = self.mark.shape
        rows = np.empty((plan.count, bars))
        stats = self.stats[group]
        many = len(group)
        equity = np.zeros((many, bars)) if self.way is Way.ADD else np.empty((1, 1))
        costs = np.array(
            [self.costs.per_value, self.costs.per_share, self.costs.minimum, self.costs.slippage]
        )
        for i in range(symbols):
            plan.compute(Bars(*(p[i : i + 1] for p in self.prices)), rows)
            lanes = np.zeros((many, STATE))
            lanes[:, 0] = self.slice_of_capital
            loops.account(
                0, many, rows, pairs, widths, int(plan.kind), plan.below, int(plan.short),
                self.market.price[i], self.mark[i], 0 if self.market.fill.looks_ahead else 1, costs,
                lanes, stats, int(self.way), equity,
            )  # fmt: skip
        if self.way is Way.ADD:
            loops.measure(0, many, equity, stats)
        self.stats[group] = stats


MEASURED = frozenset(
    {"volatility", "sharpe", "sortino", "calmar", "max_drawdown", "longest_drawdown", "turnover"}
)
"""Figures that need the equity of every bar."""


def figures_of(stats: np.ndarray, bars: int, capital: float, periods: float) -> dict[str, np.ndarray]:
    """From the loops' statistics to metrics, by the definitions of :mod:`tradewind.metrics`."""
    s = stats.T
    with np.errstate(invalid="ignore", divide="ignore"):
        final = s[columns.PREV]
        mean = s[columns.SUM1] / bars
        spread = np.sqrt(np.maximum(s[columns.SUM2] - s[columns.SUM1] * mean, 0.0) / (bars - 1))
        down = np.sqrt(s[columns.SUM3] / bars)
        root = np.sqrt(periods)
        cagr = np.where(final > 0.0, (final / capital) ** (periods / bars) - 1.0, -1.0)
        closed = s[columns.CLOSED]

        def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
            return np.where(bottom != 0.0, top / bottom, np.nan)

        return {
            "total_return": final / capital - 1.0,
            "cagr": cagr,
            "volatility": spread * root,
            "sharpe": ratio(mean * root, spread),
            "sortino": ratio(mean * root, down),
            "calmar": ratio(cagr, -s[columns.DEEPEST]),
            "max_drawdown": s[columns.DEEPEST],
            "longest_drawdown": s[columns.LONGEST],
            "trades": s[columns.TRADES],
            "hit_rate": ratio(s[columns.WINS], closed),
            "profit_factor": ratio(s[columns.GAINS], s[columns.LOSSES]),
            "expectancy": ratio(s[columns.EARNED], closed),
            "turnover": s[columns.TRADED] / (s[columns.TOTAL] / bars) * periods / bars,
            "costs": s[columns.COSTS],
            "final_equity": final,
        }
