"""What a factor forecast: returns that followed, information coefficients, quantile portfolios, turnover.

Everything here compares a factor with its future. It judges a factor; it is no input for a strategy.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from tradewind.checks import at_least, closes, named_array, panel, whole_numbers
from tradewind.errors import InvalidInputError
from tradewind.factors._sections import Groups, group_codes, like, same_axes, sections
from tradewind.factors.transforms import quantiles, rank
from tradewind.lazy import lazy
from tradewind.threads import over_rows
from tradewind.vocabulary import SYMBOL, TIME

loops = lazy("tradewind.factors.cross_section_loops")

PERIOD = "period"
QUANTILE = "quantile"
PERIODS = (1, 5, 10)


def forward_returns(
    prices: xr.DataArray | xr.Dataset, periods: int | Iterable[int] = PERIODS, *, delay: int = 0
) -> xr.DataArray:
    """Return what followed: ``price[t + delay + period] / price[t + delay] - 1``.

    Parameters
    ----------
    prices : DataArray [symbol, time] or Dataset
        Adjusted closes.
    periods
        Bars ahead, one number or several.
    delay
        Bars between knowing the factor and buying; 0 as alphalens, 1 is what can be traded.

    Returns
    -------
    DataArray [period, symbol, time]
        NaN where the future is not known. Marked ``looks_ahead`` in its attributes.
    """
    ahead = whole_numbers("forward_returns", "periods", periods)
    at_least("forward_returns", delay=(delay, 0))
    prices = closes(prices, "the prices")
    rows = np.ascontiguousarray(sections(prices, "price").T)
    out = np.full((len(ahead), *rows.shape), np.nan)
    bars = rows.shape[1]
    for k, period in enumerate(ahead):
        if delay + period < bars:
            bought = rows[:, delay : bars - period]
            out[k, :, : bars - period - delay] = rows[:, delay + period :] / bought - 1.0
    coords = {PERIOD: ahead, **{d: prices[d] for d in (SYMBOL, TIME)}}
    return xr.DataArray(
        out, coords, (PERIOD, SYMBOL, TIME), name="forward_returns", attrs={"looks_ahead": True}
    )


def _forward(factor: xr.DataArray, forward: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    factor, forward = panel(factor, "the factor"), named_array(forward, "the returns that followed")
    if not {SYMBOL, TIME} <= set(forward.dims) <= {PERIOD, SYMBOL, TIME}:
        raise InvalidInputError(
            f"Returns that followed have dims (period, symbol, time), not {tuple(map(str, forward.dims))}.",
            "tw.factors.forward_returns(prices) gives them.",
        )
    if PERIOD not in forward.dims:
        forward = forward.expand_dims({PERIOD: [1]})
    factor, forward = same_axes(factor, forward)
    return factor, forward.transpose(PERIOD, SYMBOL, TIME)


def information_coefficient(
    factor: xr.DataArray, forward: xr.DataArray, *, ranked: bool = True
) -> xr.DataArray:
    """Correlate a factor with the returns that followed, across symbols.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        Values known at the bar.
    forward : DataArray [period, symbol, time]
        From :func:`forward_returns`.
    ranked
        Spearman's rank correlation; otherwise Pearson's.

    Returns
    -------
    DataArray [period, time]
        Over symbols that have both; NaN with fewer than two, or without spread.
    """
    factor, forward = _forward(factor, forward)
    rows = sections(factor)
    out = np.empty((forward.sizes[PERIOD], rows.shape[0]))
    for k in range(len(out)):
        after = sections(forward[k], "return")
        over_rows(loops.correlation, rows.shape[0], rows.size, rows, after, int(ranked), out[k])
    coords = {PERIOD: forward[PERIOD], TIME: factor[TIME]}
    return xr.DataArray(out, coords, (PERIOD, TIME), name="information_coefficient")


def ic_decay(
    factor: xr.DataArray,
    prices: xr.DataArray | xr.Dataset,
    horizons: int | Iterable[int] = range(1, 21),
    *,
    delay: int = 0,
) -> xr.DataArray:
    """Mean information coefficient by how many bars ahead the return lies.

    Each horizon is one bar's return, that far ahead: the curve shows when the factor's knowledge is used up.

    Parameters
    ----------
    factor, prices : DataArray [symbol, time]
        Values, and adjusted closes.
    horizons
        Bars ahead; 1 is the next bar.
    delay
        As in :func:`forward_returns`.
    """
    ahead = whole_numbers("ic_decay", "horizons", horizons)
    one = forward_returns(prices, [1], delay=delay)[0].drop_vars(PERIOD)
    found = [float(information_coefficient(factor, one.shift({TIME: 1 - h})).mean().item()) for h in ahead]
    return xr.DataArray(found, {"horizon": ahead}, ("horizon",), name="information_coefficient")


def quantile_returns(
    factor: xr.DataArray,
    forward: xr.DataArray,
    count: int = 5,
    *,
    demean: bool = True,
    groups: Groups | None = None,
) -> xr.DataArray:
    """Mean return that followed in each bucket of a factor, at every bar.

    Parameters
    ----------
    factor, forward
        As in :func:`information_coefficient`; symbols that lack one of them are left out before sorting.
    count
        Number of buckets, 1 the lowest values.
    demean
        Take the mean of all symbols off the returns: what is left is against the universe.
    groups
        Sort, and take means off, within groups.

    Returns
    -------
    DataArray [quantile, period, time]
        NaN where a bucket is empty.
    """
    factor, forward = _forward(factor, forward)
    known = np.isfinite(sections(factor)) & np.isfinite(forward.values).all(axis=0).T
    kept = like(factor, np.where(known, sections(factor), np.nan), "factor")
    buckets = sections(quantiles(kept, count, groups=groups))
    codes = group_codes(groups, factor)[0] if groups is not None else np.zeros(known.shape, dtype=int)
    out = np.full((count, forward.sizes[PERIOD], known.shape[0]), np.nan)
    for k in range(forward.sizes[PERIOD]):
        after = np.where(known, sections(forward[k], "return"), 0.0)
        for g in np.unique(codes) if demean else ():
            inside = known & (codes == g)
            mean = np.where(inside, after, 0.0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
            after = np.where(inside, after - mean[:, None], after)
        for q in range(count):
            inside = buckets == q + 1
            number = inside.sum(axis=1)
            total = np.where(inside, after, 0.0).sum(axis=1)
            out[q, k] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    coords = {QUANTILE: range(1, count + 1), PERIOD: forward[PERIOD], TIME: factor[TIME]}
    return xr.DataArray(out, coords, (QUANTILE, PERIOD, TIME), name="quantile_returns")


def factor_weights(
    factor: xr.DataArray, *, demean: bool = True, groups: Groups | None = None
) -> xr.DataArray:
    """Weights in proportion to a factor, long and short, gross exposure 1.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        Values; symbols without one get NaN.
    demean
        Take each cross-section's mean off: as much long as short.
    groups
        Demean and scale within groups, each the same gross exposure.
    """
    rows = sections(factor)
    codes = group_codes(groups, factor)[0] if groups is not None else np.zeros(rows.shape, dtype=int)
    out = np.full_like(rows, np.nan)
    for g in np.unique(codes[codes >= 0]):
        inside = np.isfinite(rows) & (codes == g)
        part = np.where(inside, rows, 0.0)
        if demean:
            mean = part.sum(axis=1, keepdims=True) / np.maximum(inside.sum(axis=1, keepdims=True), 1)
            part = np.where(inside, part - mean, 0.0)
        gross = np.abs(part).sum(axis=1, keepdims=True)
        out = np.where(inside, part / np.where(gross > 0.0, gross, 1.0), out)
    gross = np.nansum(np.abs(out), axis=1, keepdims=True)
    return like(factor, out / np.where(gross > 0.0, gross, 1.0), "weights")


def factor_returns(
    factor: xr.DataArray, forward: xr.DataArray, *, demean: bool = True, groups: Groups | None = None
) -> xr.DataArray:
    """Returns that followed a portfolio with :func:`factor_weights`; ``(period, time)``, without costs."""
    factor, forward = _forward(factor, forward)
    known = np.isfinite(forward.values).all(axis=0).T
    kept = like(factor, np.where(known, sections(factor), np.nan), "factor")
    weights = factor_weights(kept, demean=demean, groups=groups)
    earned = (forward * weights).sum(SYMBOL, min_count=1)
    return earned.transpose(PERIOD, TIME).rename("factor_returns")


def quantile_turnover(buckets: xr.DataArray, period: int = 1) -> xr.DataArray:
    """Share of each bucket's symbols that were not in it ``period`` bars before.

    Parameters
    ----------
    buckets : DataArray [symbol, time]
        From :func:`quantiles`.
    period
        Bars between.

    Returns
    -------
    DataArray [quantile, time]
        NaN for the first bars, and while a bucket is or was empty.
    """
    at_least("quantile_turnover", period=(period, 1))
    rows = sections(buckets, "quantile")
    count = int(np.nanmax(rows, initial=1.0))
    out = np.full((count, len(rows)), np.nan)
    for q in range(count):
        inside = rows == q + 1
        now, before = inside[period:], inside[:-period]
        size, was = now.sum(axis=1), before.sum(axis=1)
        fresh = (now & ~before).sum(axis=1)
        out[q, period:] = np.where((size > 0) & (was > 0), fresh / np.maximum(size, 1), np.nan)
    coords = {QUANTILE: range(1, count + 1), TIME: buckets[TIME]}
    return xr.DataArray(out, coords, (QUANTILE, TIME), name="turnover")


def rank_autocorrelation(factor: xr.DataArray, period: int = 1) -> xr.DataArray:
    """Correlation of a factor's ranks with those ``period`` bars before, over time; 1: nothing to trade."""
    at_least("rank_autocorrelation", period=(period, 1))
    ranks = sections(rank(factor, share=False))
    before = np.full_like(ranks, np.nan)
    before[period:] = ranks[:-period]
    out = np.empty(len(ranks))
    over_rows(loops.correlation, len(ranks), ranks.size, ranks, before, 0, out)
    return xr.DataArray(out, {TIME: factor[TIME]}, (TIME,), name="rank_autocorrelation")


def factor_correlation(factors: Mapping[str, xr.DataArray], *, ranked: bool = True) -> xr.DataArray:
    """Mean over time of the cross-sectional correlation of each pair of factors, ``(factor, other)``."""
    if not isinstance(factors, Mapping):
        raise InvalidInputError(
            "Factors are given by name.", 'Such as {"value": value, "momentum": momentum}.'
        )
    names = list(factors)
    found = np.eye(len(names))
    for i, one in enumerate(names):
        for j in range(i):
            pair = information_coefficient(factors[one], factors[names[j]], ranked=ranked)
            found[i, j] = found[j, i] = float(pair.mean().item())
    return xr.DataArray(found, {"factor": names, "other": names}, ("factor", "other"), name="correlation")
