"""Orders as the loops record them, and the tables made of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradewind.backtest.market import Market

UNFILLED = -1
REPLACED = -2


@dataclass(frozen=True, kw_only=True)
class Orders:
    """One record an order; all arrays have one entry an order.

    Attributes
    ----------
    decided, filled
        Bars; ``filled`` is :data:`UNFILLED` or :data:`REPLACED` for orders that were not.
    quantity, price, fee
        Of the fill: units signed by side, price after slippage, commission.
    reference
        The bar's price before slippage.
    """

    symbol: np.ndarray
    decided: np.ndarray
    filled: np.ndarray
    target: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    fee: np.ndarray
    reference: np.ndarray

    def pick(self, rows: np.ndarray) -> "Orders":
        """Keep some, in the order given."""
        return Orders(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @property
    def fills(self) -> "Orders":
        """Those that changed a position."""
        return self.pick(np.flatnonzero((self.filled >= 0) & (self.quantity != 0.0)))

    @property
    def slippage(self) -> np.ndarray:
        """What slippage cost each fill."""
        paid: np.ndarray = np.abs(self.quantity * (self.price - self.reference))
        return paid


def empty(count: int) -> Orders:
    """Room for a number of orders."""
    return Orders(
        symbol=np.zeros(count, np.int64),
        decided=np.zeros(count, np.int64),
        filled=np.full(count, UNFILLED, np.int64),
        target=np.zeros(count),
        quantity=np.zeros(count),
        price=np.full(count, np.nan),
        fee=np.zeros(count),
        reference=np.full(count, np.nan),
    )


def orders_frame(orders: Orders, market: Market) -> pd.DataFrame:
    """One row an order: when it was decided, for what, and what became of it."""
    status = np.select(
        [orders.filled == UNFILLED, orders.filled == REPLACED, orders.quantity == 0.0],
        ["open", "replaced", "nothing to do"],
        "filled",
    )
    return pd.DataFrame(
        {
            "decided": market.time[orders.decided],
            "symbol": market.symbols[orders.symbol],
            "target": orders.target,
            "status": status,
            "filled": pd.Series(
                np.where(
                    orders.filled >= 0, market.time[np.maximum(orders.filled, 0)], np.datetime64("NaT", "ns")
                )
            ),
            "quantity": orders.quantity,
            "price": orders.price,
            "fee": orders.fee,
        }
    )


def fills_frame(orders: Orders, market: Market) -> pd.DataFrame:
    """One row a fill."""
    fills = orders.fills
    fills = fills.pick(np.lexsort((fills.symbol, fills.filled)))
    return pd.DataFrame(
        {
            "time": market.time[fills.filled],
            "symbol": market.symbols[fills.symbol],
            "quantity": fills.quantity,
            "price": fills.price,
            "value": fills.quantity * fills.price,
            "fee": fills.fee,
            "slippage": fills.slippage,
            "decided": market.time[fills.decided],
        }
    )
