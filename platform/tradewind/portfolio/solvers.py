"""The optimisation problems, by skfolio, on moments that were estimated beforehand."""

from dataclasses import replace
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np

from tradewind.errors import InvalidInputError
from tradewind.portfolio import exact
from tradewind.portfolio.estimates import Moments
from tradewind.portfolio.exact import NEAR, Bounds

NO_BOUND = 1e3
"""Stands for an infinite bound among finite ones."""

TIGHT = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}


class Linkage(StrEnum):
    """How hierarchical clustering measures the distance of two clusters."""

    WARD = "ward"
    SINGLE = "single"
    COMPLETE = "complete"
    AVERAGE = "average"


class Leaves(StrEnum):
    """In which order the leaves of a tree of clusters are cut in halves."""

    OPTIMAL = "optimal"
    TREE = "tree"


@cache
def _prior_class() -> Any:
    """An skfolio prior that says what we know instead of estimating it again."""
    from skfolio.prior import BasePrior, ReturnDistribution

    class Known(BasePrior):  # type: ignore[misc]
        def __init__(self, known: Moments) -> None:
            self.known = known

        def fit(self, X: Any, y: Any = None, **_: Any) -> Any:
            known = self.known
            self.return_distribution_ = ReturnDistribution(
                mu=known.mean, covariance=known.covariance, returns=np.asarray(X)
            )
            return self

    return Known


@cache
def _distance_class() -> Any:
    """An skfolio distance of assets from correlations that are known."""
    from skfolio.distance import BaseDistance

    class KnownDistance(BaseDistance):  # type: ignore[misc]
        def __init__(self, known: Moments) -> None:
            self.known = known

        def fit(self, X: Any, y: Any = None, **_: Any) -> Any:
            self.codependence_ = self.known.correlation
            self.distance_ = np.sqrt(np.clip((1.0 - self.codependence_) / 2.0, 0.0, 1.0))
            np.fill_diagonal(self.distance_, 0.0)
            return self

    return KnownDistance


def fit(known: Moments, kind: str, **options: Any) -> np.ndarray:
    """Let an skfolio optimiser find the weights.

    Raises
    ------
    InvalidInputError
        The problem has no solution.
    """
    import cvxpy
    from skfolio import optimization

    estimator = getattr(optimization, kind)(prior_estimator=_prior_class()(known), **options)
    shape = np.nan_to_num(known.returns) if len(known.returns) > 1 else np.zeros((2, len(known.mean)))
    try:
        estimator.fit(shape)
    except (cvxpy.error.SolverError, cvxpy.error.DCPError, ArithmeticError, ValueError) as error:
        # the optimiser's own words are about its settings, which are none of the user's; they are the cause
        raise InvalidInputError(
            "The optimiser found no portfolio that satisfies this.",
            "Look at the bounds and the targets: are they within reach of the assets?",
        ) from error
    return np.asarray(estimator.weights_, dtype=float)


def _refuse_still(known: Moments, still: np.ndarray, rule: str) -> None:
    """Refuse assets that a rule would have to divide by the risk of, where they have none."""
    if still.any():
        named = ", ".join(str(s) for s in known.symbols[still][:5])
        more = f" and {still.sum() - 5} more" if still.sum() > 5 else ""
        raise InvalidInputError(
            f"{rule} divides by each asset's risk, and these never moved: {named}{more}.", "Leave them out."
        )


def _limits(lower: Bounds, upper: Bounds) -> dict[str, Any]:
    """Bounds and precision as skfolio takes them: no bound is None."""

    def known(bound: Bounds) -> Any:
        return None if np.isinf(bound).all() else np.clip(bound, -NO_BOUND, NO_BOUND)

    return {"min_weights": known(lower), "max_weights": known(upper), "solver_params": TIGHT}


def minimum_variance(known: Moments, lower: Bounds = 0.0, upper: Bounds = 1.0, l2: float = 0.0) -> np.ndarray:
    """Weights of least variance, plus ``l2`` times the sum of their squares."""
    found = exact.minimum_variance(exact.ridged(known.covariance, l2), lower, upper)
    if found is not None:
        return found
    return fit(known, "MeanRisk", l2_coef=l2, **_limits(lower, upper))


def maximum_sharpe(
    known: Moments, risk_free: float = 0.0, lower: Bounds = 0.0, upper: Bounds = 1.0, l2: float = 0.0
) -> np.ndarray:
    """Weights of the highest Sharpe ratio, ``l2`` times the sum of their squares added to the variance.

    Raises
    ------
    InvalidInputError
        No asset, or no portfolio within the bounds, is expected to earn more than the risk-free rate.
    """
    excess = known.mean - risk_free
    if np.all(lower >= 0.0) and not (excess > 0.0).any():
        raise InvalidInputError(
            f"No asset is expected to earn more than the risk-free rate of {risk_free:.2%} a year.",
            "Hold cash, or give a lower risk_free.",
        )
    if not exact.largest(excess, lower, upper) > 0.0:
        raise InvalidInputError(
            f"No portfolio within these bounds is expected to earn more than {risk_free:.2%} a year.",
            "Hold cash, widen the bounds, or give a lower risk_free.",
        )
    if l2:  # the solver's own penalty is on weights that are not scaled yet
        known = replace(known, covariance=exact.ridged(known.covariance, l2))
    found = None
    if np.all(lower == 0.0):
        found = exact.maximum_sharpe(excess, known.covariance, upper)
    elif np.all(lower == -np.inf) and np.all(upper == np.inf):
        found = exact.tangency(excess, known.covariance)
    if found is not None:
        return found
    from skfolio.optimization import ObjectiveFunction

    return fit(
        known, "MeanRisk", objective_function=ObjectiveFunction.MAXIMIZE_RATIO, risk_free_rate=risk_free,
        **_limits(lower, upper),
    )  # fmt: skip


def _check_return(target: float, most: float) -> None:
    if target > most + NEAR * abs(most):
        raise InvalidInputError(
            f"A return of {target:.2%} a year is out of reach: within these bounds {most:.2%} is the most "
            "that is expected.",
            "Give a lower target_return, or widen the bounds.",
        )


def _check_volatility(target: float, known: Moments, calmest: np.ndarray) -> None:
    least = float(np.sqrt(calmest @ known.covariance @ calmest))
    if target < least * (1.0 - NEAR):
        raise InvalidInputError(
            f"A volatility of {target:.2%} a year is out of reach: within these bounds {least:.2%} is the "
            "least.",
            "Give a higher target_volatility, or widen the bounds.",
        )


def mean_variance(
    known: Moments,
    *,
    aversion: float | None,
    target_return: float | None,
    target_volatility: float | None,
    lower: Bounds,
    upper: Bounds,
    l2: float = 0.0,
    total: float = 1.0,
) -> np.ndarray:
    """Weights on the efficient frontier that sum to ``total``, 1 or 0: by a return, a volatility or an
    aversion to variance."""
    from skfolio.optimization import ObjectiveFunction

    limits = _limits(lower, upper) | {"l2_coef": l2, "budget": total}
    if target_return is not None:
        _check_return(target_return, exact.largest(known.mean, lower, upper, total))
        near = fit(known, "MeanRisk", min_return=target_return, **limits)
        ridged = exact.ridged(known.covariance, l2)
        least = (known.mean, target_return)
        return exact.polished(near, ridged, np.zeros_like(near), (lower, upper), least, total=total)
    if target_volatility is not None:
        if total:  # nothing at all is the calmest that sums to 0
            _check_volatility(target_volatility, known, minimum_variance(known, lower, upper))
        limits |= {"max_variance": target_volatility**2}
        return fit(known, "MeanRisk", objective_function=ObjectiveFunction.MAXIMIZE_RETURN, **limits)
    # skfolio maximises mean - aversion * variance, the textbook (and PyPortfolioOpt) half of it
    wary = aversion or 1.0
    kind = ObjectiveFunction.MAXIMIZE_UTILITY
    near = fit(known, "MeanRisk", objective_function=kind, risk_aversion=wary / 2.0, **limits)
    ridged = exact.ridged(known.covariance, 2.0 * l2 / wary)
    return exact.polished(near, ridged, known.mean / wary, (lower, upper), total=total)


def risk_parity(known: Moments, budget: np.ndarray | None = None, most: float = 1.0) -> np.ndarray:
    """Weights to which each asset contributes the same variance, or its share of a budget."""
    _refuse_still(known, known.still, "Risk parity")
    return fit(known, "RiskBudgeting", risk_budget=budget, max_weights=most, solver_params=TIGHT)


def hierarchical(
    known: Moments,
    linkage: Linkage | str = Linkage.WARD,
    most: float = 1.0,
    leaves: Leaves = Leaves.OPTIMAL,
) -> np.ndarray:
    """Weights by hierarchical risk parity (López de Prado 2016)."""
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.seriation import HierarchicalSeriation

    _refuse_still(known, known.constant | known.still, "Hierarchical risk parity")
    clustering = HierarchicalClustering(linkage_method=LinkageMethod[Linkage(linkage).name])
    order = HierarchicalSeriation(
        hierarchical_clustering_estimator=clustering, optimal_ordering=leaves is Leaves.OPTIMAL
    )
    return fit(
        known, "HierarchicalRiskParity", max_weights=most, seriation_estimator=order,
        distance_estimator=_distance_class()(known),
    )  # fmt: skip


def inverse_volatility(known: Moments) -> np.ndarray:
    """Weights in proportion to one over the volatility; an asset that never moved gets none."""
    if known.still.all():
        _refuse_still(known, known.still, "Inverse volatility")
    spread = np.sqrt(np.diag(known.covariance))
    raw = np.where(known.still, 0.0, 1.0 / np.where(known.still, 1.0, spread))
    return np.asarray(raw / raw.sum())
