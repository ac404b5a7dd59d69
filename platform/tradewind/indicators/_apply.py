"""From an xarray object to a compiled loop and back: dims, memory layout, dask."""

from collections.abc import Callable, Hashable, Sequence
from math import prod
from typing import Any

import numpy as np
import xarray as xr

from tradewind.checks import how_to_convert
from tradewind.errors import FieldNotFoundError, InvalidInputError, did_you_mean
from tradewind.indicators._buffers import result_array
from tradewind.threads import over_rows
from tradewind.vocabulary import TIME

Data = xr.DataArray | xr.Dataset
"""What an indicator takes: one field, or a dataset that holds the fields it needs."""

Loop = Callable[..., Any]


def labelled(data: Any, indicator: str) -> None:
    """Refuse what is neither an array nor a dataset with names.

    Raises
    ------
    InvalidInputError
        The hint says how to convert it.
    """
    if not isinstance(data, xr.DataArray | xr.Dataset):
        raise InvalidInputError(
            f"{indicator} takes an xarray DataArray or Dataset, not a {type(data).__name__}.",
            how_to_convert(data),
        )


def inputs_of(data: Data, names: Sequence[str], indicator: str) -> list[xr.DataArray]:
    """Pick the fields an indicator reads.

    Parameters
    ----------
    data
        A Dataset; or, for an indicator of one field, any DataArray with a ``time`` dim.
    names
        The fields, in the loop's order.
    indicator
        Its name, for the error.

    Raises
    ------
    FieldNotFoundError
        The dataset lacks a field.
    InvalidInputError
        It is neither array nor dataset, or one array where several fields are needed, or it has no ``time``
        dim.
    """
    labelled(data, indicator)
    if isinstance(data, xr.DataArray):
        if len(names) > 1:
            raise InvalidInputError(
                f"{indicator} reads {', '.join(names)}; it was given one array.", "Give it the whole dataset."
            )
        found = [data]
    else:
        for name in names:
            if name not in data.data_vars:
                raise FieldNotFoundError(
                    f"{indicator} reads {', '.join(names)}, and this dataset has no {name!r}.",
                    did_you_mean(name, [str(n) for n in data.data_vars]),
                )
        found = [data[name] for name in names]
    if TIME not in found[0].dims:
        raise InvalidInputError(f"{indicator} runs along {TIME!r}; the array has dims {found[0].dims}.")
    return found


LANES = 8
"""Rows that a loop of ``smoothed_loops`` works on at once."""


def _on_numpy[R](
    loop: Loop,
    arrays: Sequence[np.ndarray],
    parameters: Sequence[Any],
    count: int,
    *,
    grain: int,
    wrap: Callable[[list[np.ndarray]], R],
) -> R:
    shape = arrays[0].shape  # another may be one series for all rows
    bars = shape[-1]
    rows = prod(shape[:-1])
    flat = [np.ascontiguousarray(a, dtype=np.float64).reshape(prod(a.shape[:-1]), bars) for a in arrays]
    outputs = [result_array((rows, bars)) for _ in range(count)]
    shaped = [o.reshape(shape) for o in outputs]
    if not (rows and bars):
        return wrap(shaped)
    work = (loop, rows, rows * bars, *flat, *parameters, *outputs)
    return over_rows(*work, grain=grain, meanwhile=lambda: wrap(shaped))


def _turned(array: xr.DataArray, dims: tuple[Hashable, ...]) -> xr.DataArray:
    return array if array.dims == dims else array.transpose(*dims)


def _is_chunked(array: xr.DataArray) -> bool:
    # ``array.chunks`` tests for a protocol, which takes as long as the rest of a small call
    return getattr(array.data, "chunks", None) is not None


def _like(array: xr.DataArray, values: Any, name: str, attrs: dict[Any, Any]) -> xr.DataArray:
    """Other values with an array's coordinates; a third of the time that building it anew takes."""
    found = array.copy(deep=False, data=values)
    found.name = name
    found.attrs = attrs
    found.encoding = {}  # of the file that the array was read from
    return found


def apply(
    loop: Loop,
    arrays: Sequence[xr.DataArray],
    parameters: Sequence[Any],
    outputs: Sequence[str],
    *,
    grain: int = 1,
) -> xr.DataArray | xr.Dataset:
    """Run a compiled loop along time.

    Parameters
    ----------
    loop
        ``loop(first, last, *inputs, *parameters, *outputs)`` over rows of ``(rows, time)`` arrays.
    arrays
        The inputs; dask-backed ones stay lazy, with time in one chunk.
    parameters
        Numbers, in the loop's order.
    outputs
        Names of the results: one gives a DataArray of that name, several a Dataset.
    grain
        Rows that the loop works on at once.
    """
    head = arrays[0]
    order = (*[d for d in head.dims if d != TIME], TIME)

    def wrap(values: Sequence[Any]) -> xr.DataArray | xr.Dataset:
        return _labelled(head, [xr.Variable(order, v) for v in values], outputs)

    if any(_is_chunked(a) for a in arrays):
        return wrap(_on_dask(loop, arrays, parameters, len(outputs), grain))
    turned = [_turned(a, order if a.ndim == head.ndim else (TIME,)).values for a in arrays]
    return _on_numpy(loop, turned, parameters, len(outputs), grain=grain, wrap=wrap)


def _labelled(
    head: xr.DataArray, found: Sequence[xr.Variable], names: Sequence[str]
) -> xr.DataArray | xr.Dataset:
    found = [v if v.dims == head.dims else v.transpose(*head.dims) for v in found]
    attrs = {k: v for k, v in head.attrs.items() if k != "units"}
    if len(found) == 1:
        return _like(head, found[0].data, names[0], attrs)
    for one in found:
        one.attrs.update(attrs)
    # with the coordinates as they are: nothing has to be compared, as it would be for arrays that have some
    return xr.Dataset(dict(zip(names, found, strict=True)), coords=head.coords, attrs=attrs)


def one(
    loop: Loop, arrays: Sequence[xr.DataArray], parameters: Sequence[Any], output: str, *, grain: int = 1
) -> xr.DataArray:
    """Run a compiled loop of one output along time; see :func:`apply`."""
    result = apply(loop, arrays, parameters, (output,), grain=grain)
    assert isinstance(result, xr.DataArray)
    return result


def several(
    loop: Loop,
    arrays: Sequence[xr.DataArray],
    parameters: Sequence[Any],
    outputs: Sequence[str],
    *,
    grain: int = 1,
) -> xr.Dataset:
    """Run a compiled loop of several outputs along time; see :func:`apply`."""
    result = apply(loop, arrays, parameters, outputs, grain=grain)
    assert isinstance(result, xr.Dataset)
    return result


def _on_dask(
    loop: Loop, arrays: Sequence[xr.DataArray], parameters: Sequence[Any], count: int, grain: int
) -> list[Any]:
    """Lazy arrays of the results, time last."""
    whole = [a.chunk({TIME: -1}) for a in arrays]

    def block(*blocks: np.ndarray) -> Any:
        return _on_numpy(
            loop, blocks, parameters, count, grain=grain, wrap=lambda r: r[0] if count == 1 else tuple(r)
        )

    answer = xr.apply_ufunc(
        block,
        *whole,
        input_core_dims=[[TIME]] * len(whole),
        output_core_dims=[[TIME]] * count,
        dask="parallelized",
        output_dtypes=[np.float64] * count,
    )
    answers = [answer] if count == 1 else list(answer)
    return [a.transpose(..., TIME).data for a in answers]
