"""Adapters against a server that speaks the vendors' formats and misbehaves as vendors do."""

import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tradewind import calendars
from tradewind.errors import InvalidInputError, SetupError
from tradewind.ingest.completeness import check_whole, last_known
from tradewind.ingest.sources import (
    NotServedError,
    PartialDataError,
    Patience,
    RateLimitedError,
    Series,
    SourceChangedError,
    SourceDownError,
    Wanted,
    load,
    names,
)
from tradewind.ingest.sources.base import Options, Source
from tradewind.ingest.sources.registry import EXCHANGES
from tradewind.store.spec import ActionKind
from tradewind.vocabulary import Frequency
from vendor_server import VendorServer, Yahoo, candle

DAY = 86_400
PLENTY = 400
waits: list[float] = []


@pytest.fixture
def vendor(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VendorServer]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    waits.clear()
    with VendorServer() as server:
        yield server


@pytest.fixture
def patience() -> Patience:
    return Patience(tries=3, sleep=waits.append)


def source(name: str, vendor: VendorServer, timeout: float = 5.0) -> Source:
    found = load(name, Options(relay=vendor.url, timeout=timeout))
    if hasattr(found, "_exchange"):
        found._exchange.enableRateLimit = False  # the server on loopback need not be spared
    return found


def days_back(count: int, until: int = 1) -> Wanted:
    today = np.datetime64(int(time.time()) // DAY, "D").astype("M8[ns]")
    back = np.timedelta64(DAY, "s")
    return Wanted(
        symbol="BTC/USDT", frequency=Frequency.DAY, start=today - count * back, end=today - until * back
    )


def share(vendor: VendorServer, ticker: str, first: str = "2023-01-03", **facts: dict[str, float]) -> Wanted:
    from datetime import timedelta

    last = last_known(Frequency.DAY, "XNYS", timedelta(minutes=30))
    vendor.shares[ticker] = Yahoo(
        sessions=list(calendars.sessions("XNYS", np.datetime64(first), last)), **facts
    )
    return Wanted(symbol=ticker, frequency=Frequency.DAY, start=np.datetime64(first, "ns"), end=last)


def exact(series: Series, wanted: Wanted) -> None:
    """Every day is there once, with the server's own numbers."""
    whole = np.arange(wanted.start.astype("M8[D]"), wanted.end.astype("M8[D]") + np.timedelta64(1, "D"))
    assert np.array_equal(series.times.astype("M8[D]"), whole)
    expected = np.array([candle(int(d.astype(int)) * DAY) for d in whole])
    got = np.column_stack([series.values[n] for n in ("open", "high", "low", "close", "volume")])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_exchange_page_by_page(name: str, vendor: VendorServer, patience: Patience):
    wanted = days_back(PLENTY)
    exact(source(name, vendor).fetch(wanted, patience), wanted)
    assert waits == []


@pytest.mark.parametrize("name", EXCHANGES)
def test_hours_carry_their_end(name: str, vendor: VendorServer, patience: Patience):
    end = np.datetime64(int(time.time()) // 3600 * 3600, "s").astype("M8[ns]")
    wanted = Wanted(symbol="BTC/USDT", frequency=Frequency.HOUR, start=end - np.timedelta64(30, "h"), end=end)
    got = source(name, vendor).fetch(wanted, patience)
    assert (got.times[0], got.times[-1], len(got.times)) == (wanted.start, wanted.end, 31)
    start = int(end.astype("M8[s]").astype(int)) - 3600
    assert got.values["close"][-1] == candle(start)[3]


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("trouble", ["429", "500", "timeout", "empty", "duplicate", "hole", "partial"])
def test_what_can_be_got_over(name: str, trouble: str, vendor: VendorServer, patience: Patience):
    """A vendor that misbehaves once, at the first or second page, costs a second request and no bar."""
    wanted = days_back(PLENTY)
    found = source(name, vendor, 0.5 if trouble == "timeout" else 5.0)
    found.fetch(days_back(5), patience)  # markets are known, and there is a page to repeat
    vendor.trouble = ["", trouble] if name in ("coinbase", "okx") else [trouble]
    exact(found.fetch(wanted, patience), wanted)
    assert not vendor.trouble
    if trouble == "429":
        assert waits == [pytest.approx(1.0, rel=0.3)]


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize(
    ("trouble", "error"),
    [("schema", SourceChangedError), ("500", SourceDownError), ("timeout", SourceDownError)],
)
def test_what_cannot(name: str, trouble: str, error: type, vendor: VendorServer):
    vendor.always = trouble
    with pytest.raises(error):
        source(name, vendor, 0.3).fetch(days_back(20), Patience(tries=2, sleep=waits.append))
    assert len(waits) == (0 if error is SourceChangedError else 1)  # asking again does not change a format


def test_retry_after_is_obeyed_and_an_hour_is_too_long(vendor: VendorServer, patience: Patience):
    binance = source("binance", vendor)
    vendor.trouble, vendor.retry_after = ["429", "429"], "7"
    binance.fetch(days_back(5), patience)
    assert waits == [7.0, 7.0]
    vendor.trouble, vendor.retry_after = ["429"], "3600"
    with pytest.raises(RateLimitedError) as limited:
        binance.fetch(days_back(5), patience)
    assert limited.value.wait == 3600
    assert len(waits) == 2


def test_kraken_says_that_it_does_not_go_back_further(vendor: VendorServer, patience: Patience):
    with pytest.raises(NotServedError, match="last 720 bars"):
        source("kraken", vendor).fetch(days_back(900), patience)


def test_an_unknown_pair_and_an_unknown_source(vendor: VendorServer, patience: Patience):
    wanted = Wanted(**{**days_back(3).__dict__, "symbol": "NO/PAIR"})
    with pytest.raises(NotServedError, match="NO/PAIR"):
        source("binance", vendor).fetch(wanted, patience)
    with pytest.raises(InvalidInputError, match="binance"):
        load("binnance")


# ---- Yahoo ----


def test_yahoo_prices_are_as_traded(vendor: VendorServer, patience: Patience):
    wanted = share(
        vendor, "AAA", splits={"2023-05-15": 4.0, "2024-03-01": 0.5}, dividends={"2023-02-01": 0.8}
    )
    got = source("yfinance", vendor).fetch(wanted, patience)
    assert check_whole(got, wanted, "XNYS") is None
    truth = vendor.shares["AAA"]
    np.testing.assert_allclose(got.values["close"], [truth.close(str(d)) for d in truth.sessions], atol=1)
    np.testing.assert_allclose(
        got.values["volume"], [1000 + 3 * int(str(d)[-2:]) for d in truth.sessions], atol=1
    )
    told = {(a.kind, str(a.ex_date)): a.value for a in got.actions}
    assert told == {
        (ActionKind.SPLIT, "2023-05-15"): 4.0, (ActionKind.SPLIT, "2024-03-01"): 0.5,
        (ActionKind.DIVIDEND, "2023-02-01"): pytest.approx(0.8),
    }  # fmt: skip
    early = Wanted(**{**wanted.__dict__, "end": np.datetime64("2023-04-03", "ns")})
    cut = source("yfinance", vendor).fetch(early, patience)
    np.testing.assert_array_equal(cut.values["close"], got.values["close"][: len(cut.times)])


@pytest.mark.parametrize("trouble", ["429", "500", "timeout"])
def test_yahoo_is_asked_again(trouble: str, vendor: VendorServer, patience: Patience):
    wanted = share(vendor, "AAA", "2026-01-02")
    vendor.trouble = [trouble, trouble]  # yfinance asks a second time by itself
    found = source("yfinance", vendor, 0.5 if trouble == "timeout" else 5.0)
    got = found.fetch(wanted, patience)
    assert check_whole(got, wanted, "XNYS") is None
    assert len(waits) == 1 or (trouble == "timeout" and len(waits) == 2)


@pytest.mark.parametrize(
    ("trouble", "error"), [("schema", SourceChangedError), ("garbage", SourceChangedError)]
)
def test_yahoo_in_another_format(trouble: str, error: type, vendor: VendorServer, patience: Patience):
    wanted = share(vendor, "AAA", "2026-01-02")
    vendor.always = trouble
    with pytest.raises(error):
        source("yfinance", vendor).fetch(wanted, patience)
    assert waits == []


@pytest.mark.parametrize(
    ("trouble", "what"),
    [("partial", "says it has bars up to"), ("hole", "are missing in"), ("empty", "lacks|no price data")],
)
def test_a_part_of_yahoos_answer_is_never_taken_for_all(trouble: str, what: str, vendor: VendorServer):
    wanted = share(vendor, "AAA", "2026-01-02")
    vendor.always = trouble
    with pytest.raises((PartialDataError, NotServedError), match=what):
        check_whole(source("yfinance", vendor).fetch(wanted, Patience(tries=1)), wanted, "XNYS")


def test_yahoo_does_not_know_it(vendor: VendorServer, patience: Patience):
    with pytest.raises(NotServedError, match="delisted"):
        source("yfinance", vendor).fetch(share(vendor, "BBB").__class__(
            symbol="NOPE", frequency=Frequency.DAY, start=np.datetime64("2024-01-02", "ns"),
            end=np.datetime64("2024-02-02", "ns")), patience)  # fmt: skip


# ---- the registry ----


def test_every_adapter_says_whether_it_ever_ran_live():
    assert names()[:5] == ["yfinance", *EXCHANGES]
    assert all("never run against the live service" in load(n).facts.tried for n in names()[:5])


def test_importing_them_is_cheap_and_a_missing_library_is_named():
    code = """
import sys
import tradewind as tw
from tradewind.ingest.sources import load
tw.ingest.sync
assert not {"yfinance", "ccxt"} & sys.modules.keys()
sys.modules["ccxt"] = sys.modules["yfinance"] = None
for name in ("kraken", "yfinance"):
    try:
        load(name)
    except tw.errors.SetupError as problem:
        print(problem)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install ccxt" in done.stdout
    assert "tradewind[yfinance]" in done.stdout


def test_a_source_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch):
    import tradewind.ingest.sources.registry as registry

    class Broken:
        value = "broken:Thing"

        def load(self) -> object:
            raise ImportError("no module named broken")

    monkeypatch.setattr(registry, "entry_points", lambda **_: [Broken()])
    with pytest.raises(SetupError, match="broken:Thing"):
        load("broken")
