"""Reductions along time for arrays of any shape, named or not."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate

import numpy as np
import xarray as xr

from tradewind.vocabulary import TIME

Array = Any
"""Returns or values: a DataArray with ``time``, or anything numpy understands with time as its last axis."""


def along_time[**P](
    reduce: Callable[Concatenate[np.ndarray, P], Any],
) -> Callable[Concatenate[Array, P], Any]:
    """Let a function of one series take many: a DataArray loses ``time``, an array its last axis; one gives
    a float."""

    def wrapper(data: Array, /, *args: P.args, **options: P.kwargs) -> Any:
        if isinstance(data, xr.DataArray):
            rest = [d for d in data.dims if d != TIME]
            values = data.transpose(*rest, TIME).values
            answer = _rows(reduce, np.asarray(values, dtype=float), *args, **options)
            if not rest:
                return answer
            coords = {k: v for k, v in data.coords.items() if TIME not in v.dims}
            return xr.DataArray(answer, coords, rest, name=reduce.__name__)
        return _rows(reduce, np.asarray(data, dtype=float), *args, **options)

    update_wrapper(wrapper, reduce)
    return wrapper


def _rows(reduce: Callable[..., Any], values: np.ndarray, *args: Any, **options: Any) -> Any:
    if values.ndim <= 1:
        return float(reduce(_clean(np.atleast_1d(values)), *args, **options))
    flat = values.reshape(-1, values.shape[-1])
    found = [float(reduce(_clean(row), *args, **options)) for row in flat]
    return np.asarray(found).reshape(values.shape[:-1])


def _clean(row: np.ndarray) -> np.ndarray:
    bad = np.isnan(row)
    return row[~bad] if bad.any() else row
