"""The guard: nothing that the market did not know yet."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tradewind as tw
from tradewind.errors import LookaheadError

pytestmark = pytest.mark.usefixtures("samples")


def test_a_bar_is_known_from_its_close_on():
    bar = tw.open("us-large-caps", symbols="AAPL", start="2005-03-01", end="2005-03-01")["close"]
    with tw.guard(until="2005-03-01T20:59:59"), pytest.raises(LookaheadError, match=r"2005-03-01T21:00:00"):
        bar.values  # noqa: B018
    with tw.guard(until="2005-03-01T16:00:00-05:00"):
        assert bar.values.item() == 44.5


def test_half_days_close_early():
    bar = tw.open("us-large-caps", symbols="AAPL", start="2012-11-23", end="2012-11-23")["close"]
    with tw.guard(until="2012-11-23T18:00:00"):
        assert np.isfinite(bar.values).all()


def test_earlier_data_can_be_read_and_any_later_selection_raises():
    ds = tw.open("us-large-caps")
    with tw.guard(until="2005-01-01"):
        assert ds["close"].sel(time=slice(None, "2004-12-31")).mean().item() > 0
        for selection in (
            ds["close"],
            ds["close"].isel(time=[0, -1]),
            ds["close"].sel(symbol="AAPL", time="2005-01-03"),
        ):
            with pytest.raises(LookaheadError):
                selection.values  # noqa: B018
    assert ds["close"].mean().item() > 0


def test_a_split_in_the_future_does_not_adjust_prices():
    days = {"symbols": "AAPL", "start": "2005-02-25", "end": "2005-02-25"}
    adjusted = tw.open("us-large-caps", **days)["close"]
    with tw.guard(until="2005-02-26"):
        assert adjusted.copy().values.item() == 88.99
    assert tw.open("us-large-caps", **days)["close"].values.item() == pytest.approx(44.495)


def test_the_strictest_guard_holds_in_every_thread_and_after_pickling():
    close = tw.open("us-large-caps")["close"]
    with tw.guard(until="2005-01-01"), tw.guard(until="2010-01-01"):
        with ThreadPoolExecutor(1) as pool, pytest.raises(LookaheadError):
            pool.submit(lambda: close.sel(time="2006-01-03").values).result()
        with pytest.raises(LookaheadError):
            close.chunk({"time": 100}).compute(scheduler="threads")
        sent = pickle.dumps(close)
    with pytest.raises(LookaheadError):
        pickle.loads(sent).values  # noqa: B018
