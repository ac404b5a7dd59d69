"""Factor tools say what they take, and how what one has becomes it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.testing import synthetic

F = tw.factors
DS = synthetic(6, 200, seed=1)
CLOSE = DS["close"]
Z = F.zscore(CLOSE)
NAMES = [str(s) for s in CLOSE["symbol"].values]
FORWARD = F.forward_returns(CLOSE, 5)
KINDS = {
    "Dataset": DS,
    "DataFrame": CLOSE.tw.frame(),
    "Series": CLOSE[0].to_series(),
    "ndarray": CLOSE.values,
    "NoneType": None,
}
TAKE_A_FACTOR: dict[str, Callable[[Any], Any]] = {
    "rank": F.rank,
    "zscore": F.zscore,
    "winsorise": F.winsorise,
    "quantiles": F.quantiles,
    "neutralise": lambda x: F.neutralise(x, groups=dict.fromkeys(NAMES, "A")),
    "exposures": lambda x: F.neutralise(Z, exposures={"other": x}),
    "factor_weights": F.factor_weights,
    "rank_autocorrelation": F.rank_autocorrelation,
    "quantile_turnover": F.quantile_turnover,
    "top": lambda x: F.top(x, 3),
    "study": lambda x: F.study(x, CLOSE),
    "information_coefficient": lambda x: F.information_coefficient(x, FORWARD),
    "forward": lambda x: F.information_coefficient(Z, x),
    "quantile_returns": lambda x: F.quantile_returns(x, FORWARD),
    "factor_returns": lambda x: F.factor_returns(x, FORWARD),
    "ic_decay": lambda x: F.ic_decay(x, CLOSE),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TAKE_A_FACTOR)
def test_another_kind_is_refused_with_a_way_to_convert_it(name: str, kind: str) -> None:
    with pytest.raises(errors.InvalidInputError, match=f"must be an xarray DataArray, not a {kind}.*(xr|ds)"):
        TAKE_A_FACTOR[name](KINDS[kind])


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "Dataset"])
def test_prices_of_another_kind_are_refused(kind: str) -> None:
    for call in (F.forward_returns, lambda x: F.ic_decay(Z, x), lambda x: F.study(Z, x)):
        with pytest.raises(errors.InvalidInputError, match="The prices must be"):
            call(KINDS[kind])


def test_a_datasets_closes_are_its_prices() -> None:
    xr.testing.assert_identical(F.forward_returns(DS, 5), FORWARD)
    xr.testing.assert_identical(F.ic_decay(Z, DS), F.ic_decay(Z, CLOSE))
    with pytest.raises(errors.FieldNotFoundError, match="close"):
        F.forward_returns(DS[["volume"]])


def test_one_number_stands_for_a_sequence() -> None:
    xr.testing.assert_identical(F.forward_returns(CLOSE, 5), F.forward_returns(CLOSE, [5]))
    assert F.study(Z, CLOSE, periods=5).ic.sizes["period"] == 1
    assert F.ic_decay(Z, CLOSE, np.int64(3))["horizon"].values.tolist() == [3]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: F.forward_returns(CLOSE, "5"), "periods is a whole number or several, not '5'"),
        (lambda: F.forward_returns(CLOSE, [2.5]), "periods is a whole number, not 2.5"),
        (lambda: F.forward_returns(CLOSE, [0]), "periods is at least 1"),
        (lambda: F.forward_returns(CLOSE, []), "periods is empty"),
        (lambda: F.forward_returns(CLOSE, delay="1"), "delay is a whole number"),
        (lambda: F.quantiles(Z, "5"), "count is a whole number, not '5'"),
        (lambda: F.quantiles(Z, 2.5), "count is a whole number"),
        (lambda: F.quantiles(Z, 1), "count is at least 2"),
        (lambda: F.study(Z, CLOSE, count="5"), "count is a whole number"),
        (lambda: F.winsorise(Z, "1"), "share is a number"),
        (lambda: F.top(CLOSE, "3"), "count is a whole number"),
        (lambda: F.quantile_turnover(F.quantiles(Z), 0), "period is at least 1"),
        (lambda: F.rank_autocorrelation(Z, "1"), "period is a whole number"),
        (lambda: F.factor_correlation(Z), "by name"),
        (lambda: F.most_traded(CLOSE), "from a dataset"),
        (lambda: F.information_coefficient(Z, CLOSE[0]), "period, symbol, time"),
        (lambda: F.zscore(Z[0]), r"must have dims \(symbol, time\), not \(time\)"),
    ],
)
def test_parameters_of_another_kind_are_told(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(errors.InvalidInputError, match=told):
        call()


def test_groups_are_those_of_the_symbols() -> None:
    every = dict.fromkeys(NAMES, "A")
    more = F.zscore(CLOSE, groups=every | {"ELSEWHERE": "B"})  # a map of the whole market does
    xr.testing.assert_identical(more, F.zscore(CLOSE, groups=every))
    with pytest.raises(errors.InvalidInputError, match=r"No group .* 'S000'.*S00O"):
        F.zscore(CLOSE, groups={n.replace("S000", "S00O"): "A" for n in NAMES})
    with pytest.raises(errors.InvalidInputError, match="none of the symbols, but 'APPL'"):
        F.zscore(CLOSE, groups=xr.DataArray(["A"], {"symbol": ["APPL"]}, ("symbol",)))
    with pytest.raises(errors.InvalidInputError, match="to_dict"):
        F.zscore(CLOSE, groups=CLOSE[:, 0].to_series())


def test_the_ways_to_convert_work() -> None:
    frame, values = CLOSE.tw.frame(), CLOSE.values
    there = xr.DataArray(frame.T, dims=("symbol", "time"))
    axes = {"symbol": NAMES, "time": CLOSE["time"].values}
    for found in (there, xr.DataArray(values, axes, ("symbol", "time"))):
        np.testing.assert_array_equal(F.zscore(found).values, Z.values)
    series = CLOSE[0].to_series()
    assert xr.DataArray(series, dims="time").dims == ("time",)
