"""Strategies that follow what has risen."""

import numpy as np
import xarray as xr

from tradewind.strategies._fields import close_of
from tradewind.strategies.base import Constraint, Strategy, Weights, parameter
from tradewind.strategies.portfolios import filled_closes, members_of, whole_period
from tradewind.strategies.rebalancing import rebalance_bars
from tradewind.strategies.registry import register

SKIP = Constraint("skip < lookback", lambda s: s.skip < s.lookback)


class _Momentum(Strategy):
    constraints = (SKIP,)

    lookback: int = parameter(252, "bars of the past return", minimum=2)
    skip: int = parameter(21, "latest bars left out of it, because short-term winners fall back", minimum=0)
    rebalance: str = whole_period()
    every: int = parameter(1, "of how many such periods the portfolio is renewed once", minimum=1)
    short: bool = parameter(False, "also sell short what has fallen")

    @property
    def warmup(self) -> int:
        """Bars before there is a past return."""
        return self.lookback

    def _past(self, ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bars to rebalance at, past returns there ``(symbol, bar)``, and who has a price there at all."""
        at = np.flatnonzero(rebalance_bars(ds, self.rebalance, self.every))
        at = at[at >= self.lookback]
        filled = filled_closes(ds)
        score = filled[:, at - self.skip] / filled[:, at - self.lookback] - 1.0
        fit = np.isfinite(close_of(ds).values[:, at]) & np.isfinite(score)
        members = members_of(ds)
        if members is not None:
            fit &= members[:, at]
        return at, np.where(fit, score, np.nan), np.isfinite(filled[:, at])

    def _weights(self, ds: xr.Dataset, at: np.ndarray, weights: np.ndarray, listed: np.ndarray) -> Weights:
        close = close_of(ds)
        target = np.full(close.shape, np.nan)
        target[:, at] = np.where(listed, weights, np.nan)
        return Weights(xr.DataArray(target, close.coords, close.dims, name="target"))


@register
class TimeSeriesMomentum(_Momentum):
    """Hold every asset whose own past return is positive, in equal slices; short the others if allowed."""

    name = "time_series_momentum"
    title = "Time-series momentum"

    def decide(self, ds: xr.Dataset) -> Weights:
        """Take the sign of each asset's past return."""
        at, score, listed = self._past(ds)
        side = np.nan_to_num(np.sign(score))
        if not self.short:
            side = np.maximum(side, 0.0)
        known = np.maximum(np.isfinite(score).sum(axis=0), 1)
        return self._weights(ds, at, side / known, listed)


@register
class CrossSectionalMomentum(_Momentum):
    """Hold the assets that rose most, in equal parts; short those that rose least if allowed."""

    name = "cross_sectional_momentum"
    title = "Cross-sectional momentum"

    share: float = parameter(
        0.3, "share of the assets held, and of those sold short", minimum=0.01, maximum=0.5
    )

    def decide(self, ds: xr.Dataset) -> Weights:
        """Sort by past return."""
        at, score, listed = self._past(ds)
        known = np.isfinite(score).sum(axis=0)
        count = np.where(known > 0, np.maximum(1, np.floor(self.share * known + 1e-9)), 0)
        order = np.argsort(np.where(np.isfinite(score), -score, np.inf), axis=0, kind="stable")
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.arange(len(score))[:, None], axis=0)
        fit = np.isfinite(score)
        weights = np.where(fit & (place < count), 1.0, 0.0)
        if self.short:
            weights -= np.where(fit & (place >= known - count) & (place >= count), 1.0, 0.0)
        gross = np.maximum(np.abs(weights).sum(axis=0), 1.0)
        return self._weights(ds, at, weights / gross, listed)
