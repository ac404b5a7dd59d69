"""How the variants of a sweep are run: fused or one by one, on threads here or on a Dask client's workers.

Interrupting the kernel, or an exception from ``progress``, ends a sweep after the groups that run at that
moment; nothing keeps running behind it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from tradewind.backtest.fused import MEASURED, can_fuse, figures_of, run_fused
from tradewind.backtest.market import market_of
from tradewind.backtest.options import CASH, fill_of
from tradewind.backtest.rules import Costs
from tradewind.backtest.run import backtest
from tradewind.strategies import Strategy
from tradewind.threads import cores, limited

if TYPE_CHECKING:
    from distributed import Client

SWEPT = (
    "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "longest_drawdown",
    "trades", "hit_rate", "profit_factor", "expectancy", "turnover", "costs", "final_equity",
)  # fmt: skip
"""The metrics of a sweep."""

Progress = Callable[[int, int], Any]
"""Called with the number of variants done and of all."""
TASKS_PER_WORKER = 4
"""A sweep on a cluster is cut into this many parts for each thread of it, so that none waits long for the
last."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every variant of a sweep shares.

    Attributes
    ----------
    data
        In memory, and none after the option ``end``.
    statistics
        Whether figures that need the equity of every bar are asked for.
    """

    data: xr.Dataset
    costs: Costs
    options: dict[str, Any]
    statistics: bool = True

    def path(self, cls: type[Strategy]) -> str:
        """Which code runs: ``"fused"`` or ``"general"``."""
        return "fused" if can_fuse(cls, self.data, self.costs, self.options) else "general"

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the metrics that come back."""
        return SWEPT if self.statistics else tuple(n for n in SWEPT if n not in MEASURED)


def run_variants(
    work: Work,
    variants: Sequence[Strategy],
    *,
    client: "Client | None" = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Backtest variants of one strategy; return each metric in their order."""
    if client is not None:
        return _on_cluster(work, variants, client, progress)
    return _here(work, variants, progress)


def _here(work: Work, variants: Sequence[Strategy], progress: Progress | None) -> dict[str, np.ndarray]:
    many = len(variants)
    told = None if progress is None else (lambda done: progress(done, many))
    run = _fused if work.path(type(variants[0])) == "fused" else _general
    found = run(work, variants, told)
    return {name: found[name] for name in work.figures}


def _fused(
    work: Work, variants: Sequence[Strategy], told: Callable[[int], Any] | None
) -> dict[str, np.ndarray]:
    ds = work.data
    capital = float(work.options.get("cash", CASH))
    market = market_of(ds, fill_of(work.options.get("fill")))
    stats = run_fused(variants, ds, market, work.costs, capital, statistics=work.statistics, told=told)
    return figures_of(stats, len(market.time), capital, market.periods)


def _general(
    work: Work, variants: Sequence[Strategy], told: Callable[[int], Any] | None
) -> dict[str, np.ndarray]:
    def run(variant: Strategy) -> list[float]:
        found = backtest(variant, work.data, costs=work.costs, remember=False, **work.options).metrics
        return [found[name] for name in SWEPT]

    rows: list[list[float]] = []
    if cores() == 1:
        for variant in variants:
            rows.append(run(variant))
            if told is not None:
                told(len(rows))
        return dict(zip(SWEPT, np.array(rows).T, strict=True))
    with ThreadPoolExecutor(cores()) as pool:
        waiting = [pool.submit(run, variant) for variant in variants]
        try:
            for one in waiting:
                rows.append(one.result())
                if told is not None:
                    told(len(rows))
        finally:
            for one in waiting:
                one.cancel()
    return dict(zip(SWEPT, np.array(rows).T, strict=True))


def _part(work: Work, data: xr.Dataset, variants: Sequence[Strategy]) -> np.ndarray:
    """What a worker does: its variants on its one thread."""
    with limited(1):
        found = _here(replace(work, data=data), variants, None)
    return np.array([found[name] for name in work.figures])


def _on_cluster(
    work: Work, variants: Sequence[Strategy], client: "Client", progress: Progress | None
) -> dict[str, np.ndarray]:
    from distributed import as_completed

    dask: Any = client
    threads = max(1, sum(dask.nthreads().values()))
    parts = np.array_split(np.arange(len(variants)), min(len(variants), threads * TASKS_PER_WORKER))
    # The data travel once, not with every task; under a name of their own, or those that an earlier sweep let
    # go at this moment would be taken for them
    (data,) = dask.scatter([work.data], broadcast=True, hash=False)
    light = replace(work, data=xr.Dataset())
    futures = [
        dask.submit(_part, light, data, [variants[int(k)] for k in part], pure=False) for part in parts
    ]
    where = {future.key: part for future, part in zip(futures, parts, strict=True)}
    table = np.full((len(work.figures), len(variants)), np.nan)
    done = 0
    coming: Any = as_completed
    try:
        for future in coming(futures):
            part = where[future.key]
            table[:, part] = future.result()
            done += len(part)
            if progress is not None:
                progress(done, len(variants))
    finally:
        dask.cancel(futures)
    return dict(zip(work.figures, table, strict=True))
