# ruff: noqa: E501
"""Syncs: whole or not at all, never more than can be known, resumable, told in the commit."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
from tradewind import calendars
from tradewind.cli.data import app
from tradewind.errors import InvalidInputError
from tradewind.ingest import syncing
from tradewind.ingest.completeness import last_known
from tradewind.ingest.sources import Patience
from tradewind.ingest.syncing import IncompleteSyncError
from tradewind.store import Store
from tradewind.store.roots import mine_root
from tradewind.vocabulary import Frequency
from typer.testing import CliRunner
from vendor_server import VendorServer, Yahoo

pytestmark = pytest.mark.usefixtures("stores")
FAST = Patience(tries=2, sleep=lambda _: None)
DOCS = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[VendorServer]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with VendorServer() as server:
        monkeypatch.setenv("TRADEWIND_SOURCE_RELAY", server.url)
        yield server


def sessions(first: str = "2026-01-02") -> list[np.datetime64]:
    last = last_known(Frequency.DAY, "XNYS", timedelta(minutes=30))
    return list(calendars.sessions("XNYS", np.datetime64(first), last))


def messages(name: str) -> list[str]:
    return [c.message for c in Store(mine_root()).history(name)]


def test_full_then_nothing_new_then_a_correction(vendor: VendorServer):
    days = sessions()
    vendor.shares = {"AAA": Yahoo(days, splits={"2026-03-02": 2.0}), "BBB": Yahoo(days)}
    done = tw.ingest.sync("mine/us", ["AAA", "BBB"], source="yfinance", start="2026-01-02", patience=FAST)
    assert (done.rows_added, done.late, len(done.commits)) == (2 * len(days), {}, 1)
    assert messages("mine/us") == [f"Incremental sync through {days[-1]}, yfinance: AAA, BBB"]
    opened = tw.open("mine/us", "AAA")
    assert (opened.attrs["adjust"], opened.attrs["licence"][:7]) == ("split", "Yahoo's")
    raw = tw.open("mine/us", "AAA", adjust=None)["close"].values[0]
    assert raw[0] == pytest.approx(vendor.shares["AAA"].close(str(days[0])))
    vendor.log.clear()
    again = tw.ingest.sync("mine/us", patience=FAST)
    assert (again.current, again.rows_added, vendor.log) == (("AAA", "BBB"), 0, [])  # nobody was asked
    vendor.shares["BBB"].closes[str(days[20])] = 101.25
    tw.ingest.sync("mine/us", mode="full", start="2026-01-02", resume=False, patience=FAST)
    assert tw.open("mine/us", "BBB")["close"].values[0, 20] == 101.25
    assert tw.diff("mine/us", done.snapshot).cells["time"].astype(str).str[:10].unique().tolist() == [
        str(days[20])
    ]


def test_incremental_asks_for_the_last_days_only_and_backfill_for_the_first(vendor: VendorServer):
    days = sessions()
    vendor.shares = {"AAA": Yahoo(days)}
    tw.ingest.sync("mine/us", "AAA", source="yfinance", start="2026-03-02", end=str(days[-10]), patience=FAST)
    assert tw.open("mine/us").time.values[-1] == days[-10]
    vendor.log.clear()
    done = tw.ingest.sync("mine/us", patience=FAST)
    assert done.rows_added == 9
    asked = [int(m[1]) for m in (re.search(r"period1=(\d+)", line) for line in vendor.log) if m]
    assert all(np.datetime64(a, "s") > days[-10] - np.timedelta64(16, "D") for a in asked)
    back = tw.ingest.sync("mine/us", mode="backfill", start="2026-01-02", patience=FAST)
    assert tw.open("mine/us").sizes["time"] == len(days)
    assert back.rows_added == len(days) - int((np.array(days) >= np.datetime64("2026-03-02")).sum())
    assert tw.ingest.sync("mine/us", mode="backfill", start="2026-01-02", patience=FAST).rows_added == 0


def test_the_next_source_steps_in_and_the_commit_says_so(
    vendor: VendorServer, caplog: pytest.LogCaptureFixture
):
    vendor.listed = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    done = tw.ingest.sync(
        "mine/coins", "BTC/USDT", source=["kraken", "okx"], start="2024-06-01", patience=FAST
    )
    assert done.served == {"BTC/USDT": "okx"}
    assert "okx instead of kraken: BTC/USDT" in messages("mine/coins")[0]
    assert "serves the last 720 bars only" in caplog.text
    assert "comes from okx instead" in caplog.text
    commit = Store(mine_root()).history("mine/coins")[0]
    assert dict(commit.metadata)["sync"]["served"] == {"BTC/USDT": "okx"}
    assert tw.ingest.sync("mine/coins", patience=FAST).current == ("BTC/USDT",)


def test_what_is_not_whole_is_not_stored_and_said(vendor: VendorServer):
    days = sessions()
    short = [d for i, d in enumerate(days) if not 30 < i < 60]
    vendor.shares = {"AAA": Yahoo(days), "BAD": Yahoo(short), "OLD": Yahoo(days[:100])}
    with pytest.raises(IncompleteSyncError, match="BAD") as incomplete:
        tw.ingest.sync("mine/us", ["AAA", "BAD", "NOPE", "OLD"], source="yfinance", start="2026-01-02",
                       patience=FAST)  # fmt: skip
    result = incomplete.value.result
    assert set(result.failed) == {"BAD", "NOPE"}
    assert result.late == {"OLD": str(days[99])}
    assert tw.open("mine/us")["symbol"].values.tolist() == ["AAA", "OLD"]
    assert f"not up to date: OLD ends {days[99]}; missing: BAD, NOPE" in messages("mine/us")[0]
    vendor.shares["BAD"] = Yahoo(days)
    vendor.shares["NOPE"] = Yahoo(days)
    done = tw.ingest.sync(
        "mine/us", ["AAA", "BAD", "NOPE"], source="yfinance", start="2026-01-02", patience=FAST
    )
    assert (done.current, done.rows_added) == (("AAA",), 2 * len(days))


def test_one_bad_symbol_does_not_keep_the_others_out(vendor: VendorServer):
    days = sessions()
    jumpy = Yahoo(days, closes={str(d): 900.0 + i for i, d in enumerate(days[50:])})
    vendor.shares = {"AAA": Yahoo(days), "JUMP": jumpy}
    with pytest.raises(IncompleteSyncError, match="jump"):
        tw.ingest.sync("mine/us", ["AAA", "JUMP"], source="yfinance", start="2026-01-02", patience=FAST)
    assert tw.open("mine/us")["symbol"].values.tolist() == ["AAA"]


def test_an_interrupted_sync_goes_on_where_it_stopped(vendor: VendorServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(syncing, "GROUP", 2)
    days = sessions()
    names = ["AAA", "BBB", "CCC", "DDD", "EEE"]
    vendor.shares = {n: Yahoo(days) for n in names}

    def stop(symbol: str, *_: int) -> None:
        if symbol == "DDD":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tw.ingest.sync("mine/us", names, source="yfinance", mode="full", start="2026-01-02", progress=stop)
    assert tw.open("mine/us")["symbol"].values.tolist() == ["AAA", "BBB"]
    seen: list[str] = []
    done = tw.ingest.sync("mine/us", names, source="yfinance", mode="full", start="2026-01-02",
                          progress=lambda s, *_: seen.append(s))  # fmt: skip
    assert (done.resumed, seen) == (("AAA", "BBB"), ["CCC", "DDD", "EEE"])


def test_no_source_and_a_wrong_one(vendor: VendorServer):
    with pytest.raises(InvalidInputError, match="never synced"):
        tw.ingest.sync("mine/new", ["AAA"])
    vendor.shares = {"AAA": Yahoo(sessions())}
    tw.ingest.sync("mine/us", "AAA", source="yfinance", start="2026-06-01", patience=FAST)
    with pytest.raises(InvalidInputError, match="level prices; the dataset holds raw"):
        tw.ingest.sync("mine/us", "BTC/USDT", source="binance")
    with pytest.raises(InvalidInputError, match="no 1min bars"):
        tw.ingest.sync("mine/minutes", "AAA", source="yfinance", frequency="1min")


@pytest.mark.parametrize(
    ("frequency", "code", "now", "expected"),
    [
        ("1d", "XNYS", "2024-07-03T17:14", "2024-07-02"),  # a half day: closed at 17:00 UTC, but for the lag
        ("1d", "XNYS", "2024-07-03T17:16", "2024-07-03"),
        ("1d", "XNYS", "2024-07-04T23:00", "2024-07-03"),
        ("1d", "XNYS", "2024-03-11T20:16", "2024-03-11"),  # the clocks went forward the day before
        ("1d", "24/7", "2024-03-11T00:10", "2024-03-09"),
        ("1d", "24/7", "2024-03-11T00:16", "2024-03-10"),
        ("1h", "24/7", "2024-03-11T05:16", "2024-03-11T05:00"),
        ("1min", "XNYS", "2024-07-03T13:30", "2024-07-02T20:00"),
        ("1min", "XNYS", "2024-07-03T13:47:30", "2024-07-03T13:32"),
        ("1min", "XNYS", "2024-07-06T13:47", "2024-07-05T20:00"),
    ],
)
def test_what_can_be_known(frequency: str, code: str, now: str, expected: str):
    then = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = last_known(Frequency(frequency), code, timedelta(minutes=15), then)
    assert found == np.datetime64(expected)


def test_by_the_shell(vendor: VendorServer):
    days = sessions()
    vendor.shares = {"AAA": Yahoo(days), "BBB": Yahoo(days[:-3])}

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done.stdout

    given = ("-d", "mine/us", "--source", "yfinance", "--start", "2026-01-02", "--json")
    first = json.loads(run("ingest", "--symbols", "AAA,BBB", *given))
    assert (first["rows_added"], list(first["late"])) == (2 * len(days) - 3, ["BBB"])
    assert "BBB is not up to date" in run("sync", "mine/us")
    vendor.shares["BBB"] = Yahoo(days)
    assert "3 bars added" in run("sync", "mine/us")
    assert [s["name"] for s in json.loads(run("sources", "--json"))][:2] == ["yfinance", "binance"]
    run("sync", "mine/us", "--symbols", "AAA,NOPE", "--mode", "full", code=1)


def test_a_sync_of_one_bar_says_bar():
    day = np.datetime64("2026-01-02")
    told = repr(syncing.Synced(dataset="mine/us", mode=syncing.Mode.FULL, through=day, rows_added=1))
    assert told.startswith("mine/us through 2026-01-02") and told.endswith(": 1 bar added, 0 changed")


def test_a_plug_in_as_the_documentation_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The example in docs/data.md is installed as a package, found by its entry point, and used by the shell."""
    text = DOCS.read_text()
    module = re.search(r"```python\n(# stooq_source\.py.*?)```", text, re.DOTALL)
    entry = re.search(r"```toml\n(\[project\.entry-points.*?)```", text, re.DOTALL)
    assert module
    assert entry
    (tmp_path / "stooq_source.py").write_text(module[1])
    info = tmp_path / "stooq_source-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stooq-source\nVersion: 1.0\n")
    name, value = re.findall(r"^(\w+) = \"(.+)\"$", entry[1], re.MULTILINE)[0]
    (info / "entry_points.txt").write_text(f"[tradewind.sources]\n{name} = {value}\n")
    folder = tmp_path / "export"
    folder.mkdir()
    rows = ["Date,Open,High,Low,Close,Volume"]
    rows += [f"{d},10,11,9,10.5,1000{i % 7}" for i, d in enumerate(sessions())]
    (folder / "aaa.us.txt").write_text("\n".join(rows))
    environment = {**dict(__import__("os").environ), "PYTHONPATH": str(tmp_path), "STOOQ_FOLDER": str(folder)}
    command = [sys.executable, "-m", "tradewind", "data", "sync", "mine/plugged", "--source", name,
               "--symbols", "aaa.us", "--start", "2026-01-02", "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows_added"] == len(sessions())
    missing = subprocess.run([*command[:8], "--symbols", "bbb.us"], capture_output=True, text=True,
                             env=environment, check=False)  # fmt: skip
    assert missing.returncode == 1
    assert "bbb.us" in missing.stderr
