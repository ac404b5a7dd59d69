"""From a dataset to the arrays the accounting runs on."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from tradewind.backtest.rules import Fill
from tradewind.errors import EmptySelectionError, FieldNotFoundError, InvalidInputError, did_you_mean
from tradewind.lazy import lazy
from tradewind.metrics import periods_per_year
from tradewind.threads import over_rows
from tradewind.vocabulary import SYMBOL, TIME

loops = lazy("tradewind.backtest.signals_loops")


@dataclass(frozen=True, kw_only=True)
class Market:
    """Prices to trade at and to value by; all arrays are ``(symbol, time)``, C-ordered float64.

    Attributes
    ----------
    price
        Where orders are filled; NaN where there is no trading.
    mark
        Closes to value positions by, the last known one carried over holes.
    dividend
        Paid per unit held before the bar; only where the dataset has a ``dividend`` field.
    fill
        When orders are filled.
    """

    symbols: np.ndarray
    time: np.ndarray
    price: np.ndarray
    mark: np.ndarray
    high: np.ndarray
    low: np.ndarray
    fill: Fill
    periods: float
    volume: np.ndarray | None = None
    dividend: np.ndarray | None = None


def array_of(data: xr.DataArray) -> np.ndarray:
    """Return values as a contiguous float64 ``(symbol, time)`` array."""
    return np.ascontiguousarray(data.transpose(SYMBOL, TIME).values, dtype=np.float64)


def with_symbol(ds: xr.Dataset) -> xr.Dataset:
    """Give a dataset of one unnamed series a ``symbol`` dim.

    Raises
    ------
    InvalidInputError
        There is no ``time`` dim, or dims other than ``symbol`` and ``time``.
    """
    if TIME not in ds.dims:
        raise InvalidInputError(
            f"A backtest needs a dataset with dims (symbol, time); this one has {tuple(ds.dims)}."
        )
    if SYMBOL not in ds.dims:
        name = ds.coords[SYMBOL].item() if SYMBOL in ds.coords else "asset"
        ds = ds.drop_vars(SYMBOL, errors="ignore").expand_dims({SYMBOL: [name]})
    return ds


def carried(values: np.ndarray) -> np.ndarray:
    """Fill holes along time with the last known value."""
    if not np.isnan(values).any():
        return values
    out = np.empty_like(values)
    over_rows(loops.carry, values.shape[0], values.size, values, out)
    return out


def default_fill(ds: xr.Dataset) -> Fill:
    """The next bar's open, or its close where the dataset has no opens."""
    return Fill.NEXT_OPEN if "open" in ds.data_vars else Fill.NEXT_CLOSE


def market_of(ds: xr.Dataset, fill: Fill | None) -> Market:
    """Take what a backtest needs from a dataset.

    Raises
    ------
    FieldNotFoundError
        No closes, or no opens although orders are to be filled at them.
    EmptySelectionError
        No bars or no symbols.
    """
    fields = [str(n) for n in ds.data_vars]
    if "close" not in fields:
        raise FieldNotFoundError("A backtest values positions by 'close'.", did_you_mean("close", fields))
    if 0 in (ds.sizes[SYMBOL], ds.sizes[TIME]):
        raise EmptySelectionError("The dataset holds no bars to trade on.")
    chosen = fill or default_fill(ds)
    if chosen is Fill.NEXT_OPEN and "open" not in fields:
        raise FieldNotFoundError(
            "The dataset has no 'open' to fill orders at.", 'Use fill="next close", or leave fill out.'
        )
    close = array_of(ds["close"])
    if not np.isfinite(close).any():
        raise EmptySelectionError("The dataset holds no closes between these dates.")
    time = ds[TIME].values
    mark = carried(close)
    return Market(
        symbols=ds[SYMBOL].values,
        time=time,
        price=array_of(ds["open"]) if chosen is Fill.NEXT_OPEN else close,
        mark=mark,
        high=array_of(ds["high"]) if "high" in fields else mark,
        low=array_of(ds["low"]) if "low" in fields else mark,
        volume=array_of(ds["volume"]) if "volume" in fields else None,
        dividend=array_of(ds["dividend"]) if "dividend" in fields else None,
        fill=chosen,
        periods=periods_per_year(time, str(ds.attrs.get("frequency", "")), str(ds.attrs.get("calendar", ""))),
    )
