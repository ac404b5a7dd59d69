"""Cross-validation for time series: purged k-fold and combinatorial purged splits, as scikit-learn's.

A label is known ``horizon`` bars after its bar. A training bar whose label overlaps the test span has seen it
and is purged, on both sides; after a test span ``embargo`` more bars are left out, because prices remember
(López de Prado 2018, chapters 7 and 12).
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from tradewind.checks import at_least
from tradewind.errors import ParameterError


def fold_edges(bars: int, folds: int) -> np.ndarray:
    """Return where folds begin, and the end: the first ``bars % folds`` have one bar more."""
    if not 2 <= folds <= bars:
        raise ParameterError(f"{bars} bars cannot be cut into {folds} folds.")
    sizes = np.full(folds, bars // folds)
    sizes[: bars % folds] += 1
    return np.concatenate(([0], np.cumsum(sizes)))


def purged(bars: int, tests: list[tuple[int, int]], horizon: int, embargo: int) -> np.ndarray:
    """Return the bars that may be trained on when these spans ``[first, last)`` are tested."""
    free = np.ones(bars, dtype=bool)
    for first, last in tests:
        free[max(0, first - horizon) : last + horizon + embargo] = False
    return np.flatnonzero(free)


class _Splits:
    """What both have in common with scikit-learn's splitters."""

    folds: int
    horizon: int
    embargo: int

    def _checked(self) -> None:
        name = type(self).__name__
        at_least(name, folds=(self.folds, 2), horizon=(self.horizon, 0), embargo=(self.embargo, 0))

    def tested(self) -> list[tuple[int, ...]]:
        """Which folds each split tests."""
        raise NotImplementedError

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits."""
        return len(self.tested())

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the indices to train on and those to test, in time order.

        Parameters
        ----------
        X
            Anything with one row a bar, or the number of bars.
        y, groups
            Not looked at.

        Raises
        ------
        ParameterError
            Purging leaves nothing to train on.
        """
        bars = int(X) if isinstance(X, int | np.integer) else len(X)
        edges = fold_edges(bars, self.folds)
        for folds in self.tested():
            spans = [(int(edges[k]), int(edges[k + 1])) for k in folds]
            train = purged(bars, spans, self.horizon, self.embargo)
            if not train.size:
                raise ParameterError(
                    f"Purging leaves nothing to train on when folds {folds} of {bars} bars are tested.",
                    "Use fewer folds, a shorter horizon or embargo.",
                )
            yield train, np.concatenate([np.arange(a, b) for a, b in spans])


@dataclass(frozen=True)
class PurgedKFold(_Splits):
    """Each fold is tested once; training leaves out what has seen it.

    Attributes
    ----------
    folds
        Consecutive, equally long spans.
    horizon
        Bars until a bar's label is known.
    embargo
        Further bars left out after the tested span.
    """

    folds: int = 5
    _: KW_ONLY
    horizon: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        self._checked()

    def tested(self) -> list[tuple[int, ...]]:
        """One fold each."""
        return [(k,) for k in range(self.folds)]

    def paths(self) -> np.ndarray:
        """One path: fold ``k`` comes from split ``k``."""
        return np.arange(self.folds)[None, :]


@dataclass(frozen=True)
class CombinatorialPurged(_Splits):
    """Every choice of ``tests`` folds is tested once: many paths through all folds can be put together.

    Attributes
    ----------
    folds, horizon, embargo
        As in :class:`PurgedKFold`.
    tests
        Folds tested at once.
    """

    folds: int = 6
    _: KW_ONLY
    tests: int = 2
    horizon: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        self._checked()
        at_least("CombinatorialPurged", tests=(self.tests, 1))
        if not self.tests < self.folds:
            raise ParameterError(f"tests is at least 1 and below folds ({self.folds}), not {self.tests}.")

    def tested(self) -> list[tuple[int, ...]]:
        """All combinations."""
        return list(combinations(range(self.folds), self.tests))

    def paths(self) -> np.ndarray:
        """Which split each fold comes from in each path, ``(path, fold)``."""
        found = np.zeros((comb(self.folds - 1, self.tests - 1), self.folds), dtype=int)
        used = np.zeros(self.folds, dtype=int)
        for split, folds in enumerate(self.tested()):
            for fold in folds:
                found[used[fold], fold] = split
                used[fold] += 1
        return found
