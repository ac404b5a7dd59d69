"""How much of a Sharpe ratio is skill: probabilistic and deflated Sharpe, minimum track record.

All Sharpe ratios here are per observation (not a year), with the population's skewness and kurtosis (normal:
3), as in Bailey and López de Prado 2012 and 2014.
"""

import math

from scipy.stats import norm

from tradewind.errors import ParameterError

EULER = 0.5772156649015329


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float:
    inside = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(inside) if inside > 0.0 else float("nan")


def probabilistic_sharpe(
    sharpe: float, observations: int, *, benchmark: float = 0.0, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Probability that the true Sharpe ratio exceeds a benchmark's (Bailey and López de Prado 2012, eq. 11).

    Parameters
    ----------
    sharpe, benchmark
        Per observation.
    observations
        Number of returns the estimate rests on.
    skewness, kurtosis
        Of those returns.
    """
    if observations < 2:
        raise ParameterError(f"A Sharpe ratio needs at least 2 observations, not {observations}.")
    return float(
        norm.cdf((sharpe - benchmark) * math.sqrt(observations - 1) / _spread(sharpe, skewness, kurtosis))
    )


def expected_best_sharpe(trials: float, variance: float) -> float:
    """Sharpe ratio the best of many worthless trials is expected to show (Bailey and López de Prado 2014,
    eq. 1).

    Parameters
    ----------
    trials
        Number of independent trials; 0 for a single one.
    variance
        Of the trials' Sharpe ratios.
    """
    if trials <= 1:
        return 0.0
    quantile = (1.0 - EULER) * norm.ppf(1.0 - 1.0 / trials) + EULER * norm.ppf(1.0 - 1.0 / (trials * math.e))
    return float(math.sqrt(variance) * quantile)


def deflated_sharpe(
    sharpe: float,
    observations: int,
    *,
    trials: float,
    variance: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Probability that the true Sharpe ratio is above zero, given how many trials it was picked from.

    The probabilistic Sharpe ratio against :func:`expected_best_sharpe` (Bailey and López de Prado 2014, eq.
    2).
    """
    return probabilistic_sharpe(
        sharpe,
        observations,
        benchmark=expected_best_sharpe(trials, variance),
        skewness=skewness,
        kurtosis=kurtosis,
    )


def minimum_track_record(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Observations needed before a Sharpe ratio is above a benchmark's with confidence (2012, eq. 13).

    Infinite if the ratio is not above the benchmark.
    """
    if sharpe <= benchmark:
        return float("inf")
    return (
        1.0 + (_spread(sharpe, skewness, kurtosis) * float(norm.ppf(confidence)) / (sharpe - benchmark)) ** 2
    )
