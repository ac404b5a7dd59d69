"""Strategies that trade a price against its own band."""

import xarray as xr

from tradewind import indicators
from tradewind.indicators import one
from tradewind.lazy import lazy
from tradewind.strategies._fields import close_of
from tradewind.strategies.base import Signals, Strategy, parameter
from tradewind.strategies.registry import register

rules = lazy("tradewind.strategies.rules_loops")


@register
class Bollinger(Strategy):
    """Buy below the lower Bollinger band and sell at the middle (reversion), or buy above the upper one
    (breakout)."""

    name = "bollinger"
    title = "Bollinger bands"

    window: int = parameter(20, "bars of the band", minimum=2)
    width: float = parameter(2.0, "half the band's width in standard deviations", minimum=0.0)
    mode: str = parameter("reversion", "what leaving the band means", choices=("reversion", "breakout"))
    short: bool = parameter(False, "also sell short, mirrored")

    @property
    def warmup(self) -> int:
        """Bars before the band exists."""
        return self.window

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the close with its band."""
        close = close_of(ds)
        bands = indicators.bollinger(close, self.window, self.width)
        fields = [close, bands["upper"], bands["middle"], bands["lower"]]
        numbers = (int(self.mode == "breakout"), int(self.short))
        return Signals(one(rules.band, fields, numbers, "target"))
