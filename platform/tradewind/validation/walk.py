"""Walk-forward: parameters are chosen on the past only, again and again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import metrics
from tradewind.backtest import Costs, Grid, backtest, sweep
from tradewind.backtest.sweep import unsealed
from tradewind.checks import at_least
from tradewind.errors import ParameterError
from tradewind.metrics import periods_per_year
from tradewind.strategies import Strategy
from tradewind.vocabulary import TIME


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A walk-forward's outcome.

    Attributes
    ----------
    returns : DataArray [time]
        Of the bars traded with parameters chosen before them.
    choices
        One row a step: where it began and ended, its bars, what was chosen, its metric in training and when
        traded. Nothing was chosen (NaN) where no variant had a finite metric in training, because none
        traded, say: that step holds cash.
    """

    returns: xr.DataArray
    choices: pd.DataFrame
    metric: str
    periods: float

    @property
    def sharpe(self) -> float:
        """Sharpe ratio a year of what was traded."""
        return float(metrics.sharpe(self.returns.values, self.periods))

    @property
    def idle(self) -> int:
        """Steps that held cash, as nothing could be chosen in training."""
        return int(self.choices["trained"].isna().sum())

    def __repr__(self) -> str:
        kept = self.choices["traded"].mean() / self.choices["trained"].mean()
        idle = f" {self.idle} of them held cash: no variant had a finite {self.metric} in training."
        return (
            f"Walk-forward in {len(self.choices)} steps: Sharpe {self.sharpe:.2f} on bars the parameters "
            "had not "
            f"seen; the mean {self.metric} fell from {self.choices['trained'].mean():.2f} in training to "
            f"{self.choices['traded'].mean():.2f} ({kept * 100:.0f} %).{idle if self.idle else ''}"
        )


def walk_forward(
    strategy: type[Strategy] | Strategy | str,
    grid: Mapping[str, Iterable[Any]],
    ds: xr.Dataset | str,
    *,
    train: int,
    test: int,
    metric: str = "sharpe",
    costs: Costs | None = None,
    **options: Any,
) -> Walk:
    """Choose the best parameters on ``train`` bars, trade the next ``test`` bars with them, move on.

    The last step trades what bars are left, down to one. A step in whose training no variant has a finite
    metric holds cash: :attr:`Walk.idle` counts them.

    Parameters
    ----------
    strategy, grid, ds, costs, options
        As in :func:`tradewind.backtest.sweep`, but without ``start``: each step has its own.
    train, test
        Bars of each training and trading span. Every step starts flat and pays its own entry.
    metric
        What the choice is made by.

    Raises
    ------
    ParameterError
        ``train`` and ``test`` are no whole numbers of bars, or do not fit into the data; or a ``start``.
    """
    at_least("walk_forward", train=(train, 2), test=(test, 1))
    if options.pop("start", None) is not None:
        raise ParameterError(
            "walk_forward has no start: each step trades from the end of its training on.",
            "Cut the dataset instead: ds.sel(time=slice(start, None)).",
        )
    ds = unsealed(ds, options.get("end"))
    bars = ds.sizes[TIME]
    if train + test > bars:
        raise ParameterError(f"train ({train}) and test ({test}) must fit into the {bars} bars there are.")
    axes = _repeatable(grid)
    pieces, rows = [], []
    for at in range(train, bars, test):
        past = sweep(strategy, axes, ds.isel({TIME: slice(at - train, at)}), costs=costs, **options)
        span = ds.isel({TIME: slice(at - train, at + test)})
        returns, row = _step(past, span, train, metric)
        pieces.append(returns)
        rows.append(row)
    joined = xr.concat(pieces, TIME)
    periods = periods_per_year(
        np.asarray(ds[TIME].values), str(ds.attrs.get("frequency", "")), str(ds.attrs.get("calendar", ""))
    )
    return Walk(returns=joined, choices=pd.DataFrame(rows), metric=metric, periods=periods)


def _step(past: Grid, span: xr.Dataset, train: int, metric: str) -> tuple[xr.DataArray, dict[str, Any]]:
    """Trade what comes after the first ``train`` bars of a span with the choice of a sweep over these."""
    time = span[TIME].values[train:]
    row = {"from": time[0], "to": time[-1], "bars": len(time)}
    if not np.isfinite(past[metric].values).any():
        cash = xr.DataArray(np.zeros(len(time)), {TIME: span[TIME][train:]}, (TIME,), name="returns")
        return cash, row | dict.fromkeys([*past.parameters, "trained", "traded"], float("nan"))
    chosen = past.choice(metric)
    traded = backtest(chosen, span, costs=past.costs, start=time[0], remember=False, **past.options)
    picked = {name: getattr(chosen, name) for name in past.parameters}
    best = float(past[metric].sel(picked))
    return traded.returns, row | picked | {"trained": best, "traded": traded.metrics[metric]}


def _repeatable(grid: Any) -> Any:
    """The grid, with values that can be gone through at every step; a sweep says what is wrong with it."""
    if not isinstance(grid, Mapping):
        return grid
    return {n: v if isinstance(v, str) or not isinstance(v, Iterable) else list(v) for n, v in grid.items()}
