"""Performance and risk figures over arrays of returns."""

from tradewind.metrics.calendar import drawdowns, monthly_returns
from tradewind.metrics.performance import (
    cagr,
    calmar,
    expected_shortfall,
    kurtosis,
    max_drawdown,
    omega,
    sharpe,
    skewness,
    sortino,
    total_return,
    value_at_risk,
    volatility,
)
from tradewind.metrics.periods import periods_per_year
from tradewind.metrics.summary import FIGURES, Figure, Metrics, Unit

__all__ = [
    "FIGURES",
    "Figure",
    "Metrics",
    "Unit",
    "cagr",
    "calmar",
    "drawdowns",
    "expected_shortfall",
    "kurtosis",
    "max_drawdown",
    "monthly_returns",
    "omega",
    "periods_per_year",
    "sharpe",
    "skewness",
    "sortino",
    "total_return",
    "value_at_risk",
    "volatility",
]
