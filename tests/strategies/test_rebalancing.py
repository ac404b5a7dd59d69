"""The rebalance calendar knows the market's sessions in advance, and nothing of the bars to come."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from tradewind import calendars
from tradewind.strategies import rebalance_bars
from tradewind.vocabulary import Frequency

PERIODS = ("session", "week", "month", "quarter", "year")


def dated(times: object, calendar: str = "XNYS", frequency: str = "1d") -> xr.Dataset:
    index = pd.DatetimeIndex(times)
    return xr.Dataset(coords={"time": index}, attrs={"calendar": calendar, "frequency": frequency})


def due(ds: xr.Dataset, rebalance: str = "month", every: int = 1) -> list[str]:
    return [str(t)[5:16] for t in ds["time"].values[rebalance_bars(ds, rebalance, every)].astype("M8[m]")]


@pytest.mark.parametrize("calendar", ["XNYS", "24/7", ""])
@pytest.mark.parametrize("frequency", [Frequency.DAY, Frequency.HOUR])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_future_never_changes_the_past(calendar: str, frequency: Frequency, data: st.DataObject) -> None:
    step = "D" if frequency is Frequency.DAY else "h"
    every_time = pd.date_range("2019-12-20", periods=500, freq=step)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(every_time), max_size=len(every_time))))
    ds = dated(every_time[kept], calendar, frequency.value)
    rebalance, every = data.draw(st.sampled_from(PERIODS)), data.draw(st.integers(1, 4))
    whole = rebalance_bars(ds, rebalance, every)
    cuts = np.concatenate(([data.draw(st.integers(0, len(whole)))], np.flatnonzero(whole) + 1))
    for cut in cuts:  # also where the last bar is one at which to rebalance
        part = ds.isel(time=slice(0, int(cut)))
        np.testing.assert_array_equal(rebalance_bars(part, rebalance, every), whole[:cut])


def test_a_missing_last_session_is_made_up_for() -> None:
    sessions = calendars.sessions("XNYS", np.datetime64("2024-01-02"), np.datetime64("2024-05-31"))

    def days(kept: np.ndarray, calendar: str = "XNYS", every: int = 1) -> list[str]:
        return [d[:5] for d in due(dated(kept, calendar), "month", every)]

    assert days(sessions) == ["01-31", "02-29", "03-28", "04-30", "05-31"]
    holed = sessions[sessions != np.datetime64("2024-01-31")]
    assert days(holed) == ["02-01", "02-29", "03-28", "04-30", "05-31"]
    # 31 March 2024 is Easter Sunday: without a calendar nobody knows on Thursday that March is over
    assert days(holed, "") == ["02-01", "02-29", "04-01", "04-30", "05-31"]
    gap = sessions[(sessions < np.datetime64("2024-01-20")) | (sessions > np.datetime64("2024-04-10"))]
    assert days(gap) == ["04-11", "04-30", "05-31"]
    assert days(gap, every=3) == ["04-11"]


def test_a_session_is_over_at_its_close() -> None:
    days = [pd.date_range(f"2010-01-0{d} 14:31", f"2010-01-0{d} 21:00", freq="min") for d in (4, 5, 6)]
    minutes = dated(np.concatenate(days)[:900], frequency="1min")
    closes = ["01-04T21:00", "01-05T21:00"]
    assert due(minutes, "session") == closes
    early = minutes.isel(time=minutes["time"].values != np.datetime64("2010-01-04T21:00"))
    assert due(early, "session") == ["01-05T14:31", "01-05T21:00"]
    assert due(early.assign_attrs(calendar=""), "session") == ["01-05T14:31", "01-06T14:31"]
    assert due(minutes.isel(time=slice(0, 780)), "session") == closes


def test_bars_from_before_the_calendar_begins() -> None:
    old = pd.bdate_range("1985-01-01", "1985-04-15")
    code = "XTKS"  # its calendar begins in 1997
    assert due(dated(old, code)) == ["01-31T00:00", "02-28T00:00", "04-01T00:00"]
