"""From raw values to comparable ones, one cross-section at a time: nothing here looks along time."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from tradewind.checks import at_least, named_array
from tradewind.errors import InvalidInputError, ParameterError
from tradewind.factors._sections import Groups, group_codes, like, run, sections
from tradewind.lazy import lazy
from tradewind.vocabulary import SYMBOL, TIME

loops = lazy("tradewind.factors.cross_section_loops")


def rank(factor: xr.DataArray, *, share: bool = True) -> xr.DataArray:
    """Rank each cross-section, ties at their mean.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        NaN stays NaN and does not count.
    share
        Ranks over their number, the largest 1; otherwise from 1 up. As pandas' ``rank(pct=True)``.
    """
    return like(factor, run(loops.rank, sections(factor), int(share)), "rank")


def zscore(factor: xr.DataArray, *, groups: Groups | None = None, ddof: int = 0) -> xr.DataArray:
    """Subtract each cross-section's mean and divide by its standard deviation.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        NaN stays NaN and does not count. A cross-section without spread becomes NaN.
    groups
        Within each group instead of over all symbols; symbols without a group become NaN.
    ddof
        0: the population's deviation, as scipy's ``zscore``.
    """
    at_least("zscore", ddof=(ddof, 0))
    rows = sections(factor)
    out = np.full_like(rows, np.nan)
    for inside in _parts(factor, rows, groups):
        part = np.where(inside, rows, np.nan)
        count = inside.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(part, axis=1, keepdims=True) / count
            spread = np.sqrt(np.nansum((part - mean) ** 2, axis=1, keepdims=True) / (count - ddof))
            scored = (part - mean) / spread
        # Rounding alone is no spread
        flat = spread <= 1e-14 * np.abs(mean)
        out = np.where(inside, np.where(flat, np.nan, scored), out)
    return like(factor, out, "zscore")


def _parts(factor: xr.DataArray, rows: np.ndarray, groups: Groups | None) -> list[np.ndarray]:
    known = np.isfinite(rows)
    if groups is None:
        return [known]
    codes, names = group_codes(groups, factor)
    return [known & (codes == k) for k in range(len(names))]


def winsorise(factor: xr.DataArray, share: float = 0.01, *, upper: float | None = None) -> xr.DataArray:
    """Pull the extremes of each cross-section in to its quantiles.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        NaN stays NaN and does not count.
    share
        Values below this quantile are set to it, and as many above.
    upper
        Another share at the upper end.

    Raises
    ------
    ParameterError
        A share is not between 0 and one half.
    """
    top = share if upper is None else upper
    at_least("winsorise", share=(share, 0.0), upper=(top, 0.0))
    if not (0.0 <= share <= 0.5 and 0.0 <= top <= 0.5):
        raise ParameterError(f"A share to winsorise is between 0 and 0.5, not {share!r} and {top!r}.")
    return like(factor, run(loops.clip, sections(factor), share, 1.0 - top), "winsorised")


def quantiles(factor: xr.DataArray, count: int = 5, *, groups: Groups | None = None) -> xr.DataArray:
    """Sort each cross-section into equally large buckets, 1 the lowest.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        NaN stays NaN.
    count
        Number of buckets.
    groups
        Within each group instead of over all symbols.

    Returns
    -------
    DataArray [symbol, time]
        1 to ``count``. Edges as pandas' ``qcut``; where two edges coincide, the lower bucket gets all.
    """
    at_least("quantiles", count=(count, 2))
    rows = sections(factor)
    out = np.full_like(rows, np.nan)
    for inside in _parts(factor, rows, groups):
        out = np.where(inside, run(loops.bucket, np.where(inside, rows, np.nan), count), out)
    return like(factor, out, "quantile")


def neutralise(
    factor: xr.DataArray,
    *,
    groups: Groups | None = None,
    exposures: xr.DataArray | Mapping[str, xr.DataArray] | None = None,
) -> xr.DataArray:
    """Take out of a factor what groups or other factors explain.

    Parameters
    ----------
    factor : DataArray [symbol, time]
        Raw values.
    groups
        Each symbol's group (sector, country): the group's mean is taken out.
    exposures
        Other factors ``(symbol, time)``, or constant ``(symbol)``; the residual of a least-squares regression
        on them (and a constant, or the groups) remains, one regression a cross-section.

    Returns
    -------
    DataArray [symbol, time]
        NaN where the factor, the group or an exposure is not known, and in cross-sections with fewer symbols
        than regressors.
    """
    if groups is None and exposures is None:
        raise InvalidInputError("Neutralise against groups, exposures or both.")
    rows = sections(factor)
    known = np.isfinite(rows)
    columns: list[np.ndarray] = []
    if groups is None:
        columns.append(np.ones_like(rows))
    else:
        codes, names = group_codes(groups, factor)
        known &= codes >= 0
        columns.extend((codes == k).astype(float) for k in range(len(names)))
    for exposure in _listed(exposures):
        placed = _placed(exposure, factor)
        known &= np.isfinite(placed)
        columns.append(placed)
    out = np.full_like(rows, np.nan)
    if len(columns) == 1 or exposures is None:
        for column in columns:
            inside = known & (column > 0.0)
            total = np.where(inside, rows, 0.0).sum(axis=1, keepdims=True)
            mean = total / np.maximum(inside.sum(axis=1, keepdims=True), 1)
            out = np.where(inside, rows - mean, out)
        return like(factor, out, "neutral")
    design = np.where(known[..., None], np.stack(columns, axis=-1), 0.0)
    return like(factor, _residual(np.where(known, rows, 0.0), design, known), "neutral")


def _residual(rows: np.ndarray, design: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Residuals of one least-squares regression a row; ``design`` is ``(time, symbol, regressor)``."""
    size = np.sqrt((design**2).sum(axis=1, keepdims=True))
    scaled = design / np.where(size > 0.0, size, 1.0)
    gram = np.einsum("tsi,tsj->tij", scaled, scaled, optimize=True)
    pull = np.einsum("tsi,ts->ti", scaled, rows, optimize=True)
    beta = np.einsum("tij,tj->ti", np.linalg.pinv(gram, rcond=1e-12, hermitian=True), pull)
    left = rows - np.einsum("tsi,ti->ts", scaled, beta)
    enough = known.sum(axis=1) >= (size[:, 0] > 0.0).sum(axis=1)
    return np.where(known & enough[:, None], left, np.nan)


def _listed(exposures: xr.DataArray | Mapping[str, xr.DataArray] | None) -> list[xr.DataArray]:
    if exposures is None:
        return []
    return list(exposures.values()) if isinstance(exposures, Mapping) else [exposures]


def _placed(exposure: xr.DataArray, factor: xr.DataArray) -> np.ndarray:
    exposure = named_array(exposure, "an exposure")
    if TIME not in exposure.dims:
        exposure = exposure.expand_dims({TIME: factor[TIME].values})
    return sections(exposure.reindex({SYMBOL: factor[SYMBOL], TIME: factor[TIME]}), "exposure")
