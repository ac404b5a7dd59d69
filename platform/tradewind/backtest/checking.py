"""What users hand to a backtest, looked at once: numbers, market data, strategies and their decisions."""

from collections.abc import Callable, Mapping
from inspect import isabstract
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.errors import EmptySelectionError, InvalidInputError, ParameterError
from tradewind.strategies import Decision, Orders, Signals, Strategy, Units, Weights, get
from tradewind.vocabulary import DIMS, SYMBOL, TIME

_LONG = 60
_FIELDS = ("close", "open", "high", "low", "volume")
_MAKE = 'xr.Dataset({"close": (("symbol", "time"), prices)}, {"symbol": names, "time": times})'
_FROM_WIDE = (
    'xr.Dataset({"close": (("time", "symbol"), frame)}, {"time": frame.index, "symbol": frame.columns})'
)
_FROM_BARS = 'xr.Dataset({n.lower(): ("time", frame[n]) for n in frame}, {"time": frame.index})'


def shown(value: Any) -> str:
    """Write a value if that is short, else say what kind of thing it is."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = repr(value)
    return text if len(text) <= _LONG and "\n" not in text else f"a {type(value).__name__}"


# ---- numbers ----


def number(
    value: Any,
    what: str,
    meaning: str = "a number",
    holds: Callable[[float], bool] = isfinite,
    hint: str = "",
) -> float:
    """Return a finite number.

    Parameters
    ----------
    what, meaning
        How it is called, and what it is: ``"cash"``, ``"a positive amount"``.
    holds
        Whether it may be that number.

    Raises
    ------
    ParameterError
        It is none, or may not be that one.
    """
    if not isinstance(value, bool | np.bool_ | str | bytes) and hasattr(value, "__float__"):
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            found = float("nan")
        if isfinite(found) and holds(found):
            return found
    if isinstance(value, str) and not hint:
        hint = "Give a number, not text."
    raise ParameterError(f"{what} is {meaning}, not {shown(value)}.", hint)


def positive(value: float) -> bool:
    """Whether a number is above zero."""
    return value > 0.0


def not_negative(value: float) -> bool:
    """Whether a number is zero or more."""
    return value >= 0.0


def whole(value: Any, what: str, least: int = 0) -> int:
    """Return a whole number from ``least`` on.

    Raises
    ------
    ParameterError
        It is none.
    """
    meaning = f"a whole number from {least} on"
    return int(number(value, what, meaning, lambda v: v.is_integer() and v >= least))


def mapping(value: Any, what: str, example: str) -> Mapping[str, Any]:
    """Return values by symbol.

    Raises
    ------
    ParameterError
        It is no mapping.
    """
    if not isinstance(value, Mapping):
        raise ParameterError(f"{what} goes by symbol; {shown(value)} does not.", f"Such as {example}.")
    return value


def symbols(value: Any, what: str) -> tuple[str, ...]:
    """Return symbols; a single one is taken for itself, not for its letters.

    Raises
    ------
    ParameterError
        These are none.
    """
    if isinstance(value, str):
        return (value,)
    try:
        return tuple(value)
    except TypeError:
        raise ParameterError(f"{what} is symbols, not {shown(value)}.", 'Such as ("AAPL", "MSFT").') from None


# ---- strategies and their decisions ----


def strategy_of(strategy: Any, data: Any) -> Strategy:
    """Return a strategy: as it is, or with its defaults if a class or a name is given.

    Raises
    ------
    InvalidInputError
        It is no strategy, or the data stand in its place.
    NotFoundError
        No strategy has that name.
    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(data, Strategy) or (isinstance(data, type) and issubclass(data, Strategy)):
        raise InvalidInputError(
            "The data stand where the strategy belongs.", "Write tw.backtest(strategy, ds)."
        )
    if isinstance(strategy, str):
        return get(strategy)
    return class_of(strategy)()


def class_of(strategy: Any) -> type[Strategy]:
    """Return a strategy's class.

    Raises
    ------
    InvalidInputError
        It is none, or one that does not say how to decide.
    """
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        if isabstract(strategy):
            missing = " and ".join(sorted(strategy.__abstractmethods__))
            raise InvalidInputError(
                f"{strategy.__name__} does not define {missing}.",
                "A strategy says warmup and decide(self, ds).",
            )
        return strategy
    raise InvalidInputError(
        f"A strategy is needed, not {shown(strategy)}.",
        'Such as tw.strategies.SmaCross(fast=20, slow=50) or "sma_cross"; tw.strategies() lists them.',
    )


def decision_of(decision: Any, strategy: Strategy) -> Decision:
    """Return what a strategy decided.

    Raises
    ------
    InvalidInputError
        It is no decision.
    """
    if isinstance(decision, Signals | Weights | Units | Orders):
        return decision
    got = "nothing" if decision is None else f"a {type(decision).__name__}"
    raise InvalidInputError(
        f"decide() of {strategy.name or type(strategy).__name__!r} returned {got}.",
        "Return tw.strategies.Signals(target), Weights(target), Units(target) or Orders(on_bar); a target is "
        "a DataArray [symbol, time].",
    )


# ---- market data ----


def dataset_of(data: Any) -> xr.Dataset:
    """Return market data.

    Raises
    ------
    InvalidInputError
        It is no Dataset; the hint says how to make one.
    """
    if isinstance(data, xr.Dataset):
        return data
    how = f"Make one: {_MAKE}."
    if isinstance(data, pd.DataFrame):
        bars = "close" in {str(c).lower() for c in data.columns}
        make = _FROM_BARS if bars else _FROM_WIDE
        how = f'Make one: {make}; or store it with tw.ingest.frame(frame, "mine/prices").'
    elif isinstance(data, xr.DataArray):
        how = 'Make one: prices.to_dataset(name="close").'
    elif isinstance(data, Strategy):
        how = "The strategy comes first, the data come after it."
    raise InvalidInputError(
        f"Market data are a Dataset with dims (symbol, time), or a dataset's name, not {shown(data)}.", how
    )


def numeric(variable: Any, what: str) -> None:
    """Refuse what is not a number a symbol and bar.

    Raises
    ------
    InvalidInputError
        There are other dims, or values that are no numbers.
    """
    if variable.dims != DIMS and set(variable.dims) != set(DIMS):
        more = [str(d) for d in variable.dims if d not in DIMS]
        raise InvalidInputError(
            f"{what} has dims {tuple(variable.dims)}; a backtest needs (symbol, time).",
            f"Choose one of {more[0]!r}: ds.isel({more[0]}=0)."
            if more
            else "Give it a value for every symbol and time.",
        )
    if variable.dtype.kind not in "fiub":
        raise InvalidInputError(
            f"{what} holds {variable.dtype} values, not numbers.", "Make numbers of them: ds.astype(float)."
        )


def market_axes(ds: xr.Dataset) -> None:
    """Refuse times and symbols that bars cannot stand at, and prices that are none.

    Raises
    ------
    EmptySelectionError
        There are no bars.
    InvalidInputError
        Times are not dates, not sorted, or there twice; a symbol is there twice; prices are not numbers.
    """
    if 0 in (ds.sizes[SYMBOL], ds.sizes[TIME]):
        raise EmptySelectionError("The dataset holds no bars to trade on.")
    variables = ds.variables
    ordered_times(ds.get_index(TIME) if TIME in variables else None)
    names = ds.get_index(SYMBOL)
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise InvalidInputError(
            f"The symbol {twice!r} is there twice.", 'Drop the second one: ds.drop_duplicates("symbol").'
        )
    for name in _FIELDS:
        if name in variables:
            numeric(variables[name], f"{name!r}")


def ordered_times(times: Any, what: str = "ds") -> None:
    """Refuse times that bars cannot stand at; both questions are answered once an index.

    Raises
    ------
    InvalidInputError
        They are not dates without a zone, rising, each there once.
    """
    if isinstance(times, pd.DatetimeIndex) and times.tz is None:
        if times.is_monotonic_increasing and times.is_unique:
            return
        raise _disordered(times, what)
    if isinstance(times, pd.DatetimeIndex):
        raise InvalidInputError(
            f"The times have the zone {times.tz}; bars stand at session dates, or at times in UTC.",
            f'For daily bars: {what}.assign_coords(time={what}.indexes["time"].tz_localize(None)); '
            'for others with .tz_convert("UTC") before .tz_localize(None).',
        )
    kind = "no labels" if times is None else f"{times.dtype} labels"
    raise InvalidInputError(
        f"The times are no dates: the time axis has {kind}.",
        f"Say when the bars were: {what}.assign_coords(time=pd.to_datetime(dates)).",
    )


def _disordered(times: pd.DatetimeIndex, what: str) -> InvalidInputError:
    if times.hasnans:
        return InvalidInputError(
            f"{int(np.isnat(times.values).sum())} of the times are missing (NaT).",
            f'Leave them out: {what}.isel(time={what}["time"].notnull().values).',
        )
    if not times.is_unique:
        first = times[times.duplicated()][0]
        return InvalidInputError(
            f"The time {first} is there more than once.",
            f'Keep one bar of each: {what}.sortby("time").drop_duplicates("time").',
        )
    return InvalidInputError("The times are not in rising order.", f'Sort them: {what}.sortby("time").')
