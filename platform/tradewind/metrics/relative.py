"""Figures against a benchmark, tails, and every figure over a rolling window.

Conventions as in :mod:`tradewind.metrics.performance`: simple returns per bar, ``periods`` bars a year,
sample deviations, NaN left out (of both series together).
"""

from collections.abc import Callable
from enum import StrEnum
from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr

from tradewind.errors import InvalidInputError, ParameterError, did_you_mean
from tradewind.metrics import performance
from tradewind.metrics._along import along_time
from tradewind.metrics.performance import YEAR
from tradewind.vocabulary import TIME

NORMAL = NormalDist()


class Tail(StrEnum):
    """How the tail of returns is modelled."""

    HISTORICAL = "historical"
    GAUSSIAN = "gaussian"
    CORNISH_FISHER = "cornish-fisher"


class Side(StrEnum):
    """Which bars a capture ratio looks at: those in which the benchmark rose, or fell."""

    UP = "up"
    DOWN = "down"


def _pair(returns: Any, benchmark: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(returns, xr.DataArray) and isinstance(benchmark, xr.DataArray):
        returns, benchmark = xr.align(returns, benchmark, join="inner")
    a, b = np.asarray(returns, dtype=float).ravel(), np.asarray(benchmark, dtype=float).ravel()
    if a.shape != b.shape:
        raise InvalidInputError(f"The two series have {a.size} and {b.size} bars.")
    known = np.isfinite(a) & np.isfinite(b)
    return a[known], b[known]


def beta(returns: Any, benchmark: Any) -> float:
    """Slope of the regression of returns on the benchmark's (empyrical's ``beta``)."""
    a, b = _pair(returns, benchmark)
    if b.size < 2 or not performance.deviation(b):
        return float("nan")
    return float(np.mean((a - a.mean()) * (b - b.mean()))) / float(np.var(b))


def alpha(returns: Any, benchmark: Any, periods: float = YEAR, risk_free: float = 0.0) -> float:
    """What the regression leaves: ``(1 + mean) ** periods - 1``, a year (Jensen's; empyrical's ``alpha``)."""
    a, b = _pair(returns, benchmark)
    rate = risk_free / periods
    left = (a - rate) - beta(a, b) * (b - rate)
    return float((1.0 + left.mean()) ** periods - 1.0) if left.size > 1 else float("nan")


def capture(returns: Any, benchmark: Any, side: Side | str = Side.UP, periods: float = YEAR) -> float:
    """Compound growth a year over the benchmark's, in the bars in which the benchmark rose, or fell.

    ``side`` is ``"up"`` or ``"down"`` (empyrical's ``up_capture`` and ``down_capture``); below 1 on the down
    side less is lost than by the benchmark.
    """
    a, b = _pair(returns, benchmark)
    chosen = b > 0.0 if Side(side) is Side.UP else b < 0.0
    below = float(performance.cagr(b[chosen], periods))
    return float(performance.cagr(a[chosen], periods)) / below if below else float("nan")


def tracking_error(returns: Any, benchmark: Any, periods: float = YEAR) -> float:
    """Standard deviation of the difference, a year."""
    a, b = _pair(returns, benchmark)
    return float(performance.volatility(a - b, periods))


def information_ratio(returns: Any, benchmark: Any, periods: float = YEAR) -> float:
    """Mean difference over its standard deviation, a year."""
    a, b = _pair(returns, benchmark)
    return performance.mean_to_spread(a - b, periods)


@along_time
def tail_ratio(returns: np.ndarray, level: float = 0.05) -> float:
    """Size of the upper quantile over that of the lower one; above 1 gains reach further than losses."""
    low = abs(float(np.quantile(returns, level))) if returns.size else 0.0
    flat = performance.nothing_but_rounding(low)
    return float("nan") if flat else abs(float(np.quantile(returns, 1.0 - level))) / low


def _standard(returns: np.ndarray, level: float, tail: Tail) -> float:
    """The quantile in deviations from the mean."""
    z = NORMAL.inv_cdf(level)
    if tail is Tail.GAUSSIAN:
        return z
    s, k = float(performance.skewness(returns)), float(performance.kurtosis(returns)) - 3.0
    return z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36


@along_time
def modelled_value_at_risk(
    returns: np.ndarray, level: float = 0.05, tail: Tail | str = Tail.CORNISH_FISHER
) -> float:
    """The return per bar that the worst ``level`` of bars stay below.

    Historical; of a normal distribution (population's deviation); or of one with the returns' own skewness
    and kurtosis (Cornish and Fisher 1937, as in Favre and Galeano 2002).
    """
    how = Tail(tail)
    if how is Tail.HISTORICAL:
        return float(performance.value_at_risk(returns, level))
    if returns.size < 2:
        return float("nan")
    return float(returns.mean() + _standard(returns, level, how) * returns.std())


@along_time
def modelled_expected_shortfall(
    returns: np.ndarray, level: float = 0.05, tail: Tail | str = Tail.GAUSSIAN
) -> float:
    """Mean return per bar beyond the value at risk.

    Historical; of a normal distribution; for Cornish-Fisher the modelled quantile's mean over the tail.
    """
    how = Tail(tail)
    if how is Tail.HISTORICAL:
        return float(performance.expected_shortfall(returns, level))
    if returns.size < 2:
        return float("nan")
    if how is Tail.GAUSSIAN:
        return float(returns.mean() - returns.std() * NORMAL.pdf(NORMAL.inv_cdf(level)) / level)
    steps = (np.arange(200) + 0.5) / 200 * level
    tail_mean = np.mean([_standard(returns, float(p), how) for p in steps])
    return float(returns.mean() + tail_mean * returns.std())


ROLLED: dict[str, Callable[..., Any]] = {
    "total_return": performance.total_return, "cagr": performance.cagr, "volatility": performance.volatility,
    "downside_deviation": performance.downside_deviation, "sharpe": performance.sharpe,
    "sortino": performance.sortino, "calmar": performance.calmar,
    "max_drawdown": performance.max_drawdown, "omega": performance.omega, "tail_ratio": tail_ratio,
    "value_at_risk": performance.value_at_risk, "expected_shortfall": performance.expected_shortfall,
    "skewness": performance.skewness, "kurtosis": performance.kurtosis,
}  # fmt: skip


def rolling(returns: xr.DataArray, metric: str, window: int, **options: Any) -> xr.DataArray:
    """Return a figure over the last ``window`` bars, at every bar.

    Parameters
    ----------
    returns : DataArray [..., time]
        Simple returns per bar.
    metric
        ``"sharpe"``, ``"volatility"``, ``"max_drawdown"`` and the others of this module.
    window
        Bars.
    options
        Of the figure, such as ``periods=252``.

    Returns
    -------
    DataArray [..., time]
        NaN before the window is full, and where a return in it is not known.
    """
    if metric not in ROLLED:
        raise ParameterError(f"There is no rolling {metric!r}.", did_you_mean(metric, ROLLED))
    if not 2 <= window <= returns.sizes[TIME]:
        raise ParameterError(f"window is between 2 and the {returns.sizes[TIME]} bars, not {window}.")
    moved = returns.transpose(..., TIME)
    views = np.lib.stride_tricks.sliding_window_view(np.asarray(moved.values, dtype=float), window, axis=-1)
    whole = np.isfinite(views).all(axis=-1)
    found = np.full(moved.shape, np.nan)
    found[..., window - 1 :] = np.where(whole, np.asarray(ROLLED[metric](views, **options)), np.nan)
    return moved.copy(data=found).rename(metric)
