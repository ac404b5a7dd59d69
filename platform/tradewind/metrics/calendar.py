"""Returns by calendar, and the list of drawdowns."""

import numpy as np
import pandas as pd

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
