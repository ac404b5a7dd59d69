"""Return, risk and their ratios.

All take simple returns per bar. A year has ``periods`` bars (252 trading days by default); the standard
deviation is the sample's (ddof 1); ``risk_free`` is a yearly rate, taken off each bar as ``risk_free /
periods``. NaN returns are left out. A spread that is rounding alone is none (:func:`nothing_but_rounding`):
the volatility is 0, a ratio over it NaN. Of an account that lost all it had (:func:`ruined`), Sharpe,
Sortino, Calmar and growth a year are NaN. Names and conventions are empyrical's unless said.
"""

from typing import Any

import numpy as np

from tradewind.metrics._along import along_time

YEAR = 252
ROUNDING = 2.0**-46
"""Returns are quotients near 1, of sums that are rounded: what is below 64 of a number's last digits is no
return."""
STEADY = 2.0**-16
"""The share of a mean return below which the spread around it is none. Sums of squares, which are all that a
sweep keeps, lose half their digits: constant returns showed 3e-6 of their mean over 400,000 bars."""


def nothing_but_rounding(spread: Any, mean: Any = 0.0) -> Any:
    """Whether a spread of returns per bar around their mean is nothing but rounding; also for arrays."""
    return spread <= np.maximum(ROUNDING, STEADY * np.abs(mean))


def ruined(returns: np.ndarray) -> bool:
    """Whether a bar lost all there was, or more: what follows are no returns on anything."""
    return bool((returns <= -1.0).any())


def deviation(returns: np.ndarray) -> float:
    """Sample deviation of returns per bar; 0 where it is nothing but rounding."""
    found = float(np.std(returns, ddof=1))
    return 0.0 if nothing_but_rounding(found, float(returns.mean())) else found


def _depth(size: float) -> float:
    """A loss, as a positive number; 0 where it is nothing but rounding."""
    return 0.0 if nothing_but_rounding(size) else size


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom != 0.0 else float("nan")


@along_time
def total_return(returns: np.ndarray) -> float:
    """Compounded return over the whole span; 0.1 is 10 %."""
    return float(np.prod(1.0 + returns) - 1.0) if returns.size else float("nan")


@along_time
def cagr(returns: np.ndarray, periods: float = YEAR) -> float:
    """Compound growth a year, by counting bars: ``(1 + total) ** (periods / bars) - 1``.

    By the calendar: :func:`tradewind.metrics.calendar_cagr`.
    """
    if not returns.size or ruined(returns):
        return float("nan")
    growth = float(np.prod(1.0 + returns))
    return float(growth ** (periods / returns.size)) - 1.0


@along_time
def volatility(returns: np.ndarray, periods: float = YEAR, *, geometric: bool = False) -> float:
    """Standard deviation a year.

    ``geometric``: of the product of a year's returns, independent and alike (backtesting.py's): the root of
    ``(variance + growth ** 2) ** periods - growth ** (2 * periods)``, where ``growth`` is one plus the
    geometric mean.
    """
    if returns.size < 2:
        return float("nan")
    spread = deviation(returns)
    if not geometric or not spread:
        return spread * float(np.sqrt(periods))
    growth = 1.0 + cagr(returns, 1.0)
    return float(np.sqrt((spread**2 + growth**2) ** periods - growth ** (2.0 * periods)))


@along_time
def sharpe(
    returns: np.ndarray, periods: float = YEAR, risk_free: float = 0.0, *, geometric: bool = False
) -> float:
    """Mean excess return over its standard deviation, a year (Sharpe 1994).

    ``geometric``: compound growth a year less ``risk_free``, over the geometric :func:`volatility`
    (backtesting.py's).
    """
    if returns.size < 2 or ruined(returns):
        return float("nan")
    if geometric:
        spread = float(volatility(returns, periods, geometric=True))
        return _ratio(float(cagr(returns, periods)) - risk_free, spread)
    return mean_to_spread(returns - risk_free / periods, periods)


def mean_to_spread(differences: np.ndarray, periods: float) -> float:
    """Mean over sample deviation of differences of returns, a year; NaN without deviation."""
    if differences.size < 2:
        return float("nan")
    return _ratio(float(differences.mean()) * float(np.sqrt(periods)), deviation(differences))


@along_time
def downside_deviation(returns: np.ndarray, periods: float = YEAR, target: float = 0.0) -> float:
    """Root of the mean squared shortfall below ``target`` (a yearly rate) over all bars, a year."""
    if not returns.size:
        return float("nan")
    return _shortfall(returns - target / periods) * float(np.sqrt(periods))


def _shortfall(excess: np.ndarray) -> float:
    """Root of the mean square of what falls below zero, over all bars."""
    return _depth(float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))))


@along_time
def sortino(
    returns: np.ndarray, periods: float = YEAR, target: float = 0.0, *, geometric: bool = False
) -> float:
    """Mean return above ``target`` (a yearly rate) over the downside deviation, a year.

    The downside deviation is the root of the mean squared shortfall over all bars, those above the target
    counting 0. ``geometric``: compound growth a year stands for the mean (backtesting.py's).
    """
    if returns.size < 2 or ruined(returns):
        return float("nan")
    excess = returns - target / periods
    downside = _shortfall(excess)
    if geometric:
        return _ratio(float(cagr(returns, periods)) - target, downside * float(np.sqrt(periods)))
    return _ratio(float(excess.mean()) * np.sqrt(periods), downside)


@along_time
def calmar(returns: np.ndarray, periods: float = YEAR) -> float:
    """Compound growth a year over the deepest drawdown."""
    return _ratio(float(cagr(returns, periods)), _depth(-float(max_drawdown(returns))))


@along_time
def omega(returns: np.ndarray, threshold: float = 0.0) -> float:
    """Gains above a return per bar over losses below it."""
    excess = returns - threshold
    if not excess.size:
        return float("nan")
    return _ratio(float(np.maximum(excess, 0.0).mean()), _depth(float(np.maximum(-excess, 0.0).mean())))


@along_time
def kelly(outcomes: np.ndarray) -> float:
    """Kelly's share of the capital for a bet of these odds: ``p - (1 - p) / b`` (Kelly 1956).

    ``p`` is the share of outcomes above 0, ``b`` the mean gain over the mean loss; for the profits or the
    returns of trades (backtesting.py), or returns per bar.
    """
    gains, losses = outcomes[outcomes > 0.0], outcomes[outcomes < 0.0]
    if not gains.size or not losses.size:
        return float("nan")
    share = gains.size / outcomes.size
    return float(share - (1.0 - share) * -losses.mean() / gains.mean())


@along_time
def max_drawdown(returns: np.ndarray) -> float:
    """Deepest fall from a peak of the compounded value, the start included; −0.2 is 20 %."""
    if not returns.size:
        return float("nan")
    value = np.cumprod(1.0 + returns)
    peak = np.maximum(np.maximum.accumulate(value), 1.0)
    return float(np.min(value / peak - 1.0, initial=0.0))


@along_time
def value_at_risk(returns: np.ndarray, level: float = 0.05) -> float:
    """The return per bar that the worst ``level`` of bars stay below (historical, linear interpolation)."""
    return float(np.quantile(returns, level)) if returns.size else float("nan")


@along_time
def expected_shortfall(returns: np.ndarray, level: float = 0.05) -> float:
    """Mean return per bar of those at or below the value at risk (historical)."""
    if not returns.size:
        return float("nan")
    return float(returns[returns <= np.quantile(returns, level)].mean())


@along_time
def skewness(returns: np.ndarray) -> float:
    """Third standardised moment of the population."""
    return _standardised(returns, 3)


@along_time
def kurtosis(returns: np.ndarray) -> float:
    """Fourth standardised moment of the population; a normal distribution has 3."""
    return _standardised(returns, 4)


def _standardised(returns: np.ndarray, power: int) -> float:
    if returns.size < 2 or not deviation(returns):
        return float("nan")
    d = returns - returns.mean()
    return float(np.mean(d**power) / np.mean(d**2) ** (power / 2.0))
