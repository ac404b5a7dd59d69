"""What else could have happened: the past's own returns, drawn again in blocks."""

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import metrics
from tradewind.backtest import Result
from tradewind.checks import at_least
from tradewind.errors import InvalidInputError
from tradewind.vocabulary import TIME
from tradewind.wording import UNDEFINED, counted, percent, written

JUDGED = ("total_return", "cagr", "volatility", "sharpe", "max_drawdown")
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Quantiles of many pasts that might have been.

    Attributes
    ----------
    figures
        One row a metric: the actual one, and its quantiles among the draws.
    growth : DataArray [level, time]
        Quantiles of one unit's value over time.
    loss
        Share of draws that lost money.
    block
        Mean length of the blocks drawn.
    """

    figures: pd.DataFrame
    growth: xr.DataArray
    loss: float
    block: float
    draws: int

    def __repr__(self) -> str:
        s = self.figures.loc["sharpe"].to_dict()
        if np.isnan(s["actual"]):
            ratio = "there is no Sharpe ratio, as the returns never vary"
        else:
            ratio = (
                f"the Sharpe ratio lies between {written(s['5 %'])} and {written(s['95 %'])} nine times in "
                f"ten (it was {written(s['actual'])})"
            )
        return (
            f"In {self.draws:,} pasts drawn from the same returns in blocks of {counted(self.block, 'bar')} "
            f"{ratio}; {percent(self.loss, 0)} of them lost money."
        )

    def _repr_html_(self) -> str:
        table = self.figures.to_html(float_format=lambda v: f"{v:.3f}", na_rep=UNDEFINED)
        return f"<div style='max-width:760px'><p><b>{escape(repr(self))}</b></p>{table}</div>"


def _series(data: xr.DataArray | np.ndarray) -> np.ndarray:
    try:
        values = np.asarray(data, dtype=float)
    except (TypeError, ValueError):
        kind = type(data).__name__
        raise InvalidInputError(f"These are no returns, but a {kind}.", "Give a result.") from None
    if values.ndim != 1:
        raise InvalidInputError(
            f"This draws from the returns of one series, not from an array of shape {values.shape}.",
            "Give one of them at a time.",
        )
    if np.isinf(values).any():
        raise InvalidInputError("A return is infinite: a price before it must have been 0.")
    return values


def bootstrap(
    returns: Result | xr.DataArray | np.ndarray,
    *,
    periods: float | None = None,
    block: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Bands:
    """Draw the returns again, in blocks of random length (Politis and Romano's stationary bootstrap).

    Parameters
    ----------
    returns
        A result, or simple returns per bar of one series. NaN returns are left out, as everywhere.
    periods
        Bars a year; a result's own, else 252.
    block
        Mean length of a block; by default the length that Politis and White's rule finds (``arch``). 1 draws
        bar by bar (Monte Carlo), which forgets that calm and storm come in spells.
    draws, seed
        Of the bootstrap.

    Raises
    ------
    InvalidInputError
        Fewer than ten returns are known, one is infinite, or these are several series.
    """
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    year = periods or (returns.setting.periods if isinstance(returns, Result) else metrics.performance.YEAR)
    data = returns.returns if isinstance(returns, Result) else returns
    values = _series(data)
    time = data[TIME].values if isinstance(data, xr.DataArray) and TIME in data.coords else None
    known = ~np.isnan(values)
    values = values[known]
    if values.size < 10:
        raise InvalidInputError("At least ten returns are needed to draw from.")
    at_least("bootstrap", draws=(draws, 2), block=(1.0 if block is None else block, 1.0))
    moving = bool(metrics.performance.deviation(values))
    length = block or (max(1.0, float(optimal_block_length(values)["stationary"].iloc[0])) if moving else 1.0)
    source = StationaryBootstrap(length, values, seed=seed)  # type: ignore[arg-type]
    drawn = np.stack([d[0][0] for d in source.bootstrap(draws)])
    value = np.cumprod(1.0 + drawn, axis=1)
    rows = {}
    for name in JUDGED:
        figure = getattr(metrics, name)
        extra = (year,) if name in ("cagr", "volatility", "sharpe") else ()
        spread = np.nanquantile(np.asarray(figure(drawn, *extra)), LEVELS)
        rows[name] = {"actual": float(figure(values, *extra))} | {
            f"{level * 100:.0f} %": float(v) for level, v in zip(LEVELS, spread, strict=True)
        }
    axis = {"level": list(LEVELS)} | ({TIME: time[known]} if time is not None else {})
    return Bands(
        figures=pd.DataFrame.from_dict(rows, orient="index"),
        growth=xr.DataArray(np.quantile(value, LEVELS, axis=0), axis, ("level", TIME), name="growth"),
        loss=float((value[:, -1] < 1.0).mean()),
        block=float(length),
        draws=draws,
    )
