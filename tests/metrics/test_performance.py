"""Performance figures against empyrical and quantstats, and their shapes."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tradewind import metrics
from tradewind.backtest.trial import sharpe_per_bar
from tradewind.errors import ParameterError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    empyrical = pytest.importorskip("empyrical")
    import quantstats.stats as qs

RNG = np.random.default_rng(4)
SERIES = {
    "normal": RNG.normal(4e-4, 0.01, 1500),
    "fat": RNG.standard_t(3, 900) * 0.008,
    "losing": RNG.normal(-1e-3, 0.02, 400),
}
ORACLES = {
    "total_return": empyrical.cum_returns_final,
    "cagr": empyrical.annual_return,
    "volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
    "downside_deviation": empyrical.downside_risk,
    "calmar": empyrical.calmar_ratio,
    "omega": empyrical.omega_ratio,
    "max_drawdown": empyrical.max_drawdown,
    "value_at_risk": lambda r: empyrical.value_at_risk(r, 0.05),
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("series", SERIES)
def test_agrees_with_empyrical(name: str, series: str) -> None:
    returns = SERIES[series]
    assert getattr(metrics, name)(returns) == pytest.approx(ORACLES[name](returns), rel=1e-9)


def test_agrees_with_quantstats() -> None:
    frame = pd.Series(SERIES["fat"], pd.bdate_range("2015-01-01", periods=900))
    assert metrics.sharpe(frame) == pytest.approx(qs.sharpe(frame), rel=1e-9)
    assert metrics.sortino(frame) == pytest.approx(qs.sortino(frame), rel=1e-9)
    assert metrics.expected_shortfall(frame) == pytest.approx(
        frame[frame <= frame.quantile(0.05)].mean(), rel=1e-12
    )


def test_many_series_at_once_keep_their_names() -> None:
    many = xr.DataArray(
        np.stack([SERIES["normal"][:400], SERIES["losing"]]), {"symbol": ["a", "b"]}, ("symbol", "time")
    )
    both = metrics.sharpe(many)
    assert both.dims == ("symbol",)
    assert float(both.sel(symbol="b")) == metrics.sharpe(SERIES["losing"])
    holed = many.copy(deep=True)
    holed[0, :100] = np.nan
    assert float(metrics.sharpe(holed)[0]) == metrics.sharpe(SERIES["normal"][100:400])


def test_risk_free_rate_is_a_years() -> None:
    r = SERIES["normal"]
    assert metrics.sharpe(r, risk_free=0.02) == pytest.approx(metrics.sharpe(r - 0.02 / 252), rel=1e-12)


def test_periods_a_year() -> None:
    days = pd.bdate_range("2020-01-01", periods=300).values
    assert metrics.periods_per_year(days, "1d", "XNYS") == 252
    assert metrics.periods_per_year(days, "1d", "24/7") == 365
    assert metrics.periods_per_year(days) == 252
    minutes = np.concatenate([d + np.arange(571, 961).astype("m8[m]") for d in days.astype("M8[m]")[:20]])
    assert metrics.periods_per_year(minutes, "1min", "XNYS") == 252 * 390
    assert metrics.periods_per_year(pd.date_range("2000-01-31", periods=40, freq="ME").values) == 12


def test_short_slices_have_the_year_of_the_whole() -> None:
    """Without a calendar, from two weeks on and whatever day a slice begins at."""
    every = pd.date_range("2024-01-01", periods=200)
    for begin, bars in itertools.product(range(7), (14, 16, 19, 40, 89, 120)):
        days = every[begin : begin + bars]
        assert metrics.periods_per_year(days.values, "1d") == 365
        # Monday to Friday; Sunday to Thursday; Saturday to Wednesday; Sunday evenings
        for week in ((0, 1, 2, 3, 4), (6, 0, 1, 2, 3), (5, 6, 0, 1, 2), (6, 0, 1, 2, 3, 4)):
            assert metrics.periods_per_year(days[days.day_of_week.isin(week)].values, "1d") == 252
    assert metrics.periods_per_year(every[:13].values, "1d") == 252


def test_months_compound_to_years() -> None:
    time = pd.bdate_range("2019-06-03", periods=500).values
    table = metrics.monthly_returns(SERIES["normal"][:500], time)
    for _, row in table.iterrows():
        assert np.prod(1 + row.drop("Year").dropna()) - 1 == pytest.approx(row["Year"], rel=1e-9)
    assert np.prod(1 + table["Year"]) == pytest.approx(np.prod(1 + SERIES["normal"][:500]), rel=1e-9)


def test_drawdowns_are_listed_deepest_first() -> None:
    equity = np.array([100, 90, 95, 101, 80, 120, 119.0])
    time = pd.bdate_range("2020-01-01", periods=7).values
    table = metrics.drawdowns(equity, time)
    assert table["depth"].round(6).tolist() == [-0.207921, -0.1, -0.008333]
    assert table["bars"].tolist() == [1, 2, 1]
    assert pd.isna(table["recovery"].iloc[2])


def test_growth_by_the_calendar() -> None:
    times = np.array(["2020-01-01", "2020-07-01", "2022-01-01"], dtype="datetime64[ns]")
    returns = xr.DataArray([0.0, 0.1, 0.1], {"time": times}, ("time",))
    two_years = metrics.calendar_cagr(returns, days=731 / 2)
    assert two_years == pytest.approx(0.1, rel=1e-12)
    assert metrics.calendar_cagr(returns, since="2018-12-31", days=1097 / 3) == pytest.approx(
        1.21 ** (1 / 3) - 1.0, rel=1e-12
    )
    assert np.isnan(metrics.calendar_cagr(returns[:1]))
    with pytest.raises(ParameterError):
        metrics.calendar_cagr(returns, until="2019-01-01")


def test_published_by_empyrical() -> None:
    """Its own tests on nine returns (commit efe6066)."""
    returns = np.array([0, 1, 10, -4, 2, 3, 2, 1, -10]) / 100
    losing, benchmark = np.array([-2, -6, -7, -1, -9, -2, -6, -8, -5]) / 100, returns
    weekly = {
        "cagr": 0.24690830513998208, "volatility": 0.38851569394870583, "calmar": 2.4690830513998208,
        "sortino": 1.1158901056866439, "downside_deviation": 0.25888650451930134,
    }  # fmt: skip
    for name, published in weekly.items():
        assert getattr(metrics, name)(returns, 52) == pytest.approx(published, rel=1e-9), name
    assert metrics.max_drawdown(returns) == pytest.approx(-0.1)
    assert metrics.cagr(returns) == pytest.approx(1.9135925373194231, rel=1e-9)
    assert metrics.capture(losing, benchmark) == pytest.approx(-0.0004336328, rel=1e-6)
    assert metrics.capture(losing, benchmark, "down") == pytest.approx(0.99956025703798634, rel=1e-6)
    known = slice(1, None)
    assert metrics.sharpe(returns[known]) == pytest.approx(1.7238613961706866, rel=1e-9)
    negative = np.array([0, -6, -7, -1, -9, -2, -6, -8, -5]) / 100
    assert metrics.beta(returns[known], negative[known]) == pytest.approx(-0.71296296296296313, rel=1e-9)
    assert metrics.alpha(returns[known], negative[known]) == pytest.approx(-0.9997853834885004, rel=1e-9)


def test_kelly_by_hand() -> None:
    assert metrics.kelly(np.array([2.0, 2.0, 2.0, -1.0, -1.0])) == pytest.approx(0.6 - 0.4 / 2.0)
    assert np.isnan(metrics.kelly(np.array([1.0, 2.0])))
    with np.errstate(all="ignore"):
        assert metrics.kelly(SERIES["fat"]) == pytest.approx(
            qs.kelly_criterion(pd.Series(SERIES["fat"])), rel=1e-9
        )


def test_an_account_that_lost_all_has_no_ratios() -> None:
    """Equity of 1.0, -1.24, -2.0, -1.0: the bars in debt show gains that are losses."""
    equity = np.array([1.0, 1.1, -1.24, -2.0, -1.0, 0.5, 0.6])
    returns = equity[1:] / equity[:-1] - 1.0
    for name in ("sharpe", "sortino", "calmar", "cagr"):
        assert np.isnan(getattr(metrics, name)(returns)), name
        assert np.isnan(getattr(metrics, name)(np.array([0.1, -1.0, 0.2, 0.1]))), name
        assert np.isfinite(getattr(metrics, name)(np.array([0.1, -0.999, 0.2, 0.1]))), name
    assert np.isnan(metrics.sharpe(returns, geometric=True)) and np.isnan(
        metrics.sortino(returns, geometric=True)
    )
    assert metrics.total_return(returns) == pytest.approx(-0.4)
    assert metrics.max_drawdown(returns) == pytest.approx(-2.0 / 1.1 - 1.0)
    time = pd.date_range("2020-01-01", periods=6)
    assert np.isnan(metrics.calendar_cagr(xr.DataArray(returns, {"time": time}, ("time",))))
    assert np.isnan(sharpe_per_bar(equity[1:], 1.0))


def test_a_difference_below_minus_one_is_no_ruin() -> None:
    ours, theirs = np.array([-0.6, 0.1, 0.2, 0.05]), np.array([0.5, 0.1, 0.1, 0.0])
    gap = ours - theirs
    wanted = gap.mean() / gap.std(ddof=1) * np.sqrt(252)
    assert metrics.information_ratio(ours, theirs) == pytest.approx(wanted)
