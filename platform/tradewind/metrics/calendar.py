"""Returns by calendar, and the list of drawdowns."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.errors import ParameterError
from tradewind.metrics.performance import ruined, total_return
from tradewind.vocabulary import TIME

When = str | date | datetime | np.datetime64 | None

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _compounded(returns: np.ndarray, time: np.ndarray, rule: str) -> pd.Series:
    series = pd.Series(np.log1p(np.maximum(returns, -1.0 + 1e-15)), index=pd.DatetimeIndex(time))
    return series.groupby(pd.DatetimeIndex(series.index).to_period(rule)).sum().pipe(np.expm1)


def monthly_returns(returns: np.ndarray, time: np.ndarray) -> pd.DataFrame:
    """Compounded returns by year (rows) and month (columns ``Jan`` to ``Dec``, then ``Year``); NaN where
    there is none.

    Parameters
    ----------
    returns
        Simple returns per bar.
    time
        The bars' times.
    """
    months = _compounded(returns, time, "M")
    index = pd.PeriodIndex(months.index)
    table = pd.DataFrame({"year": index.year, "month": index.month, "value": months.to_numpy()})
    wide = table.pivot_table(index="year", columns="month", values="value").reindex(columns=range(1, 13))
    wide.columns = list(MONTHS)
    years = _compounded(returns, time, "Y")
    wide["Year"] = years.to_numpy()
    return wide


def calendar_cagr(
    returns: xr.DataArray, *, since: When = None, until: When = None, days: float = 365.25
) -> float:
    """Compound growth a year by the calendar: ``(1 + total) ** (days / days passed) - 1``.

    Parameters
    ----------
    returns : DataArray [time]
        Simple returns per bar.
    since, until
        When the capital was put in and when it was counted; the first and the last bar by default.
    days
        Days a year: 365.25 (backtesting.py) or 365 (LEAN).

    Returns
    -------
    float
        NaN if no time passed, or all was lost.

    Raises
    ------
    ParameterError
        ``until`` is before ``since``, or ``days`` is not positive.
    """
    first = pd.Timestamp(returns[TIME].values[0] if since is None else since)
    last = pd.Timestamp(returns[TIME].values[-1] if until is None else until)
    if last < first or not days > 0.0:
        raise ParameterError(f"until ({last}) is not before since ({first}), and days is positive.")
    passed = (last - first) / pd.Timedelta(days=1)
    growth = 1.0 + float(total_return(returns))
    if not passed or ruined(returns.values) or not growth >= 0.0:
        return float("nan")
    return float(growth ** (days / passed) - 1.0)


def drawdowns(equity: np.ndarray, time: np.ndarray, count: int = 5) -> pd.DataFrame:
    """The deepest falls from a peak: one row each, deepest first.

    Parameters
    ----------
    equity
        Values at each bar.
    time
        The bars' times.
    count
        How many to list.

    Returns
    -------
    DataFrame
        ``depth`` (negative share), ``peak``, ``valley``, ``recovery`` (NaT while it lasts), ``bars`` below
        the peak.
    """
    peak = np.maximum.accumulate(equity)
    fall = equity / peak - 1.0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], fall < 0.0, [False])).astype(np.int8)))
    rows = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        valley = start + int(np.argmin(fall[start:stop]))
        rows.append(
            {
                "depth": fall[valley],
                "peak": pd.Timestamp(time[start - 1]),
                "valley": pd.Timestamp(time[valley]),
                "recovery": pd.Timestamp(time[stop]) if stop < len(time) else pd.NaT,
                "bars": stop - start,
            }
        )
    table = pd.DataFrame(rows, columns=["depth", "peak", "valley", "recovery", "bars"])
    return table.sort_values("depth").head(count).reset_index(drop=True)
