"""What an account may do and pays for: limits, financing, instruments, currencies."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, cast

import numpy as np
import xarray as xr

from tradewind.backtest.checking import mapping, not_negative, number, positive, shown, symbols, whole
from tradewind.backtest.rules import Named
from tradewind.errors import InvalidInputError, ParameterError, did_you_mean
from tradewind.keywords import spoken
from tradewind.vocabulary import TIME

CURRENCY_DIM = "currency"


class Short(StrEnum):
    """Who may be sold short."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    LOCATE = "locate"
    """Only the symbols of a list."""


class Shortfall(StrEnum):
    """What becomes of an order that the rules or the cash do not allow in full."""

    CUT = "cut"
    REJECT = "reject"


@spoken
@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an account may hold and trade.

    Attributes
    ----------
    short, locate
        Whether short sales are allowed, and for ``"locate"`` of which symbols.
    minimum_notional
        Orders worth less, in the account's currency, are not traded; leaving a position always is.
    position
        Most value of one position, as a share of the equity.
    gross
        Most gross value of all positions, as a share of the equity: the leverage. Of targets, sales make
        room first, and all that makes positions larger is cut by one factor; orders take room as they come.
    turnover
        Most value traded in one bar, as a share of the equity; all trades towards targets are cut by one
        factor.
    maintenance
        A margin call comes when the equity closes below this share of the gross value: at the next bar's
        price all positions are cut to ``gross`` times the equity (to nothing, if there is none left).
    shortfall
        Whether an order that is not allowed in full is cut, or rejected. Purchases for which cash does not
        pay in full are rejected too, but for those of targets, which one factor cuts.
    delist_after, delist_loss
        Bars without a price after which a position is closed at its last price less this share of it
        (shorts are closed at the last price); 0: never.
    """

    short: Short = Short.ALLOWED
    locate: tuple[str, ...] = ()
    minimum_notional: float = 0.0
    position: float | None = None
    gross: float | None = None
    turnover: float | None = None
    maintenance: float = 0.0
    shortfall: Shortfall = Shortfall.CUT
    delist_after: int = 0
    delist_loss: float = 0.0

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "short", Short(self.short))
            object.__setattr__(self, "shortfall", Shortfall(self.shortfall))
        except ValueError as problem:
            raise ParameterError(
                f"Limits: {problem}.",
                'short is "allowed", "forbidden" or "locate"; shortfall "cut" or "reject".',
            ) from None
        object.__setattr__(self, "locate", symbols(self.locate, "Limits: locate"))
        for name in ("position", "gross", "turnover"):
            if (value := getattr(self, name)) is not None:
                number(value, f"Limits: {name}", "a positive share of the equity", positive)
        number(self.maintenance, "Limits: maintenance", "a share from 0 to below 1", lambda v: 0.0 <= v < 1.0)
        number(self.delist_loss, "Limits: delist_loss", "a share between 0 and 1", lambda v: 0.0 <= v <= 1.0)
        number(self.minimum_notional, "Limits: minimum_notional", "an amount and not negative", not_negative)
        whole(self.delist_after, "Limits: delist_after")
        if self.maintenance and self.gross is None:
            raise ParameterError(
                "Limits: a margin call needs to know what to cut to.", "Give gross=, the most leverage."
            )


@spoken
@dataclass(frozen=True, kw_only=True)
class Financing:
    """What money costs and earns: rates a year, accrued from bar to bar over calendar days.

    Attributes
    ----------
    cash_rate, debt_rate
        Earned on cash, paid on cash below zero: numbers, or series over time.
    borrow_fee
        Paid on the value of what is sold short: a number, or one a symbol (others pay nothing).
    days
        Days a year: 365, or 360 by the money market's custom.
    """

    cash_rate: float | xr.DataArray = 0.0
    debt_rate: float | xr.DataArray = 0.0
    borrow_fee: float | Mapping[str, float] = 0.0
    days: float = 365.0

    def __post_init__(self) -> None:
        for name in ("cash_rate", "debt_rate"):
            object.__setattr__(self, name, _rate(getattr(self, name), f"Financing: {name}"))
        fee = self.borrow_fee
        if isinstance(fee, Mapping):
            found: Any = {s: number(v, f"Financing: borrow_fee of {s}") for s, v in fee.items()}
        else:
            found = number(fee, "Financing: borrow_fee", "a share a year, or one by symbol")
        object.__setattr__(self, "borrow_fee", found)
        number(self.days, "Financing: days", "a positive number of days a year", positive)


def _rate(rate: Any, what: str) -> float | xr.DataArray:
    if isinstance(rate, Named):
        return cast("float", rate)
    if not isinstance(rate, xr.DataArray):
        return number(rate, what, "a share a year, or a DataArray [time] of them")
    if rate.dims != (TIME,):
        raise InvalidInputError(f"{what} is a series over time; this one has dims {rate.dims}.")
    return rate


@spoken
@dataclass(frozen=True, kw_only=True)
class Instruments:
    """What the symbols are, where they are not plain shares.

    Attributes
    ----------
    multiplier
        Account money a point of price, by symbol; 1 for the others.
    futures
        Symbols settled daily: buying them takes no cash, their profits and losses are paid every close. A
        dataset's field ``roll`` says by how much the next contract's price is above the old one's at the bar
        where a continuous series changes over: no profit, two commissions.
    lot
        Whole multiples traded, by symbol; the backtest's ``lot`` for the others.
    currency
        What a symbol is quoted in, by symbol; the account's own for the others.
    """

    multiplier: Mapping[str, float] = field(default_factory=dict)
    futures: tuple[str, ...] = ()
    lot: Mapping[str, float] = field(default_factory=dict)
    currency: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "futures", symbols(self.futures, "Instruments: futures"))
        rules = {"multiplier": ("a positive number", positive), "lot": ("a number of units", not_negative)}
        for name, (meaning, holds) in rules.items():
            given = mapping(getattr(self, name), f"Instruments: {name}", '{"ES": 50}')
            what = f"Instruments: {name} of"
            found = {s: number(v, f"{what} {s}", meaning, holds) for s, v in given.items()}
            object.__setattr__(self, name, found)
        for symbol, money in mapping(self.currency, "Instruments: currency", '{"SAP": "EUR"}').items():
            if not isinstance(money, str):
                raise ParameterError(f"Instruments: currency of {symbol} is a name, not {money!r}.")


@spoken
@dataclass(frozen=True, kw_only=True)
class Currencies:
    """Money in several currencies.

    Attributes
    ----------
    base
        The account's own.
    rates : DataArray [currency, time]
        What one unit of each other currency is worth in the account's; the last known one holds.
    convert
        Whether every payment is changed into the account's currency at once, at the bar's rate. Otherwise
        each currency has a balance of its own, which may be negative, earns and pays interest, and moves with
        its rate.
    """

    base: str
    rates: xr.DataArray
    convert: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.base, str):
            raise ParameterError(f"Currencies: base is a currency's name, not {shown(self.base)}.")
        dims = tuple(self.rates.dims) if isinstance(self.rates, xr.DataArray) else shown(self.rates)
        if not isinstance(dims, tuple) or set(dims) != {CURRENCY_DIM, TIME}:
            raise InvalidInputError(f"Currencies: rates have dims (currency, time), not {dims}.")

    @property
    def names(self) -> list[str]:
        """The account's currency, then the others."""
        return [self.base, *(str(c) for c in self.rates[CURRENCY_DIM].values if str(c) != self.base)]

    def over(self, time: np.ndarray) -> np.ndarray:
        """Rates ``(currency, time)`` at a market's bars, the account's own (1) first.

        Raises
        ------
        InvalidInputError
            A rate is not known at the first bar.
        """
        rows = [np.ones(time.size)]
        for name in self.names[1:]:
            series = self.rates.sel({CURRENCY_DIM: name}).dropna(TIME).reindex({TIME: time}, method="ffill")
            if not np.isfinite(series.values).all():
                raise InvalidInputError(f"Currencies: the rate of {name} is not known at the first bar.")
            rows.append(np.asarray(series.values, float))
        return np.array(rows)


def by_symbol(values: Mapping[str, Any], symbols: list[str], default: Any, what: str) -> list[Any]:
    """One value a symbol.

    Raises
    ------
    InvalidInputError
        A symbol is named that the dataset does not have.
    """
    for name in values:
        if str(name) not in symbols:
            raise InvalidInputError(
                f"{what} names {name!r}, which the dataset does not have.", did_you_mean(str(name), symbols)
            )
    return [values.get(s, default) for s in symbols]


def as_text(part: Any) -> dict[str, Any]:
    """Costs, or one of this file, as plain data: series and functions by their names only."""
    found: dict[str, Any] = {}
    for f in fields(part):
        value = getattr(part, f.name)
        if isinstance(value, xr.DataArray):
            value = f"series {value.name or f.name}"
        elif callable(value):
            value = f"function {getattr(value, '__name__', 'unnamed')}"
        elif isinstance(value, np.generic):
            value = value.item()
        found[f.name] = dict(value) if isinstance(value, Mapping) else value
    return found
