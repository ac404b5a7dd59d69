"""Round trips as a table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradewind.backtest.market import Market
from tradewind.backtest.orders import Orders
from tradewind.backtest.rules import Fill
from tradewind.lazy import lazy

loops = lazy("tradewind.backtest.trades_loops")


@dataclass(frozen=True, kw_only=True)
class Units:
    """A market in the units of its last bar, after all splits; arrays are ``(symbol, time)``.

    Attributes
    ----------
    growth
        Units of the last bar that one of each bar has become; None: no splits.
    high, low, mark
        Prices a unit.
    rolled
        By how much the price is above that of the first contract; None: no rolls.
    beside
        What, beside its value at a bar, a unit paid at that bar stands for in the account's money: rolls paid
        so far, and of futures the profits settled. Differences of value and this together are profits. None
        if there is nothing.
    """

    growth: np.ndarray | None
    high: np.ndarray
    low: np.ndarray
    mark: np.ndarray
    rolled: np.ndarray | None
    beside: np.ndarray | None


def _units(market: Market) -> Units:
    growth, roll = market.growth, market.field("roll")
    high, low, mark = (
        np.ascontiguousarray(a if growth is None else a / growth)
        for a in (market.high, market.low, market.mark)
    )
    gap = None
    if roll is not None and np.nan_to_num(roll).any():
        gap = np.nan_to_num(roll) if growth is None else np.nan_to_num(roll) / growth
    rolled = None if gap is None else np.cumsum(gap, axis=1)
    beside = _beside(market, mark, gap)
    return Units(growth=growth, high=high, low=low, mark=mark, rolled=rolled, beside=beside)


def _beside(market: Market, mark: np.ndarray, gap: np.ndarray | None) -> np.ndarray | None:
    """See :class:`Units`: each payment is changed at the rate of its own bar."""
    unit = np.ones(1) if market.unit is None else market.unit
    found = None if gap is None else -np.cumsum(gap * unit, axis=1)
    if market.settled is not None and market.settled.any():
        known = np.nan_to_num(mark)
        change = np.diff(known, axis=1, prepend=known[:, :1])
        settled = np.cumsum((change if gap is None else change - gap) * unit, axis=1) - known * unit
        other = np.zeros(1) if found is None else found
        found = np.where(market.settled[:, None], settled, other)
    return found


def _prices(
    units: Units, market: Market, price: np.ndarray, symbol: np.ndarray, bar: np.ndarray
) -> np.ndarray:
    """The loops' columns of prices of some symbols at some bars; the first one, units, is left open."""
    value = price if market.unit is None else price * market.unit[symbol, bar]
    level = price if units.rolled is None else price - units.rolled[symbol, bar]
    money = value if units.beside is None else value + units.beside[symbol, bar]
    none = np.zeros_like(price)
    return np.column_stack((none, price, level, money, value, none))


def _fold(fills: Orders, market: Market) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and figures of the trades, as the loops write them."""
    units = _units(market)
    grown = 1.0 if units.growth is None else units.growth[fills.symbol, fills.filled]
    table = _prices(units, market, fills.price / grown, fills.symbol, fills.filled)
    table[:, loops.QUANTITY] = fills.quantity * grown
    table[:, loops.FEE] = fills.paid
    every, last = np.arange(len(market.symbols)), np.full(len(market.symbols), market.time.size - 1)
    final = _prices(units, market, np.nan_to_num(units.mark[:, -1]), every, last)
    prices = (a if units.rolled is None else a - units.rolled for a in (units.high, units.low, units.mark))
    count = fills.symbol.size
    numbers = np.zeros((2 * count, 5), np.int64)
    figures = np.zeros((2 * count, 8))
    n = loops.round_trips(
        fills.symbol, fills.filled, table, final, *prices, int(market.fill is Fill.NEXT_OPEN), numbers,
        figures, np.zeros(loops.SUMS),
    )  # fmt: skip
    return numbers[:n], figures[:n]


def trades_frame(orders: Orders, market: Market) -> pd.DataFrame:
    """One row a round trip, from flat to flat, at average cost.

    The profits of all rows add up to what the account gained, less what :attr:`Result.flows` tells of.

    Returns
    -------
    DataFrame
        ``symbol, direction, entry_time, exit_time, bars, quantity`` (at its largest), ``entry_price,
        exit_price`` (averages, after slippage), ``profit`` (after fees, in the account's currency, every
        payment at the rate of its own bar; the gaps of rolled contracts are none), ``return`` (profit over
        the value bought or sold to enter), ``fees, worst, best`` (largest adverse and favourable excursion
        of the price, rolls left out, as shares of the entry price), ``open`` (whether it still runs at the
        last bar, valued at its close). Quantities and prices are in units of the last bar, after all splits.
    """
    fills = orders.fills
    fills = fills.pick(np.lexsort((fills.filled, fills.symbol)))
    numbers, figures = np.zeros((0, 5), np.int64), np.zeros((0, 8))
    if fills.symbol.size:
        numbers, figures = _fold(fills, market)
    order = np.lexsort((numbers[:, 0], numbers[:, 1]))
    numbers, figures = numbers[order], figures[order]
    with np.errstate(invalid="ignore", divide="ignore"):
        earned = figures[:, 3] / figures[:, 5]
    return pd.DataFrame(
        {
            "symbol": market.symbols[numbers[:, 0]],
            "direction": np.where(numbers[:, 4] > 0, "long", "short"),
            "entry_time": market.time[numbers[:, 1]],
            "exit_time": market.time[numbers[:, 2]],
            "bars": numbers[:, 2] - numbers[:, 1],
            "quantity": figures[:, 0],
            "entry_price": figures[:, 1],
            "exit_price": figures[:, 2],
            "profit": figures[:, 3],
            "return": earned,
            "fees": figures[:, 4],
            "worst": figures[:, 6],
            "best": figures[:, 7],
            "open": numbers[:, 3] == 1,
        }
    )
