"""What strategies read from a dataset, also from one that holds closes only."""

import xarray as xr

from tradewind.errors import FieldNotFoundError, did_you_mean
from tradewind.vocabulary import SYMBOL, TIME


def close_of(ds: xr.Dataset) -> xr.DataArray:
    """Return the closes as ``(symbol, time)``.

    Raises
    ------
    FieldNotFoundError
        The dataset has none.
    """
    if "close" not in ds.data_vars:
        raise FieldNotFoundError(
            "The dataset has no 'close'.", did_you_mean("close", [str(n) for n in ds.data_vars])
        )
    return ds["close"].transpose(SYMBOL, TIME)


def with_range(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset with ``high`` and ``low``; where they are missing the close stands for both."""
    close = close_of(ds)
    return ds.assign(high=ds.get("high", close), low=ds.get("low", close))
