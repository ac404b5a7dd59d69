"""Factor tools against pandas, statsmodels and alphalens."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.testing import synthetic

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # matplotlib's and seaborn's affairs
    from alphalens import performance, utils

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::RuntimeWarning")
DS = synthetic(23, 140, seed=4, late=30, holes=0.02)
WHOLE = synthetic(20, 120, seed=6)
rng = np.random.default_rng(1)


def frame(data: xr.DataArray) -> pd.DataFrame:
    """Times as rows."""
    return data.transpose("time", "symbol").to_pandas()


def a_factor(ds: xr.Dataset, ties: bool = False) -> xr.DataArray:
    """Something that forecasts a little."""
    close = ds["close"]
    ahead = close.shift(time=-3) / close - 1
    noisy = ahead.fillna(0.0) + rng.normal(0, 0.05, close.shape)
    noisy = noisy.where(close.notnull())
    return (noisy * 20).round() if ties else noisy


SECTORS = {f"S{i:03d}": "ABCD"[i % 4] for i in range(40)}


@pytest.mark.parametrize("ties", [False, True])
def test_transforms_agree_with_pandas(ties: bool) -> None:
    raw = a_factor(DS, ties)
    rows = frame(raw)
    near = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(frame(tw.factors.rank(raw)), rows.rank(axis=1, pct=True), **near)
    np.testing.assert_allclose(frame(tw.factors.rank(raw, share=False)), rows.rank(axis=1), **near)
    scored = rows.sub(rows.mean(axis=1), axis=0).div(rows.std(axis=1, ddof=0), axis=0)
    np.testing.assert_allclose(frame(tw.factors.zscore(raw)), scored, rtol=1e-9, atol=1e-12)
    low, high = rows.quantile(0.1, axis=1), rows.quantile(0.95, axis=1)
    clipped = rows.clip(low, high, axis=0)
    np.testing.assert_allclose(frame(tw.factors.winsorise(raw, 0.1, upper=0.05)), clipped, **near)
    grouped = rows.T.groupby(SECTORS).transform(lambda x: x - x.mean()).T
    np.testing.assert_allclose(frame(tw.factors.neutralise(raw, groups=SECTORS)), grouped, **near)
    if not ties:
        cut = rows.apply(lambda r: pd.qcut(r, 5, labels=False) + 1, axis=1)
        np.testing.assert_array_equal(frame(tw.factors.quantiles(raw, 5)), cut)


def test_neutral_is_the_residual_of_statsmodels() -> None:
    raw, size = a_factor(DS), DS["volume"]
    beta = tw.factors.rank(a_factor(DS))
    found = frame(tw.factors.neutralise(raw, groups=SECTORS, exposures={"size": np.log(size), "beta": beta}))
    plain = frame(tw.factors.neutralise(raw, exposures=np.log(size)))
    for day in (0, 50, 139):
        y = frame(raw).iloc[day]
        x = pd.get_dummies(pd.Series(SECTORS).reindex(y.index)).astype(float)
        x["size"], x["beta"] = np.log(frame(size).iloc[day]), frame(beta).iloc[day]
        kept = y.notna() & x.notna().all(axis=1)
        expected = sm.OLS(y[kept], x[kept]).fit().resid
        np.testing.assert_allclose(found.iloc[day][kept], expected, atol=1e-10)
        assert found.iloc[day][~kept].isna().all()
        expected = sm.OLS(y[kept], sm.add_constant(x.loc[kept, "size"])).fit().resid
        np.testing.assert_allclose(plain.iloc[day][kept], expected, atol=1e-10)


@pytest.fixture(scope="module")
def clean() -> tuple[xr.DataArray, pd.DataFrame]:
    """The same factor as alphalens wants it."""
    raw = a_factor(WHOLE)
    long = frame(raw).stack().rename_axis(["date", "asset"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = utils.get_clean_factor_and_forward_returns(
            long, frame(WHOLE["close"]), groupby=SECTORS, quantiles=4, periods=(1, 5), max_loss=0.5,
            filter_zscore=None,
        )  # fmt: skip
    return raw, data


def test_alphalens_agrees(clean: tuple[xr.DataArray, pd.DataFrame]) -> None:
    raw, data = clean
    forward = tw.factors.forward_returns(WHOLE["close"], (1, 5))
    kept = raw.where(forward.notnull().all("period"))  # alphalens drops what lacks any of the returns
    last = data.index.get_level_values("date").max()
    upto = slice(None, last)
    columns = ["1D", "5D"]
    for k, column in enumerate(columns):
        wide = data[column].unstack("asset")
        np.testing.assert_allclose(frame(forward[k]).loc[upto], wide, rtol=1e-9)
    ic = tw.factors.information_coefficient(kept, forward).sel(time=upto)
    np.testing.assert_allclose(ic.T, performance.factor_information_coefficient(data)[columns], atol=1e-12)
    means, _ = performance.mean_return_by_quantile(data, by_date=True, demeaned=True)
    found = tw.factors.quantile_returns(raw, forward, 4).sel(time=upto)
    for q in range(1, 5):
        np.testing.assert_allclose(found.sel(quantile=q).T, means.loc[q][columns], atol=1e-12)
    earned = performance.factor_returns(data)
    np.testing.assert_allclose(
        tw.factors.factor_returns(raw, forward).sel(time=upto).T, earned[columns], atol=1e-12
    )
    grouped = performance.factor_returns(data, group_adjust=True)
    ours = tw.factors.factor_returns(raw, forward, groups=SECTORS).sel(time=upto)
    np.testing.assert_allclose(ours.T, grouped[columns], atol=1e-12)
    buckets = tw.factors.quantiles(kept, 4)
    turned = tw.factors.quantile_turnover(buckets).sel(time=upto)
    for q in range(1, 5):
        oracle = performance.quantile_turnover(data["factor_quantile"], q).dropna()
        np.testing.assert_allclose(turned.sel(quantile=q).values[1:], oracle, atol=1e-12)
    auto = performance.factor_rank_autocorrelation(data).dropna()
    np.testing.assert_allclose(tw.factors.rank_autocorrelation(kept).sel(time=upto)[1:], auto, atol=1e-12)


def test_decay_shows_where_the_knowledge_lies() -> None:
    """The factor knows the single bar three ahead, so that one stands out."""
    ds = synthetic(40, 300, seed=9)
    one = ds["close"].shift(time=-1) / ds["close"] - 1
    factor = one.shift(time=-2).fillna(0.0) + rng.normal(0, 0.01, one.shape)
    found = tw.factors.ic_decay(factor, ds["close"], range(1, 7))
    assert int(found["horizon"][int(found.argmax())]) == 3
    assert float(found.sel(horizon=3)) > 0.5
    assert float(abs(found.drop_sel(horizon=3)).max()) < 0.05
    known = tw.factors.ic_decay(factor, ds["close"], range(1, 7), delay=2)
    assert int(known["horizon"][int(known.argmax())]) == 1


def test_transforms_see_one_bar_only() -> None:
    raw = a_factor(DS)
    cut = raw.isel(time=slice(0, 77))
    for change in (
        tw.factors.rank,
        tw.factors.zscore,
        tw.factors.winsorise,
        tw.factors.quantiles,
        lambda x: tw.factors.neutralise(x, groups=SECTORS),
        lambda x: tw.factors.top(x + 10, 5, 30),
    ):
        np.testing.assert_array_equal(change(raw)[:, :77], change(cut))


def test_ties_at_the_cut_are_broken_as_by_pandas() -> None:
    values = np.random.default_rng(5).integers(0, 4, (7, 60)).astype(float)
    coords = {"symbol": list("gbadcfe"), "time": pd.date_range("2020-01-01", periods=60)}
    measure = xr.DataArray(values, coords, ("symbol", "time"))
    measure[:, 0] = 2.0
    member = tw.factors.top(measure, 3, 1)
    for day, row in enumerate(frame(measure).to_numpy()):
        known = pd.Series(row, coords["symbol"])
        expected = set(known[known > 0.0].nlargest(3).index)
        assert set(member["symbol"].values[member.values[:, day]]) == expected
    assert member.values[:, 0].tolist() == [True] * 3 + [False] * 4
    assert not tw.factors.top(measure * 0.0, 3, 1).any()
    assert tw.factors.top(measure + 1.0, 9, 1).all()


def test_the_most_traded_are_a_rule_of_the_past() -> None:
    ds = synthetic(8, 120, seed=2, late=50)
    member = tw.factors.most_traded(ds, 3, 20)
    assert member.dtype == bool
    value = frame(ds["close"] * ds["volume"]).fillna(0.0).rolling(20).mean()
    for day in (19, 60, 119):
        expected = set(value.iloc[day].nlargest(3).index)
        assert set(member["symbol"].values[member.values[:, day]]) == expected
    assert not member[:, :19].any()
    with pytest.raises(errors.FieldNotFoundError, match="volume"):
        tw.factors.most_traded(ds[["close"]])


def test_a_study_from_end_to_end(tmp_path: Path) -> None:
    study = tw.factors.study(a_factor(WHOLE).rename("edge"), WHOLE, periods=(1, 3), count=4)
    table = study.summary
    assert list(table.index) == [1, 3]
    assert table.loc[3, "ic"] > 0.1
    assert table.loc[3, "t"] > 3
    assert table.loc[3, "spread"] > 0
    assert "edge" in repr(study)
    assert "top less bottom" in study._repr_html_()
    assert len(study.plot()) == 5
    path = study.report(tmp_path / "edge.html")
    text = path.read_text()
    assert "Factor study: edge" in text
    assert "http://" not in text.split("<script>")[0]
    other = tw.factors.factor_correlation({"a": a_factor(WHOLE), "b": -WHOLE["close"], "c": WHOLE["close"]})
    assert float(other.sel(factor="b", other="c")) == pytest.approx(-1.0)


def test_mistakes_are_told() -> None:
    raw = a_factor(WHOLE)
    with pytest.raises(errors.InvalidInputError, match="groups, exposures"):
        tw.factors.neutralise(raw)
    with pytest.raises(errors.InvalidInputError, match="S001"):
        tw.factors.neutralise(raw, groups={"S000": "A"})
    with pytest.raises(errors.ParameterError, match=r"0\.5"):
        tw.factors.winsorise(raw, 0.7)
    with pytest.raises(errors.InvalidInputError, match="dims"):
        tw.factors.rank(raw[0])
    with pytest.raises(errors.InvalidInputError, match="in common"):
        tw.factors.study(raw.assign_coords(symbol=[f"X{i}" for i in range(20)]), WHOLE)
    with pytest.raises(errors.EmptySelectionError, match="buckets"):
        tw.factors.study(raw[:3], WHOLE["close"][:3], count=9)
