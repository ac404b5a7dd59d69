"""Strategies: frozen classes with typed parameters that map a dataset to signals or weights.

``tw.strategies.SmaCross(fast=20, slow=100)`` or by name ``tw.strategies.get("sma_cross", fast=20)``;
``tw.strategies()`` lists them. One's own: subclass :class:`Strategy` and decorate it with
:func:`register`.
"""

import sys

from tradewind.lazy import NamedModule
from tradewind.strategies.base import (
    Constraint,
    Decision,
    Orders,
    ParameterSpec,
    Signals,
    Strategy,
    Units,
    Weights,
    parameter,
)
from tradewind.strategies.holding import BuyAndHold
from tradewind.strategies.momentum import CrossSectionalMomentum, TimeSeriesMomentum
from tradewind.strategies.pairs import Pairs
from tradewind.strategies.portfolios import (
    EqualWeight,
    HierarchicalRiskParity,
    InverseVolatility,
    MaximumSharpe,
    MinimumVariance,
    Portfolio,
    RiskParity,
    VolatilityTarget,
)
from tradewind.strategies.rebalancing import rebalance_bars
from tradewind.strategies.registry import (
    Table,
    get,
    names,
    register,
    roll_back,
    strategy_class,
    table,
)
from tradewind.strategies.reversion import Bollinger, RsiReversion
from tradewind.strategies.trend import Donchian, EmaCross, Macd, SmaCross, Turtle
from tradewind.strategies.versions import State, Version, difference, history, set_state

__all__ = [
    "Bollinger",
    "BuyAndHold",
    "Constraint",
    "CrossSectionalMomentum",
    "Decision",
    "Donchian",
    "EmaCross",
    "EqualWeight",
    "HierarchicalRiskParity",
    "InverseVolatility",
    "Macd",
    "MaximumSharpe",
    "MinimumVariance",
    "Orders",
    "Pairs",
    "ParameterSpec",
    "Portfolio",
    "RiskParity",
    "RsiReversion",
    "Signals",
    "SmaCross",
    "State",
    "Strategy",
    "TimeSeriesMomentum",
    "Turtle",
    "Units",
    "Version",
    "VolatilityTarget",
    "Weights",
    "difference",
    "get",
    "history",
    "names",
    "parameter",
    "rebalance_bars",
    "register",
    "roll_back",
    "set_state",
    "strategy_class",
    "table",
]


class _Callable(NamedModule):
    def __call__(self, search: str = "", *, retired: bool = False) -> Table:
        """List the strategies; see :func:`table`."""
        return table(search, retired=retired)


sys.modules[__name__].__class__ = _Callable
