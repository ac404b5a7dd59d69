"""What ``tw.backtest`` may be told besides strategy and data, checked before anything is read."""

from collections.abc import Iterable
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.checking import not_negative, number, positive, shown
from tradewind.backtest.limits import Currencies, Financing, Instruments, Limits
from tradewind.backtest.rules import Costs, Fill
from tradewind.errors import InvalidInputError, ParameterError, did_you_mean
from tradewind.store.moments import moment

CASH = 1_000_000.0
"""Capital at the start, unless said."""

_PARTS: dict[str, tuple[type, str]] = {
    "costs": (Costs, "tw.Costs(per_value=0.001)"),
    "limits": (Limits, "tw.Limits(gross=1.0)"),
    "financing": (Financing, "tw.Financing(cash_rate=0.02)"),
    "instruments": (Instruments, 'tw.Instruments(multiplier={"ES": 50})'),
    "currencies": (Currencies, 'tw.Currencies(base="USD", rates=rates)'),
}


def fill_of(fill: Fill | str | None) -> Fill | None:
    """Read a fill rule from its name.

    Raises
    ------
    ParameterError
        No such rule.
    """
    if fill is None or isinstance(fill, Fill):
        return fill
    try:
        return Fill(str(fill).replace("_", " ").lower())
    except ValueError:
        raise ParameterError(
            f"There is no fill {fill!r}.", did_you_mean(str(fill), [f.value for f in Fill])
        ) from None


def moment_of(value: Any, what: str, *, end: bool = False) -> np.datetime64:
    """Return a moment as ``tw.open`` understands it: a bare year, month or day as ``end`` includes all of it.

    Raises
    ------
    InvalidInputError
        It is no date or time.
    """
    try:
        found = moment(value, end=end)
    except InvalidInputError as problem:
        raise InvalidInputError(f"{what}: {problem.message}", problem.hint) from None
    if np.isnat(found):
        raise InvalidInputError(f"{what}: {value!r} is not a date or time.", "Write it as 2024-05-31.")
    return found


def check_options(
    *,
    costs: Any = None,
    cash: Any = CASH,
    fill: Any = None,
    lot: Any = 0.0,
    borrow: Any = False,
    start: Any = None,
    end: Any = None,
    benchmark: Any = None,
    universe: Any = None,
    limits: Any = None,
    financing: Any = None,
    instruments: Any = None,
    currencies: Any = None,
) -> None:
    """Refuse options of a backtest that mean nothing.

    Raises
    ------
    ParameterError
        One is out of bounds or of another kind.
    InvalidInputError
        ``start`` or ``end`` is no time; a benchmark or universe is no series.
    """
    number(cash, "cash", "a positive amount", positive)
    number(lot, "lot", "0 (fractions allowed) or a number of units", not_negative)
    fill_of(fill)
    if not isinstance(borrow, bool | np.bool_):
        raise ParameterError(f"borrow is true or false, not {shown(borrow)}.")
    for name, value in zip(_PARTS, (costs, limits, financing, instruments, currencies), strict=True):
        if value is not None:
            _part(name, value)
    if start is not None:
        moment_of(start, "start")
    if end is not None:
        moment_of(end, "end", end=True)
    if not (benchmark is None or isinstance(benchmark, str | xr.DataArray)):
        raise _no_series(benchmark)
    if not (universe is None or isinstance(universe, str | xr.DataArray)):
        raise InvalidInputError(
            f"A universe says who may be held at each bar; {shown(universe)} does not.",
            "Give a membership's name or a DataArray [symbol, time]; for fixed symbols select them: "
            'ds.sel(symbol=["AAPL"]).',
        )


OPTIONS = frozenset(signature(check_options).parameters)
"""Names of the options of a backtest that a sweep of it takes too."""


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options there are none of.

    Raises
    ------
    ParameterError
        With the names that are near.
    """
    names = OPTIONS | set(known)
    for name in given:
        if name not in names:
            raise ParameterError(f"There is no option {name!r}.", did_you_mean(name, names))


def _part(name: str, value: Any) -> None:
    kind, example = _PARTS[name]
    if isinstance(value, kind):
        return
    if name == "costs" and isinstance(value, int | float) and not isinstance(value, bool):
        example = f"tw.Costs(per_value={value!r})"
    raise ParameterError(f"{name} is a tw.{kind.__name__}, not {shown(value)}.", f"Such as {example}.")


def _no_series(benchmark: Any) -> InvalidInputError:
    how = "Give a symbol of the dataset, a dataset's name, or a DataArray over time."
    if isinstance(benchmark, pd.Series):
        how = 'Write xr.DataArray(series.to_numpy(), {"time": series.index}, name="mine").'
    elif isinstance(benchmark, xr.Dataset):
        how = 'Give one series of it: ds["close"].isel(symbol=0).'
    return InvalidInputError(f"A benchmark is one series over time, not {shown(benchmark)}.", how)
