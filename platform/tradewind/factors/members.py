"""Point-in-time universes made by a rule from the data themselves."""

import numpy as np
import xarray as xr

from tradewind.checks import at_least
from tradewind.errors import FieldNotFoundError, InvalidInputError
from tradewind.factors._sections import like, sections
from tradewind.vocabulary import MEMBER


def trailing_mean(rows: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last ``window`` rows, what is not known counting as 0; NaN before there are so many."""
    known = np.isfinite(rows)
    total = np.cumsum(np.where(known, rows, 0.0), axis=0)
    out = np.full_like(rows, np.nan)
    out[window - 1 :] = total[window - 1 :]
    out[window:] -= total[:-window]
    return out / window


def top(measure: xr.DataArray, count: int, window: int = 252) -> xr.DataArray:
    """Say at each bar which symbols had the largest trailing mean of a measure.

    Parameters
    ----------
    measure : DataArray [symbol, time]
        Known at the bar.
    count
        Members at each bar; fewer where fewer have a positive mean. Of equal means at the cut, those whose
        symbols come first in ``measure`` are members (pandas' ``nlargest``).
    window
        Bars of the trailing mean; a bar on which a symbol was not known counts as nothing.

    Returns
    -------
    DataArray of bool [symbol, time]
        Nobody until the window is full. Only the past is looked at.
    """
    at_least("top", count=(count, 1), window=(window, 1))
    rows = sections(measure, "measure")
    mean = trailing_mean(rows, window)
    mean[~np.isfinite(rows) | ~(mean > 0.0)] = np.nan
    best = np.argsort(-mean, axis=1, kind="stable")[:, :count]  # what is not known comes last
    member = np.zeros(mean.shape, dtype=bool)
    np.put_along_axis(member, best, True, axis=1)
    return like(measure, member & np.isfinite(mean), MEMBER)


def most_traded(ds: xr.Dataset, count: int = 10, window: int = 252) -> xr.DataArray:
    """Say at each bar which symbols were traded most: by the trailing mean of close times volume.

    Parameters
    ----------
    ds : Dataset [symbol, time]
        With ``close`` and ``volume``.
    count
        Members at each bar.
    window
        Bars looked back; 252 are a year.

    Returns
    -------
    DataArray of bool [symbol, time]
        To pass to a backtest as ``universe=``.

    Raises
    ------
    FieldNotFoundError
        The dataset has no volumes.
    """
    if not isinstance(ds, xr.Dataset):
        raise InvalidInputError(
            f"What was traded is computed from a dataset, not from a {type(ds).__name__}.",
            "tw.factors.top ranks by any other measure.",
        )
    for field in ("close", "volume"):
        if field not in ds.data_vars:
            raise FieldNotFoundError(
                f"What was traded is close times volume, and the dataset has no {field!r}.",
                "tw.factors.top ranks by any other measure.",
            )
    return top(ds["close"] * ds["volume"], count, window)
