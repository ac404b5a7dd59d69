"""Resampling, alignment and universes, against pandas and against what is known of real days."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind.errors import InvalidInputError, LookaheadError

pytestmark = pytest.mark.usefixtures("stores")


@pytest.fixture
def minutes(real_data: Path) -> xr.Dataset:
    """Real AAPL minutes of 2014-06-05, 06 and 09, extended hours included."""
    tw.ingest.lean(real_data / "lean/Data", "mine/m", resolution="minute", symbols=["aapl"], accept=["jump"])
    return tw.open("mine/m", symbols="AAPL", start="2014-06-05", end="2014-06-10", adjust=None)


def test_minutes_to_days_equal_pandas_by_new_york_date(minutes: xr.Dataset):
    days = tw.resample(minutes, "1d")
    frame = minutes.squeeze("symbol").to_dataframe().dropna(how="all")
    local = (frame.index - pd.Timedelta(1, "ns")).tz_localize("UTC").tz_convert("America/New_York")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    expected = frame.groupby(local.tz_localize(None).normalize()).agg(how)
    for field in how:
        np.testing.assert_allclose(days[field].values[0], expected[field].to_numpy(), rtol=1e-12)
    assert [str(t)[:10] for t in days["time"].values] == ["2014-06-05", "2014-06-06", "2014-06-09"]
    assert days.attrs["frequency"] == "1d"


def test_hours_count_from_the_open_and_the_last_ends_with_the_close(minutes: xr.Dataset):
    hours = tw.resample(minutes, "1h")
    ends = pd.DatetimeIndex(hours["time"].values).tz_localize("UTC").tz_convert("America/New_York")
    regular = [
        f"{t:%H:%M}"
        for t in ends
        if t.date().isoformat() == "2014-06-09" and "09:30" < f"{t:%H:%M}" <= "16:00"
    ]
    assert regular == ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]
    assert float(hours["volume"].sum()) == pytest.approx(float(minutes["volume"].sum()))
    frame = minutes.squeeze("symbol").to_dataframe().dropna(how="all")
    last = frame["2014-06-09 19:31":"2014-06-09 20:00"]
    got = hours.sel(time="2014-06-09T20:00").squeeze()
    assert (float(got["high"]), float(got["close"])) == (last["high"].max(), last["close"].iloc[-1])


def test_hours_through_days_equal_days_and_dask_changes_nothing(minutes: xr.Dataset):
    direct, through = tw.resample(minutes, "1d"), tw.resample(tw.resample(minutes, "1h"), "1d")
    lazy = tw.resample(minutes.chunk({"time": 500}), "1d")
    assert lazy["close"].chunks is not None
    for field in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(direct[field].values, through[field].values)
        np.testing.assert_array_equal(direct[field].values, lazy[field].values)


def daily(name: str, calendar: str, days: pd.DatetimeIndex) -> xr.Dataset:
    close = 100 + np.arange(len(days)) % 7
    frame = pd.DataFrame({"time": days, "close": close.astype(float), "volume": 10.0})
    tw.ingest.frame(frame, name, symbol="X", calendar=calendar, basis="level")
    return tw.open(name)


def test_weeks_begin_on_monday_and_months_carry_their_last_session():
    ds = daily("mine/d", "24/7", pd.date_range("2024-01-03", "2024-03-05"))
    weeks, months = tw.resample(ds, "1w"), tw.resample(ds, "1mo")
    series = ds["close"].squeeze().to_series()
    expected = series.groupby(series.index.to_period("W-SUN")).agg(["first", "max", "min", "last"])
    for field, column in (("open", "first"), ("high", "max"), ("low", "min"), ("close", "last")):
        np.testing.assert_array_equal(weeks[field].values[0], expected[column].to_numpy())
    assert [str(t)[:10] for t in months["time"].values] == ["2024-01-31", "2024-02-29", "2024-03-05"]
    np.testing.assert_array_equal(months["volume"].values[0], [290.0, 290.0, 50.0])
    with pytest.raises(InvalidInputError, match="coarser"):
        tw.resample(weeks, "1d")
    with pytest.raises(InvalidInputError, match="1mo"):
        tw.resample(ds, "1m")


def test_ticks_become_bars():
    times = pd.to_datetime(
        ["2024-06-03T13:30:00.5", "2024-06-03T13:30:20.0", "2024-06-03T13:31:00.0", "2024-06-03T13:31:00.1"]
    )
    frame = pd.DataFrame({"time": times, "close": [10.0, 12.0, 9.0, 11.0], "volume": [1.0, 2.0, 3.0, 4.0]})
    tw.ingest.frame(frame, "mine/t", symbol="X", frequency="tick", calendar="XNYS", basis="level")
    bars = tw.resample(tw.open("mine/t"), "1min").squeeze("symbol")
    assert [str(t)[11:16] for t in bars["time"].values] == ["13:31", "13:32"]
    assert [bars[f].values.tolist() for f in ("open", "high", "low", "close", "volume")] == [
        [10.0, 11.0], [12.0, 11.0], [9.0, 11.0], [9.0, 11.0], [6.0, 4.0]]  # fmt: skip


def test_tokyo_beside_new_york_never_looks_ahead():
    """A date's session in Tokyo ends before New York's begins; Tokyo sees New York's day before."""
    tokyo = daily("mine/jp", "XTKS", pd.DatetimeIndex(["2024-06-03", "2024-06-04", "2024-06-05"]))
    york = daily("mine/us", "XNYS", pd.DatetimeIndex(["2024-06-03", "2024-06-04", "2024-06-05"]))
    _, beside = tw.align(york, tokyo)
    assert beside["close"].values[0].tolist() == tokyo["close"].values[0].tolist()
    _, beside = tw.align(tokyo, york)
    assert np.isnan(beside["close"].values[0, 0])
    assert beside["close"].values[0, 1:].tolist() == york["close"].values[0, :-1].tolist()
    a, b = tw.align(york, tokyo.isel(time=[0, 2]), how="inner")
    assert a.sizes["time"] == b.sizes["time"] == 2
    a, b = tw.align(york.isel(time=[1]), tokyo, how="outer")
    assert np.isnan(a["close"].values).sum() == 2


def test_a_half_day_is_known_early():
    day = pd.DatetimeIndex(["2024-07-03", "2024-07-05"])
    york, coins = (
        daily("mine/us", "XNYS", day),
        daily("mine/coin", "24/7", pd.date_range("2024-07-01", "2024-07-06")),
    )
    _, beside = tw.align(york, coins)  # at 17:00 UTC the coin's day has not ended yet
    assert (
        beside["close"].values[0].tolist()
        == coins["close"].sel(time=["2024-07-02", "2024-07-04"]).values[0].tolist()
    )


def test_a_universe_from_intervals_and_its_snapshots():
    table = pd.DataFrame(
        {
            "symbol": ["A", "B", "B"],
            "start": ["2024-01-02", "2024-01-02", "2024-01-10"],
            "end": [None, "2024-01-04", None],
        }
    )
    first = tw.ingest.universe(table, "mine/u", until="2024-01-12")
    member = tw.universe("mine/u")
    assert member.dtype == bool
    assert member.sel(symbol="A").all()
    held = member.sel(symbol="B").to_series()
    assert held[held].index.strftime("%m-%d").tolist() == [
        "01-02",
        "01-03",
        "01-04",
        "01-10",
        "01-11",
        "01-12",
    ]
    tw.ingest.universe({"2024-01-02": ["A"], "2024-01-08": ["A", "B"]}, "mine/u", until="2024-01-12")
    assert bool(tw.universe("mine/u").sel(symbol="B", time="2024-01-08"))
    assert not bool(tw.universe("mine/u", as_of=first.snapshot).sel(symbol="B", time="2024-01-08"))
    with tw.guard(until="2024-01-05"):
        assert bool(tw.universe("mine/u").sel(symbol="A", time="2024-01-04"))
        with pytest.raises(LookaheadError):
            tw.universe("mine/u").sel(symbol="A", time="2024-01-08").compute()


def test_a_real_universe_by_date(real_data: Path):
    """LEAN's constituents of SPY on two days of 2020."""
    folder = real_data / "lean/Data/equity/usa/universes/etf/spy"
    lists = {
        f"{p.stem[:4]}-{p.stem[4:6]}-{p.stem[6:]}": pd.read_csv(p, header=None)[1].tolist()
        for p in sorted(folder.glob("*.csv"))
    }
    tw.ingest.universe(lists, "mine/spy")
    member = tw.universe("mine/spy")
    assert member.sizes["time"] == 2
    assert int(member.isel(time=0).sum()) == len(set(lists["2020-11-30"]))


def test_bad_universes_are_refused():
    with pytest.raises(InvalidInputError, match="before"):
        tw.ingest.universe(
            pd.DataFrame({"symbol": ["A"], "start": ["2024-02-01"], "end": ["2024-01-01"]}), "mine/u"
        )
    with pytest.raises(InvalidInputError, match="start"):
        tw.ingest.universe(pd.DataFrame({"symbol": ["A"]}), "mine/u")
    daily("mine/d", "24/7", pd.date_range("2024-01-03", "2024-01-05"))
    with pytest.raises(InvalidInputError, match="membership"):
        tw.universe("mine/d")
