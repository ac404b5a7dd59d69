"""Expected returns and covariances from past prices, a year's."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.checks import at_least, closes
from tradewind.errors import EmptySelectionError, InvalidInputError, ParameterError, word_of
from tradewind.metrics import periods_per_year
from tradewind.metrics.performance import nothing_but_rounding
from tradewind.metrics.periods import TRADING_DAYS
from tradewind.vocabulary import SYMBOL, TIME


class Mean(StrEnum):
    """How the expected return is estimated from the past."""

    COMPOUND = "compound"
    """Compound growth a year of each asset over the bars it was known."""
    ARITHMETIC = "arithmetic"
    """Mean return per bar times the bars a year."""


class Covariance(StrEnum):
    """How the covariance is estimated from the past."""

    SAMPLE = "sample"
    """Sample covariance (ddof 1), each pair over the bars both were known."""
    LEDOIT_WOLF = "ledoit-wolf"
    """Shrunk towards a multiple of the identity (Ledoit and Wolf 2004, by scikit-learn)."""
    EXPONENTIAL = "exponential"
    """Weighted by ``0.94 ** age`` (RiskMetrics), around a mean of zero."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How the past stands for the future.

    Attributes
    ----------
    mean, covariance
        The estimators.
    periods
        Bars a year; counted from the data by default.

    Raises
    ------
    ParameterError
        There is no such estimator, or ``periods`` is not positive.
    """

    mean: Mean = Mean.COMPOUND
    covariance: Covariance = Covariance.SAMPLE
    periods: float | None = None

    def __post_init__(self) -> None:
        mean, covariance = self.mean, str(self.covariance).replace("_", "-")
        told = "There is no estimate of the"
        object.__setattr__(self, "mean", word_of(Mean, mean, f"{told} mean {mean!r}.", ParameterError))
        object.__setattr__(
            self,
            "covariance",
            word_of(Covariance, covariance, f"{told} covariance {covariance!r}.", ParameterError),
        )
        if self.periods is not None:
            at_least("Estimate", periods=(self.periods, 0.0))
            if not self.periods:
                raise ParameterError("Estimate: periods is positive, not 0.")


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What an optimiser knows of the assets: estimated by :func:`moments`, or one's own.

    Attributes
    ----------
    symbols
        Names (n).
    mean
        Expected return a year (n).
    covariance
        Of a year's returns (n, n).
    returns
        Simple returns per bar (bars, n) that the estimates rest on; bars on which an asset was not known
        are NaN. Left out for moments of one's own.
    periods
        Bars a year.

    Raises
    ------
    InvalidInputError
        The sizes do not go together, or a moment is not known.
    """

    symbols: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    returns: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    periods: float = TRADING_DAYS

    def __post_init__(self) -> None:
        for name, kind in (("symbols", None), ("mean", float), ("covariance", float)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        n = self.symbols.size
        if self.mean.shape != (n,) or self.covariance.shape != (n, n):
            raise InvalidInputError(
                f"{n} symbols need {n} means and a covariance of {n} by {n}, not {self.mean.shape} and "
                f"{self.covariance.shape}."
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.covariance).all()):
            raise InvalidInputError("A mean or a covariance is not known.", "Leave that asset out.")

    @property
    def still(self) -> np.ndarray:
        """Whether each asset has no variance (n)."""
        spread = np.sqrt(np.maximum(np.diag(self.covariance), 0.0) / self.periods)
        return np.asarray(nothing_but_rounding(spread))

    @property
    def constant(self) -> np.ndarray:
        """Whether each asset's returns never changed (n); whether it has no variance where there are none."""
        if len(self.returns) < 2:
            return self.still
        spread, mean = np.nanstd(self.returns, axis=0, ddof=1), np.nanmean(self.returns, axis=0)
        return np.asarray(nothing_but_rounding(spread, mean))

    @property
    def correlation(self) -> np.ndarray:
        """Of the returns, each pair over the bars both were known; of the covariance where there are none."""
        if len(self.returns) > 1:
            return np.asarray(pd.DataFrame(self.returns).corr())
        spread = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance / np.outer(spread, spread))


RISK_METRICS = 0.94


def _mean(returns: np.ndarray, periods: float, how: Mean) -> np.ndarray:
    known = np.isfinite(returns)
    count = known.sum(axis=0)
    if how is Mean.ARITHMETIC:
        return np.asarray(np.nansum(returns, axis=0) / count * periods)
    growth = np.prod(np.where(known, 1.0 + returns, 1.0), axis=0)
    return np.asarray(np.maximum(growth, 0.0) ** (periods / count) - 1.0)


def covariance_of(returns: np.ndarray, periods: float, how: Covariance) -> np.ndarray:
    """Return the covariance a year of simple returns ``(bars, n)``.

    Parameters
    ----------
    returns
        NaN where an asset was not known; the exponential and the shrunk estimate leave such bars out.
    periods
        Bars a year.
    how
        The estimator.
    """
    whole = returns[np.isfinite(returns).all(axis=1)]
    if how is Covariance.SAMPLE:
        if len(whole) == len(returns):
            return np.atleast_2d(np.cov(returns, rowvar=False)) * periods
        return positive(np.asarray(pd.DataFrame(returns).cov()) * periods)
    if len(whole) < 2:
        raise EmptySelectionError("No two bars have returns of all assets.")
    if how is Covariance.LEDOIT_WOLF:
        from sklearn.covariance import ledoit_wolf

        return np.asarray(ledoit_wolf(whole)[0]) * periods
    weight = RISK_METRICS ** np.arange(len(whole) - 1, -1, -1.0)
    weighted: np.ndarray = whole.T * (weight / weight.sum())
    return np.asarray(weighted @ whole * periods)


def positive(matrix: np.ndarray) -> np.ndarray:
    """Return the nearest matrix without negative eigenvalues: pairwise estimates can have some."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= 0.0:
        return matrix
    return np.asarray((vectors * np.maximum(values, values[-1] * 1e-12)) @ vectors.T)


def moments(prices: xr.DataArray | xr.Dataset, estimate: Estimate | None = None) -> Moments:
    """Estimate expected returns and covariances from past prices.

    Parameters
    ----------
    prices : DataArray [symbol, time] or Dataset
        Closes, adjusted for splits and dividends. Late listings and holes are left out of what they touch.
    estimate
        How; compound means and sample covariances by default.

    Raises
    ------
    EmptySelectionError
        An asset has fewer than two returns, or two assets were never known together.
    """
    how = Estimate() if estimate is None else estimate
    if not isinstance(how, Estimate):
        raise ParameterError(
            f"estimate is a tw.portfolio.Estimate, not {how!r}.",
            'Such as Estimate(covariance="ledoit-wolf").',
        )
    known = closes(prices, "the prices of a portfolio")
    values = np.asarray(known.values, dtype=float).T
    returns = values[1:] / values[:-1] - 1.0
    few = np.isfinite(returns).sum(axis=0) < 2
    if few.any():
        named = ", ".join(str(s) for s in known[SYMBOL].values[few][:5])
        raise EmptySelectionError(f"These have fewer than two returns: {named}.", "Leave them out.")
    attrs = known.attrs
    periods = how.periods or periods_per_year(
        known[TIME].values, str(attrs.get("frequency", "")), str(attrs.get("calendar", ""))
    )
    covariance = covariance_of(returns, periods, how.covariance)
    if not np.isfinite(covariance).all():
        raise EmptySelectionError("Two assets were never known together: there is no covariance of them.")
    return Moments(
        symbols=known[SYMBOL].values,
        mean=_mean(returns, periods, how.mean),
        covariance=covariance,
        returns=returns,
        periods=periods,
    )


def moments_of(symbols: np.ndarray, returns: np.ndarray, estimate: Estimate, periods: float) -> Moments:
    """The same from known returns ``(bars, n)`` without holes; what strategies call at every rebalance."""
    return Moments(
        symbols=symbols,
        mean=_mean(returns, periods, estimate.mean),
        covariance=covariance_of(returns, periods, estimate.covariance),
        returns=returns,
        periods=periods,
    )
