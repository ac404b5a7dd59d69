"""How a strategy bears strain: bad times of the past, and more money than the market takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.errors import EmptySelectionError, ParameterError
from tradewind.metrics.performance import max_drawdown, total_return, volatility
from tradewind.vocabulary import SYMBOL, TIME

STRESS: dict[str, tuple[str, str]] = {
    "Black Monday": ("1987-10-14", "1987-10-19"),
    "Russia and LTCM": ("1998-07-20", "1998-10-08"),
    "Dot-com bust": ("2000-03-24", "2002-10-09"),
    "11 September 2001": ("2001-09-10", "2001-09-21"),
    "Financial crisis": ("2007-10-09", "2009-03-09"),
    "Lehman": ("2008-09-12", "2008-11-20"),
    "Flash crash": ("2010-05-05", "2010-05-20"),
    "US downgrade, euro crisis": ("2011-07-22", "2011-10-03"),
    "Taper tantrum": ("2013-05-21", "2013-06-24"),
    "China devaluation": ("2015-08-17", "2015-08-25"),
    "Volatility spike": ("2018-01-26", "2018-02-08"),
    "End of 2018": ("2018-09-20", "2018-12-24"),
    "Covid crash": ("2020-02-19", "2020-03-23"),
    "Inflation and rates": ("2022-01-03", "2022-10-12"),
}
"""Falls of the US stock market, from its high to its low (closes of the S&P 500, or the event's own days)."""


def stress(
    returns: xr.DataArray,
    benchmark: xr.DataArray | None = None,
    *,
    spans: Mapping[str, tuple[str, str]] | None = None,
    periods: float = 252.0,
) -> pd.DataFrame:
    """What was earned in bad times.

    Parameters
    ----------
    returns, benchmark : DataArray [time]
        Simple returns per bar.
    spans
        Name to first and last day; :data:`STRESS` unless said.
    periods
        Bars a year.

    Returns
    -------
    DataFrame
        One row a span that the returns cover whole: ``from``, ``to``, ``total_return``, ``max_drawdown``,
        ``volatility``, and ``benchmark`` (its total return).
    """
    rows = {}
    times = pd.DatetimeIndex(returns[TIME].values)
    for name, (first, last) in (spans or STRESS).items():
        begin, end = pd.Timestamp(first), pd.Timestamp(last) + pd.Timedelta(days=1)
        if not len(times) or times[0] > begin + pd.Timedelta(days=4) or times[-1] < pd.Timestamp(last):
            continue
        inside = returns.isel({TIME: np.asarray((times >= begin) & (times < end))})
        row: dict[str, Any] = {
            "from": begin, "to": pd.Timestamp(last), "total_return": float(total_return(inside)),
            "max_drawdown": float(max_drawdown(inside)), "volatility": float(volatility(inside, periods)),
        }  # fmt: skip
        if benchmark is not None:
            row["benchmark"] = float(total_return(benchmark.reindex({TIME: inside[TIME]})))
        rows[name] = row
    columns = ["from", "to", "total_return", "max_drawdown", "volatility"]
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=columns + ["benchmark"] * (benchmark is not None)
    )


def capacity(
    positions: xr.DataArray,
    market: xr.Dataset,
    capital: float,
    *,
    participation: float = 0.05,
    share: float = 0.95,
) -> float:
    """Estimate the capital at which trading would become too large for the market.

    All trades grow with the capital. The capacity is where ``share`` of the traded value still is in trades
    of at most ``participation`` of the bar's volume.

    Parameters
    ----------
    positions : DataArray [symbol, time]
        Units held after each bar, such as ``result.positions``.
    market : Dataset [symbol, time]
        With ``volume`` in the same units, and ``close``.
    capital
        That the positions were made with.
    participation
        Largest share of a bar's volume.
    share
        Of the traded value that must keep to it.

    Returns
    -------
    float
        In the account's currency; infinite if nothing was traded.
    """
    if not (0.0 < participation <= 1.0 and 0.0 < share <= 1.0):
        raise ParameterError("participation and share are above 0 and at most 1.")
    if "volume" not in market.data_vars:
        raise EmptySelectionError("Capacity depends on 'volume', and the dataset has none.")
    held, close, volume = xr.align(positions, market["close"], market["volume"], join="inner")
    units = np.abs(np.diff(held.transpose(SYMBOL, TIME).values, axis=1, prepend=0.0))
    turned = units * np.nan_to_num(close.transpose(SYMBOL, TIME).values)
    traded = turned > 0.0
    if not traded.any():
        return float("inf")
    there = np.nan_to_num(volume.transpose(SYMBOL, TIME).values)[traded]
    with np.errstate(divide="ignore"):
        taken = np.where(there > 0.0, units[traded] / np.where(there > 0.0, there, 1.0), np.inf)
    order = np.argsort(taken)
    running = np.cumsum(turned[traded][order]) / turned[traded].sum()
    worst = float(taken[order][int(np.searchsorted(running, share - 1e-12))])
    return capital * participation / worst if worst > 0.0 else float("inf")
