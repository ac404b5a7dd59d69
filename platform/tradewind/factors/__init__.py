"""Factors: comparable values across symbols, and how well they forecast.

``z = tw.factors.zscore(tw.factors.winsorise(raw))`` makes values comparable; ``tw.factors.study(z, px)`` says
what followed them.
"""

from tradewind.factors.forecasts import (
    factor_correlation,
    factor_returns,
    factor_weights,
    forward_returns,
    ic_decay,
    information_coefficient,
    quantile_returns,
    quantile_turnover,
    rank_autocorrelation,
)
from tradewind.factors.members import most_traded, top
from tradewind.factors.study import Study, study
from tradewind.factors.transforms import neutralise, quantiles, rank, winsorise, zscore

__all__ = [
    "Study",
    "factor_correlation",
    "factor_returns",
    "factor_weights",
    "forward_returns",
    "ic_decay",
    "information_coefficient",
    "most_traded",
    "neutralise",
    "quantile_returns",
    "quantile_turnover",
    "quantiles",
    "rank",
    "rank_autocorrelation",
    "study",
    "top",
    "winsorise",
    "zscore",
]
