"""``.tw`` on every DataArray and Dataset: indicators, candles, the pandas shape."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import xarray as xr

from tradewind import attached
from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.vocabulary import SYMBOL, TIME


class _Accessor:
    """What arrays and datasets share: every registered indicator is a method."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        from tradewind.indicators import registry  # brings numba with its first loop, not before

        if name not in registry.indicators:
            raise AttributeError(f"There is no indicator {name!r}. {did_you_mean(name, registry.indicators)}")
        indicator = registry[name]

        def compute(*values: Any, **named: Any) -> Any:
            return indicator(self._data, *values, **named)

        compute.__name__ = name
        compute.__doc__ = indicator.function.__doc__
        return compute

    def __dir__(self) -> list[str]:
        from tradewind.indicators import names

        return [*super().__dir__(), *names()]


@xr.register_dataarray_accessor("tw")  # type: ignore[no-untyped-call]
class ArrayAccessor(_Accessor):
    """``ds["close"].tw``."""

    def frame(self) -> pd.DataFrame:
        """The pandas shape: time as rows, symbols as columns."""
        data: xr.DataArray = self._data
        if TIME not in data.dims:
            raise InvalidInputError(f"frame() needs a {TIME!r} dim; this array has {data.dims}.")
        if data.ndim == 1:
            data = data.rename(data.name or "value").expand_dims({SYMBOL: [str(data.name or "value")]})
        return pd.DataFrame(data.transpose(TIME, ...).to_pandas())


@xr.register_dataset_accessor("tw")  # type: ignore[no-untyped-call]
class DatasetAccessor(_Accessor):
    """``ds.tw``."""

    def frame(self, symbol: str | None = None) -> pd.DataFrame:
        """The pandas shape: time as rows; columns are fields of one symbol, or (field, symbol) of several.

        Parameters
        ----------
        symbol
            Only this one.
        """
        data: xr.Dataset = self._data
        if symbol is not None:
            known = [str(s) for s in data[SYMBOL].values]
            if symbol not in known:
                raise InvalidInputError(f"The dataset has no symbol {symbol!r}.", did_you_mean(symbol, known))
            data = data.sel({SYMBOL: symbol})
        if SYMBOL not in data.dims:
            return pd.DataFrame(data.drop_vars(SYMBOL, errors="ignore").to_dataframe())
        fields = {str(n): pd.DataFrame(data[n].transpose(TIME, SYMBOL).to_pandas()) for n in data.data_vars}
        return pd.concat(fields, axis=1, names=["field", SYMBOL])

    def candles(self, symbol: str | None = None, overlays: Sequence[str] = (), **options: Any) -> Any:
        """Draw the bars of a symbol with indicators; see :func:`tradewind.plot.candles`."""
        return attached.call("Dataset.candles", self._data, symbol, overlays, **options)
