"""A factor's tear sheet: what it forecast, how long, and what trading it would turn over."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import attached
from tradewind.checks import at_least, closes, panel, whole_numbers
from tradewind.errors import EmptySelectionError
from tradewind.factors import forecasts as f
from tradewind.factors._sections import Groups, same_axes
from tradewind.factors.transforms import quantiles
from tradewind.vocabulary import SYMBOL


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a factor forecast.

    Attributes
    ----------
    name
        The factor's.
    ic : DataArray [period, time]
        Rank correlation with the returns that followed.
    decay : DataArray [horizon]
        Mean rank correlation with single bars' returns further and further ahead.
    quantile_returns : DataArray [quantile, period, time]
        Mean return that followed in each bucket, against all symbols.
    turnover : DataArray [quantile, time]
        Share of a bucket's symbols that are new.
    autocorrelation : DataArray [time]
        Of ranks, bar to bar.
    returns : DataArray [period, time]
        That followed weights in proportion to the factor.
    symbols
        Number with a value and a return, over time.
    """

    name: str
    count: int
    delay: int
    dataset: str
    ic: xr.DataArray
    decay: xr.DataArray
    quantile_returns: xr.DataArray
    turnover: xr.DataArray
    autocorrelation: xr.DataArray
    returns: xr.DataArray
    symbols: xr.DataArray = field(repr=False)

    @property
    def spread(self) -> xr.DataArray:
        """Return of the top bucket less that of the bottom one, ``(period, time)``."""
        q = self.quantile_returns
        return (q.isel(quantile=-1, drop=True) - q.isel(quantile=0, drop=True)).rename("spread")

    @property
    def summary(self) -> pd.DataFrame:
        """One row a period.

        ``ic`` (mean), ``ic_std``, ``ic_ratio`` (mean over deviation), ``t`` (returns overlap, so only every
        period-th bar counts as an observation), ``positive`` (share of bars), ``spread`` (top less
        bottom bucket), ``turnover`` (of the two, per bar).
        """
        rows = {}
        ends = float(self.turnover.isel(quantile=[0, -1]).mean().item())
        for period in self.ic[f.PERIOD].values:
            ic = self.ic.sel(period=period).values
            ic = ic[np.isfinite(ic)]
            mean, spread = float(ic.mean()), float(ic.std(ddof=1))
            rows[int(period)] = {
                "ic": mean, "ic_std": spread, "ic_ratio": mean / spread,
                "t": mean / spread * np.sqrt(ic.size / period), "positive": float((ic > 0).mean()),
                "spread": float(self.spread.sel(period=period).mean().item()), "turnover": ends,
            }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("period")

    def plot(self) -> Any:
        """Draw it; see :func:`tradewind.plot.factor_figures`."""
        return attached.call("Study.plot", self)

    def report(self, path: str | Path) -> Path:
        """Write a tear sheet as one HTML file; see :func:`tradewind.report.write_factor_report`."""
        found: Path = attached.call("Study.report", self, path)
        return found

    @property
    def finding(self) -> str:
        """What it found, in words."""
        first = self.summary.iloc[0]
        period = int(self.summary.index[0])
        sure = "clear" if abs(first["t"]) >= 3 else "weak" if abs(first["t"]) >= 2 else "no"
        return (
            f"{self.name}: over {period} bar{'s' if period > 1 else ''} the mean rank correlation with what "
            f"followed is {first['ic']:+.3f} (t = {first['t']:.1f}: {sure} evidence); the top of "
            f"{self.count} buckets earned {first['spread'] * 1e4:+.1f} bp more than the bottom one, "
            f"before costs, while {first['turnover'] * 100:.0f} % of the two changed every bar."
        )

    def __repr__(self) -> str:
        return self.finding

    def _repr_html_(self) -> str:
        return f"<div style='max-width:760px'><p><b>{escape(self.finding)}</b></p>{summary_html(self)}</div>"


def summary_html(study: Study) -> str:
    """The summary as a table with units."""
    head = (
        "period in bars", "mean IC", "deviation", "IC ratio", "t", "bars above 0", "top less bottom",
        "turnover a bar",
    )  # fmt: skip
    body = "".join(
        f"<tr><td>{p}</td><td>{r['ic']:+.4f}</td><td>{r['ic_std']:.4f}</td><td>{r['ic_ratio']:+.3f}</td>"
        f"<td>{r['t']:+.2f}</td><td>{r['positive'] * 100:.1f} %</td><td>{r['spread'] * 1e4:+.2f} bp</td>"
        f"<td>{r['turnover'] * 100:.1f} %</td></tr>"
        for p, r in study.summary.iterrows()
    )
    names = "".join(f"<th>{h}</th>" for h in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def study(
    factor: xr.DataArray,
    prices: xr.DataArray | xr.Dataset,
    *,
    periods: int | Iterable[int] = f.PERIODS,
    count: int = 5,
    delay: int = 0,
    groups: Groups | None = None,
    horizons: int | Iterable[int] = range(1, 21),
    name: str | None = None,
) -> Study:
    """Judge a factor by what followed it.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        Values known at the bar's close.
    prices : DataArray [symbol, time] or Dataset
        Adjusted closes.
    periods
        Bars ahead over which returns are taken.
    count
        Number of quantile buckets.
    delay
        Bars between knowing and buying; 0 as alphalens, 1 is what can be traded.
    groups
        Judge within groups.
    horizons
        Of the decay.
    name
        How the factor is called.

    Raises
    ------
    EmptySelectionError
        Too few symbols have both values and returns.
    """
    at_least("study", count=(count, 2))
    ahead = whole_numbers("study", "periods", periods)
    prices = closes(prices, "the prices")
    attrs = prices.attrs
    factor, prices = same_axes(panel(factor, "the factor"), prices)
    forward = f.forward_returns(prices, ahead, delay=delay)
    both = factor.notnull() & forward[0].notnull()
    symbols = both.sum(SYMBOL)
    if int((symbols >= max(2, count)).sum()) < 2:
        raise EmptySelectionError(
            f"At no two bars do {max(2, count)} symbols have a value and a return that followed.",
            "Use more symbols or fewer buckets.",
        )
    buckets = quantiles(factor, count, groups=groups)
    return Study(
        name=name or str(factor.name or "factor"),
        count=count,
        delay=delay,
        dataset=str(attrs.get("dataset", "")),
        ic=f.information_coefficient(factor, forward),
        decay=f.ic_decay(factor, prices, horizons, delay=delay),
        quantile_returns=f.quantile_returns(factor, forward, count, groups=groups),
        turnover=f.quantile_turnover(buckets),
        autocorrelation=f.rank_autocorrelation(factor),
        returns=f.factor_returns(factor, forward, groups=groups),
        symbols=symbols.rename("symbols"),
    )
