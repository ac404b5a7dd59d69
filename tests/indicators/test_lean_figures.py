"""LEAN's published figures, by the options that follow its conventions.

The bars are the first ones of files in ``Tests/TestData`` of QuantConnect/Lean (commit 24863901); the figures
have four decimals. The whole files agree as closely.
"""

import numpy as np
import pytest
import xarray as xr
from tradewind import errors
from tradewind import indicators as ti
from tradewind.testing import synthetic

DS = synthetic(3, 300, seed=8)
ROUNDED = 1e-4


def one_symbol(**fields: list[float]) -> xr.Dataset:
    """A dataset of one symbol."""
    days = np.arange(len(next(iter(fields.values())))).astype("M8[D]").astype("M8[ns]")
    return xr.Dataset(
        {n: (("symbol", "time"), np.array([v])) for n, v in fields.items()}, {"symbol": ["A"], "time": days}
    )


# spy_with_adx.txt
DIRECTED = one_symbol(
    high=[30.1983, 30.2776, 30.4458, 29.3478, 29.3477, 29.2886, 28.8334, 28.7346, 28.6654, 28.8532, 28.6356,
          27.6761, 27.2112, 26.8651, 27.409, 26.9441, 26.5189, 26.5189, 27.0927, 27.686, 28.4477, 28.5267,
          28.6654, 29.0116, 29.872, 29.8028, 29.7529, 30.6546, 30.5951, 30.7635],
    low=[29.4072, 29.3182, 29.9611, 28.7443, 28.5566, 28.4081, 28.0818, 27.4289, 27.6565, 27.8345, 27.3992,
         27.0927, 26.1826, 26.1332, 26.6277, 26.1332, 25.4307, 25.3518, 25.876, 26.964, 27.1421, 28.0123,
         27.884, 27.9928, 28.7643, 29.1402, 28.7127, 28.929, 30.0304, 29.3863],
    close=[29.872, 30.2381, 30.0996, 28.9028, 28.9225, 28.4775, 28.5566, 27.5576, 28.4675, 28.2796, 27.4882,
           27.231, 26.3507, 26.3309, 27.0333, 26.2221, 26.0144, 25.4605, 27.0333, 27.4487, 28.3586, 28.4278,
           27.953, 29.0116, 29.3776, 29.3576, 28.9107, 30.6149, 30.0502, 30.189],
)  # fmt: skip
PLUS = [6.7494, 6.292, 5.7818, 5.2867, 8.6988, 12.491, 16.6785, 16.6292, 16.6937, 17.9332, 22.727,
        21.6099, 19.952, 23.8153, 22.8135, 20.6132]  # fmt: skip
MINUS = [32.4196, 33.9458, 36.4278, 33.8873, 30.016, 28.4668, 25.8669, 24.902, 23.4696, 21.6526, 19.9151,
         18.9363, 20.6366, 18.1258, 17.3633, 20.1994]  # fmt: skip
ADX = [33.5833, 32.1535, 29.9292]
# spy_with_keltner.csv, 20 bars and 1.5 ranges
CHANNELLED = one_symbol(
    high=[173.52, 173.6, 172.33, 170.65, 170.53, 169.98, 170.17, 169.14, 168.54, 169.5, 169.3422, 168.94,
          169.06, 168.45, 167.62, 166.2, 169.26, 170.32, 171.08, 171.15, 172.16, 173.32],
    low=[170.58, 172.585, 170.58, 169.39, 169.21, 168.89, 169.05, 168.47, 167.15, 167.9671, 167.83, 166.84,
         167.53, 167.25, 165.36, 164.53, 167.23, 168.77, 169.08, 169.47, 170.635, 171.34],
    close=[173.051, 172.76, 170.72, 169.93, 169.53, 169.04, 169.69, 168.909, 168.01, 169.34, 169.18, 167.62,
           168.89, 167.43, 165.48, 165.6, 169.17, 170.26, 170.94, 169.7, 172.07, 173.22],
)  # fmt: skip
UPPER = [171.8585, 171.7844, 171.839]
MIDDLE = [169.2066, 169.1685, 169.1507]
LOWER = [166.5546, 166.5525, 166.4624]
# spy_with_vwap.txt, 50 bars; volumes in hundreds
TRADED = one_symbol(
    open=[187.05, 187.48, 187.44, 188.22, 188.31, 187.14, 188, 187.43, 187.67, 187.69, 188.76, 190.03, 189.79,
          188.67, 187.51, 187.69, 188.64, 188.1, 189.18, 189.75, 191.05, 191.52, 191.82, 192.19, 192.95,
          192.4, 192.47, 193.41, 194.87, 195.35, 195.33, 194.9, 194.65, 193.9, 193.89, 194.02, 194.83, 196.43,
          196.03, 195.97, 195.53, 194.25, 195.61, 194.98, 195.7, 196.19, 197.05, 197.79, 197.82, 197.15,
          196.73, 195.22],
    high=[187.69, 188.04, 188.5, 188.84, 189.14, 188.55, 188.13, 187.97, 189.05, 188.04, 189.88, 190.42,
          189.88, 188.72, 188.13, 188.89, 188.67, 189.22, 189.98, 190.48, 191.58, 191.82, 192.4, 192.8,
          192.99, 192.9, 193.3, 194.65, 195.43, 196.05, 195.64, 195.12, 194.8, 194.32, 194.7, 194.97, 196.37,
          196.6, 196.1, 196.05, 196.5, 195.78, 195.63, 195.88, 196.16, 197.63, 197.48, 198.29, 197.98, 197.22,
          197.3, 196.86],
    low=[184.96, 187.08, 187.18, 187.73, 187.78, 186.62, 186.74, 186.01, 187.08, 186.83, 188, 189.77, 188.79,
         186.48, 186.72, 187.52, 187.07, 188.06, 188.86, 189.59, 190.95, 191.06, 191.33, 192.03, 191.97,
         192.25, 192.26, 192.7, 194.78, 195.17, 194.92, 194.48, 193.11, 193.3, 193.66, 193.81, 194.4, 195.8,
         195.7, 195.52, 194.48, 194.25, 194.13, 194.88, 195.53, 196.13, 196.96, 197.64, 197.22, 195.76,
         196.31, 195.06],
    close=[186.88, 187.75, 188.31, 188.32, 188.06, 188.42, 186.78, 187.88, 187.68, 187.96, 189.78, 189.96,
           189.06, 187.4, 188.05, 188.74, 187.55, 189.13, 189.59, 190.35, 191.52, 191.38, 192.37, 192.68,
           192.9, 192.8, 193.19, 194.45, 195.38, 195.58, 195.6, 194.92, 193.54, 194.13, 194.29, 194.83,
           196.26, 196.48, 195.94, 195.88, 194.7, 195.58, 195.44, 195.82, 195.72, 197.03, 197.23, 198.2,
           197.51, 196.24, 197.12, 196.34],
    volume=[1349287, 838989, 1012472, 928579, 979671, 758164, 853337, 1063207, 934791, 836384, 868690, 664022,
            722367, 1548703, 973462, 636528, 1114957, 889890, 615092, 610928, 719323, 660641, 641223, 762067,
            642159, 649822, 550171, 919422, 786493, 650056, 547288, 687004, 1061229, 819773, 873583, 847752,
            1051423, 858246, 999564, 704454, 959884, 822680, 842657, 711547, 702012, 903217, 523138, 529388,
            616367, 1080507, 729219, 988253],
)  # fmt: skip
VWAP = [191.8429, 192.1052, 192.289]


def same(found: xr.DataArray, figures: list[float], first: int) -> None:
    """Compare what is shown, and from which bar on."""
    assert np.isnan(found.values[0, :first]).all()
    np.testing.assert_allclose(found.values[0, first:], figures, atol=ROUNDED)


def test_directions_of_sums_over_a_whole_window() -> None:
    found = ti.dmi(DIRECTED, 14, seed="whole")
    same(found["plus"], PLUS, 14)
    same(found["minus"], MINUS, 14)
    same(found["adx"], ADX, 27)
    # TA-Lib's sums have one change less: another figure
    assert abs(float(ti.dmi(DIRECTED, 14)["adx"][0, 27]) - ADX[0]) > 0.5


def test_what_the_sums_start_from_is_soon_forgotten() -> None:
    whole, short = ti.dmi(DS, 14, seed="whole"), ti.dmi(DS, 14)
    xr.testing.assert_identical(short, ti.dmi(DS, 14, seed="short"))
    for name in ("adx", "plus", "minus"):
        np.testing.assert_array_equal(np.isnan(whole[name]), np.isnan(short[name]))
        assert not np.allclose(whole[name][:, 27], short[name][:, 27], rtol=1e-4)
        np.testing.assert_allclose(whole[name][:, 250:], short[name][:, 250:], rtol=1e-4)


def test_channel_around_a_simple_average_of_the_typical_price() -> None:
    options = {"average": "sma", "price": "typical", "smoothing": "simple", "first_range": True}
    found = ti.keltner(CHANNELLED, 20, 1.5, **options)
    same(found["upper"], UPPER, 19)
    same(found["middle"], MIDDLE, 19)
    same(found["lower"], LOWER, 19)


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, 20),
        ({"first_range": True}, 19),
        ({"smoothing": "simple", "range_window": 10}, 19),
        ({"range_window": 30}, 30),
        ({"average": "tema"}, 57),
        ({"average": "kama", "price": "typical"}, 20),
    ],
)
def test_channel_of_other_averages_and_ranges(options: dict, first: int) -> None:
    found = ti.keltner(DS, 20, 1.5, **options)
    assert ti.registry["keltner"].first_valid(20, 1.5, **options) == first
    for name in ("upper", "middle", "lower"):
        assert np.isnan(found[name][:, :first]).all() and np.isfinite(found[name][:, first:]).all()
    prices = (DS["high"] + DS["low"] + DS["close"]) / 3.0 if "price" in options else DS["close"]
    middle = ti.registry[options.get("average", "ema")](prices, 20)
    np.testing.assert_array_equal(found["middle"][:, first:], middle[:, first:])
    ranges = {n: v for n, v in options.items() if n in ("smoothing", "first_range")}
    noise = ti.atr(DS, options.get("range_window", 20), **ranges)
    np.testing.assert_array_equal(found["upper"][:, first:], (middle + 1.5 * noise)[:, first:])


def test_volume_weighted_average_of_all_four_prices() -> None:
    same(ti.vwap(TRADED, 50, price="ohlc4"), VWAP, 49)
    assert abs(float(ti.vwap(TRADED, 50)[0, 49]) - VWAP[0]) > 50 * ROUNDED
    by_close = (DS["close"] * DS["volume"]).rolling(time=20).sum() / DS["volume"].rolling(time=20).sum()
    without = DS[["close", "volume"]]
    np.testing.assert_allclose(ti.vwap(without, 20, price="close")[:, 19:], by_close[:, 19:], rtol=1e-9)
    with pytest.raises(errors.NotFoundError, match="open"):
        ti.vwap(DS.drop_vars("open"), price="ohlc4")


def test_volume_weighted_average_of_a_session_takes_the_price_too() -> None:
    daily = ti.vwap(DS, anchor="session", price="ohlc4")  # a session is one bar
    prices = (DS["open"] + DS["high"] + DS["low"] + DS["close"]) / 4.0
    np.testing.assert_allclose(daily, prices, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("dmi(14, seed='whole')", "dmi(14, seed=whole)"),
        ("keltner(20, 2, range_window=10, average='sma')", "keltner(20, 2, average=sma, range_window=10)"),
        ("vwap(50, price='ohlc4')", "vwap(50, price=ohlc4)"),
        ("keltner", "keltner(20, 2)"),
    ],
)
def test_options_are_written_where_they_are_not_the_default(text: str, label: str) -> None:
    call = ti.parse(text)
    assert call.label == label
    lazy = call(DS.chunk({"symbol": 2, "time": 37}))
    xr.testing.assert_identical(lazy.compute(), call(DS))


@pytest.mark.parametrize(
    ("name", "options", "known"),
    [
        ("dmi", {"seed": "mean"}, "whole"),
        ("keltner", {"average": "hull"}, "tema"),
        ("keltner", {"price": "open"}, "typical"),
        ("keltner", {"smoothing": "none"}, "wilder"),
        ("keltner", {"range_window": 0}, "at least 1"),
        ("keltner", {"range_window": "ten"}, "whole number"),
        ("vwap", {"price": "hlc3"}, "ohlc4"),
    ],
)
def test_an_unknown_option_is_refused_by_name(name: str, options: dict, known: str) -> None:
    with pytest.raises(errors.ParameterError, match=known):
        ti.registry[name](DS, **options)
