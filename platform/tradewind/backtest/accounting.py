"""Run the compiled accounting over a market."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tradewind.backtest.dense import Start, rebalance, rebalance_cut
from tradewind.backtest.market import Market
from tradewind.backtest.orders import Orders, empty
from tradewind.backtest.rules import Costs
from tradewind.errors import InvalidInputError
from tradewind.lazy import lazy
from tradewind.threads import over_rows

signals = lazy("tradewind.backtest.signals_loops")
shared = lazy("tradewind.backtest.shared_loops")


Written = tuple[np.ndarray, Orders]


@dataclass(kw_only=True)
class Books:
    """What the accounting wrote.

    Attributes
    ----------
    cash, equity
        After each bar's fills, and at its close.
    income
        Dividends paid at each bar.
    flows
        What financing paid at each bar, by kind; costs are negative.
    balances
        Cash by currency ``(currency, time)``, where there are several.
    written
        Quantities ``(symbol, time)`` and orders; made by ``details`` when first asked for.
    """

    cash: np.ndarray
    equity: np.ndarray
    income: np.ndarray
    flows: dict[str, np.ndarray] = field(default_factory=dict)
    balances: np.ndarray | None = None
    written: Written | None = None
    details: Callable[[], Written | None] | None = None

    def _detail(self) -> Written:
        if self.written is None:
            self.written = self.details() if self.details else None
        assert self.written is not None
        return self.written

    @property
    def quantity(self) -> np.ndarray:
        """Units held after each bar's fills, ``(symbol, time)``."""
        return self._detail()[0]

    @property
    def orders(self) -> Orders:
        """Every order."""
        return self._detail()[1]


def refuse_infinite(target: np.ndarray) -> None:
    """Refuse targets that no account can hold.

    Raises
    ------
    InvalidInputError
        One is infinite.
    """
    if np.isinf(target).any():
        raise InvalidInputError(
            "A target is infinite.",
            "Perhaps decide() divides by zero: give NaN where there is nothing to do.",
        )


def _value(quantity: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Value of all positions at each bar; what is not held counts 0 even where it has no price yet."""
    value: np.ndarray = np.einsum("it,it->t", quantity, np.nan_to_num(mark))
    return value


def run_signals(signal: np.ndarray, market: Market, costs: Costs, capital: float, lot: float) -> Books:
    """Trade every symbol's signal with its own equal slice of the capital."""
    symbols = signal.shape[0]
    counts = np.zeros(symbols, np.int64)
    over_rows(signals.count_orders, symbols, signal.size, signal, counts)
    offsets = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
    orders = empty(int(counts.sum()))
    quantity, cash = np.empty_like(signal), np.empty_like(signal)
    over_rows(
        signals.run, symbols, signal.size, signal, market.price, market.mark, capital / symbols,
        costs.per_value,
        costs.per_share, costs.minimum, costs.slippage, lot, 0 if market.fill.looks_ahead else 1, offsets,
        quantity,
        cash, counts, orders.decided, orders.filled, orders.target, orders.quantity, orders.price, orders.fee,
        orders.reference,
    )  # fmt: skip
    orders.symbol[:] = np.repeat(np.arange(symbols), counts)
    total = cash.sum(axis=0)
    return Books(
        cash=total,
        equity=total + _value(quantity, market.mark),
        income=np.zeros(signal.shape[1]),
        written=(quantity, orders),
    )


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What the shared account is given, kept so that details can be written when they are asked for."""

    target: np.ndarray
    units: bool
    market: Market
    costs: Costs
    capital: float
    lot: float
    borrow: bool

    def run(self, *, record: bool) -> "Books":
        """Run the account; orders and quantities are written with ``record`` only."""
        symbols, bars = self.target.shape
        cash, equity, paid = np.empty(bars), np.empty(bars), np.zeros(bars)
        start = Start(cash=self.capital, held=np.zeros(symbols), want=np.full(symbols, np.nan),
                      seen=np.zeros(symbols))  # fmt: skip
        if not record and self.is_plain:
            if not self.costs.per_share:
                start = rebalance(
                    self.target, self.market, self.costs, self.capital, self.borrow, cash, equity
                )
            if start.bar < bars:
                start = rebalance_cut(start, self.target, self.market, self.costs, self.borrow, cash, equity)
        if start.bar == bars:
            return Books(cash=cash, equity=equity, income=paid, details=self.run_recorded)
        # every target that is not NaN is an order
        many = int((~np.isnan(self.target)).sum()) + symbols if record else 1
        orders = empty(many)
        quantity = np.empty((symbols, bars) if record else (1, 1))
        costs, market = self.costs, self.market
        refuse_infinite(self.target)
        none = np.zeros((1, 1))
        volume = market.volume if costs.impact > 0.0 else None
        dividend = market.dividend
        count = shared.run(
            self.target, int(self.units), market.price, market.mark, none if volume is None else volume,
            none if dividend is None else dividend, int(volume is not None), int(dividend is not None),
            start.cash, costs.numbers, self.lot, 0 if market.fill.looks_ahead else 1, int(self.borrow),
            int(record), start.bar, start.held, start.want, start.seen, quantity, cash, equity, paid,
            orders.symbol, orders.decided, orders.filled, orders.target, orders.quantity, orders.price,
            orders.fee, orders.reference,
        )  # fmt: skip
        if not record:
            return Books(cash=cash, equity=equity, income=paid, details=self.run_recorded)
        written = (quantity, orders.pick(np.arange(count)))
        return Books(cash=cash, equity=equity, income=paid, written=written)

    @property
    def is_plain(self) -> bool:
        """Whether rebalancing every bar may take the short cuts of :mod:`tradewind.backtest.dense`."""
        costs = self.costs
        rest = self.units or self.lot or costs.minimum or costs.impact
        return not rest and "dividend" not in self.market.fields

    def run_recorded(self) -> Written | None:
        """Quantities and orders, by running the account again."""
        return self.run(record=True).written
