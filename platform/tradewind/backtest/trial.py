"""What the trial ledger is told of a backtest."""

import hashlib

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.options import moment_of
from tradewind.backtest.rules import Fill
from tradewind.metrics.calendar import When
from tradewind.metrics.performance import deviation
from tradewind.strategies import Strategy
from tradewind.strategies.identity import code_digest
from tradewind.vocabulary import SYMBOL, TIME

Universe = xr.DataArray | str | None


def variant_text(
    strategy: Strategy, ds: xr.Dataset, fill: Fill, start: When = None, universe: Universe = None
) -> str:
    """What makes a variant another one, for the trial ledger.

    Version, code of one's own, parameters, symbols, universe, fill rule and a chosen first bar: choosing
    among any of them is a search. Costs are not part, because a better model of costs is no new idea; nor is
    the last bar, or the same strategy run every evening would be a new trial every day.
    """
    return f"{parameter_text(strategy)} {market_text(ds, fill, start, universe)}"


def parameter_text(strategy: Strategy) -> str:
    """The strategy's share of :func:`variant_text`."""
    text = f"{strategy.version} {sorted(strategy.values.items())}"
    digest = code_digest(type(strategy))  # rules may be edited without another version number
    return f"{text} {digest}" if digest else text


def market_text(ds: xr.Dataset, fill: Fill, start: When = None, universe: Universe = None) -> str:
    """The market's share of :func:`variant_text`: the same for all variants of a sweep."""
    names = "|".join(str(s) for s in ds[SYMBOL].values)
    symbols = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
    begun = "" if start is None else str(pd.Timestamp(moment_of(start, "start")))
    text = f"{symbols} {fill.value} {begun}"
    return text if universe is None else f"{text} {_universe_text(universe, ds)}"


def _universe_text(universe: xr.DataArray | str, ds: xr.Dataset) -> str:
    """A universe by its name, or by who belonged to it until the last whole month.

    A universe by a rule grows with the data: without its last month it is not another one every evening.
    """
    if isinstance(universe, str):
        return universe
    last = pd.Timestamp(ds[TIME].values[-1])
    times = pd.DatetimeIndex(universe[TIME].values)
    whole = int(times.searchsorted(last.to_period("M").start_time))
    known = universe.isel({TIME: slice(0, whole or int(times.searchsorted(last, side="right")))})
    placed = known.astype(float).reindex({SYMBOL: ds[SYMBOL].values}, fill_value=0.0)
    digest = hashlib.blake2b(np.asarray(placed[TIME].values, dtype="M8[ns]").tobytes(), digest_size=8)
    digest.update(np.packbits(placed.transpose(SYMBOL, TIME).values == 1.0).tobytes())
    return digest.hexdigest()


def sharpe_per_bar(equity: np.ndarray, capital: float) -> float:
    """Sharpe ratio per bar of an equity curve; NaN where only rounding moved it, or all was lost."""
    if equity.size < 2 or (equity <= 0.0).any():
        return float("nan")
    before = np.concatenate(([capital], equity[:-1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = equity / before - 1.0
        spread = deviation(returns)
    return float(returns.mean()) / spread if spread > 0.0 else float("nan")
