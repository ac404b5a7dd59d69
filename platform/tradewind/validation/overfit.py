"""Whether the best of many backtests is luck, in plain words."""

from dataclasses import dataclass
from html import escape

import numpy as np

from tradewind import metrics
from tradewind.backtest import Grid
from tradewind.errors import ParameterError
from tradewind.validation.sharpe import deflated_sharpe, expected_best_sharpe, minimum_track_record


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
    """

    chosen: str
    trials: int
    best: float
    luck: float
    deflated: float
    needed: float
    bars: int

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
        return (
            f"The best of {self.trials:,} trials has a Sharpe ratio of {self.best:.2f}. The best of as "
            "many worthless "
            f"trials would be expected to show {self.luck:.2f}. The chance that luck alone gives a result "
            "as good is "
            f"{shown}. {judged}"
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
            ("record needed for 95 % confidence", f"{record}; there are {self.bars:,}"),
        )
        body = "".join(
            f"<tr><td style='text-align:left'>{escape(a)}</td><td "
            f"style='text-align:right'>{escape(b)}</td></tr>"
            for a, b in rows
        )
        return f"<div style='max-width:760px'><p><b>{escape(self.verdict)}</b></p><table>{body}</table></div>"


def overfitting(grid: Grid, metric: str = "sharpe", *, trials: int | None = None) -> Overfitting:
    """Deflate the Sharpe ratio of a sweep's best combination by the number of trials.

    Parameters
    ----------
    grid
        The sweep.
    metric
        By which the best is picked.
    trials
        How many trials there were in all, when more than this sweep's were made.
    """
    count = grid.trials if trials is None else trials
    if count < grid.trials:
        raise ParameterError(f"trials is at least the sweep's own {grid.trials}, not {trials}.")
    result = grid.best(metric)
    returns = result.returns.values
    root = float(np.sqrt(result.setting.periods))
    ratios = grid["sharpe"].values / root
    variance = float(np.var(ratios[np.isfinite(ratios)], ddof=1)) if grid.trials > 1 else 0.0
    best = float(metrics.sharpe(returns, 1.0))
    luck = expected_best_sharpe(count, variance)
    shape = {"skewness": metrics.skewness(returns), "kurtosis": metrics.kurtosis(returns)}
    return Overfitting(
        chosen=result.setting.title,
        trials=count,
        best=best * root,
        luck=luck * root,
        deflated=deflated_sharpe(best, returns.size, trials=count, variance=variance, **shape),
        needed=minimum_track_record(best, benchmark=luck, **shape),
        bars=int(returns.size),
    )
