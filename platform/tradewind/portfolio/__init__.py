"""Portfolios: how much of each asset to hold, from their past returns.

``tw.portfolio.maximum_sharpe(px["close"], risk_free=0.02)`` and its like give an :class:`Allocation`; the
strategies of the same names (``tw.strategies.MaximumSharpe``) hold such portfolios over time. The problems
are skfolio's; where only the budget and lower bounds of zero bind, they are solved exactly beforehand.
"""

from tradewind.portfolio.allocation import (
    Allocation,
    equal_weight,
    hierarchical_risk_parity,
    inverse_volatility,
    maximum_sharpe,
    mean_variance,
    minimum_variance,
    risk_parity,
)
from tradewind.portfolio.estimates import Covariance, Estimate, Mean, Moments, moments

__all__ = [
    "Allocation",
    "Covariance",
    "Estimate",
    "Mean",
    "Moments",
    "equal_weight",
    "hierarchical_risk_parity",
    "inverse_volatility",
    "maximum_sharpe",
    "mean_variance",
    "minimum_variance",
    "moments",
    "risk_parity",
]
