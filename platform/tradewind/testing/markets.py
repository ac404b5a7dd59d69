"""Synthetic markets: coherent bars from a seed, shaped as ``tw.open`` gives them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import accessor  # noqa: F401 - what is drawn here has .tw, however this file was imported
from tradewind.vocabulary import SYMBOL, TIME, Frequency

SUBSTEPS = 8


def synthetic(
    symbols: int | Sequence[str] = 3,
    bars: int = 500,
    *,
    seed: int = 0,
    frequency: Frequency = Frequency.DAY,
    drift: float = 0.06,
    volatility: float = 0.25,
    start: str = "2010-01-04",
    late: int = 0,
    holes: float = 0.0,
    close_only: bool = False,
) -> xr.Dataset:
    """Draw a market of geometric Brownian motions.

    Parameters
    ----------
    symbols
        Their names, or how many.
    bars
        Length.
    seed
        Same seed, same market.
    frequency
        Daily bars carry session dates (weekdays); intraday ones their end in UTC.
    drift, volatility
        A year.
    late
        Bars before the last symbol's listing: NaN.
    holes
        Share of bars on which a symbol does not trade: NaN in all fields.
    close_only
        Leave out all fields but ``close``.

    Returns
    -------
    Dataset [symbol, time]
        ``open high low close volume``, with the attributes of a stored dataset.
    """
    rng = np.random.default_rng(seed)
    names = [f"S{i:03d}" for i in range(symbols)] if isinstance(symbols, int) else list(symbols)
    per_year = 252.0 if not frequency.intraday else 252.0 * 390.0
    scale = volatility / np.sqrt(per_year * SUBSTEPS)
    steps = rng.standard_normal((len(names), bars, SUBSTEPS)) * scale + drift / per_year / SUBSTEPS
    path = np.exp(np.cumsum(steps.reshape(len(names), -1), axis=1)).reshape(steps.shape) * 100.0
    close = path[:, :, -1]
    before = np.concatenate((np.full((len(names), 1), 100.0), close[:, :-1]), axis=1)
    opened = before * np.exp(scale * rng.standard_normal(before.shape))
    fields = {
        "open": opened,
        "high": np.maximum(opened, path.max(axis=2)),
        "low": np.minimum(opened, path.min(axis=2)),
        "close": close,
        "volume": rng.lognormal(12.0, 0.5, close.shape).round(),
    }
    gone = rng.random(close.shape) < holes
    if late:
        gone[-1, :late] = True
    if frequency.intraday:
        time = pd.date_range(f"{start} 14:31", periods=bars, freq="min").values
    else:
        time = pd.bdate_range(start, periods=bars).values
    kept = ("close",) if close_only else tuple(fields)
    return xr.Dataset(
        {name: ((SYMBOL, TIME), np.where(gone, np.nan, fields[name])) for name in kept},
        coords={SYMBOL: names, TIME: time},
        attrs={
            "dataset": "synthetic",
            "snapshot": f"seed-{seed}",
            "frequency": str(frequency),
            "calendar": "XNYS",
        },
    )
