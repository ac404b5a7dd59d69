"""``tw.sweep``: many variants of a strategy at once."""

import itertools
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr

from tradewind.backtest.grid import Grid
from tradewind.backtest.rules import Costs
from tradewind.backtest.run import backtest
from tradewind.errors import EmptySelectionError, ParameterError, did_you_mean
from tradewind.metrics import FIGURES
from tradewind.strategies import Strategy, strategy_class
from tradewind.threads import cores


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
    loaded = ds.load()
    figures = {name: np.full(shape, np.nan) for name in FIGURES}

    def run(variant: Strategy) -> dict[str, float]:
        return backtest(variant, loaded, costs=costs, **options).metrics.to_dict()

    with ThreadPoolExecutor(cores()) as pool:
        for (at, _), found in zip(allowed, pool.map(run, variants), strict=True):
            for name, value in found.items():
                figures[name][at] = value
    return Grid(
        strategy=cls,
        fixed=fixed,
        metrics=xr.Dataset({name: (tuple(axes), values) for name, values in figures.items()}, coords=axes),
        trials=len(variants),
        seconds=time.perf_counter() - began,
        path="general",
        data=loaded,
        costs=costs or Costs(),
        options=options,
    )
