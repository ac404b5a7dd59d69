"""Portfolios from prices: one function a rule, one answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.errors import InvalidInputError, ParameterError, did_you_mean, word_of
from tradewind.metrics.performance import nothing_but_rounding
from tradewind.portfolio import solvers
from tradewind.portfolio.estimates import Estimate, Moments, moments
from tradewind.portfolio.exact import Bounds
from tradewind.portfolio.solvers import Leaves, Linkage
from tradewind.vocabulary import SYMBOL

Prices = xr.DataArray | xr.Dataset | Moments
"""Closes, or moments of one's own, which are taken as they are."""

Bound = float | Mapping[str, float]
"""Of every weight, or by symbol."""


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """A portfolio and what was expected of it when it was made.

    Attributes
    ----------
    method
        The rule.
    weights : DataArray [symbol]
        Shares of the capital, summing to 1 (to 0 if neutral).
    expected_return, volatility
        A year, from the moments it was made with.
    risk_free
        A year.
    risk : DataArray [symbol]
        Each asset's share of the variance, summing to 1.
    """

    method: str
    weights: xr.DataArray
    expected_return: float
    volatility: float
    risk_free: float
    risk: xr.DataArray

    @property
    def sharpe(self) -> float:
        """Expected return above the risk-free rate over volatility; NaN without volatility."""
        flat = nothing_but_rounding(self.volatility, self.expected_return)
        return float("nan") if flat else (self.expected_return - self.risk_free) / self.volatility

    @property
    def positions(self) -> int:
        """Assets that are held at all (more than a hundredth of a per cent)."""
        return int((np.abs(self.weights.values) > 1e-4).sum())

    def frame(self) -> pd.DataFrame:
        """One row an asset: weight and share of the risk, largest first."""
        table = pd.DataFrame({"weight": self.weights.values, "risk": self.risk.values})
        table.index = pd.Index(self.weights[SYMBOL].values, name=SYMBOL)
        return table.sort_values("weight", ascending=False)

    def __repr__(self) -> str:
        return (
            f"{self.method}: {self.positions} of {self.weights.size} assets, expected return "
            f"{self.expected_return * 100:.1f} % a year, volatility {self.volatility * 100:.1f} %, "
            f"Sharpe {self.sharpe:.2f}"
        )

    def _repr_html_(self) -> str:
        held = self.frame()
        held = held[held["weight"].abs() > 1e-4]
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(str(s))}</td><td>{r['weight'] * 100:.2f} %</td>"
            f"<td>{r['risk'] * 100:.2f} %</td></tr>"
            for s, r in held.iterrows()
        )
        head = "<th style='text-align:left'>asset</th><th>weight</th><th>share of risk</th>"
        return (
            f"<div><b>{escape(repr(self))}</b></div><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def _allocation(method: str, known: Moments, weights: np.ndarray, risk_free: float = 0.0) -> Allocation:
    coords = {SYMBOL: known.symbols}
    pull = known.covariance @ weights
    variance = float(weights @ pull)
    share = weights * pull / variance if variance > 0.0 else np.full(len(weights), np.nan)
    return Allocation(
        method=method,
        weights=xr.DataArray(weights, coords, (SYMBOL,), name="weight"),
        expected_return=float(weights @ known.mean),
        volatility=variance**0.5,
        risk_free=risk_free,
        risk=xr.DataArray(share, coords, (SYMBOL,), name="risk"),
    )


def _known(prices: Prices, estimate: Estimate | None) -> Moments:
    if not isinstance(prices, Moments):
        return moments(prices, estimate)
    if estimate is not None:
        raise ParameterError("estimate= says how moments come from prices; these were given.")
    return prices


def _bounds(known: Moments, lower: Bound, upper: Bound, total: float = 1.0) -> tuple[Bounds, Bounds]:
    """Check bounds; those by symbol become arrays, the others' are 0 and 1."""
    low, high = _bound(known, "lower", lower, 0.0), _bound(known, "upper", upper, 1.0)
    count = len(known.symbols)
    least, most = np.broadcast_to(low, count), np.broadcast_to(high, count)
    wrong = np.flatnonzero(~(least <= most))
    if wrong.size:
        i = wrong[0]
        raise ParameterError(f"lower ({least[i]:g}) is above upper ({most[i]:g}) for {known.symbols[i]}.")
    if least.sum() > total + 1e-12 or most.sum() < total - 1e-12:
        raise ParameterError(
            f"{count} weights between {least.min():g} and {most.max():g} cannot sum to {total:g}.",
            "Widen the bounds.",
        )
    if not total and not least.min() < 0.0:
        raise ParameterError("A neutral portfolio is short of something.", "Give a negative lower.")
    return low, high


def _by_symbol(known: Moments, what: str, values: Mapping[str, float], default: float) -> np.ndarray:
    symbols = [str(s) for s in known.symbols]
    for name in values:
        if name not in symbols:
            raise InvalidInputError(f"There is no asset {name!r}.", did_you_mean(str(name), symbols))
        _number(f"{what} of {name}", values[name])
    return np.array([float(values.get(s, default)) for s in symbols])


def _bound(known: Moments, what: str, bound: Bound, default: float) -> Bounds:
    if isinstance(bound, Mapping):
        return _by_symbol(known, what, bound, default)
    _number(what, bound)
    return float(bound)


def _number(name: str, value: float, least: float | None = None, *, above: bool = False) -> None:
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise ParameterError(f"{name} is a number, not {value!r}.")
    if least is not None and not (value > least if above else value >= least):
        bound = "above" if above else "at least"
        raise ParameterError(f"{name} is {bound} {least:g}, not {value!r}.")


def equal_weight(prices: Prices, *, estimate: Estimate | None = None) -> Allocation:
    """Hold the same value of every asset.

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    estimate
        How return and risk are judged; the weights do not depend on it.
    """
    known = _known(prices, estimate)
    count = len(known.symbols)
    return _allocation("Equal weight", known, np.full(count, 1.0 / count))


def inverse_volatility(prices: Prices, *, estimate: Estimate | None = None) -> Allocation:
    """Hold each asset in proportion to one over its volatility.

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    estimate
        How the past stands for the future.
    """
    known = _known(prices, estimate)
    return _allocation("Inverse volatility", known, solvers.inverse_volatility(known))


def minimum_variance(
    prices: Prices,
    *,
    lower: Bound = 0.0,
    upper: Bound = 1.0,
    l2: float = 0.0,
    estimate: Estimate | None = None,
) -> Allocation:
    """Hold the portfolio of least variance.

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    lower, upper
        Least and most of one asset, of all or by symbol (the others' are 0 and 1); a negative ``lower``
        allows short sales. They may be infinite.
    l2
        Times the sum of the squared weights is added to the variance: spreads the capital.
    estimate
        How the past stands for the future.

    Raises
    ------
    ParameterError
        The bounds leave no portfolio.
    """
    known = _known(prices, estimate)
    low, high = _bounds(known, lower, upper)
    _number("l2", l2, 0.0)
    return _allocation("Minimum variance", known, solvers.minimum_variance(known, low, high, l2))


def maximum_sharpe(
    prices: Prices,
    *,
    risk_free: float = 0.0,
    lower: Bound = 0.0,
    upper: Bound = 1.0,
    l2: float = 0.0,
    estimate: Estimate | None = None,
) -> Allocation:
    """Hold the portfolio of the highest expected Sharpe ratio, the tangency portfolio.

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    risk_free
        A year's rate.
    lower, upper, l2
        As in :func:`minimum_variance`.
    estimate
        How the past stands for the future.

    Raises
    ------
    InvalidInputError
        No asset is expected to earn more than the risk-free rate.
    ParameterError
        The bounds leave no portfolio.
    """
    known = _known(prices, estimate)
    low, high = _bounds(known, lower, upper)
    _number("l2", l2, 0.0)
    weights = solvers.maximum_sharpe(known, risk_free, low, high, l2)
    return _allocation("Maximum Sharpe", known, weights, risk_free)


def mean_variance(
    prices: Prices,
    *,
    target_return: float | None = None,
    target_volatility: float | None = None,
    aversion: float | None = None,
    risk_free: float = 0.0,
    lower: Bound = 0.0,
    upper: Bound = 1.0,
    l2: float = 0.0,
    neutral: bool = False,
    estimate: Estimate | None = None,
) -> Allocation:
    """Hold a portfolio of the efficient frontier; say which by one of three numbers.

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    target_return
        Least variance for at least this expected return a year.
    target_volatility
        Highest expected return at no more than this volatility a year.
    aversion
        Highest ``return - aversion / 2 * variance``.
    risk_free, lower, upper, estimate
        As in :func:`maximum_sharpe`.
    l2
        Times the sum of the squared weights is taken off what is maximised, or added to the variance.
    neutral
        The weights sum to 0, purchases being paid for by short sales, which a negative ``lower`` allows.

    Raises
    ------
    ParameterError
        None or several of the three are given.
    InvalidInputError
        The target is out of reach.
    """
    given = [v for v in (target_return, target_volatility, aversion) if v is not None]
    if len(given) != 1:
        raise ParameterError("Give one of target_return, target_volatility and aversion.")
    if target_return is not None:
        _number("target_return", target_return)
    if target_volatility is not None:
        _number("target_volatility", target_volatility, 0.0, above=True)
    if aversion is not None:
        _number("aversion", aversion, 0.0, above=True)
    _number("l2", l2, 0.0)
    known = _known(prices, estimate)
    total = 0.0 if neutral else 1.0
    low, high = _bounds(known, lower, upper, total)
    weights = solvers.mean_variance(
        known, aversion=aversion, target_return=target_return, target_volatility=target_volatility,
        lower=low, upper=high, l2=l2, total=total,
    )  # fmt: skip
    return _allocation("Mean-variance", known, weights, risk_free)


def risk_parity(
    prices: Prices, *, budget: Mapping[str, float] | None = None, estimate: Estimate | None = None
) -> Allocation:
    """Hold the portfolio to whose variance each asset contributes the same share.

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    budget
        Other shares by symbol; they are scaled to sum to 1, an asset left out gets none.
    estimate
        How the past stands for the future.

    Raises
    ------
    InvalidInputError
        An asset never moved: there is no risk of it to share.
    """
    known = _known(prices, estimate)
    shares = None
    if budget is not None:
        shares = _by_symbol(known, "budget", budget, 0.0)
        if not (shares >= 0.0).all() or shares.sum() <= 0.0:
            raise ParameterError("A risk budget has no negative shares, and one that is positive.")
        shares = shares / shares.sum()
    return _allocation("Risk parity", known, solvers.risk_parity(known, shares))


def hierarchical_risk_parity(
    prices: Prices,
    *,
    linkage: Linkage | str = Linkage.WARD,
    leaves: Leaves | str = Leaves.OPTIMAL,
    estimate: Estimate | None = None,
) -> Allocation:
    """Divide the capital along a tree of clusters, by inverse variance (López de Prado 2016).

    Parameters
    ----------
    prices : DataArray [symbol, time], Dataset or Moments
        Closes, or moments of one's own.
    linkage
        ``"ward"`` (skfolio's) or ``"single"`` (the paper's), ``"complete"``, ``"average"``.
    leaves
        ``"optimal"``: neighbours in the tree's order are as alike as can be (skfolio); ``"tree"``: as they
        were put together (the paper, PyPortfolioOpt).
    estimate
        How the past stands for the future.

    Raises
    ------
    InvalidInputError
        An asset never moved: it has no correlation with the others.
    """
    chosen = word_of(Linkage, linkage, f"There is no linkage {linkage!r}.", ParameterError)
    order = word_of(Leaves, leaves, f"There is no order of leaves {leaves!r}.", ParameterError)
    known = _known(prices, estimate)
    weights = solvers.hierarchical(known, chosen, leaves=order)
    return _allocation("Hierarchical risk parity", known, weights)
