"""What picking the best of many does: backtest overfitting by cross-validation, and the reality check."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr

from tradewind.backtest import Grid
from tradewind.checks import at_least
from tradewind.errors import InvalidInputError, ParameterError
from tradewind.metrics.performance import nothing_but_rounding
from tradewind.vocabulary import TIME

Trials = Grid | xr.DataArray | np.ndarray
"""A sweep, whose variants are run once more; or returns of every trial, ``(trial, time)``."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """How the variant that was best in one half of the past did in the other half.

    Attributes
    ----------
    probability
        Of overfitting: the share of splits in which the best of one half is below the median in the other.
    logits
        Of its rank in the other half, one a split; 0 is the median.
    loss
        Share of splits in which it lost money in the other half.
    """

    probability: float
    logits: np.ndarray
    loss: float
    splits: int

    def __repr__(self) -> str:
        return (
            f"In {self.probability * 100:.0f} % of {self.splits:,} ways to split the past, "
            "the best variant of one half was in the worse half of the other; "
            f"in {self.loss * 100:.0f} % it lost money there."
        )


def _matrix(returns: Trials) -> np.ndarray:
    data = returns.returns() if isinstance(returns, Grid) else returns
    if isinstance(data, xr.DataArray) and TIME in data.dims:
        data = data.transpose(..., TIME).values
    needed = "This needs returns of at least two trials, as (trial, time)"
    try:
        values = np.asarray(data, dtype=float)
    except (TypeError, ValueError):
        kind = type(returns).__name__
        raise InvalidInputError(f"{needed}, not a {kind}.", "Give a sweep, or its grid.returns().") from None
    if values.ndim != 2 or values.shape[0] < 2:
        raise InvalidInputError(f"{needed}, not {values.shape}.", "Give a sweep, or its grid.returns().")
    if not np.isfinite(values).all():
        raise InvalidInputError("Returns of all trials must be known at all bars.")
    return values


def backtest_overfitting(returns: Trials, blocks: int = 12) -> Selection:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation.

    Bailey, Borwein, López de Prado and Zhu 2017: the past is cut into blocks, every half of the blocks is
    once the training set; the best trial there by Sharpe ratio is ranked among all in the other half.

    Parameters
    ----------
    returns : Grid or array [trial, time]
        A sweep, or returns of every trial.
    blocks
        An even number; 12 give 924 splits, 16 give 12,870.
    """
    at_least("backtest_overfitting", blocks=(blocks, 2))
    values = _matrix(returns)
    if blocks % 2 or blocks > values.shape[1] // 2:
        raise ParameterError(f"blocks is even and at most half of the {values.shape[1]} bars, not {blocks}.")
    size = values.shape[1] // blocks
    cut = values[:, : size * blocks].reshape(values.shape[0], blocks, size)
    first, second = cut.sum(axis=2), (cut**2).sum(axis=2)
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    bars = size * (blocks // 2)

    def ratio(mask: np.ndarray) -> np.ndarray:
        mean = mask @ first.T / bars
        spread = np.sqrt(np.maximum(mask @ second.T / bars - mean**2, 0.0))
        flat = nothing_but_rounding(spread, mean)
        return np.where(flat, 0.0, mean / np.where(flat, 1.0, spread))

    train, test = ratio(inside), ratio(1.0 - inside)
    best = train.argmax(axis=1)
    rows = np.arange(len(chosen))
    score = test[rows, best]
    rank = (test < score[:, None]).sum(axis=1) + ((test == score[:, None]).sum(axis=1) + 1) / 2.0
    share = rank / (values.shape[0] + 1)
    logits = np.log(share / (1.0 - share))
    return Selection(
        probability=float((logits <= 0.0).mean()),
        logits=logits,
        loss=float((score < 0.0).mean()),
        splits=len(chosen),
    )


def _benchmark(given: xr.DataArray | np.ndarray | None, bars: int) -> np.ndarray:
    if given is None:
        return np.zeros(bars)
    try:
        base = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise InvalidInputError(f"A benchmark is its returns, not a {type(given).__name__}.") from None
    if base.shape != (bars,) or not np.isfinite(base).all():
        raise InvalidInputError(
            f"A benchmark has one known return for each of the {bars} bars; this one has shape {base.shape}."
        )
    return base


def reality_check(
    returns: Trials, benchmark: xr.DataArray | np.ndarray | None = None, *, draws: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Chance that the best of all trials does not beat a benchmark: White's reality check and Hansen's SPA.

    Computed by the ``arch`` package with a stationary bootstrap.

    Parameters
    ----------
    returns : Grid or array [trial, time]
        A sweep, or returns of every trial.
    benchmark : array [time]
        Its returns; nothing by default.
    draws, seed
        Of the bootstrap.

    Returns
    -------
    dict
        ``reality_check`` (White 2000), ``spa`` (Hansen 2005, consistent) and ``spa_lower``: p-values.
    """
    from arch.bootstrap import SPA

    at_least("reality_check", draws=(draws, 1))
    values = _matrix(returns)
    base = _benchmark(benchmark, values.shape[1])
    test = SPA(-base, -values.T, reps=draws, seed=seed)
    test.compute()
    return {
        "reality_check": float(test.pvalues["upper"]),
        "spa": float(test.pvalues["consistent"]),
        "spa_lower": float(test.pvalues["lower"]),
    }
