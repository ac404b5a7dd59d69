"""The optimisation problems, by skfolio, on moments that were estimated beforehand."""

from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np

from tradewind.errors import InvalidInputError
from tradewind.portfolio import exact
from tradewind.portfolio.estimates import Moments
from tradewind.portfolio.exact import Bounds

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
    except (cvxpy.error.SolverError, ValueError) as error:
        raise InvalidInputError(
            f"No portfolio satisfies that: {str(error).splitlines()[0]}",
            "Look at the bounds and the targets: are they within reach of the assets?",
        ) from error
    return np.asarray(estimator.weights_, dtype=float)


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
    known: Moments, risk_free: float = 0.0, lower: Bounds = 0.0, upper: Bounds = 1.0
) -> np.ndarray:
    """Weights of the highest Sharpe ratio.

    Raises
    ------
    InvalidInputError
        No asset is expected to earn more than the risk-free rate.
    """
    excess = known.mean - risk_free
    if np.all(lower >= 0.0) and not (excess > 0.0).any():
        raise InvalidInputError(
            f"No asset is expected to earn more than the risk-free rate of {risk_free:.2%} a year.",
            "Hold cash, or give a lower risk_free.",
        )
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


def mean_variance(
    known: Moments,
    *,
    aversion: float | None,
    target_return: float | None,
    target_volatility: float | None,
    lower: Bounds,
    upper: Bounds,
    l2: float = 0.0,
) -> np.ndarray:
    """Weights on the efficient frontier: by a return, by a volatility or by an aversion to variance."""
    from skfolio.optimization import ObjectiveFunction

    limits = _limits(lower, upper) | {"l2_coef": l2}
    if target_return is not None:
        near = fit(known, "MeanRisk", min_return=target_return, **limits)
        ridged = exact.ridged(known.covariance, l2)
        return exact.polished(near, ridged, np.zeros_like(near), (lower, upper), (known.mean, target_return))
    if target_volatility is not None:
        limits |= {"max_variance": target_volatility**2}
        return fit(known, "MeanRisk", objective_function=ObjectiveFunction.MAXIMIZE_RETURN, **limits)
    # skfolio maximises mean - aversion * variance, the textbook (and PyPortfolioOpt) half of it
    wary = aversion or 1.0
    kind = ObjectiveFunction.MAXIMIZE_UTILITY
    near = fit(known, "MeanRisk", objective_function=kind, risk_aversion=wary / 2.0, **limits)
    ridged = exact.ridged(known.covariance, 2.0 * l2 / wary)
    return exact.polished(near, ridged, known.mean / wary, (lower, upper))


def risk_parity(known: Moments, budget: np.ndarray | None = None, most: float = 1.0) -> np.ndarray:
    """Weights to which each asset contributes the same variance, or its share of a budget."""
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
    spread = np.sqrt(np.diag(known.covariance))
    with np.errstate(divide="ignore"):
        raw = np.where(spread > 0.0, 1.0 / spread, 0.0)
    return np.asarray(raw / raw.sum())
