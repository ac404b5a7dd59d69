"""Strategies that hold."""

import xarray as xr

from tradewind.strategies._fields import close_of
from tradewind.strategies.base import Signals, Strategy
from tradewind.strategies.registry import register


@register
class BuyAndHold(Strategy):
    """Buy every symbol once, in equal parts, and keep it."""

    name = "buy_and_hold"
    title = "Buy and hold"
    remembers = False

    @property
    def warmup(self) -> int:
        """None."""
        return 0

    def decide(self, ds: xr.Dataset) -> Signals:
        """Want all of every symbol from its first price on."""
        close = close_of(ds)
        return Signals(xr.ones_like(close, dtype=float).where(close.notnull()).rename("target"))
