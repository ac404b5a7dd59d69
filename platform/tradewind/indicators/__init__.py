"""Technical indicators over ``(symbol, time)`` arrays.

Each is a function, ``tw.indicators.rsi(ds["close"], window=14)``, and by the accessor ``ds.tw.rsi(14)``.
``tw.indicators()`` lists all, ``tw.indicators("band")`` those that a text occurs in;
``tw.indicators.registry`` is the same table, by name. :func:`register` adds one's own.
"""

import sys

from tradewind.indicators._apply import apply, one, several
from tradewind.indicators.averages import dema, ema, kama, sma, tema, vwap, wma
from tradewind.indicators.bands import atr, bollinger, donchian
from tradewind.indicators.momentum import cci, macd, mfi, momentum, obv, roc, rsi, stochastic, williams_r
from tradewind.indicators.registry import Indicator, Registry, parse, register, registry
from tradewind.indicators.trend import aroon, dmi, ichimoku, keltner, parabolic_sar, supertrend
from tradewind.indicators.windows import (
    beta,
    correlation,
    drawdown,
    garman_klass,
    parkinson,
    rolling_max,
    rolling_min,
    rolling_quantile,
    rolling_rank,
    volatility,
    yang_zhang,
    zscore,
)
from tradewind.lazy import NamedModule

__all__ = [
    "Indicator",
    "Registry",
    "apply",
    "aroon",
    "atr",
    "beta",
    "bollinger",
    "cci",
    "correlation",
    "dema",
    "dmi",
    "donchian",
    "drawdown",
    "ema",
    "garman_klass",
    "ichimoku",
    "kama",
    "keltner",
    "macd",
    "mfi",
    "momentum",
    "names",
    "obv",
    "one",
    "parabolic_sar",
    "parkinson",
    "parse",
    "register",
    "registry",
    "roc",
    "rolling_max",
    "rolling_min",
    "rolling_quantile",
    "rolling_rank",
    "rsi",
    "several",
    "sma",
    "stochastic",
    "supertrend",
    "tema",
    "volatility",
    "vwap",
    "williams_r",
    "wma",
    "yang_zhang",
    "zscore",
]


def names() -> list[str]:
    """Return the names of all registered indicators."""
    return [i.name for i in registry]


class _Callable(NamedModule):
    def __call__(self, search: str = "") -> Registry:
        """List the indicators, or those that a text occurs in; see :meth:`Registry.search`."""
        return registry(search)


sys.modules[__name__].__class__ = _Callable
