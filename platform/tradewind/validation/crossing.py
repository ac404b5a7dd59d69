"""Cross-validate the choice of parameters: chosen on some folds, judged on others, many times over."""

from dataclasses import dataclass, field
from html import escape

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import metrics
from tradewind.backtest import Grid
from tradewind.errors import InvalidInputError, ParameterError
from tradewind.metrics import periods_per_year
from tradewind.validation.splits import CombinatorialPurged, PurgedKFold, fold_edges
from tradewind.vocabulary import TIME

PATH = "path"


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What was earned on bars that the choice of parameters had not seen.

    Attributes
    ----------
    returns : DataArray [path, time]
        Each path covers all bars, every fold of it traded with parameters chosen without it.
    choices
        One row a split: folds tested, what was chosen, its Sharpe ratio in training and in testing.
    best
        Sharpe ratio a year of the variant that was best on all bars: what one would have boasted of.
    """

    returns: xr.DataArray
    choices: pd.DataFrame
    best: float
    periods: float = field(repr=False)

    @property
    def sharpes(self) -> np.ndarray:
        """Sharpe ratio a year of each path."""
        return np.asarray(metrics.sharpe(self.returns.values, self.periods))

    @property
    def probability_of_loss(self) -> float:
        """Share of paths whose Sharpe ratio is not positive."""
        return float((self.sharpes <= 0.0).mean())

    def __repr__(self) -> str:
        s = self.sharpes
        paths = f"{len(s)} path{'s' if len(s) > 1 else ''}"
        spread = f" (from {s.min():.2f} to {s.max():.2f})" if len(s) > 1 else ""
        return (
            f"On bars not chosen from, {paths} had a mean Sharpe ratio of {s.mean():.2f}{spread}; "
            f"the best variant in hindsight shows {self.best:.2f}. "
            f"{self.probability_of_loss * 100:.0f} % of the paths earned nothing."
        )

    def _repr_html_(self) -> str:
        table = self.choices.head(15).to_html(index=False, float_format=lambda v: f"{v:.2f}")
        return f"<div><p><b>{escape(repr(self))}</b></p>{table}</div>"


def cross_validate(grid: Grid, splits: PurgedKFold | CombinatorialPurged | None = None) -> CrossValidation:
    """Choose the best variant of a sweep on the training bars of each split and judge it on the tested ones.

    Every variant is backtested once over the whole past; a split only says which of its bars count. A
    variant's decisions come from the past alone, so a tested bar's return owes nothing to the choice made on
    other bars but through positions still open: give the splits a ``horizon`` as long as trades last.

    Parameters
    ----------
    grid
        A sweep.
    splits
        :class:`CombinatorialPurged` (6 folds, 2 tested, purged by 5 bars with an embargo of 5) unless said.

    Raises
    ------
    InvalidInputError
        The sweep has one variant: there is nothing to choose.
    """
    if not isinstance(grid, Grid):
        raise InvalidInputError(
            f"Cross-validation judges a sweep, not a {type(grid).__name__}.", "tw.sweep(...) gives one."
        )
    if not isinstance(splits, PurgedKFold | CombinatorialPurged | None):
        raise ParameterError(
            f"splits is a PurgedKFold or CombinatorialPurged, not {splits!r}.",
            "Such as tw.validation.PurgedKFold(5).",
        )
    if grid.trials < 2:
        raise InvalidInputError("The sweep has one variant; cross-validation judges a choice among several.")
    chosen = splits or CombinatorialPurged(horizon=5, embargo=5)
    returns = grid.returns()
    values = np.nan_to_num(returns.values)
    frame = grid.frame()[grid.parameters]
    attrs = grid.data.attrs
    time = np.asarray(returns[TIME].values)
    periods = periods_per_year(time, str(attrs.get("frequency", "")), str(attrs.get("calendar", "")))
    rows, picks = [], []
    for folds, (train, test) in zip(chosen.tested(), chosen.split(values.shape[1]), strict=True):
        ratios = np.nan_to_num(np.asarray(metrics.sharpe(values[:, train], periods)), nan=-np.inf)
        pick = int(ratios.argmax())
        picks.append(pick)
        judged = float(metrics.sharpe(values[pick, test], periods))
        rows.append(
            {"tested": folds, **frame.iloc[pick].to_dict(), "trained": float(ratios[pick]), "judged": judged}
        )
    edges = fold_edges(values.shape[1], chosen.folds)
    routes = chosen.paths()
    paths = np.empty((len(routes), values.shape[1]))
    for p, route in enumerate(routes):
        for fold, split in enumerate(route):
            span = slice(edges[fold], edges[fold + 1])
            paths[p, span] = values[picks[split], span]
    everything = np.asarray(metrics.sharpe(values, periods))
    return CrossValidation(
        returns=xr.DataArray(paths, {TIME: time}, (PATH, TIME), name="returns"),
        choices=pd.DataFrame(rows),
        best=float(np.nanmax(everything)),
        periods=periods,
    )
