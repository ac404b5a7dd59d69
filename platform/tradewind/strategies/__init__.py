"""Strategies: frozen classes with typed parameters that map a dataset to signals or weights.

``tw.strategies.SmaCross(fast=20, slow=100)`` or by name ``tw.strategies.get("sma_cross", fast=20)``;
``tw.strategies.table()`` lists them. One's own: subclass :class:`Strategy` and decorate it with
:func:`register`.
"""

from tradewind.strategies.base import (
    Constraint,
    Decision,
    ParameterSpec,
    Signals,
    Strategy,
    Units,
    Weights,
    parameter,
)
from tradewind.strategies.holding import BuyAndHold
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
from tradewind.strategies.registry import get, names, register, strategy_class, table
from tradewind.strategies.reversion import Bollinger, RsiReversion
from tradewind.strategies.trend import Donchian, EmaCross, Macd, SmaCross, Turtle

__all__ = [
    "Bollinger",
    "BuyAndHold",
    "Constraint",
    "Decision",
    "Donchian",
    "EmaCross",
    "EqualWeight",
    "HierarchicalRiskParity",
    "InverseVolatility",
    "Macd",
    "MaximumSharpe",
    "MinimumVariance",
    "ParameterSpec",
    "Portfolio",
    "RiskParity",
    "RsiReversion",
    "Signals",
    "SmaCross",
    "Strategy",
    "Turtle",
    "Units",
    "VolatilityTarget",
    "Weights",
    "get",
    "names",
    "parameter",
    "rebalance_bars",
    "register",
    "strategy_class",
    "table",
]
