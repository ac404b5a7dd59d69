"""Minimum variance and maximum Sharpe without a solver: guess which bounds bind, solve the rest, prove it.

For a covariance that is positive definite the optimum is unique, and the conditions of Karush, Kuhn and
Tucker prove it. A guess that cannot be proved gives ``None``; then skfolio solves the problem.
"""

import numpy as np

Bounds = float | np.ndarray
"""Of every weight, or one a weight."""

ROUNDS = 60
SLACK = 1e-9
NEAR = 1e-6


def minimum_variance(covariance: np.ndarray, lower: Bounds, upper: Bounds) -> np.ndarray | None:
    """Weights of least variance that sum to 1, each between ``lower`` and ``upper``."""
    n = len(covariance)
    if np.broadcast_to(lower, n).sum() > 1.0 + SLACK or np.broadcast_to(upper, n).sum() < 1.0 - SLACK:
        return None
    if np.all(lower == 0.0):  # were all expected to earn the same, the best ratio would be the least variance
        found = maximum_sharpe(np.ones(n), covariance, upper)
        if found is not None:
            return found
    at = np.zeros(n, dtype=int)  # -1 at the lower bound, 1 at the upper, 0 free
    for _ in range(ROUNDS):
        free = at == 0
        weights = np.where(at < 0, lower, np.where(at > 0, upper, 0.0))
        if not free.any():
            return None
        block = covariance[np.ix_(free, free)]
        pushed = covariance[np.ix_(free, ~free)] @ weights[~free]
        try:
            solved = np.linalg.solve(block, np.column_stack([np.ones(free.sum()), pushed]))
        except np.linalg.LinAlgError:
            return None
        price = (1.0 - weights[~free].sum() + solved[:, 1].sum()) / solved[:, 0].sum()
        weights[free] = price * solved[:, 0] - solved[:, 1]
        gradient = covariance @ weights - price
        scale = SLACK * max(abs(price), 1e-300)
        low, high = free & (weights < lower - SLACK), free & (weights > upper + SLACK)
        loose = ((at < 0) & (gradient < -scale)) | ((at > 0) & (gradient > scale))
        if not (low.any() or high.any() or loose.any()):
            return np.clip(weights, lower, upper)
        at[low], at[high] = -1, 1
        if not (low.any() or high.any()):
            at[loose] = 0
    return None


def maximum_sharpe(excess: np.ndarray, covariance: np.ndarray, upper: Bounds) -> np.ndarray | None:
    """Weights of the highest excess return over volatility, none negative, that sum to 1.

    Parameters
    ----------
    excess
        Expected returns above the risk-free rate; at least one is positive.
    covariance
        Of the same assets.
    upper
        Most of one asset; if that binds, the answer is None.
    """
    from scipy.optimize import nnls

    # The optimum is in the direction of the minimum of y'Cy / 2 - excess'y, y >= 0: least squares
    try:
        root = np.linalg.cholesky(covariance)
        raw, _ = nnls(root.T, np.linalg.solve(root, excess))
    except (np.linalg.LinAlgError, RuntimeError):
        return None
    kept = raw > SLACK * raw.max(initial=0.0)
    raw[~kept] = 0.0
    if not kept.any():
        return None
    raw[kept] = np.linalg.solve(covariance[np.ix_(kept, kept)], excess[kept])
    gradient = covariance @ raw - excess
    if (raw < 0.0).any() or (gradient < -NEAR * np.abs(excess).max()).any():
        return None
    weights: np.ndarray = raw / raw.sum()
    return weights if np.all(weights <= upper + SLACK) else None


def largest(values: np.ndarray, lower: Bounds, upper: Bounds, total: float = 1.0) -> float:
    """Return the most that weights that sum to ``total``, each within its bounds, times values amount to.

    Infinite where a bound is.
    """
    low, high = np.broadcast_to(lower, len(values)), np.broadcast_to(upper, len(values))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return float("inf")
    best = np.argsort(-values, kind="stable")
    room = (high - low)[best]
    given = np.minimum(room, np.maximum(total - low.sum() - (np.cumsum(room) - room), 0.0))
    return float(low @ values + given @ values[best])


def tangency(excess: np.ndarray, covariance: np.ndarray) -> np.ndarray | None:
    """Weights of the highest excess return over volatility that sum to 1, without bounds.

    None if the best direction is to be short as a whole: then no such portfolio is the best.
    """
    try:
        raw = np.linalg.solve(covariance, excess)
    except np.linalg.LinAlgError:
        return None
    return raw / raw.sum() if raw.sum() > SLACK * np.abs(raw).sum() else None


def ridged(covariance: np.ndarray, more: float) -> np.ndarray:
    """The covariance with a constant added to every variance: a penalty on squared weights."""
    return covariance + more * np.eye(len(covariance)) if more else covariance


def polished(
    near: np.ndarray,
    covariance: np.ndarray,
    slope: np.ndarray,
    bounds: tuple[Bounds, Bounds],
    least: tuple[np.ndarray, float] | None = None,
    *,
    total: float = 1.0,
) -> np.ndarray:
    """Sharpen a solver's minimum of ``w'Cw / 2 - slope'w`` where weights sum to ``total``.

    The bounds at which the solver ended are taken to bind; the rest is solved as linear equations, and kept
    if the conditions of an optimum prove it. Otherwise the solver's answer is.

    Parameters
    ----------
    near
        The solver's weights.
    covariance, slope
        Of the problem.
    bounds
        Least and most of every weight.
    least
        Coefficients and the least that they times the weights must reach.
    """
    lower, upper = bounds
    low, high = near < lower + NEAR, near > upper - NEAR
    free = ~(low | high)
    rows = [np.ones(len(near))]
    wanted = [total]
    if least is not None and float(least[0] @ near) < least[1] + NEAR * max(abs(least[1]), NEAR):
        rows, wanted = [*rows, least[0]], [*wanted, least[1]]
    sides = np.array(rows)
    weights = np.where(low, lower, np.where(high, upper, 0.0))
    count, k = int(free.sum()), len(rows)
    if count < k:
        return near
    matrix = np.zeros((count + k, count + k))
    matrix[:count, :count] = covariance[np.ix_(free, free)]
    matrix[:count, count:], matrix[count:, :count] = -sides[:, free].T, sides[:, free]
    right = np.concatenate([(slope - covariance @ weights)[free], np.array(wanted) - sides @ weights])
    try:
        solved = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return near
    weights[free] = solved[:count]
    prices = solved[count:]
    gradient = covariance @ weights - slope - sides.T @ prices
    scale = NEAR * max(float(np.abs(covariance @ weights).max()), float(np.abs(slope).max()))
    proved = (
        (weights >= lower - SLACK).all()
        and (weights <= upper + SLACK).all()
        and (gradient[low] >= -scale).all()
        and (gradient[high] <= scale).all()
        and (k == 1 or prices[1] >= -scale)
    )
    return weights if proved else near
