"""Orders as the loops record them, and the tables made of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradewind.backtest.market import Market

# In the order of desk_inline's numbers
KIND_WORDS = (
    "market", "limit", "stop", "stop limit", "target", "margin call", "delisted", "cancel", "fraction",
)  # fmt: skip
STATUS_WORDS = ("open", "filled", "cancelled", "expired", "rejected", "cut", "replaced", "nothing to do")
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
    unit
        What a point of price of one unit is worth in the account's currency; 1 if None.
    kind, status
        As the order desk numbers them; None for accounts that know market orders only.
    spread, slip, impact, tax
        Parts of the costs, in the account's currency; the desk's only. ``fee`` includes no tax.
    """

    symbol: np.ndarray
    decided: np.ndarray
    filled: np.ndarray
    target: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    fee: np.ndarray
    reference: np.ndarray
    unit: np.ndarray | None = None
    kind: np.ndarray | None = None
    status: np.ndarray | None = None
    spread: np.ndarray | None = None
    slip: np.ndarray | None = None
    impact: np.ndarray | None = None
    tax: np.ndarray | None = None

    def columns(self) -> dict[str, np.ndarray]:
        """Those that there are."""
        every = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: values for name, values in every.items() if values is not None}

    def pick(self, rows: np.ndarray) -> "Orders":
        """Keep some, in the order given."""
        return Orders(**{name: values[rows] for name, values in self.columns().items()})

    @property
    def fills(self) -> "Orders":
        """Those that changed a position."""
        return self.pick(np.flatnonzero((self.filled >= 0) & (self.quantity != 0.0)))

    @property
    def slippage(self) -> np.ndarray:
        """What slippage cost each fill."""
        paid: np.ndarray = np.abs(self.quantity * (self.price - self.reference) * self.worth)
        return paid

    @property
    def worth(self) -> np.ndarray | float:
        """What a point of price of one unit is worth."""
        return 1.0 if self.unit is None else self.unit

    @property
    def value(self) -> np.ndarray:
        """Of the fills, in the account's currency; sales are negative."""
        found: np.ndarray = self.quantity * self.price * self.worth
        return found

    @property
    def paid(self) -> np.ndarray:
        """Commission and taxes."""
        return self.fee if self.tax is None else self.fee + self.tax


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
    more = {}
    if orders.kind is not None and orders.status is not None:
        status = np.array(STATUS_WORDS)[orders.status]
        more = {"kind": np.array(KIND_WORDS)[orders.kind]}
    return pd.DataFrame(
        {
            "decided": market.time[orders.decided],
            **more,
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
            "value": fills.value,
            "fee": fills.paid,
            "slippage": fills.slippage,
            "decided": market.time[fills.decided],
        }
    )
