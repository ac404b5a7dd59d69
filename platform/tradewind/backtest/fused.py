"""Sweeps without materialised signals: variants in groups, each through all symbols on one thread."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import xarray as xr

from tradewind.backtest.fused_plans import EIGHT, PLANS, SAME, WORD, Bars, Plan
from tradewind.backtest.market import Market, array_of
from tradewind.backtest.rules import Costs
from tradewind.indicators._buffers import result_array
from tradewind.lazy import lazy
from tradewind.metrics.performance import ROUNDING, nothing_but_rounding
from tradewind.strategies import Strategy
from tradewind.threads import cores

loops = lazy("tradewind.backtest.fused_loops")
columns = lazy("tradewind.backtest.fused_fills_inline")

BUDGET = 32 * 2**20
"""Bytes of equity curves one thread holds at a time, when several symbols add up to one."""
ROWS_BUDGET = 64 * 2**20
"""Bytes of rows one thread holds at a time."""
MOST_LANES = 512
MEMORY = 7
"""What a loop remembers of a lane besides its account."""


class Way(IntEnum):
    """What becomes of a lane's equity; the numbers are the loops'."""

    MEASURE = 0
    ADD = 1
    FINAL = 2


_ELSEWHERE = ("lot", "start", "limits", "financing", "instruments", "currencies", "universe")
_EVENTS = ("split", "roll", "dividend", "member", "half_spread")


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
    symbols = close.shape[0]
    way = Way.FINAL if not statistics else (Way.MEASURE if symbols == 1 else Way.ADD)
    marks = np.nan_to_num(market.mark) if np.isnan(market.mark[:, 0]).any() else market.mark
    stats = np.zeros((len(variants), columns.STATS))
    job = _Job((close, high, low), marks, market, costs, capital, stats, way)
    groups = _groups(variants, way, close.shape[1], alone=symbols == 1)
    done = 0
    with ThreadPoolExecutor(cores()) as pool:
        work = [] if symbols == 1 else [pool.submit(job.run, variants, group) for group in groups]
        try:
            for at, group in enumerate(groups):
                if work:
                    work[at].result()
                else:
                    job.share(variants, group, pool)
                done += len(group)
                if told is not None:
                    told(done)
        finally:
            for one in work:
                one.cancel()
    return stats


def _groups(variants: Sequence[Strategy], way: Way, bars: int, *, alone: bool) -> list[list[int]]:
    """Lanes that are worked on together: of the same rule, and so that their rows fit in memory."""
    shared = SAME[type(variants[0])]
    alike: dict[Any, list[int]] = {}
    for at, variant in enumerate(variants):
        alike.setdefault(tuple(getattr(variant, n) for n in shared), []).append(at)
    most = MOST_LANES if way is not Way.ADD else max(16, min(MOST_LANES, BUDGET // (8 * bars)))
    groups: list[list[int]] = []
    for rows in alike.values():
        room = _room_for_rows(variants, rows, bars)
        if alone:
            parts = -(-len(rows) // room)
            groups += [list(part) for part in np.array_split(rows, parts)]
        else:
            groups += _split(rows, min(most, room))
    return groups


def _room_for_rows(variants: Sequence[Strategy], lanes: list[int], bars: int) -> int:
    """How many lanes can be worked on together so that the rows they compare fit in a thread's budget."""
    room = len(lanes)
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
class _Tables:
    """What a group of lanes works with."""

    rows: np.ndarray
    states: np.ndarray
    books: np.ndarray
    equity: np.ndarray


@dataclass(frozen=True)
class _Job:
    prices: tuple[np.ndarray, np.ndarray, np.ndarray]
    mark: np.ndarray
    market: Market
    costs: Costs
    capital: float
    stats: np.ndarray
    way: Way

    def run(self, variants: Sequence[Strategy], group: list[int]) -> None:
        """Take a group of lanes through all symbols, on this thread."""
        plan = PLANS[type(variants[0])]([variants[at] for at in group])
        tables = self._tables(plan, len(group))
        for i in range(len(self.mark)):
            bars = self._bars(i)
            plan.compute(bars, tables.rows)
            if plan.states is not None:
                plan.states(bars, 0, plan.parts, tables.states)
            loops.account(0, 1, *self._arguments(i, plan, tables))
        if self.way is Way.ADD:
            loops.measure(0, len(group), tables.equity, tables.books)
        self._finish(group, tables.books)

    def share(self, variants: Sequence[Strategy], group: list[int], pool: ThreadPoolExecutor) -> None:
        """Take a group of lanes through the only symbol, on all threads."""
        plan = PLANS[type(variants[0])]([variants[at] for at in group])
        tables = self._tables(plan, len(group))
        bars = self._bars(0)
        list(pool.map(lambda step: step[1](bars, tables.rows, step[0]), plan.steps))
        if plan.states is not None:
            known = plan.states
            list(pool.map(lambda k: known(bars, k, k + 1, tables.states), range(plan.parts)))
        arguments = self._arguments(0, plan, tables)
        parts = min(len(tables.books), cores())
        list(pool.map(lambda part: loops.account(part, parts, *arguments), range(parts)))
        self._finish(group, tables.books)

    def _bars(self, symbol: int) -> Bars:
        return Bars(*(p[symbol : symbol + 1] for p in self.prices))

    def _tables(self, plan: Plan, lanes: int) -> _Tables:
        bars = self.mark.shape[1]
        books = np.zeros((-(-lanes // EIGHT), columns.COLUMNS, EIGHT))
        if self.way is not Way.FINAL:
            books[:, columns.PREV] = self.capital
            # slices of the capital add up to all of it but for rounding, which is no fall
            books[:, [columns.PEAK, columns.LOW]] = self.capital * (1.0 - ROUNDING)
        return _Tables(
            rows=result_array((plan.count, bars)),
            states=np.empty((0 if plan.states is None else lanes, -(-bars // WORD)), np.uint64),
            books=books.reshape(len(books), -1),
            equity=np.zeros((lanes, bars)) if self.way is Way.ADD else np.empty((1, 1)),
        )

    def _arguments(self, symbol: int, plan: Plan, tables: _Tables) -> tuple[Any, ...]:
        """What the loop over one symbol is told, with accounts that begin anew."""
        books = tables.books
        accounts = books.reshape(len(books), columns.COLUMNS, EIGHT)
        accounts[:, columns.CASH] = self.capital / len(self.mark)
        accounts[:, columns.HELD : columns.FEES + 1] = 0.0
        sides = np.ascontiguousarray(plan.pairs, dtype=np.int64)
        numbers = np.array(plan.numbers or [[-1.0]] * len(sides), dtype=float)
        costs = self.costs
        return (
            tables.rows, sides, numbers, tables.states, int(plan.kind), plan.below, int(plan.short),
            self.market.price[symbol], self.mark[symbol],
            0 if self.market.fill.looks_ahead else 1,
            np.array([costs.per_value, costs.per_share, costs.minimum, costs.slippage]),
            np.zeros((len(sides), MEMORY)), books, int(self.way), tables.equity,
        )  # fmt: skip

    def _finish(self, group: list[int], books: np.ndarray) -> None:
        stats = np.empty((len(group), columns.STATS))
        loops.finish(0, len(group), books, stats)
        self.stats[group] = stats


MEASURED = frozenset(
    {"volatility", "sharpe", "sortino", "calmar", "max_drawdown", "longest_drawdown", "turnover"}
)
"""Figures that need the equity of every bar."""


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.where(bottom != 0.0, top / bottom, np.nan)


def _risk(size: np.ndarray, mean: Any = 0.0) -> np.ndarray:
    """A spread of returns or a loss; 0 where it is nothing but rounding, as a single run counts it."""
    return np.where(nothing_but_rounding(size, mean), 0.0, size)


def figures_of(stats: np.ndarray, bars: int, capital: float, periods: float) -> dict[str, np.ndarray]:
    """From the loops' statistics to metrics, by the definitions of :mod:`tradewind.metrics`."""
    s = stats.T
    with np.errstate(invalid="ignore", divide="ignore"):
        final = s[columns.PREV]
        mean = s[columns.SUM1] / bars
        squares = np.maximum(s[columns.SUM2] - s[columns.SUM1] * mean, 0.0)
        spread = _risk(np.sqrt(squares / (bars - 1)), mean)
        depth = _risk(-s[columns.DEEPEST])
        root = np.sqrt(periods)
        # all was lost at some bar; without its equity only the end tells
        ruined = (final <= 0.0) | (s[columns.DEEPEST] <= -1.0)
        cagr = np.where(ruined, np.nan, (final / capital) ** (periods / bars) - 1.0)
        earned = np.where(ruined, np.nan, mean * root)
        closed = s[columns.CLOSED]
        return {
            "total_return": final / capital - 1.0,
            "cagr": cagr,
            "volatility": spread * root,
            "sharpe": _ratio(earned, spread),
            "sortino": _ratio(earned, _risk(np.sqrt(s[columns.SUM3] / bars))),
            "calmar": _ratio(cagr, depth),
            "max_drawdown": s[columns.DEEPEST],
            "longest_drawdown": np.where(depth == 0.0, 0.0, s[columns.LONGEST]),
            "trades": s[columns.TRADES],
            "hit_rate": _ratio(s[columns.WINS], closed),
            "profit_factor": _ratio(s[columns.GAINS], s[columns.LOSSES]),
            "expectancy": _ratio(s[columns.EARNED], closed),
            "turnover": s[columns.TRADED] / (s[columns.TOTAL] / bars) * periods / bars,
            "costs": s[columns.COSTS],
            "final_equity": final,
        }
