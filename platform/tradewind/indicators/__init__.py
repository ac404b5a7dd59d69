"""Technical indicators over ``(symbol, time)`` arrays.

Each is a function, ``tw.indicators.rsi(ds["close"], window=14)``, and by the accessor ``ds.tw.rsi(14)``.
``tw.indicators.registry`` is the table of all; :func:`register` adds one's own.
"""

from tradewind.indicators._apply import apply, one, several
from tradewind.indicators.averages import ema, sma
from tradewind.indicators.bands import atr, bollinger, donchian
from tradewind.indicators.momentum import macd, rsi
from tradewind.indicators.registry import Indicator, Registry, parse, register, registry

__all__ = [
    "Indicator",
    "Registry",
    "apply",
    "atr",
    "bollinger",
    "donchian",
    "ema",
    "macd",
    "one",
    "parse",
    "register",
    "registry",
    "rsi",
    "several",
    "sma",
]


def names() -> list[str]:
    """Return the names of all registered indicators."""
    return [i.name for i in registry]
