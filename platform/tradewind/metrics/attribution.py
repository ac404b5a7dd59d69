"""Where a return came from: Brinson's effects against a benchmark, and exposures to factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.errors import EmptySelectionError, InvalidInputError, did_you_mean
from tradewind.metrics.performance import YEAR
from tradewind.vocabulary import SYMBOL, TIME

EFFECTS = ("allocation", "selection", "interaction")


@dataclass(frozen=True, kw_only=True)
class Brinson:
    """Effects by group, linked over time so that they sum to the active return (Carino 1999).

    Attributes
    ----------
    effects
        One row a group: ``allocation`` (weighing groups unlike the benchmark), ``selection`` (within a group,
        other symbols), ``interaction``, ``total``; shares of the capital.
    over_time : DataArray [effect, group, time]
        The unlinked effects of each bar.
    portfolio, benchmark
        Compounded returns.
    """

    effects: pd.DataFrame
    over_time: xr.DataArray
    portfolio: float
    benchmark: float

    @property
    def active(self) -> float:
        """Compounded return above the benchmark's."""
        return self.portfolio - self.benchmark

    def __repr__(self) -> str:
        parts = ", ".join(f"{e} {self.effects[e].sum() * 100:+.2f} %" for e in EFFECTS)
        return (
            f"{self.portfolio * 100:.2f} % against {self.benchmark * 100:.2f} %: "
            f"{self.active * 100:+.2f} % = {parts}"
        )

    def _repr_html_(self) -> str:
        table = (self.effects * 100).to_html(float_format=lambda v: f"{v:+.2f} %")
        return f"<div><p><b>{escape(repr(self))}</b></p>{table}</div>"


def brinson(
    weights: xr.DataArray,
    benchmark: xr.DataArray,
    returns: xr.DataArray,
    groups: Mapping[str, Any],
) -> Brinson:
    """Attribute the return above a benchmark to groups (Brinson and Fachler 1985).

    Parameters
    ----------
    weights, benchmark : DataArray [symbol, time]
        Held at the beginning of each bar; what is missing to 1 is cash that earns nothing, in a group
        ``"cash"``.
    returns : DataArray [symbol, time]
        Simple returns of each bar.
    groups
        Symbol to group.

    Raises
    ------
    InvalidInputError
        A symbol has no group, or is held at a bar without a return.
    """
    w, b, r = xr.align(
        weights.transpose(SYMBOL, TIME), benchmark.transpose(SYMBOL, TIME), returns.transpose(SYMBOL, TIME)
    )
    if 0 in w.shape:
        raise EmptySelectionError("Weights, benchmark and returns have no symbols or bars in common.")
    symbols = [str(s) for s in w[SYMBOL].values]
    for symbol in symbols:
        if symbol not in groups:
            raise InvalidInputError(f"No group is given for {symbol!r}.", did_you_mean(symbol, groups))
    held, base = np.nan_to_num(w.values), np.nan_to_num(b.values)
    unknown = ~np.isfinite(r.values) & ((held != 0.0) | (base != 0.0))
    if unknown.any():
        i, t = np.argwhere(unknown)[0]
        raise InvalidInputError(f"{symbols[i]} is held at {str(w[TIME].values[t])[:10]} without a return.")
    earned = np.nan_to_num(r.values)
    names = [*dict.fromkeys(str(groups[s]) for s in symbols), "cash"]
    wg, bg, rp, rb = (np.zeros((len(names), w.sizes[TIME])) for _ in range(4))
    for k, name in enumerate(names[:-1]):
        rows = [i for i, s in enumerate(symbols) if str(groups[s]) == name]
        wg[k], bg[k] = held[rows].sum(axis=0), base[rows].sum(axis=0)
        pull, base_pull = (held[rows] * earned[rows]).sum(axis=0), (base[rows] * earned[rows]).sum(axis=0)
        flat = earned[rows].mean(axis=0)  # a group nobody holds is worth its plain mean
        rb[k] = np.divide(base_pull, bg[k], out=flat.copy(), where=np.abs(bg[k]) > 1e-12)
        rp[k] = np.divide(pull, wg[k], out=rb[k].copy(), where=np.abs(wg[k]) > 1e-12)
    wg[-1], bg[-1] = 1.0 - wg[:-1].sum(axis=0), 1.0 - bg[:-1].sum(axis=0)
    total, total_base = (held * earned).sum(axis=0), (base * earned).sum(axis=0)
    effects = np.stack([(wg - bg) * (rb - total_base), bg * (rp - rb), (wg - bg) * (rp - rb)])
    # what a group of no net weight earned by being long and short within is selection
    effects[1, -1] += (total - (wg * rp).sum(axis=0)) - (total_base - (bg * rb).sum(axis=0))
    linked = (effects * _carino(total, total_base)).sum(axis=2)
    table = pd.DataFrame(linked.T, index=pd.Index(names, name="group"), columns=list(EFFECTS))
    table["total"] = table.sum(axis=1)
    coords = {"effect": list(EFFECTS), "group": names, TIME: w[TIME].values}
    return Brinson(
        effects=table,
        over_time=xr.DataArray(effects, coords, ("effect", "group", TIME), name="effects"),
        portfolio=float(np.prod(1.0 + total) - 1.0),
        benchmark=float(np.prod(1.0 + total_base) - 1.0),
    )


def _carino(total: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Factors that make the effects of single bars sum to the compounded active return."""

    def factor(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        near = np.abs(a - b) < 1e-12
        safe = np.where(near, 1.0, a - b)
        return np.where(near, 1.0 / (1.0 + b), (np.log1p(a) - np.log1p(b)) / safe)

    whole = factor(np.prod(1.0 + total, keepdims=True) - 1.0, np.prod(1.0 + base, keepdims=True) - 1.0)
    return np.asarray(factor(total, base) / whole)


@dataclass(frozen=True, kw_only=True)
class FactorAttribution:
    """How much of a return its exposure to factors explains.

    Attributes
    ----------
    table
        One row a factor and ``alpha``: ``beta`` (of alpha: return per bar), ``t``, ``contribution`` (return
        a year: beta times the factor's mean), ``share`` of the mean return.
    r_squared
        Share of the variance explained.
    """

    table: pd.DataFrame
    r_squared: float
    bars: int

    @property
    def alpha(self) -> float:
        """Return a year that no factor explains."""
        return float(self.table["contribution"].iloc[0])

    def __repr__(self) -> str:
        named = ", ".join(f"{n} {float(b):+.2f}" for n, b in self.table["beta"].iloc[1:].items())
        return (
            f"Exposures: {named}; they explain {self.r_squared * 100:.0f} % of the variance. Alpha "
            f"{self.alpha * 100:+.2f} % a year (t = {float(self.table['t'].iloc[0]):.1f})."
        )

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format=lambda v: f"{v:.4f}")
        return f"<div><p><b>{escape(repr(self))}</b></p>{table}</div>"


def factor_attribution(
    returns: xr.DataArray, factors: xr.DataArray | Mapping[str, xr.DataArray], periods: float = YEAR
) -> FactorAttribution:
    """Regress returns on factors' returns, by least squares.

    Parameters
    ----------
    returns : DataArray [time]
        Simple returns per bar, such as ``result.returns``.
    factors
        Factors' simple returns: a mapping of series over ``time``, or ``(symbol, time)``.
    periods
        Bars a year.

    Raises
    ------
    EmptySelectionError
        Fewer bars than regressors are known.
    """
    if isinstance(factors, xr.DataArray):
        factors = {str(s): factors.sel({SYMBOL: s}, drop=True) for s in factors[SYMBOL].values}
    aligned = xr.align(returns, *factors.values(), join="inner")
    y, columns = (
        np.asarray(aligned[0].values, dtype=float),
        [np.asarray(a.values, float) for a in aligned[1:]],
    )
    design = np.column_stack([np.ones_like(y), *columns])
    known = np.isfinite(y) & np.isfinite(design).all(axis=1)
    y, design = y[known], design[known]
    if len(y) <= design.shape[1]:
        raise EmptySelectionError(f"{len(y)} bars are too few for {design.shape[1] - 1} factors.")
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ design.T @ y
    left = y - design @ slopes
    noise = float(left @ left) / (len(y) - design.shape[1])
    around = y - y.mean()
    part = slopes * design.mean(axis=0)
    rows = {
        "beta": slopes,
        "t": slopes / np.sqrt(np.diag(inverse) * noise),
        "contribution": part * periods,
        "share": part / y.mean() if y.mean() else np.full_like(part, np.nan),
    }
    table = pd.DataFrame(rows, index=pd.Index(["alpha", *factors], name="factor"))
    return FactorAttribution(
        table=table, r_squared=1.0 - float(left @ left) / float(around @ around), bars=len(y)
    )
