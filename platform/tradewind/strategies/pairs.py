"""Two assets against each other."""

import numpy as np
import xarray as xr

from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.indicators import one
from tradewind.lazy import lazy
from tradewind.strategies._fields import close_of
from tradewind.strategies.base import Strategy, Weights, parameter
from tradewind.strategies.registry import register
from tradewind.vocabulary import SYMBOL, TIME

rules = lazy("tradewind.strategies.rules_loops")


@register
class Pairs(Strategy):
    """Sell what is dear and buy what is cheap of two assets that move together; leave at the mean.

    The spread is the first log price less ``beta`` times the second one, ``beta`` the slope of their
    regression over the window; its z-score over the window says how far from the mean it is. The hedge is
    fixed at the entry.
    """

    name = "pairs"
    title = "Pairs"

    first: str = parameter("", "symbol; the dataset's first one when empty")
    second: str = parameter("", "symbol; the dataset's second one when empty")
    window: int = parameter(60, "bars of the regression and the z-score", minimum=5)
    entry: float = parameter(2.0, "deviations from the mean to enter at", minimum=0.0)
    size: float = parameter(
        1.0, "gross exposure of a position, as a share of the equity", minimum=0.0, maximum=2.0
    )

    @property
    def warmup(self) -> int:
        """Bars before the z-score exists."""
        return self.window

    def _chosen(self, ds: xr.Dataset) -> tuple[int, int]:
        names = [str(s) for s in ds[SYMBOL].values]
        if len(names) < 2:
            raise InvalidInputError("Pairs needs a dataset of at least two symbols.")
        places = []
        for wanted, default in ((self.first, 0), (self.second, 1)):
            if wanted and wanted not in names:
                raise InvalidInputError(f"The dataset has no symbol {wanted!r}.", did_you_mean(wanted, names))
            places.append(names.index(wanted) if wanted else default)
        if places[0] == places[1]:
            raise InvalidInputError(f"A pair has two symbols, not {names[places[0]]!r} twice.")
        return places[0], places[1]

    def spread(self, ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Return the z-score of the spread and the hedge ratio, over time."""
        a, b = self._chosen(ds)
        logs = np.log(close_of(ds).values[[a, b]])
        logs[:, ~np.isfinite(logs).all(axis=0)] = np.nan
        n = self.window
        known = np.isfinite(logs[0])
        if known.sum() < n:
            empty = np.full(logs.shape[1], np.nan)
            return empty, empty
        windows = np.lib.stride_tricks.sliding_window_view(logs[:, known], n, axis=1)
        mean = windows.mean(axis=2, keepdims=True)
        off = windows - mean
        below = (off[1] ** 2).sum(axis=1)
        beta = np.where(below > 0.0, (off[0] * off[1]).sum(axis=1) / np.where(below > 0.0, below, 1.0), 0.0)
        left = off[0] - beta[:, None] * off[1]
        deviation = left.std(axis=1)
        score = np.where(deviation > 1e-12, left[:, -1] / np.maximum(deviation, 1e-300), np.nan)
        z, hedge = np.full(logs.shape[1], np.nan), np.full(logs.shape[1], np.nan)
        at = np.flatnonzero(known)[n - 1 :]
        z[at], hedge[at] = score, beta
        return z, hedge

    def decide(self, ds: xr.Dataset) -> Weights:
        """Enter beyond the band, leave at the mean, weighted by the hedge of the entry."""
        z, hedge = self.spread(ds)
        a, b = self._chosen(ds)
        close = close_of(ds)
        like = close.isel({SYMBOL: [a]})
        series = [
            like.copy(data=v[None, :])
            for v in (z, np.full_like(z, self.entry), z * 0.0, np.full_like(z, -self.entry))
        ]
        want = one(rules.band, series, (0, 1), "target").values[0]
        change = np.diff(want, prepend=0.0) != 0.0
        target = np.full(close.shape, np.nan)
        gross = 1.0 + np.abs(hedge)
        target[a, change] = (want * self.size / gross)[change]
        target[b, change] = (-want * self.size * hedge / gross)[change]
        target[np.ix_([a, b], change & (want == 0.0))] = 0.0
        return Weights(xr.DataArray(target, close.coords, (SYMBOL, TIME), name="target"))
