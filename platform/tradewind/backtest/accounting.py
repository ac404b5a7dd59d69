"""Run the compiled accounting over a market."""

from dataclasses import dataclass

import numpy as np

from tradewind.backtest.market import Market
from tradewind.backtest.orders import Orders, empty
from tradewind.backtest.rules import Costs
from tradewind.lazy import lazy
from tradewind.threads import over_rows

signals = lazy("tradewind.backtest.signals_loops")
weights = lazy("tradewind.backtest.weights_loops")


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the accounting wrote: quantities ``(symbol, time)``, cash ``(time,)`` after each bar's fills,
    orders."""

    quantity: np.ndarray
    cash: np.ndarray
    equity: np.ndarray
    orders: Orders


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
    return Books(quantity=quantity, cash=total, equity=total + _value(quantity, market.mark), orders=orders)


def run_weights(
    target: np.ndarray, market: Market, costs: Costs, capital: float, *, lot: float, borrow: bool
) -> Books:
    """Rebalance one account to target weights."""
    symbols, bars = target.shape
    orders = empty(int(np.isfinite(target).sum()) + symbols)
    quantity, cash = np.empty((symbols, bars)), np.empty(bars)
    count = weights.run(
        target, market.price, market.mark, capital, costs.per_value, costs.per_share, costs.minimum,
        costs.slippage,
        lot, 0 if market.fill.looks_ahead else 1, int(borrow), quantity, cash, orders.symbol, orders.decided,
        orders.filled, orders.target, orders.quantity, orders.price, orders.fee, orders.reference,
    )  # fmt: skip
    return Books(
        quantity=quantity,
        cash=cash,
        equity=cash + _value(quantity, market.mark),
        orders=orders.pick(np.arange(count)),
    )
