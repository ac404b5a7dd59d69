"""``tw.sweep``: many variants of a strategy at once."""

import itertools
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.fused import can_fuse, figures_of, run_fused
from tradewind.backtest.grid import Grid
from tradewind.backtest.market import default_fill, market_of, with_symbol
from tradewind.backtest.rules import Costs
from tradewind.backtest.run import CASH, backtest, fill_of
from tradewind.backtest.trial import variant_text
from tradewind.errors import EmptySelectionError, ParameterError, did_you_mean
from tradewind.metrics import periods_per_year
from tradewind.provenance import holdouts, ledger
from tradewind.strategies import Strategy, strategy_class
from tradewind.threads import cores
from tradewind.vocabulary import TIME

SWEPT = (
    "total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "longest_drawdown",
    "trades", "hit_rate", "profit_factor", "expectancy", "turnover", "costs", "final_equity",
)  # fmt: skip
"""The metrics of a sweep."""


def _axes(cls: type[Strategy], grid: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    known = [p.name for p in cls.parameters()]
    axes: dict[str, list[Any]] = {}
    for name, values in grid.items():
        if name not in known:
            raise ParameterError(f"{cls.name} has no parameter {name!r}.", did_you_mean(name, known))
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ParameterError(
                f"The grid needs several values for {name!r}, not {values!r}.", "Give a range or list."
            )
        listed = [v.item() if isinstance(v, np.generic) else v for v in values]
        if not listed:
            raise EmptySelectionError(f"The grid has no values for {name!r}.")
        if len(set(listed)) != len(listed):
            raise ParameterError(f"The grid names a value of {name!r} twice.")
        axes[name] = listed
    if not axes:
        raise EmptySelectionError("The grid is empty.", 'Give it as {"fast": range(5, 50)}.')
    return axes


def _fused(
    variants: list[Strategy], ds: xr.Dataset, costs: Costs, options: dict[str, Any]
) -> dict[str, np.ndarray]:
    if options.get("end") is not None:
        ds = ds.sel({TIME: slice(None, pd.Timestamp(options["end"]))})
    capital = float(options.get("cash", CASH))
    market = market_of(ds, fill_of(options.get("fill")))
    stats = run_fused(variants, ds, market, costs, capital)
    return figures_of(stats, len(market.time), capital, market.periods)


def _general(
    variants: list[Strategy], ds: xr.Dataset, costs: Costs, options: dict[str, Any]
) -> dict[str, np.ndarray]:
    def run(variant: Strategy) -> list[float]:
        found = backtest(variant, ds, costs=costs, remember=False, **options).metrics
        return [found[name] for name in SWEPT]

    with ThreadPoolExecutor(cores()) as pool:
        table = np.array(list(pool.map(run, variants)))
    return dict(zip(SWEPT, table.T, strict=True))


def sweep(
    strategy: type[Strategy] | Strategy | str,
    grid: Mapping[str, Iterable[Any]],
    ds: xr.Dataset,
    *,
    costs: Costs | None = None,
    **options: Any,
) -> Grid:
    """Backtest every combination of parameters that the strategy's constraints allow.

    Parameters
    ----------
    strategy
        A strategy's class or name; an instance fixes the parameters that are not swept.
    grid
        Parameter name to values.
    ds : Dataset [symbol, time]
        Market data.
    costs
        As in :func:`backtest`.
    options
        Other options of :func:`backtest`.

    Returns
    -------
    Grid
        Every metric over the parameters, equal to those of single backtests.

    Raises
    ------
    ParameterError
        An unknown or ill-typed parameter.
    EmptySelectionError
        No combination is allowed.
    """
    began = time.perf_counter()
    cls = strategy_class(strategy) if isinstance(strategy, str) else strategy
    fixed: dict[str, Any] = {}
    if isinstance(cls, Strategy):
        fixed, cls = {k: v for k, v in cls.values.items() if k not in grid}, type(cls)
    axes = _axes(cls, grid)
    shape = tuple(len(v) for v in axes.values())
    allowed = [
        (at, fixed | dict(zip(axes, values, strict=True)))
        for at, values in zip(np.ndindex(shape), itertools.product(*axes.values()), strict=True)
        if not cls.broken(fixed | dict(zip(axes, values, strict=True)))
    ]
    if not allowed:
        rules = " and ".join(c.text for c in cls.constraints)
        raise EmptySelectionError(f"No combination of the grid satisfies {rules}.")
    variants = [cls(**values) for _, values in allowed]
    loaded = with_symbol(ds).load()
    holdouts.check(str(ds.attrs.get("dataset", "")), loaded[TIME].values[-1])
    fused = can_fuse(cls, options)
    run = _fused if fused else _general
    found = run(variants, loaded, costs or Costs(), options)
    fill, began_at = fill_of(options.get("fill")) or default_fill(loaded), options.get("start")
    texts = [variant_text(v, loaded, fill, began_at) for v in variants]
    attrs = loaded.attrs
    periods = periods_per_year(
        loaded[TIME].values, str(attrs.get("frequency", "")), str(attrs.get("calendar", ""))
    )
    ledger.note(str(attrs.get("dataset", "")), cls.name, texts, found["sharpe"] / np.sqrt(periods))
    figures = {name: np.full(shape, np.nan) for name in SWEPT}
    where = tuple(np.array([at for at, _ in allowed]).T)
    for name in SWEPT:
        figures[name][where] = found[name]
    return Grid(
        strategy=cls,
        fixed=fixed,
        metrics=xr.Dataset({name: (tuple(axes), values) for name, values in figures.items()}, coords=axes),
        trials=len(variants),
        seconds=time.perf_counter() - began,
        path="fused" if fused else "general",
        data=loaded,
        costs=costs or Costs(),
        options=options,
    )
