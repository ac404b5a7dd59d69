"""Strategies that follow a trend."""

import xarray as xr

from tradewind import indicators
from tradewind.indicators import one
from tradewind.lazy import lazy
from tradewind.strategies._fields import close_of, with_range
from tradewind.strategies.base import Constraint, Signals, Strategy, parameter
from tradewind.strategies.registry import register
from tradewind.vocabulary import TIME

rules = lazy("tradewind.strategies.rules_loops")

FAST_BELOW_SLOW = Constraint("fast < slow", lambda s: s.fast < s.slow)


@register
class SmaCross(Strategy):
    """Long from the bar a fast simple average crosses above a slow one, flat (or short) from the cross
    below."""

    name = "sma_cross"
    title = "SMA crossover"
    constraints = (FAST_BELOW_SLOW,)

    fast: int = parameter(20, "bars of the fast average", minimum=1)
    slow: int = parameter(100, "bars of the slow average", minimum=2)
    short: bool = parameter(False, "sell short after a cross below, instead of holding cash")

    @property
    def warmup(self) -> int:
        """Bars before the slow average exists."""
        return self.slow

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the two averages of the close."""
        close = close_of(ds)
        fast, slow = indicators.sma(close, self.fast), indicators.sma(close, self.slow)
        below = -1.0 if self.short else 0.0
        return Signals(one(rules.crossing, [fast, slow], (below,), "target"))


@register
class EmaCross(Strategy):
    """Long from the bar a fast exponential average crosses above a slow one, flat (or short) from the cross
    below."""

    name = "ema_cross"
    title = "EMA crossover"
    constraints = (FAST_BELOW_SLOW,)

    fast: int = parameter(20, "bars of the fast average", minimum=1)
    slow: int = parameter(100, "bars of the slow average", minimum=2)
    short: bool = parameter(False, "sell short after a cross below, instead of holding cash")

    @property
    def warmup(self) -> int:
        """Bars before the slow average exists; what is left of its seed by then is 13 %."""
        return self.slow

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the two averages of the close."""
        close = close_of(ds)
        fast, slow = indicators.ema(close, self.fast), indicators.ema(close, self.slow)
        below = -1.0 if self.short else 0.0
        return Signals(one(rules.crossing, [fast, slow], (below,), "target"))


@register
class Donchian(Strategy):
    """Buy a close above the highest high of the bars before; sell one below the lowest low of fewer bars."""

    name = "donchian"
    title = "Donchian breakout"
    constraints = (Constraint("exit <= entry", lambda s: s.exit <= s.entry),)

    entry: int = parameter(20, "bars of the channel that is broken to enter", minimum=2)
    exit: int = parameter(10, "bars of the channel that is broken to leave", minimum=1)
    short: bool = parameter(False, "also sell breakouts below")

    @property
    def warmup(self) -> int:
        """Bars before the channel of earlier bars exists."""
        return self.entry + 1

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the close with the channels of the bars before it."""
        market = with_range(ds)
        entry = indicators.donchian(market, self.entry).shift({TIME: 1})
        leave = indicators.donchian(market, self.exit).shift({TIME: 1})
        fields = [close_of(ds), entry["upper"], entry["lower"], leave["lower"], leave["upper"]]
        return Signals(one(rules.channel, fields, (int(self.short),), "target"))


@register
class Macd(Strategy):
    """Long from the bar the MACD crosses above its signal line, flat (or short) from the cross below."""

    name = "macd"
    title = "MACD"
    constraints = (FAST_BELOW_SLOW,)

    fast: int = parameter(12, "bars of the fast average", minimum=2)
    slow: int = parameter(26, "bars of the slow average", minimum=3)
    signal: int = parameter(9, "bars of the signal line", minimum=1)
    short: bool = parameter(False, "sell short after a cross below, instead of holding cash")

    @property
    def warmup(self) -> int:
        """Bars before the signal line exists."""
        return self.slow + self.signal - 1

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the MACD with its signal line."""
        lines = indicators.macd(close_of(ds), self.fast, self.slow, self.signal)
        below = -1.0 if self.short else 0.0
        return Signals(one(rules.crossing, [lines["macd"], lines["signal"]], (below,), "target"))


@register
class Turtle(Strategy):
    """Buy a breakout of the Donchian channel in units sized by volatility; leave at a shorter channel or a
    stop.

    The rules of Dennis and Eckhardt's Turtles, decided at closes: a unit risks ``risk`` of the capital per N
    (the average true range), one is added every ``step`` N in favour, all are sold ``stop`` N below the last
    entry.
    """

    name = "turtle"
    title = "Turtle"
    constraints = (Constraint("exit <= entry", lambda s: s.exit <= s.entry),)

    entry: int = parameter(20, "bars of the channel that is broken to enter", minimum=2)
    exit: int = parameter(10, "bars of the channel that is broken to leave", minimum=1)
    atr: int = parameter(20, "bars of the average true range, N", minimum=1)
    risk: float = parameter(0.01, "share of the capital one unit risks per N", minimum=1e-6, maximum=1.0)
    units: int = parameter(4, "most units held", minimum=1)
    step: float = parameter(0.5, "N in favour before another unit is added", minimum=0.0)
    stop: float = parameter(2.0, "N against the last entry before all is sold", minimum=0.0)
    short: bool = parameter(False, "also sell breakouts below")

    @property
    def warmup(self) -> int:
        """Bars before both channel and N exist."""
        return max(self.entry, self.atr) + 1

    def decide(self, ds: xr.Dataset) -> Signals:
        """Compare the close with the channels of the bars before it."""
        market = with_range(ds)
        entry = indicators.donchian(market, self.entry).shift({TIME: 1})
        leave = indicators.donchian(market, self.exit).shift({TIME: 1})
        fields = [
            close_of(ds),
            entry["upper"],
            entry["lower"],
            leave["lower"],
            leave["upper"],
            indicators.atr(market, self.atr),
        ]
        numbers = (self.risk, self.units, self.step, self.stop, int(self.short))
        return Signals(one(rules.turtle, fields, numbers, "target"))
