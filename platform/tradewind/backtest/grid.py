"""What a sweep gives back: every metric over every combination of parameters."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import attached
from tradewind.backtest.result import Result
from tradewind.backtest.rules import Costs
from tradewind.backtest.run import backtest
from tradewind.errors import EmptySelectionError, NotFoundError, did_you_mean
from tradewind.metrics import FIGURES
from tradewind.strategies import Strategy
from tradewind.threads import cores

TRIAL = "trial"
"""Dim of the variants of a search, which do not fill a grid."""
SMALLER_IS_BETTER = frozenset({"volatility", "longest_drawdown", "turnover", "costs"})


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Metrics over parameters.

    Attributes
    ----------
    metrics : Dataset
        One variable a metric, one dim a parameter swept; NaN where a combination breaks a constraint.
    trials
        Combinations that were run.
    seconds
        What the sweep took.
    path
        Which code ran: ``"fused"`` (signals never materialised) or ``"general"`` (one backtest a
        combination); ``"fused on Dask"`` where a client's workers ran it.
    """

    strategy: type[Strategy]
    fixed: dict[str, Any]
    metrics: xr.Dataset
    trials: int
    seconds: float
    path: str
    data: xr.Dataset = field(repr=False)
    costs: Costs = field(repr=False)
    options: dict[str, Any] = field(repr=False)

    def __getitem__(self, metric: str) -> xr.DataArray:
        if metric not in self.metrics.data_vars:
            raise NotFoundError(
                f"The sweep has no metric {metric!r}.",
                did_you_mean(metric, [str(n) for n in self.metrics.data_vars]),
            )
        return self.metrics[metric]

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters swept."""
        return [str(c) for c in self.metrics.coords] if self.sampled else [str(d) for d in self.metrics.dims]

    @property
    def sampled(self) -> bool:
        """Whether these are the variants of a search, not all of a grid."""
        return TRIAL in self.metrics.dims

    def frame(self) -> pd.DataFrame:
        """One row a combination that was run: parameters and metrics."""
        table = self.metrics.to_dataframe().reset_index(drop=self.sampled)
        table = table[[*self.parameters, *self.metrics.data_vars]]
        return table[table["total_return"].notna()].reset_index(drop=True)

    @property
    def leading(self) -> str:
        """The metric to go by unless another one is named: Sharpe ratio where it was measured."""
        return "sharpe" if "sharpe" in self.metrics else "total_return"

    def top(self, count: int = 10, metric: str = "") -> pd.DataFrame:
        """The best combinations by a metric."""
        name = str(self[metric or self.leading].name)
        return (
            self.frame()
            .sort_values(name, ascending=name in SMALLER_IS_BETTER)
            .head(count)
            .reset_index(drop=True)
        )

    def choice(self, metric: str = "") -> Strategy:
        """The strategy with the best parameters by a metric."""
        metric = metric or self.leading
        values = self[metric].values
        if not np.isfinite(values).any():
            raise EmptySelectionError(f"No combination has a finite {metric}.")
        pick = np.nanargmin if metric in SMALLER_IS_BETTER else np.nanargmax
        at = np.unravel_index(int(pick(values)), values.shape)
        places = at * len(self.parameters) if self.sampled else at
        chosen = {p: self.metrics[p].values[i].item() for p, i in zip(self.parameters, places, strict=True)}
        return self.strategy(**(self.fixed | chosen))

    def best(self, metric: str = "") -> Result:
        """The backtest of the best combination by a metric. Look at :meth:`overfitting` before believing
        it."""
        return backtest(self.choice(metric), self.data, costs=self.costs, remember=False, **self.options)

    def returns(self) -> xr.DataArray:
        """Returns of every combination, ``(trial, time)``, in the order of :meth:`frame`; runs them once
        more."""
        rows = self.frame()[self.parameters].to_dict("records")

        def run(row: dict[str, Any]) -> xr.DataArray:
            variant = self.strategy(**(self.fixed | row))
            return backtest(variant, self.data, costs=self.costs, remember=False, **self.options).returns

        with ThreadPoolExecutor(cores()) as pool:
            return xr.concat(list(pool.map(run, rows)), "trial")

    def heatmap(self, metric: str = "", **options: Any) -> Any:
        """Draw a metric over two parameters; see :func:`tradewind.plot.grid_heatmap`."""
        return attached.call("Grid.heatmap", self, metric or self.leading, **options)

    def overfitting(self, metric: str = "sharpe", **options: Any) -> Any:
        """Say how likely the best is luck; see :func:`tradewind.validation.overfitting`."""
        return attached.call("Grid.overfitting", self, metric, **options)

    def __repr__(self) -> str:
        sizes = " × ".join(f"{d} ({n})" for d, n in self.metrics.sizes.items())
        if self.sampled:
            sizes = ", ".join(self.parameters)
        took = f"{self.seconds:.2f} s ({self.path})"
        return f"{self.trials:,} backtests of {self.strategy.title} over {sizes} in {took}"

    def _repr_html_(self) -> str:
        top = self.top(5)
        wanted = ("total_return", "sharpe", "max_drawdown", "trades")
        shown = [*self.parameters, *(n for n in wanted if n in self.metrics)]
        head = "".join(f"<th>{escape(FIGURES[c].label if c in FIGURES else c)}</th>" for c in shown)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td>{FIGURES[c].unit.write(row[c]) if c in FIGURES else escape(str(row[c]))}</td>"
                for c in shown
            )
            + "</tr>"
            for row in top.to_dict("records")
        )
        by = FIGURES[self.leading].label
        return (
            f"<div><b>{escape(repr(self))}</b><br>best five by {by}, before asking whether they are luck "
            f"(<code>.overfitting()</code>)</div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
