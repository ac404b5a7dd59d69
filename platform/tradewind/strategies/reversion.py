"""Strategies that trade a price against its own band."""

import xarray as xr

from tradewind import indicators
from tradewind.indicators import one
from tradewind.lazy import lazy
from tradewind.strategies._fields import close_of
from tradewind.strategies.base import Constraint, Signals, Strategy, parameter
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


@register
class RsiReversion(Strategy):
    """Buy when the relative strength index falls below a level and sell when it is back above the middle."""

    name = "rsi_reversion"
    title = "RSI reversion"
    constraints = (Constraint("low < leave < high", lambda s: s.low < s.leave < s.high),)

    window: int = parameter(14, "bars of the index", minimum=2)
    low: float = parameter(30.0, "index below which to buy", minimum=0.0, maximum=100.0)
    high: float = parameter(70.0, "index above which to sell short, if allowed", minimum=0.0, maximum=100.0)
    leave: float = parameter(50.0, "index at which a position is left", minimum=0.0, maximum=100.0)
    short: bool = parameter(False, "also sell short above the high level")

    @property
    def warmup(self) -> int:
        """Bars before the index exists."""
        return self.window

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the index with its levels."""
        index = indicators.rsi(close_of(ds), self.window)
        levels = [xr.full_like(index, v) for v in (self.high, self.leave, self.low)]
        return Signals(one(rules.band, [index, *levels], (0, int(self.short)), "target"))
