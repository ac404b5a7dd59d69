"""Checks of what a user gives, shared by all that computes on arrays."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import xarray as xr

from tradewind.errors import FieldNotFoundError, InvalidInputError, ParameterError, did_you_mean
from tradewind.vocabulary import SYMBOL, TIME

CLOSE = "close"


def at_least(owner: str, **bounds: tuple[float, float]) -> None:
    """Refuse parameters below their minimum; each is given as ``name=(value, minimum)``.

    Parameters
    ----------
    owner
        Whose parameters they are, for the error.
    bounds
        A minimum that is a whole number asks for whole numbers.

    Raises
    ------
    ParameterError
        A value is not a number or too small.
    """
    for name, (value, minimum) in bounds.items():
        integer = isinstance(minimum, int)
        if isinstance(value, bool) or not hasattr(value, "__index__" if integer else "__float__"):
            kind = "a whole number" if integer else "a number"
            raise ParameterError(f"{owner}: {name} is {kind}, not {value!r}.")
        if not value >= minimum:
            raise ParameterError(f"{owner}: {name} is at least {minimum}, not {value}.")


def whole_numbers(owner: str, name: str, given: Any, minimum: int = 1) -> list[int]:
    """Return one whole number, or an iterable of several, as a list.

    Raises
    ------
    ParameterError
        There is none, or one is no whole number or too small.
    """
    if isinstance(given, str) or not (hasattr(given, "__iter__") or hasattr(given, "__index__")):
        raise ParameterError(f"{owner}: {name} is a whole number or several, not {given!r}.")
    found = list(given) if isinstance(given, Iterable) else [given]
    if not found:
        raise ParameterError(f"{owner}: {name} is empty.", "Give at least one whole number.")
    for value in found:
        at_least(owner, **{name: (value, minimum)})
    return [int(value) for value in found]


def how_to_convert(given: Any) -> str:
    """Say how something else becomes an array of named dims."""
    if isinstance(given, pd.DataFrame):
        return 'Times as rows: xr.DataArray(frame.T, dims=("symbol", "time")).'
    if isinstance(given, pd.Series):
        return 'For example xr.DataArray(series, dims="time").'
    if isinstance(given, xr.Dataset):
        fields = [str(n) for n in given.data_vars]
        return f"Give one field of it, such as ds[{CLOSE if CLOSE in fields or not fields else fields[0]!r}]."
    if hasattr(given, "__array__") or isinstance(given, list | tuple):
        return (
            "Say what its axes are: "
            'xr.DataArray(values, {"symbol": names, "time": times}, ("symbol", "time")).'
        )
    return 'For example ds["close"].'


def _capital(what: str) -> str:
    return what[0].upper() + what[1:]


def named_array(given: Any, what: str) -> xr.DataArray:
    """Return what was given if it is an xarray DataArray.

    Parameters
    ----------
    given
        What a user passed.
    what
        What it stands for.

    Raises
    ------
    InvalidInputError
        It is something else; the hint says how to convert it.
    """
    if isinstance(given, xr.DataArray):
        return given
    raise InvalidInputError(
        f"{_capital(what)} must be an xarray DataArray, not a {type(given).__name__}.",
        how_to_convert(given),
    )


def panel(given: Any, what: str) -> xr.DataArray:
    """Return a DataArray ``(symbol, time)``, its dims in that order.

    Raises
    ------
    InvalidInputError
        It is no DataArray, or its dims are others.
    """
    found = named_array(given, what)
    if set(found.dims) != {SYMBOL, TIME}:
        raise InvalidInputError(
            f"{_capital(what)} must have dims (symbol, time), not ({', '.join(map(str, found.dims))})."
        )
    return found.transpose(SYMBOL, TIME)


def closes(given: Any, what: str) -> xr.DataArray:
    """Return prices ``(symbol, time)``: as they are, or a dataset's closes with the dataset's attributes.

    Raises
    ------
    FieldNotFoundError
        The dataset has no closes.
    InvalidInputError
        It is neither, or its dims are others.
    """
    if isinstance(given, xr.Dataset):
        if CLOSE not in given.data_vars:
            raise FieldNotFoundError(
                f"{_capital(what)} must be closes, and the dataset has no 'close'.",
                did_you_mean(CLOSE, [str(n) for n in given.data_vars]),
            )
        given = given[CLOSE].assign_attrs(given.attrs)
    return panel(given, what)
