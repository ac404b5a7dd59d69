"""Relative figures and tails against empyrical and quantstats; attribution by statsmodels and by hand."""

import warnings

import empyrical
import numpy as np
import pandas as pd
import pytest
import quantstats
import statsmodels.api as sm
import tradewind as tw
import xarray as xr
from tradewind import errors, metrics
from tradewind.testing import synthetic

rng = np.random.default_rng(0)
TIMES = pd.bdate_range("2006-01-02", periods=2000)
BASE = rng.normal(0.0003, 0.01, 2000)
OWN = 0.6 * BASE + rng.standard_t(5, 2000) * 0.006 + 0.0002


def series(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, {"time": TIMES}, ("time",))


def test_relative_figures_are_empyricals() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert metrics.beta(OWN, BASE) == pytest.approx(empyrical.beta(OWN, BASE), rel=1e-12)
        assert metrics.alpha(OWN, BASE) == pytest.approx(empyrical.alpha(OWN, BASE), rel=1e-9)
        assert metrics.tail_ratio(OWN) == pytest.approx(empyrical.tail_ratio(OWN), rel=1e-12)
        ratio = quantstats.stats.information_ratio(pd.Series(OWN, TIMES), pd.Series(BASE, TIMES))
    assert metrics.information_ratio(OWN, BASE) == pytest.approx(ratio * np.sqrt(252), rel=1e-9)
    difference = pd.Series(OWN - BASE)
    assert metrics.tracking_error(OWN, BASE) == pytest.approx(difference.std() * np.sqrt(252), rel=1e-12)
    holed = series(OWN).where(series(OWN) < 0.01)
    assert np.isfinite(metrics.beta(holed, series(BASE)))
    with pytest.raises(errors.InvalidInputError, match="bars"):
        metrics.beta(OWN, BASE[:5])


def test_modelled_tails() -> None:
    normal = rng.normal(0, 0.01, 200_000)
    for tail in ("historical", "gaussian", "cornish-fisher"):
        assert metrics.modelled_value_at_risk(normal, 0.05, tail) == pytest.approx(-0.01645, rel=0.02)
        assert metrics.modelled_expected_shortfall(normal, 0.05, tail) == pytest.approx(-0.020627, rel=0.02)
    theirs = quantstats.stats.value_at_risk(pd.Series(OWN), sigma=1, confidence=0.95)
    assert metrics.modelled_value_at_risk(OWN, 0.05, "gaussian") == pytest.approx(theirs, rel=1e-3)
    fat = rng.standard_t(4, 50_000) * 0.01
    fisher = metrics.modelled_value_at_risk(fat, 0.01, "cornish-fisher")
    assert fisher < metrics.modelled_value_at_risk(fat, 0.01, "gaussian")


def test_rolling_figures_are_those_of_each_window() -> None:
    frame = pd.Series(OWN)
    data = series(OWN)
    found = metrics.rolling(data, "volatility", 60)
    np.testing.assert_allclose(found, frame.rolling(60).std() * np.sqrt(252), rtol=1e-9)
    sharpe = metrics.rolling(data, "sharpe", 60, periods=365)
    np.testing.assert_allclose(
        sharpe, frame.rolling(60).mean() / frame.rolling(60).std() * np.sqrt(365), rtol=1e-7
    )
    deep = metrics.rolling(data, "max_drawdown", 30)
    assert float(deep[500]) == pytest.approx(metrics.max_drawdown(OWN[471:501]), rel=1e-12)
    holed = data.copy()
    holed[100] = np.nan
    gone = metrics.rolling(holed, "sharpe", 60)
    assert np.isnan(gone[100:160]).all()
    assert np.isfinite(gone[160:]).all()
    with pytest.raises(errors.ParameterError, match="sharpe"):
        metrics.rolling(data, "sharp", 60)


def test_brinson_of_the_textbook() -> None:
    """Bacon's example (Practical Portfolio Performance Measurement): UK, Japanese and US equities."""
    symbols = ["uk", "japan", "us", "uk2", "japan2", "us2"]
    time = TIMES[:1]
    portfolio = [0.4, 0.3, 0.3, 0.0, 0.0, 0.0]
    base = [0.0, 0.0, 0.0, 0.4, 0.2, 0.4]
    earned = [0.20, -0.05, 0.06, 0.10, -0.04, 0.08]
    make = lambda v: xr.DataArray(np.array(v)[:, None], {"symbol": symbols, "time": time}, ("symbol", "time"))  # noqa: E731
    groups = {s: s.rstrip("2") for s in symbols}
    found = metrics.brinson(make(portfolio), make(base), make(earned), groups)
    assert found.portfolio == pytest.approx(0.083)
    assert found.benchmark == pytest.approx(0.064)
    table = found.effects * 100
    np.testing.assert_allclose(table.loc["uk"], [0.0, 4.0, 0.0, 4.0], atol=1e-9)
    np.testing.assert_allclose(table.loc["japan"], [-1.04, -0.2, -0.1, -1.34], atol=1e-9)
    np.testing.assert_allclose(table.loc["us"], [-0.16, -0.8, 0.2, -0.76], atol=1e-9)
    assert table["total"].sum() == pytest.approx(1.9)


@pytest.mark.parametrize("short", [False, True])
def test_linked_effects_sum_to_the_active_return(short: bool) -> None:
    ds = synthetic(6, 200, seed=4)
    returns = (ds["close"] / ds["close"].shift(time=1) - 1).isel(time=slice(1, None))
    held = xr.DataArray(rng.dirichlet(np.ones(6), 199).T, returns.coords, returns.dims)
    if short:
        held = held - 0.15
    base = xr.full_like(held, 1 / 6)
    groups = dict(zip(ds["symbol"].values, "AABBCC", strict=True))
    found = metrics.brinson(held, base, returns, groups)
    assert found.effects["total"].sum() == pytest.approx(found.active, rel=1e-9)
    same = metrics.brinson(base, base, returns, groups)
    np.testing.assert_allclose(same.effects, 0.0, atol=1e-15)
    assert "allocation" in repr(found)
    with pytest.raises(errors.InvalidInputError, match="S000"):
        metrics.brinson(held, base, returns, {"S00": "A"})
    with pytest.raises(errors.InvalidInputError, match="without a return"):
        metrics.brinson(held, base, returns.where(returns < 0.02), groups)


def test_factor_attribution_is_statsmodels() -> None:
    factors = {"market": series(BASE), "noise": series(rng.normal(0, 0.01, 2000))}
    found = metrics.factor_attribution(series(OWN), factors)
    design = sm.add_constant(np.column_stack([f.values for f in factors.values()]))
    oracle = sm.OLS(OWN, design).fit()
    np.testing.assert_allclose(found.table["beta"], oracle.params, rtol=1e-9)
    np.testing.assert_allclose(found.table["t"], oracle.tvalues, rtol=1e-9)
    assert found.r_squared == pytest.approx(oracle.rsquared, rel=1e-9)
    assert found.table["contribution"].sum() == pytest.approx(OWN.mean() * 252, rel=1e-9)
    assert found.table["share"].sum() == pytest.approx(1.0)
    assert "market +0.59" in repr(found)
    wide = xr.concat(list(factors.values()), pd.Index(list(factors), name="symbol"))
    pd.testing.assert_frame_equal(metrics.factor_attribution(series(OWN), wide).table, found.table)
    with pytest.raises(errors.EmptySelectionError):
        metrics.factor_attribution(series(OWN)[:3], factors)


def test_bad_times_are_those_that_the_returns_cover() -> None:
    table = metrics.stress(series(OWN), series(BASE))
    assert list(table.index) == [
        "Financial crisis", "Lehman", "Flash crash", "US downgrade, euro crisis", "Taper tantrum",
    ]  # fmt: skip
    lehman = pd.Series(OWN, TIMES)["2008-09-12":"2008-11-20"]
    assert table.loc["Lehman", "total_return"] == pytest.approx((1 + lehman).prod() - 1)
    own = metrics.stress(series(OWN), spans={"May": ("2007-05-01", "2007-05-31")})
    assert len(own) == 1
    assert "benchmark" not in own


def test_capacity_by_hand() -> None:
    ds = synthetic(1, 50, seed=1)
    ds["volume"].values[:] = 10_000.0
    units = np.zeros((1, 50))
    units[0, 10:] = 100.0  # one trade of a hundredth of the volume: five times as much is a twentieth
    held = xr.DataArray(units, ds["close"].coords, ("symbol", "time"))
    assert metrics.capacity(held, ds, 1e6) == pytest.approx(5e6)
    assert metrics.capacity(held, ds, 1e6, participation=0.01) == pytest.approx(1e6)
    assert metrics.capacity(held * 0.0, ds, 1e6) == np.inf
    result = tw.backtest(tw.strategies.BuyAndHold(), ds, remember=False)
    assert metrics.capacity(result.positions, ds, result.setting.cash) > 0
