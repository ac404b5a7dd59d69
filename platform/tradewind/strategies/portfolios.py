"""Strategies that hold a portfolio made from the past and renew it by the calendar."""

from abc import abstractmethod
from functools import partial

import numpy as np
import xarray as xr

from tradewind import portfolio
from tradewind.lazy import lazy
from tradewind.metrics import periods_per_year
from tradewind.portfolio import exact
from tradewind.portfolio.estimates import Estimate, Moments, covariance_of, moments_of
from tradewind.strategies._fields import close_of
from tradewind.strategies.base import Strategy, Weights, parameter
from tradewind.strategies.rebalancing import CALENDAR, rebalance_bars
from tradewind.strategies.registry import register
from tradewind.vocabulary import MEMBER, SYMBOL, TIME

solvers = lazy("tradewind.portfolio.solvers")

Covariance = portfolio.Covariance
COVARIANCES = tuple(c.value for c in Covariance)
whole_period = partial(
    parameter, "month", "when the portfolio is renewed: at the end of each", choices=CALENDAR
)


def members_of(ds: xr.Dataset) -> np.ndarray | None:
    """Return the dataset's point-in-time membership as ``(symbol, time)``, if it has one."""
    if MEMBER not in ds.data_vars:
        return None
    held: np.ndarray = np.asarray(ds[MEMBER].transpose(SYMBOL, TIME).values, dtype=float) == 1.0
    return held


def filled_closes(ds: xr.Dataset) -> np.ndarray:
    """Return closes ``(symbol, time)`` with holes carried forward, as a contiguous array."""
    values = np.asarray(close_of(ds).values, dtype=float)
    known = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    np.maximum.accumulate(known, axis=1, out=known)
    return np.ascontiguousarray(np.take_along_axis(values, known, axis=1))


def periods_of(ds: xr.Dataset) -> float:
    """Bars a year of a dataset."""
    attrs = ds.attrs
    return periods_per_year(ds[TIME].values, str(attrs.get("frequency", "")), str(attrs.get("calendar", "")))


class Portfolio(Strategy):
    """Base of strategies that weigh the assets anew by the calendar.

    An asset takes part when it has a price at the bar, was listed during the whole window and, where the
    dataset has a ``member`` field, is a member. All others are sold. Between rebalances nothing is traded.
    Rules that divide by risk (``by_risk``) also leave out assets that had no variance in the window.
    """

    window: int = parameter(252, "bars of the past the estimates rest on", minimum=2)
    rebalance: str = whole_period()
    every: int = parameter(1, "of how many such periods the portfolio is renewed once", minimum=1)

    @property
    def warmup(self) -> int:
        """Bars before the window is full."""
        return self.window

    @property
    def by_risk(self) -> bool:
        """Whether the rule divides by each asset's risk, so that one without any cannot take part."""
        return False

    @abstractmethod
    def weigh(self, known: Moments) -> np.ndarray:
        """Return the weights of the assets that take part, from what was known at the bar."""

    @property
    def estimate(self) -> Estimate:
        """How the past stands for the future."""
        return Estimate(mean=portfolio.Mean.ARITHMETIC)

    def decide(self, ds: xr.Dataset) -> Weights:
        """Weigh the assets at the bars of the rebalance calendar."""
        close = close_of(ds)
        traded = np.isfinite(close.values)
        filled = filled_closes(ds)
        members = members_of(ds)
        target = np.full(filled.shape, np.nan)
        periods = periods_of(ds)
        names = ds[SYMBOL].values
        for t in np.flatnonzero(rebalance_bars(ds, self.rebalance, self.every)):
            begin = t - self.window
            if begin < 0:
                continue
            fit = traded[:, t] & np.isfinite(filled[:, begin])
            if members is not None:
                fit &= members[:, t]
            target[np.isfinite(filled[:, t]), t] = 0.0
            if fit.any():
                past = filled[fit, begin : t + 1].T
                known = moments_of(names[fit], past[1:] / past[:-1] - 1.0, self.estimate, periods)
                target[fit, t] = self._weights(known)
        return Weights(xr.DataArray(target, close.coords, close.dims, name="target"))

    def _weights(self, known: Moments) -> np.ndarray:
        """What the rule says, with nothing in assets it cannot weigh; all cash if there are no others."""
        left = ~(known.still | known.constant) if self.by_risk else np.ones(len(known.symbols), dtype=bool)
        if left.all():
            return self.weigh(known)
        weights = np.zeros(len(left))
        if left.any():  # estimated anew: a shrunk covariance of the others depends on those left out
            rest = moments_of(known.symbols[left], known.returns[:, left], self.estimate, known.periods)
            weights[left] = self.weigh(rest)
        return weights


@register
class EqualWeight(Portfolio):
    """Hold every asset in equal parts, made equal again by the calendar."""

    name = "equal_weight"
    title = "Equal weight"

    window: int = parameter(1, "bars an asset must have been listed", minimum=1)
    rebalance: str = whole_period()
    every: int = parameter(1, "of how many such periods the portfolio is renewed once", minimum=1)

    def weigh(self, known: Moments) -> np.ndarray:
        """The same for all."""
        return np.full(len(known.symbols), 1.0 / len(known.symbols))

    def decide(self, ds: xr.Dataset) -> Weights:
        """Divide by the number of assets that take part."""
        close = close_of(ds)
        at = np.flatnonzero(rebalance_bars(ds, self.rebalance, self.every))
        at = at[at >= self.window]
        filled = filled_closes(ds)
        fit = np.isfinite(close.values[:, at]) & np.isfinite(filled[:, at - self.window])
        members = members_of(ds)
        if members is not None:
            fit &= members[:, at]
        target = np.full(filled.shape, np.nan)
        listed = np.isfinite(filled[:, at])
        target[:, at] = np.where(listed, fit / np.maximum(fit.sum(axis=0), 1), np.nan)
        return Weights(xr.DataArray(target, close.coords, close.dims, name="target"))


@register
class InverseVolatility(Portfolio):
    """Hold each asset in proportion to one over its volatility."""

    name = "inverse_volatility"
    title = "Inverse volatility"

    window: int = parameter(63, "bars of the past the volatility rests on", minimum=2)
    rebalance: str = whole_period()
    every: int = parameter(1, "of how many such periods the portfolio is renewed once", minimum=1)

    @property
    def by_risk(self) -> bool:
        """It does."""
        return True

    def weigh(self, known: Moments) -> np.ndarray:
        """In proportion to one over the volatility."""
        found: np.ndarray = solvers.inverse_volatility(known)
        return found


class _Optimised(Portfolio):
    covariance: str = parameter("ledoit-wolf", "how the covariance is estimated", choices=COVARIANCES)
    most: float = parameter(
        1.0, "most of one asset; what the assets cannot hold stays in cash", minimum=0.0, maximum=1.0
    )

    @property
    def estimate(self) -> Estimate:
        """Arithmetic means and the chosen covariance."""
        return Estimate(mean=portfolio.Mean.ARITHMETIC, covariance=Covariance(self.covariance))

    def weigh(self, known: Moments) -> np.ndarray:
        """By the rule; where the assets are too few to hold all the capital, the most of each."""
        count = len(known.symbols)
        if count * self.most <= 1.0:
            return np.full(count, self.most)
        return self.optimise(known)

    @abstractmethod
    def optimise(self, known: Moments) -> np.ndarray:
        """Return weights that sum to 1, none above ``most``, or zeros for cash."""


@register
class MinimumVariance(_Optimised):
    """Hold the long-only portfolio of least variance."""

    name = "minimum_variance"
    title = "Minimum variance"

    def optimise(self, known: Moments) -> np.ndarray:
        """Of least variance."""
        found: np.ndarray = solvers.minimum_variance(known, 0.0, self.most)
        return found


@register
class MaximumSharpe(_Optimised):
    """Hold the long-only portfolio of the highest Sharpe ratio in the window; cash if none beats the rate."""

    name = "maximum_sharpe"
    title = "Maximum Sharpe"

    risk_free: float = parameter(0.0, "risk-free rate a year")

    def weigh(self, known: Moments) -> np.ndarray:
        """Nothing if no portfolio it may hold earned more than the rate."""
        if exact.largest(known.mean - self.risk_free, 0.0, self.most) <= 0.0:
            return np.zeros(len(known.symbols))
        return super().weigh(known)

    def optimise(self, known: Moments) -> np.ndarray:
        """Of the highest Sharpe ratio."""
        found: np.ndarray = solvers.maximum_sharpe(known, self.risk_free, 0.0, self.most)
        return found


@register
class RiskParity(_Optimised):
    """Hold the portfolio to whose variance each asset contributes the same."""

    name = "risk_parity"
    title = "Risk parity"

    @property
    def by_risk(self) -> bool:
        """It does."""
        return True

    def optimise(self, known: Moments) -> np.ndarray:
        """Of equal contributions to the variance."""
        found: np.ndarray = solvers.risk_parity(known, most=self.most)
        return found


@register
class HierarchicalRiskParity(_Optimised):
    """Divide the capital along a tree of clusters by inverse variance (López de Prado 2016)."""

    name = "hierarchical_risk_parity"
    title = "Hierarchical risk parity"

    linkage: str = parameter(
        "ward", "distance of two clusters", choices=("ward", "single", "complete", "average")
    )

    @property
    def by_risk(self) -> bool:
        """It does."""
        return True

    def optimise(self, known: Moments) -> np.ndarray:
        """Along the tree; two assets have none and are held by inverse volatility."""
        if len(known.symbols) > 2:
            found: np.ndarray = solvers.hierarchical(known, self.linkage, self.most)
            return found
        weights = solvers.inverse_volatility(known)
        shared: np.ndarray = np.clip(weights, 1.0 - self.most, self.most)  # the other holds what one may not
        return shared


@register
class VolatilityTarget(Portfolio):
    """Hold equal parts (or inverse volatility), more when markets are calm and less when they are not, so
    that the portfolio's volatility stays near a target."""

    name = "volatility_target"
    title = "Volatility target"

    window: int = parameter(63, "bars of the past the volatility rests on", minimum=2)
    rebalance: str = parameter("week", "when the portfolio is renewed: at the end of each", choices=CALENDAR)
    every: int = parameter(1, "of how many such periods the portfolio is renewed once", minimum=1)
    target: float = parameter(0.10, "volatility a year", minimum=0.0)
    leverage: float = parameter(
        1.0, "most of the equity invested; above 1 needs borrow=True", minimum=0.0, maximum=10.0
    )
    base: str = parameter("equal", "what is scaled", choices=("equal", "inverse volatility"))

    @property
    def by_risk(self) -> bool:
        """Where the base portfolio does."""
        return self.base == "inverse volatility"

    def weigh(self, known: Moments) -> np.ndarray:
        """The base portfolio times target over volatility, up to the leverage."""
        count = len(known.symbols)
        weights = np.full(count, 1.0 / count) if self.base == "equal" else solvers.inverse_volatility(known)
        covariance = covariance_of(known.returns, known.periods, Covariance.SAMPLE)
        volatility = float(np.sqrt(weights @ covariance @ weights))
        scale = self.leverage if volatility <= 0.0 else min(self.leverage, self.target / volatility)
        scaled: np.ndarray = weights * scale
        return scaled
