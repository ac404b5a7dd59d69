"""``tw.sweep``: many variants of a strategy at once."""

import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from tradewind.backtest.checking import class_of, shown
from tradewind.backtest.grid import Grid
from tradewind.backtest.market import default_fill, with_symbol
from tradewind.backtest.options import check_names, check_options, fill_of
from tradewind.backtest.preparing import opened, reference, refuse_raw_splits, until
from tradewind.backtest.rules import Costs
from tradewind.backtest.running import SWEPT, Progress, Work, run_variants
from tradewind.backtest.trial import market_text, parameter_text
from tradewind.errors import EmptySelectionError, ParameterError, did_you_mean
from tradewind.metrics import periods_per_year
from tradewind.metrics.calendar import When
from tradewind.provenance import holdouts, ledger
from tradewind.strategies import Strategy, strategy_class
from tradewind.vocabulary import TIME

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["SWEPT", "sweep"]

_OWN = ("statistics", "client", "progress")


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
        if any(not isinstance(v, Hashable) for v in listed):
            raise ParameterError(
                f"The grid needs plain values for {name!r}, not {listed[0]!r}.", "Give a range or list."
            )
        if len(set(listed)) != len(listed):
            raise ParameterError(f"The grid names a value of {name!r} twice.")
        axes[name] = listed
    if not axes:
        raise EmptySelectionError("The grid is empty.", 'Give it as {"fast": range(5, 50)}.')
    return axes


def class_and_fixed(
    strategy: type[Strategy] | Strategy | str, varied: Any
) -> tuple[type[Strategy], dict[str, Any]]:
    """Return a strategy's class, and what an instance says of the parameters that are not varied.

    Raises
    ------
    ParameterError
        What is varied is no mapping of parameters to values.
    InvalidInputError
        It is no strategy.
    """
    if not isinstance(varied, Mapping) or isinstance(varied, xr.Dataset):
        raise ParameterError(
            f"Which parameters take which values is a dict, not {shown(varied)}.",
            'Such as {"fast": range(5, 50)}; the data come after it.',
        )
    if isinstance(strategy, Strategy):
        return type(strategy), {k: v for k, v in strategy.values.items() if k not in varied}
    return class_of(strategy_class(strategy) if isinstance(strategy, str) else strategy), {}


def unsealed(ds: xr.Dataset | str, end: When = None) -> xr.Dataset:
    """Return market data up to a time in memory, if none of it is sealed."""
    loaded = until(with_symbol(opened(ds, end)), end).load()
    holdouts.check(str(loaded.attrs.get("dataset", "")), loaded[TIME].values[-1])
    refuse_raw_splits(loaded)
    return loaded


def remember(work: Work, variants: Sequence[Strategy], found: dict[str, np.ndarray]) -> None:
    """Write the variants into the trial ledger, with their Sharpe ratios where they are known."""
    ds, options = work.data, work.options
    fill = fill_of(options.get("fill")) or default_fill(ds)
    market = market_text(ds, fill, options.get("start"), options.get("universe"))
    texts = [f"{parameter_text(v)} {market}" for v in variants]
    attrs = ds.attrs
    periods = periods_per_year(
        ds[TIME].values, str(attrs.get("frequency", "")), str(attrs.get("calendar", ""))
    )
    sharpes = found["sharpe"] / np.sqrt(periods) if "sharpe" in found else None
    ledger.note(str(attrs.get("dataset", "")), variants[0].name, texts, sharpes)


def sweep(
    strategy: type[Strategy] | Strategy | str,
    grid: Mapping[str, Iterable[Any]],
    ds: xr.Dataset | str,
    *,
    costs: Costs | None = None,
    statistics: bool = True,
    client: "Client | None" = None,
    progress: Progress | None = None,
    **options: Any,
) -> Grid:
    """Backtest every combination of parameters that the strategy's constraints allow.

    Parameters
    ----------
    strategy
        A strategy's class or name; an instance fixes the parameters that are not swept.
    grid
        Parameter name to values.
    ds : Dataset [symbol, time] or str
        Market data, or the name of a dataset.
    costs
        As in :func:`backtest`.
    statistics
        False leaves out the figures that need the equity of every bar (Sharpe ratio, drawdowns and so on):
        about twice as fast where the sweep runs fused.
    client
        A Dask client, such as ``tw.cluster()``: its workers run the sweep. Otherwise threads here do.
    progress
        ``progress(done, total)``, called as variants are done. What it raises ends the sweep, as
        interrupting the kernel does.
    options
        Other options of :func:`backtest`.

    Returns
    -------
    Grid
        Every metric over the parameters, equal to those of single backtests.

    Raises
    ------
    ParameterError
        An unknown or ill-typed parameter or option.
    EmptySelectionError
        No combination is allowed.
    """
    began = time.perf_counter()
    check_names(options, _OWN)
    check_options(costs=costs, **options)
    cls, fixed = class_and_fixed(strategy, grid)
    axes = _axes(cls, grid)
    shape = tuple(len(v) for v in axes.values())
    every = list(cls.combinations(fixed, axes))
    variants = [one for one in every if one is not None]
    if not variants:
        rules = " and ".join(c.text for c in cls.constraints)
        raise EmptySelectionError(f"No combination of the grid satisfies {rules}.")
    loaded = unsealed(ds, options.get("end"))
    reference(options.get("benchmark"), loaded)  # the fused path has no use for it
    work = Work(data=loaded, costs=costs or Costs(), options=options, statistics=statistics)
    found = run_variants(work, variants, client=client, progress=progress)
    remember(work, variants, found)
    where = np.array([one is not None for one in every]).reshape(shape)
    figures = {name: np.full(shape, np.nan) for name in found}
    for name in found:
        figures[name][where] = found[name]
    return Grid(
        strategy=cls,
        fixed=fixed,
        metrics=xr.Dataset({name: (tuple(axes), values) for name, values in figures.items()}, coords=axes),
        trials=len(variants),
        seconds=time.perf_counter() - began,
        path=work.path(cls) + (" on Dask" if client is not None else ""),
        data=loaded,
        costs=work.costs,
        options=options,
    )
