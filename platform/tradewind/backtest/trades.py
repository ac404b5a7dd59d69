"""Round trips as a table."""

import numpy as np
import pandas as pd

from tradewind.backtest.market import Market
from tradewind.backtest.orders import Orders
from tradewind.backtest.rules import Fill
from tradewind.lazy import lazy

loops = lazy("tradewind.backtest.trades_loops")


def _today(fills: Orders, market: Market) -> tuple[np.ndarray, ...]:
    """Quantity and price of fills, and the market's prices, in the units of the last bar after all splits."""
    arrays = (np.ascontiguousarray(a) for a in (market.high, market.low, market.mark))
    if market.growth is None:
        return (fills.quantity, fills.price, *arrays)
    grown = market.growth[fills.symbol, fills.filled]
    return (fills.quantity * grown, fills.price / grown, *(a / market.growth for a in arrays))


def trades_frame(orders: Orders, market: Market) -> pd.DataFrame:
    """One row a round trip, from flat to flat, at average cost.

    Returns
    -------
    DataFrame
        ``symbol, direction, entry_time, exit_time, bars, quantity`` (at its largest), ``entry_price,
        exit_price`` (averages, after slippage), ``profit`` (after fees), ``return`` (profit over the value
        bought or sold to enter), ``fees, worst, best`` (largest adverse and favourable excursion as shares
        of the entry price), ``open`` (whether it still runs at the last bar, valued at its close).
    """
    fills = orders.fills
    fills = fills.pick(np.lexsort((fills.filled, fills.symbol)))
    count = fills.symbol.size
    numbers = np.zeros((max(1, 2 * count), 5), np.int64)
    figures = np.zeros((max(1, 2 * count), 8))
    n = 0
    if count:
        quantity, price, high, low, mark = _today(fills, market)
        n = loops.round_trips(
            fills.symbol, fills.filled, quantity, price, fills.paid / fills.worth, high, low, mark,
            int(market.fill is Fill.NEXT_OPEN), numbers, figures,
        )  # fmt: skip
    numbers, figures = numbers[:n], figures[:n]
    if market.unit is not None:  # in points so far
        figures[:, 3:6] *= market.unit[numbers[:, 0], numbers[:, 2]][:, None]
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
