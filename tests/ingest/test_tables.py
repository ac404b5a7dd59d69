"""Any table becomes the same dataset; bad ones are refused with nothing written."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import tradewind as tw
from tradewind import errors

pytestmark = pytest.mark.usefixtures("stores")


def prices() -> pd.DataFrame:
    days = pd.bdate_range("2024-03-01", periods=20, name="date")  # no holiday of the exchange among them
    rng = np.random.default_rng(7)
    frames = []
    for symbol, base in (("AAA", 10.0), ("BBB", 250.0)):
        close = np.round(base * np.exp(np.cumsum(rng.normal(0, 0.01, len(days)))), 2)
        frames.append(
            pd.DataFrame(
                {"symbol": symbol, "open": close, "high": close + 0.5, "low": close - 0.5, "close": close,
                 "volume": 1000.0}, index=days,
            )
        )  # fmt: skip
    return pd.concat(frames)


def held(name: str) -> pd.Series:
    return tw.open(name)["close"].to_series().dropna()


FORMS = {
    "pandas": lambda f, _: f,
    "pandas without index": lambda f, _: f.reset_index(),
    "polars": lambda f, _: pl.from_pandas(f.reset_index()),
    "arrow": lambda f, _: pl.from_pandas(f.reset_index()).to_arrow(),
    "xarray": lambda f, _: (
        f.reset_index().rename(columns={"date": "time"}).set_index(["symbol", "time"]).to_xarray()
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_frame_gives_the_same_prices(form: str):
    frame = prices()
    change = tw.ingest.frame(FORMS[form](frame, None), "mine/prices")
    assert change.rows_added == 40
    expected = frame.reset_index().set_index(["symbol", "date"])["close"].sort_index()
    np.testing.assert_array_equal(held("mine/prices").sort_index().to_numpy(), expected.to_numpy())
    assert tw.open("mine/prices").attrs["frequency"] == "1d"


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "arrow"])
def test_every_kind_of_file_gives_the_same_prices_and_twice_is_once(ending: str, tmp_path: Path):
    frame = prices().reset_index()
    path = tmp_path / f"prices.{ending}"
    if ending.startswith("csv"):
        frame.to_csv(path, index=False)
    elif ending == "parquet":
        frame.to_parquet(path)
    else:
        pl.from_pandas(frame).write_ipc(path)
    assert tw.ingest.file(path, "mine/prices").rows_added == 40
    again = tw.ingest.file(path, "mine/prices")
    assert again.empty
    assert len(tw.history("mine/prices")) == 1


def test_wide_tables_and_renamed_columns():
    wide = prices().pivot(columns="symbol", values="close").reset_index()
    tw.ingest.frame(
        wide.rename(columns={"date": "Session"}), "mine/wide", wide="close", columns={"Session": "time"}
    )
    tw.ingest.frame(prices(), "mine/long")
    np.testing.assert_array_equal(tw.open("mine/wide")["close"].values, tw.open("mine/long")["close"].values)


def test_intraday_times_become_bar_ends_in_utc_across_daylight_saving():
    local = pd.DataFrame(
        {
            "time": [
                "2024-03-08 15:59:00",
                "2024-03-08 16:00:00",
                "2024-03-11 09:30:00",
                "2024-03-11 09:31:00",
            ],
            "close": [10.1, 10.2, 10.3, 10.4],
        }
    )
    tw.ingest.frame(
        local, "mine/m", symbol="X", time_zone="America/New_York", bar_start=True, frequency="1min"
    )
    times = [str(t)[:16] for t in tw.open("mine/m")["time"].values]
    assert times == ["2024-03-08T21:00", "2024-03-08T21:01", "2024-03-11T13:31", "2024-03-11T13:32"]


def test_zones_in_the_text_are_heeded():
    table = pd.DataFrame(
        {"time": ["2024-06-03T09:31:00-04:00", "2024-06-03T09:32:00-04:00"], "close": [10.1, 10.2]}
    )
    tw.ingest.frame(table, "mine/z", symbol="X")
    assert str(tw.open("mine/z")["time"].values[0])[:16] == "2024-06-03T13:31"
    assert tw.open("mine/z").attrs["frequency"] == "1min"


def test_a_correction_changes_cells_and_the_old_snapshot_stays():
    frame = prices()
    first = tw.ingest.frame(frame, "mine/p")
    fixed = frame.copy()
    fixed.iloc[3, fixed.columns.get_loc("close")] += 0.25
    change = tw.ingest.frame(fixed, "mine/p")
    assert (change.rows_added, change.rows_changed) == (0, 1)
    now, then = tw.open("mine/p")["close"].values, tw.open("mine/p", as_of=first.snapshot)["close"].values
    assert (now != then).sum() == 1
    found = tw.diff("mine/p", first.snapshot)
    assert found.cells[["symbol", "field"]].to_numpy().tolist() == [["AAA", "close"]]
    assert found.cells["time"][0] == frame.index[3]
    assert tw.diff("mine/p", change.snapshot).empty


def test_new_symbols_earlier_days_and_new_fields_merge():
    frame = prices()
    late = frame[frame.index >= "2024-03-14"]
    tw.ingest.frame(late[late["symbol"] == "BBB"][["symbol", "close"]], "mine/p")
    tw.ingest.frame(late[late["symbol"] == "AAA"], "mine/p")
    tw.ingest.frame(frame, "mine/p")
    tw.ingest.frame(frame, "mine/whole")
    for field in ("open", "close", "volume"):
        merged = tw.open("mine/p", symbols=["AAA", "BBB"])[field].values
        np.testing.assert_array_equal(merged, tw.open("mine/whole")[field].values)


def test_bad_tables_are_refused_and_nothing_is_written():
    frame = prices().reset_index()
    with pytest.raises(errors.InvalidInputError, match="time"):
        tw.ingest.frame(frame.drop(columns="date"), "mine/p")
    with pytest.raises(errors.InvalidInputError, match="symbol"):
        tw.ingest.frame(frame.drop(columns="symbol"), "mine/p")
    with pytest.raises(errors.InvalidInputError, match="no number"):
        tw.ingest.frame(frame.assign(close="n/a"), "mine/p")
    with pytest.raises(errors.DataQualityError, match="AAA"):
        twice = pd.concat([frame, frame.iloc[[0]].assign(close=1.0)])
        tw.ingest.frame(twice, "mine/p")
    with pytest.raises(errors.InvalidInputError, match="is a field"):
        tw.ingest.frame(frame[["date", "symbol"]], "mine/p")
    with pytest.raises(errors.InvalidInputError, match="name"):
        tw.ingest.frame(frame, "mine/Bad Name")
    with pytest.raises(errors.InvalidInputError, match="no table"):
        tw.ingest.frame(3, "mine/p")
    with pytest.raises(errors.DatasetNotFoundError):
        tw.open("mine/p")


def test_dates_of_many_kinds(tmp_path: Path):
    for text in ("2024-01-02", "1/2/2024", "20240102"):
        table = pd.DataFrame({"date": [text], "close": [1.0]})
        tw.ingest.frame(table, f"mine/d{len(text)}", symbol="X")
        assert tw.open(f"mine/d{len(text)}")["time"].values[0] == np.datetime64("2024-01-02", "ns")
    tw.ingest.frame(pd.DataFrame({"date": [dt.date(2024, 1, 2)], "close": [1.0]}), "mine/dd", symbol="X")
    assert tw.open("mine/dd")["time"].values[0] == np.datetime64("2024-01-02", "ns")
