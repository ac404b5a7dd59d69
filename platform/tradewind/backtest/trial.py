"""What the trial ledger is told of a backtest."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.rules import Fill
from tradewind.strategies import Strategy
from tradewind.vocabulary import SYMBOL


def variant_text(strategy: Strategy, ds: xr.Dataset, fill: Fill, start: Any = None) -> str:
    """What makes a variant another one, for the trial ledger.

    Version, parameters, symbols, fill rule and a chosen first bar: choosing among any of them is a search.
    Costs are not part, because a better model of costs is no new idea; nor is the last bar, or the same
    strategy run every evening would be a new trial every day.
    """
    return f"{parameter_text(strategy)} {market_text(ds, fill, start)}"


def parameter_text(strategy: Strategy) -> str:
    """The strategy's share of :func:`variant_text`."""
    return f"{strategy.version} {sorted(strategy.values.items())}"


def market_text(ds: xr.Dataset, fill: Fill, start: Any = None) -> str:
    """The market's share of :func:`variant_text`: the same for all variants of a sweep."""
    names = "|".join(str(s) for s in ds[SYMBOL].values)
    symbols = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
    begun = "" if start is None else str(pd.Timestamp(start))
    return f"{symbols} {fill.value} {begun}"


def sharpe_per_bar(equity: np.ndarray, capital: float) -> float:
    """Sharpe ratio per bar of an equity curve; NaN where it never moved."""
    before = np.concatenate(([capital], equity[:-1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = equity / before - 1.0
    if returns.size < 2:
        return float("nan")
    spread = float(returns.std(ddof=1))
    return float(returns.mean()) / spread if spread > 0.0 else float("nan")
