"""Between arrays ``(symbol, time)`` and the rows of cross-sections that the loops work on."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.checks import panel
from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.threads import over_rows
from tradewind.vocabulary import SYMBOL, TIME

Groups = xr.DataArray | Mapping[str, Any]
"""Each symbol's group: a mapping, or a DataArray over ``symbol`` (and ``time``)."""


def sections(data: xr.DataArray, what: str = "factor") -> np.ndarray:
    """Return values as contiguous rows ``(time, symbol)``; infinities count as unknown.

    Raises
    ------
    InvalidInputError
        It is no DataArray, or the dims are others.
    """
    values = np.ascontiguousarray(panel(data, f"the {what}").transpose(TIME, SYMBOL).values, dtype=np.float64)
    return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)


def like(data: xr.DataArray, rows: np.ndarray, name: str) -> xr.DataArray:
    """Return rows ``(time, symbol)`` as an array ``(symbol, time)``, time contiguous."""
    shaped = data.transpose(SYMBOL, TIME)
    return xr.DataArray(np.ascontiguousarray(rows.T), shaped.coords, (SYMBOL, TIME), name=name)


def run(loop: Callable[..., Any], rows: np.ndarray, *arguments: Any) -> np.ndarray:
    """Call a loop of one input on all cores."""
    out = np.empty_like(rows)
    over_rows(loop, rows.shape[0], rows.size, rows, *arguments, out)
    return out


def same_axes(a: xr.DataArray, b: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Put two arrays on the symbols and times both have.

    Raises
    ------
    InvalidInputError
        They have none in common.
    """
    if all(np.array_equal(a[d].values, b[d].values) for d in (SYMBOL, TIME)):
        return a, b
    left, right = xr.align(a, b, join="inner")
    if 0 in left.shape:
        raise InvalidInputError("The factor and the prices have no symbols or times in common.")
    return left, right


def group_codes(groups: Groups, data: xr.DataArray) -> tuple[np.ndarray, list[Any]]:
    """Return each cell's group as a number ``(time, symbol)``, −1 for none, and the groups' names.

    Raises
    ------
    InvalidInputError
        A mapping names no group for a symbol (it may know more symbols than there are), an array none for
        any, or it is neither.
    """
    symbols = [str(s) for s in data[SYMBOL].values]
    if isinstance(groups, Mapping):
        missing = [s for s in symbols if s not in groups]
        if missing:
            raise InvalidInputError(
                f"No group is given for {missing[0]!r}.", did_you_mean(missing[0], map(str, groups))
            )
        cells: np.ndarray = np.array([groups[s] for s in symbols], dtype=object)[None, :]
    elif not isinstance(groups, xr.DataArray) or SYMBOL not in groups.dims:
        raise InvalidInputError(
            f"Groups are a mapping from symbols, or a DataArray over symbol, not {type(groups).__name__}.",
            'Such as {"AAPL": "technology"}; of a pandas Series, series.to_dict().',
        )
    else:
        theirs = [str(s) for s in groups[SYMBOL].values]
        if not set(theirs) & set(symbols):
            raise InvalidInputError(
                "The groups name none of the symbols" + (f", but {theirs[0]!r}." if theirs else "."),
                did_you_mean(theirs[0] if theirs else "", symbols),
            )
        placed = groups.reindex({SYMBOL: data[SYMBOL]})
        if TIME in placed.dims:
            placed = placed.reindex({TIME: data[TIME]}).transpose(TIME, SYMBOL)
        cells = np.atleast_2d(placed.values).astype(object)
    flat = cells.ravel()
    known = [g for g in dict.fromkeys(flat.tolist()) if not pd.isna(g)]
    number = {g: k for k, g in enumerate(sorted(known, key=str))}
    codes = np.array([number.get(g, -1) for g in flat.tolist()]).reshape(cells.shape)
    shape = (data.sizes[TIME], data.sizes[SYMBOL])
    return np.ascontiguousarray(np.broadcast_to(codes, shape)), list(number)
