"""Whether the best of many backtests is luck, in plain words."""

from dataclasses import dataclass
from html import escape

import numpy as np

from tradewind import metrics
from tradewind.backtest import Grid
from tradewind.errors import InvalidInputError, ParameterError
from tradewind.provenance import ledger
from tradewind.validation.selection import Selection, backtest_overfitting
from tradewind.validation.sharpe import deflated_sharpe, expected_best_sharpe, minimum_track_record

BLOCKS = 12
MOST_FOR_SPLITS = 300
"""Combinations up to which the splits are computed without being asked for."""


@dataclass(frozen=True, kw_only=True)
class Overfitting:
    """What picking the best of many trials does to its Sharpe ratio. Sharpe ratios here are a year's.

    Attributes
    ----------
    trials
        How many variants the best was picked from.
    best
        Its Sharpe ratio.
    luck
        Sharpe ratio the best of as many worthless variants is expected to show.
    deflated
        Probability that the true Sharpe ratio is above zero, after that correction (deflated Sharpe ratio).
    needed
        Bars of record needed to tell it from luck with 95 % confidence; infinite if it does not beat luck.
    bars
        Bars there are.
    swept
        How many of the trials were this sweep's; the others are in the trial ledger.
    selection
        The probability of backtest overfitting, where it was computed.
    """

    chosen: str
    swept: int
    trials: int
    best: float
    luck: float
    deflated: float
    needed: float
    bars: int
    selection: Selection | None = None

    @property
    def verdict(self) -> str:
        """The finding in plain words."""
        chance = 1.0 - self.deflated
        shown = "less than 1 %" if chance < 0.01 else f"{chance * 100:.0f} %"
        judged = (
            "That is strong evidence against luck alone."
            if self.deflated >= 0.95
            else "That is weak evidence."
            if self.deflated >= 0.80
            else "Do not trust it: luck explains it well enough."
        )
        others = self.trials - self.swept
        counted = f" ({self.swept:,} here, {others:,} before)" if others else ""
        return (
            f"The best of {self.trials:,} trials{counted} has a Sharpe ratio of {self.best:.2f}. "
            f"The best of as many worthless trials would be expected to show {self.luck:.2f}. "
            f"The chance that luck alone gives a result as good is {shown}. {judged}"
            + (f" {self.selection!r}" if self.selection else "")
        )

    def __repr__(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        record = (
            "no length of record would do" if not np.isfinite(self.needed) else f"{self.needed:,.0f} bars"
        )
        rows = (
            ("chosen", self.chosen),
            ("Sharpe ratio a year", f"{self.best:.2f}"),
            ("expected of luck alone", f"{self.luck:.2f}"),
            ("deflated Sharpe ratio (probability of skill)", f"{self.deflated * 100:.1f} %"),
            *(
                [("probability of overfitting (splits)", f"{self.selection.probability * 100:.0f} %")]
                if self.selection
                else []
            ),
            ("record needed for 95 % confidence", f"{record}; there are {self.bars:,}"),
        )
        body = "".join(
            f"<tr><td style='text-align:left'>{escape(a)}</td><td "
            f"style='text-align:right'>{escape(b)}</td></tr>"
            for a, b in rows
        )
        return f"<div style='max-width:760px'><p><b>{escape(self.verdict)}</b></p><table>{body}</table></div>"


def trials_variance(own: np.ndarray, ledger_ratios: np.ndarray, count: int, bars: int) -> float:
    """Variance of the trials' Sharpe ratios per bar, over everything that was tried.

    A sweep of near neighbours varies little, and rightly raises the expected luck little, as long as it was
    all that was tried. Where the ledger knows of other trials, theirs count as well; those of unknown ratio
    count with the variance a worthless trial has, one over the bars. The number of trials stays the raw one:
    see ``docs/research.md`` for what effective numbers do.
    """
    ratios = ledger_ratios if ledger_ratios.size > own.size else own
    seen = float(np.var(ratios, ddof=1)) if ratios.size > 1 else 0.0
    unknown = max(0, count - ratios.size)
    return (seen * ratios.size + unknown / bars) / max(count, 1) if count > 1 else 0.0


def overfitting(
    grid: Grid, metric: str = "sharpe", *, trials: int | None = None, splits: bool | None = None
) -> Overfitting:
    """Deflate the Sharpe ratio of a sweep's best combination by the number of trials.

    Parameters
    ----------
    grid
        The sweep.
    metric
        By which the best is picked.
    trials
        How many trials there were in all; by default those the ledger knows of on this dataset, at least the
        sweep's own.
    splits
        Whether to compute the probability of backtest overfitting, which runs every combination once more; by
        default for sweeps of up to 300.
    """
    if not isinstance(grid, Grid):
        raise InvalidInputError(
            f"Overfitting is judged of a sweep, not of a {type(grid).__name__}.", "tw.sweep(...) gives one."
        )
    if trials is not None and trials < grid.trials:
        raise ParameterError(f"trials is at least the sweep's own {grid.trials}, not {trials}.")
    known = ledger.trials(str(grid.data.attrs.get("dataset", "")))
    count = max(grid.trials, known.count) if trials is None else trials
    result = grid.best(metric)
    returns = result.returns.values
    root = float(np.sqrt(result.setting.periods))
    ratios = grid["sharpe"].values / root
    variance = trials_variance(ratios[np.isfinite(ratios)], np.array(known.sharpes), count, returns.size)
    best = float(metrics.sharpe(returns, 1.0))
    luck = expected_best_sharpe(count, variance)
    shape = {"skewness": metrics.skewness(returns), "kurtosis": metrics.kurtosis(returns)}
    wanted = 1 < grid.trials <= MOST_FOR_SPLITS if splits is None else splits
    selection = None
    if wanted and returns.size >= 4 * BLOCKS:
        selection = backtest_overfitting(grid.returns().values, BLOCKS)
    return Overfitting(
        chosen=result.setting.title,
        swept=grid.trials,
        trials=count,
        best=best * root,
        luck=luck * root,
        deflated=deflated_sharpe(best, returns.size, trials=count, variance=variance, **shape),
        needed=minimum_track_record(best, benchmark=luck, **shape),
        bars=int(returns.size),
        selection=selection,
    )
