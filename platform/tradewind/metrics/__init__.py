"""Performance and risk figures over arrays of returns."""

from tradewind.metrics.attribution import Brinson, FactorAttribution, brinson, factor_attribution
from tradewind.metrics.calendar import calendar_cagr, drawdowns, monthly_returns
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
from tradewind.metrics.relative import (
    Tail,
    alpha,
    beta,
    information_ratio,
    modelled_expected_shortfall,
    modelled_value_at_risk,
    rolling,
    tail_ratio,
    tracking_error,
)
from tradewind.metrics.strain import STRESS, capacity, stress
from tradewind.metrics.summary import FIGURES, Figure, Metrics, Unit

__all__ = [
    "FIGURES",
    "STRESS",
    "Brinson",
    "FactorAttribution",
    "Figure",
    "Metrics",
    "Tail",
    "Unit",
    "alpha",
    "beta",
    "brinson",
    "cagr",
    "calendar_cagr",
    "calmar",
    "capacity",
    "drawdowns",
    "expected_shortfall",
    "factor_attribution",
    "information_ratio",
    "kurtosis",
    "max_drawdown",
    "modelled_expected_shortfall",
    "modelled_value_at_risk",
    "monthly_returns",
    "omega",
    "periods_per_year",
    "rolling",
    "sharpe",
    "skewness",
    "sortino",
    "stress",
    "tail_ratio",
    "total_return",
    "tracking_error",
    "value_at_risk",
    "volatility",
]
