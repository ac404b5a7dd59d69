"""Run the order desk: whatever is more than plain costs and market orders.

The desk keeps one account: working orders, limits, margin, financing, futures, currencies. Its loop is
:mod:`tradewind.backtest.desk_loops`; here its arrays are made and read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradewind.backtest import columns_inline as at
from tradewind.backtest.accounting import Books
from tradewind.backtest.limits import Currencies, Financing, Instruments, Limits, Short, Shortfall, by_symbol
from tradewind.backtest.market import Market
from tradewind.backtest.orders import REPLACED, UNFILLED, Orders
from tradewind.backtest.rules import Costs, Fill
from tradewind.errors import FieldNotFoundError, InvalidInputError, ParameterError
from tradewind.lazy import lazy
from tradewind.vocabulary import MEMBER, TIME

loops = lazy("tradewind.backtest.desk_loops")
asking = lazy("tradewind.backtest.asking")

VOLATILITY_BARS = 20
_SECONDS_A_DAY = 86_400.0
_FIELDS = {
    at.VOLUME: ("volume", np.inf), at.DIVIDEND: ("dividend", 0.0), at.SPLIT: ("split", 1.0),
    at.ROLL: ("roll", 0.0), at.OPEN: ("open", None), at.HIGH: ("high", None), at.LOW: ("low", None),
    at.HALF_SPREAD: ("half_spread", 0.0), at.MEMBER: (MEMBER, 1.0),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a desk works by.

    Attributes
    ----------
    first
        Number that the first symbol has in the whole market, of which this may be a part.
    """

    market: Market
    costs: Costs
    capital: float
    lot: float
    borrow: bool
    limits: Limits = field(default_factory=Limits)
    financing: Financing = field(default_factory=Financing)
    instruments: Instruments = field(default_factory=Instruments)
    currencies: Currencies | None = None
    first: int = 0

    @property
    def symbols(self) -> list[str]:
        """Their names."""
        return [str(s) for s in self.market.symbols]

    @property
    def monies(self) -> list[str]:
        """The currencies, the account's own first."""
        return self.currencies.names if self.currencies else ["account"]


def returns_held(close: np.ndarray, split: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Returns a bar against the last close before it in today's units and contract; 0 over holes.

    NaN up to a symbol's first close, which is no return yet.
    """
    out = np.full(close.shape, np.nan)
    ratio, gap = np.where(split > 0.0, split, 1.0), np.nan_to_num(roll)
    if not np.isnan(close).any():
        before = close[:, :-1] / ratio[:, 1:] + gap[:, 1:]
        change = close[:, 1:] / np.where(before > 0.0, before, np.nan) - 1.0
        out[:, 1:] = np.where(np.isfinite(change), change, 0.0)
        return out
    last = close[:, 0]
    for t in range(1, close.shape[1]):
        before = last / ratio[:, t] + gap[:, t]
        last = np.where(np.isnan(close[:, t]), before, close[:, t])
        change = last / np.where(before > 0.0, before, np.nan) - 1.0
        out[:, t] = np.where(np.isnan(before) | np.isfinite(change), change, 0.0)
    return out


def volatility_before(close: np.ndarray, split: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Deviation of the last 20 bars' returns, known before each bar; 0 until there are two."""
    out = np.zeros(close.shape)
    change = returns_held(close, split, roll)[:, :-1]
    ahead = np.full((len(close), VOLATILITY_BARS), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.concatenate((ahead, change), axis=1), VOLATILITY_BARS, axis=1
    )
    for i, window in enumerate(windows):  # a symbol at a time: all windows at once would fill the memory
        known = np.isfinite(window)
        many = known.sum(axis=1)
        mean = np.where(known, window, 0.0).sum(axis=1) / np.maximum(many, 1)
        squares = (np.where(known, window - mean[:, None], 0.0) ** 2).sum(axis=1)
        out[i] = np.where(many > 1, np.sqrt(squares / np.maximum(many - 1, 1)), 0.0)
    return out


def bars_of(account: Account) -> np.ndarray:
    """The market as ``(field, symbol, time)``.

    Raises
    ------
    FieldNotFoundError
        The costs depend on a field that the dataset does not have.
    """
    market, costs = account.market, account.costs
    bars = np.empty((at.FIELDS, *market.close.shape))
    bars[at.PRICE], bars[at.CLOSE] = market.price, market.close
    for row, (name, default) in _FIELDS.items():
        found = market.field(name)
        if name == "volume" and found is None and (costs.impact or costs.participation):
            raise FieldNotFoundError("Impact and participation depend on 'volume', and the dataset has none.")
        bars[row] = found if found is not None else market.close if default is None else default
    by_volatility = costs.volatility > 0.0 or costs.impact_by_volatility
    bars[at.SIGMA] = 0.0
    if by_volatility:
        bars[at.SIGMA] = volatility_before(bars[at.CLOSE], bars[at.SPLIT], bars[at.ROLL])
    return bars


def traits_of(account: Account, names: list[str]) -> np.ndarray:
    """One row a symbol."""
    symbols, things, limits = account.symbols, account.instruments, account.limits
    traits = np.zeros((len(symbols), at.TRAITS))
    traits[:, at.NUMBER] = account.first + np.arange(len(symbols))
    traits[:, at.MULTIPLIER] = by_symbol(things.multiplier, symbols, 1.0, "multiplier")
    traits[:, at.LOT] = by_symbol(things.lot, symbols, account.lot, "lot")
    traits[:, at.FUTURE] = by_symbol(dict.fromkeys(things.futures, 1.0), symbols, 0.0, "futures")
    listed = by_symbol(dict.fromkeys(limits.locate, 1.0), symbols, 0.0, "locate")
    free = 1.0 if limits.short is Short.ALLOWED else 0.0
    traits[:, at.MAY_SHORT] = listed if limits.short is Short.LOCATE else free
    fee = account.financing.borrow_fee
    traits[:, at.BORROW_FEE] = (
        fee if isinstance(fee, int | float) else by_symbol(fee, symbols, 0.0, "borrow_fee")
    )
    home = names[0]
    for i, name in enumerate(by_symbol(things.currency, symbols, home, "currency")):
        if name not in names:
            raise ParameterError(
                f"{symbols[i]} is quoted in {name}, and there is no rate for it.", "Give currencies=."
            )
        traits[i, at.CURRENCY] = names.index(name)
    return traits


def clock_of(account: Account) -> np.ndarray:
    """Years since the bar before, and the rates of interest, at each bar."""
    time = account.market.time
    clock = np.zeros((3, time.size))
    days = np.diff(time).astype("timedelta64[s]").astype(float) / _SECONDS_A_DAY
    clock[at.YEARS, 1:] = days / account.financing.days
    for row, rate in (
        (at.CASH_RATE, account.financing.cash_rate),
        (at.DEBT_RATE, account.financing.debt_rate),
    ):
        if isinstance(rate, int | float):
            clock[row] = rate
        elif not hasattr(rate, "reindex"):
            raise InvalidInputError(
                f"A saved result keeps no series of rates, only its name: {rate}.",
                "Give Financing with the series itself.",
            )
        else:  # known at the bar before, which it is paid for
            known = rate.reindex({TIME: time}, method="ffill").fillna(0.0).values
            clock[row, 1:] = known[:-1]
    return clock


def rules_of(account: Account, *, units: bool, target: bool, call: bool) -> np.ndarray:
    """All figures that are neither of a symbol nor of a bar."""
    costs, limits, fill = account.costs, account.limits, account.market.fill
    rules = np.zeros(at.RULES)
    rules[: len(costs.numbers)] = costs.numbers
    given = {
        at.SPREAD: costs.spread, at.VOLATILITY: costs.volatility, at.IMPACT_SIGMA: costs.impact_by_volatility,
        at.PARTICIPATION: costs.participation, at.TAX_BUY: costs.tax_buy, at.TAX_SELL: costs.tax_sell,
        at.HAS_TAX: costs.tax is not None, at.LAG: not fill.looks_ahead, at.AT_CLOSE: fill.at_close,
        at.CHILD_LAG: fill is not Fill.NEXT_OPEN, at.BORROW: account.borrow,
        at.SHORTFALL: limits.shortfall is Shortfall.REJECT, at.MINIMUM_NOTIONAL: limits.minimum_notional,
        at.MOST_POSITION: limits.position or 0.0, at.MOST_GROSS: limits.gross or 0.0,
        at.MOST_TURNOVER: limits.turnover or 0.0, at.MAINTENANCE: limits.maintenance,
        at.DELIST_AFTER: limits.delist_after, at.DELIST_LOSS: limits.delist_loss,
        at.CONVERT: account.currencies is None or account.currencies.convert, at.UNITS: units,
        at.HAS_TARGET: target, at.HAS_CALL: call, at.FIXED: costs.fixed,
    }  # fmt: skip
    for row, value in given.items():
        rules[row] = float(value)
    return rules


@dataclass(kw_only=True)
class Tables:
    """The arrays of one run; those of orders and fills grow."""

    orders: np.ndarray
    figures: np.ndarray
    fills: np.ndarray
    paid: np.ndarray
    active: np.ndarray
    counts: np.ndarray

    @classmethod
    def empty(cls, rows: int) -> "Tables":
        """Room for a number of orders and fills."""
        return cls(
            orders=np.zeros((rows, 8), np.int64), figures=np.zeros((rows, at.FIGURES)),
            fills=np.zeros((rows, 3), np.int64), paid=np.zeros((rows, 9)),
            active=np.zeros(rows, np.int64), counts=np.zeros(5, np.int64),
        )  # fmt: skip

    def grow(self) -> None:
        """Twice as much room."""
        for name in ("orders", "figures", "fills", "paid", "active"):
            table = getattr(self, name)
            setattr(self, name, np.concatenate((table, np.zeros_like(table))))

    def result(self, unit: np.ndarray) -> Orders:
        """One record a fill, and one an order that was never filled."""
        n, f = int(self.counts[at.ORDERS_USED]), int(self.counts[at.FILLS_USED])
        orders, figures, fills, paid = self.orders[:n], self.figures[:n], self.fills[:f], self.paid[:f]
        done = np.zeros(n, bool)
        done[fills[:, at.FILL_ORDER]] = True
        rest = np.flatnonzero(~done)
        of = np.concatenate((fills[:, at.FILL_ORDER], rest))
        bar = np.concatenate((fills[:, at.FILL_BAR], np.full(rest.size, UNFILLED)))
        status = orders[of, at.STATUS]
        bar[(bar < 0) & (status == at.REPLACED)] = REPLACED

        def column(k: int, default: float = 0.0) -> np.ndarray:
            return np.concatenate((paid[:, k], np.full(rest.size, default)))

        symbol = orders[of, at.SYMBOL]
        found = Orders(
            symbol=symbol, decided=np.maximum(orders[of, at.DECIDED], 0), filled=bar,
            target=figures[of, at.ASKED], quantity=column(at.QUANTITY), price=column(at.AT, np.nan),
            fee=column(at.COMMISSION), reference=column(at.REFERENCE, np.nan),
            unit=column(at.FX, 1.0) * unit[symbol], kind=orders[of, at.KIND], status=status,
            spread=column(at.SPREAD_COST), slip=column(at.SLIPPAGE_COST), impact=column(at.IMPACT_COST),
            tax=column(at.TAX_COST),
        )  # fmt: skip
        return found.pick(np.argsort(of, kind="stable"))


Caller = Callable[["Run", int], int]


@dataclass(kw_only=True)
class Run:
    """One account on its way through the bars."""

    account: Account
    bars: np.ndarray
    traits: np.ndarray
    clock: np.ndarray
    rates: np.ndarray
    rules: np.ndarray
    cash: np.ndarray
    state: np.ndarray
    tables: Tables
    book: np.ndarray
    quantity: np.ndarray
    day: np.ndarray
    target: np.ndarray
    asks: np.ndarray
    memory: np.ndarray
    on_bar: Any
    tax: Any

    def advance(self, last: int) -> None:
        """Go on to a bar."""
        tables = self.tables
        tiers = np.array(self.account.costs.tiers, float).reshape(-1, 2)
        functions = () if self.on_bar is None and self.tax is None else (
            self.tax or loops.no_tax, self.on_bar or loops.no_orders)  # fmt: skip
        loop = loops.run if functions else loops.step
        while tables.counts[at.NEXT_BAR] < last:
            loop(
                last, self.bars, self.traits, self.clock, self.rates, self.rules, tiers, self.cash,
                self.state, self.target, self.day, tables.orders, tables.figures, tables.fills, tables.paid,
                tables.active, tables.counts, self.book, self.quantity, *functions, self.memory, self.asks,
            )  # fmt: skip
            if tables.counts[at.NEXT_BAR] < last:
                tables.grow()

    def accept(self, count: int, bar: int) -> None:
        """Place the first rows of ``asks`` as orders."""
        tables = self.tables
        while tables.active.size - tables.counts[at.ACTIVE_USED] < count + 8:
            tables.grow()
        while len(tables.orders) - tables.counts[at.ORDERS_USED] < count + 8:
            tables.grow()
        loops.accept(
            count, bar, self.asks, self.bars, tables.orders, tables.figures, tables.active, tables.counts,
            self.rules,
        )  # fmt: skip

    def _leave_open(self) -> None:
        """Targets still waiting at the end are orders too."""
        tables = self.tables
        new = ~np.isnan(self.state[:, at.WANT]) & (self.state[:, at.ORDER] < 0.0)
        for i in np.flatnonzero(new):
            o = int(tables.counts[at.ORDERS_USED])
            if o == len(tables.orders):
                tables.grow()
            row = {at.SYMBOL: i, at.KIND: at.TARGET, at.DECIDED: self.state[i, at.SINCE]}
            for column, value in row.items():
                tables.orders[o, column] = value
            tables.figures[o, at.ASKED] = self.state[i, at.WANT]
            tables.counts[at.ORDERS_USED] += 1
        self.state[:, at.WANT] = np.nan

    def books(self) -> Books:
        """What came out."""
        self._leave_open()
        account = self.account
        several = account.currencies is not None and not account.currencies.convert
        flows = {
            "interest": np.minimum(self.book[at.INTEREST], 0.0),
            "cash interest": np.maximum(self.book[at.INTEREST], 0.0),
            "borrow fee": -self.book[at.BORROWED],
            "roll": -self.book[at.ROLLED],
        }
        if several:
            flows["exchange"] = self._exchange()
        return Books(
            cash=self.book[at.CASH_NOW].copy(),
            equity=self.book[at.EQUITY_NOW].copy(),
            income=self.book[at.INCOME].copy(),
            flows={name: values for name, values in flows.items() if values.any()},
            balances=self.balances if several else None,
            written=(self.quantity, self.tables.result(self.traits[:, at.MULTIPLIER])),
        )

    def _exchange(self) -> np.ndarray:
        """What the cash kept in other currencies gained since the bar before."""
        gained = (self.balances[:, :-1] * np.diff(self.rates, axis=1)).sum(axis=0)
        return np.concatenate(([0.0], gained))

    @property
    def balances(self) -> np.ndarray:
        """Cash by currency at each bar."""
        return self.book[at.BOOKS :]


def start(
    account: Account, target: np.ndarray | None = None, *, units: bool = False, on_bar: Any = None,
    memory: Any = (), most: int = 16,
) -> Run:  # fmt: skip
    """Prepare an account at its first bar."""
    symbols, bars = account.market.close.shape
    names = account.monies
    time = account.market.time
    rates = account.currencies.over(time) if account.currencies else np.ones((1, time.size))
    state = np.zeros((symbols, at.STATES))
    state[:, at.WANT] = np.nan
    state[:, at.ORDER] = -1.0
    cash = np.zeros(len(names))
    cash[0] = account.capital
    asks = np.full((max(1, most), at.ASKS), np.nan)
    return Run(
        account=account, bars=bars_of(account), traits=traits_of(account, names), clock=clock_of(account),
        rates=rates, cash=cash, state=state, tables=Tables.empty(max(1024, 16 * symbols)),
        rules=rules_of(account, units=units, target=target is not None, call=on_bar is not None),
        book=np.zeros((at.BOOKS + len(names), bars)), quantity=np.zeros((symbols, bars)), day=np.zeros(5),
        target=np.zeros((1, 1)) if target is None else target.copy(), asks=asks,
        memory=np.array(memory, float).ravel(), on_bar=on_bar,
        tax=None if account.costs.tax is None else asking.tax_function(account.costs.tax),
    )  # fmt: skip
