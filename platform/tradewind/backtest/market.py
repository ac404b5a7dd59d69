"""From a dataset to the arrays the accounting runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, cast

import numpy as np
import xarray as xr

from tradewind.backtest.checking import market_axes, numeric
from tradewind.backtest.rules import Fill
from tradewind.errors import EmptySelectionError, FieldNotFoundError, InvalidInputError, did_you_mean
from tradewind.lazy import lazy
from tradewind.metrics import periods_per_year
from tradewind.threads import over_rows
from tradewind.vocabulary import DIMS, SYMBOL, TIME

loops = lazy("tradewind.backtest.signals_loops")


@dataclass(frozen=True, kw_only=True)
class Market:
    """Prices to trade at and to value by; all arrays are ``(symbol, time)``, C-ordered float64.

    Attributes
    ----------
    names
        The symbols: an array, or a dataset's variable.
    price
        Where orders are filled; NaN where there is no trading.
    close
        To value positions by; NaN where there is none.
    fields
        Other fields of the dataset; taken when asked for.
    fill
        When orders are filled.
    periods
        Bars a year.
    unit
        What one point of price of one unit is worth in the account's currency, where it is not 1.
    settled
        Which symbols are settled daily (futures); their positions are worth nothing at the close.
    growth
        Units at the end a unit of each bar, where splits are accounted for.
    """

    names: Any
    time: np.ndarray
    price: np.ndarray
    close: np.ndarray
    fill: Fill
    periods: float
    fields: Mapping[str, Any]
    unit: np.ndarray | None = None
    settled: np.ndarray | None = None
    growth: np.ndarray | None = None

    @cached_property
    def symbols(self) -> np.ndarray:
        """The symbols as an array."""
        return self.names if isinstance(self.names, np.ndarray) else np.asarray(self.names.values)

    @cached_property
    def mark(self) -> np.ndarray:
        """Closes, the last known one carried over holes."""
        return carried(self.close)

    def field(self, name: str) -> np.ndarray | None:
        """A field of the dataset, or None."""
        return array_of(self.fields[name], f"{name!r}") if name in self.fields else None

    @cached_property
    def high(self) -> np.ndarray:
        """Highs, or the closes where there are none."""
        found = self.field("high")
        return self.mark if found is None else found

    @cached_property
    def low(self) -> np.ndarray:
        """Lows, or the closes where there are none."""
        found = self.field("low")
        return self.mark if found is None else found

    @cached_property
    def volume(self) -> np.ndarray | None:
        """Units traded in each bar."""
        return self.field("volume")

    @cached_property
    def dividend(self) -> np.ndarray | None:
        """Paid per unit held before the bar."""
        return self.field("dividend")


def array_of(data: Any, what: str = "The series") -> np.ndarray:
    """Return a DataArray's, Variable's or array's values as a contiguous float64 ``(symbol, time)`` array.

    Raises
    ------
    InvalidInputError
        It has other dims, or no numbers.
    """
    if isinstance(data, np.ndarray):
        return data
    numeric(data, what)
    values = data.values if data.dims == DIMS else data.transpose(*DIMS).values
    return np.ascontiguousarray(values, dtype=np.float64)


def with_symbol(ds: xr.Dataset) -> xr.Dataset:
    """Give a dataset of one unnamed series a ``symbol`` dim; refuse what cannot be traded on.

    Raises
    ------
    InvalidInputError
        There is no ``time`` dim, or prices have dims other than ``symbol`` and ``time``; times or symbols
        that bars cannot stand at.
    EmptySelectionError
        There are no bars.
    """
    if TIME not in ds.dims:
        raise InvalidInputError(
            f"A backtest needs a dataset with dims (symbol, time); this one has {tuple(ds.dims)}.",
            'Rename what means the same: ds.rename(date="time").',
        )
    if SYMBOL not in ds.dims:
        more = [str(d) for d in ds["close"].dims if d != TIME] if "close" in ds.data_vars else []
        if more:
            raise InvalidInputError(
                f"A backtest needs a dataset with dims (symbol, time); these closes have {more[0]!r}.",
                f'Rename it: ds.drop_vars("symbol", errors="ignore").rename({more[0]}="symbol").',
            )
        name = ds.coords[SYMBOL].item() if SYMBOL in ds.coords else "asset"
        ds = ds.drop_vars(SYMBOL, errors="ignore").expand_dims({SYMBOL: [name]})
    market_axes(ds)
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


_NEEDED = {
    Fill.NEXT_OPEN: ("open",),
    Fill.NEXT_VWAP: ("vwap",),
    Fill.NEXT_TWAP: ("open", "high", "low"),
}


def _price(fill: Fill, fields: Any, close: np.ndarray) -> np.ndarray:
    """The price of a bar that orders are filled at."""
    if fill is Fill.NEXT_TWAP:
        bar = [array_of(fields[name], f"{name!r}") for name in ("open", "high", "low")]
        mean: np.ndarray = (bar[0] + bar[1] + bar[2] + close) / 4.0
        return mean
    if fill not in _NEEDED:
        return close
    name = _NEEDED[fill][0]
    return array_of(fields[name], f"{name!r}")


def market_of(ds: xr.Dataset, fill: Fill | None) -> Market:
    """Take what a backtest needs from a dataset.

    Raises
    ------
    FieldNotFoundError
        No closes, or no opens although orders are to be filled at them.
    EmptySelectionError
        No bars or no symbols.
    """
    names = ds.data_vars
    if "close" not in names:
        raise FieldNotFoundError(
            "A backtest values positions by 'close'.", did_you_mean("close", [str(n) for n in names])
        )
    if 0 in (ds.sizes[SYMBOL], ds.sizes[TIME]):
        raise EmptySelectionError("The dataset holds no bars to trade on.")
    chosen = fill or default_fill(ds)
    for needed in _NEEDED.get(chosen, ()):
        if needed not in names:
            raise FieldNotFoundError(
                f"The dataset has no {needed!r} to fill orders at.",
                'Use fill="next close", or leave fill out.',
            )
    variables = ds.variables
    close = array_of(variables["close"], "'close'")
    if not (isfinite(close[0, 0]) or np.isfinite(close).any()):
        raise EmptySelectionError("The dataset holds no closes between these dates.")
    time = ds.get_index(TIME).values
    return Market(
        names=variables[SYMBOL] if SYMBOL in variables else np.arange(ds.sizes[SYMBOL]),
        time=time,
        price=_price(chosen, variables, close),
        close=close,
        fields=cast("Mapping[str, Any]", variables),
        fill=chosen,
        periods=periods_per_year(time, str(ds.attrs.get("frequency", "")), str(ds.attrs.get("calendar", ""))),
    )
