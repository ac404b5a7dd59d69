"""Real data: LEAN's folder and PRUDEX's files go in by the command line, and say what is known of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from tradewind.cli.data import app
from tradewind.errors import AdjustmentError, InvalidInputError, SymbolNotFoundError
from tradewind.store import Store, coverage
from tradewind.store.roots import mine_root
from typer.testing import CliRunner


def shell(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def us(real_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """All of LEAN's US daily data in one dataset."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("lean")
        patch.setenv("TRADEWIND_HOME", str(home / "var"))
        patch.setenv("TRADEWIND_MINE", str(home / "mine"))
        shell("ingest-lean", str(real_data / "lean/Data"), "-d", "mine/us", "--accept", "jump")
        yield "mine/us"


def closes(name: str, **options) -> pd.Series:
    return tw.open(name, fields="close", **options)["close"].squeeze("symbol").to_series().dropna()


def raw_zip(real_data: Path, ticker: str) -> pd.Series:
    path = real_data / f"lean/Data/equity/usa/daily/{ticker}.zip"
    frame = pd.read_csv(path, header=None, index_col=0)
    frame.index = pd.to_datetime(frame.index, format="%Y%m%d %H:%M")
    return frame[4] / 10_000


def test_todays_googl_is_goog_up_to_the_change_and_googl_after_it(us: str, real_data: Path):
    goog, googl = raw_zip(real_data, "goog"), raw_zip(real_data, "googl")
    expected = pd.concat([goog[:"2014-04-02"], googl["2014-04-03":]])
    held = closes(us, symbols="GOOGL", adjust=None)
    kept_aside = expected.index.difference(held.index)
    assert len(kept_aside) <= 2  # lows of zero cents in 2007 and 2008
    np.testing.assert_array_equal(held.to_numpy(), expected[held.index].to_numpy())


def test_goog_means_the_security_that_had_the_ticker_at_the_reads_end(us: str, real_data: Path):
    old = tw.open(us, symbols="GOOG", end="2014-04-02")
    new = tw.open(us, symbols="GOOG")
    assert old["instrument"].item() == "GOOG@2004-08-19"
    assert new["instrument"].item() == "GOOCV@2014-03-27"
    assert new["symbol"].item() == old["symbol"].item() == "GOOG"
    later = closes(us, symbols="GOOG", adjust=None)
    assert str(later.index[0].date()) == "2014-03-27"
    np.testing.assert_array_equal(
        later["2014-04-03":].to_numpy(), raw_zip(real_data, "goog")["2014-04-03":].to_numpy()
    )
    by_id = closes(us, symbols="GOOG@2004-08-19", adjust=None)
    pd.testing.assert_series_equal(by_id, closes(us, symbols="GOOGL", adjust=None))
    with tw.guard(until="2014-04-02T21:00"):
        assert tw.open(us, symbols="GOOG")["instrument"].item() == "GOOG@2004-08-19"


def test_a_former_ticker_says_what_it_is_called_now(us: str):
    with pytest.raises(SymbolNotFoundError, match=r"NWSA.*2004-11-12 to 2013-06-28"):
        tw.open(us, symbols="NWSA")


def test_every_label_is_unique_and_resolves_to_itself(us: str):
    for end in ("2000", "2003-10-14", "2014-04-02", "2014-04-03", None):
        ds = tw.open(us, end=end)
        labels = ds["symbol"].values.tolist()
        assert len(set(labels)) == len(labels)
        again = tw.open(us, symbols=labels, end=end)
        assert again["instrument"].values.tolist() == ds["instrument"].values.tolist()


def test_the_split_of_2014_06_09_leaves_adjusted_prices_without_a_jump(us: str):
    days = {"start": "2014-06-06", "end": "2014-06-09"}
    raw, adjusted = (closes(us, symbols="AAPL", adjust=a, **days) for a in (None, "split"))
    assert raw.iloc[1] / raw.iloc[0] < 0.15
    assert abs(adjusted.iloc[1] / adjusted.iloc[0] - 1) < 0.02


def test_lean_agrees_with_prudex_within_two_permille_on_every_common_day(us: str, real_data: Path):
    shell("ingest", str(real_data / "prudex/dj30/AAPL.csv.gz"), "-d", "mine/prudex-aapl", "--basis", "split")
    theirs, ours = closes("mine/prudex-aapl"), closes(us, symbols="AAPL")
    both = pd.concat([theirs, ours], axis=1, join="inner")
    assert len(both) >= 2326 - 3
    assert float((both.iloc[:, 0] / both.iloc[:, 1] - 1).abs().max()) < 0.002


def test_total_returns_follow_the_factor_file(us: str, real_data: Path):
    """LEAN's price times both factors has the same returns as our total adjustment."""
    rows = pd.read_csv(real_data / "lean/Data/equity/usa/factor_files/aapl.csv", header=None)
    days = pd.to_datetime(rows[0].astype(str), format="%Y%m%d")
    raw = closes(us, symbols="AAPL", adjust=None)
    place = np.searchsorted(days.to_numpy(), raw.index.to_numpy())
    theirs = raw * (rows[1] * rows[2]).to_numpy()[place]
    ours = closes(us, symbols="AAPL", adjust="total")
    gap = (np.log(theirs).diff() - np.log(ours).diff()).abs().dropna()
    assert gap.max() < 2e-4


@pytest.mark.parametrize(
    ("market", "resolution", "symbols", "bars"),
    [
        ("coinbase", "daily", 1, 1318),
        ("oanda", "daily", 4, 14952),
        ("usa", "minute", 3, 10655),
        ("binance", "hour", 1, 24),
    ],
)
def test_other_markets_and_resolutions(
    stores, real_data: Path, market: str, resolution: str, symbols: int, bars: int
):
    change = tw.ingest.lean(real_data / "lean/Data", "mine/m", market=market, resolution=resolution)
    assert (change.symbols_added, change.rows_added + change.quarantined) == (symbols, bars)
    assert tw.ingest.lean(real_data / "lean/Data", "mine/m", market=market, resolution=resolution).empty


def test_minute_bars_end_in_utc(stores, real_data: Path):
    """The first regular AAPL minute of 2014-06-09 ends at 09:31 in New York, 13:31 in UTC."""
    tw.ingest.lean(real_data / "lean/Data", "mine/m", resolution="minute", symbols=["aapl"])
    day = tw.open("mine/m", symbols="AAPL", start="2014-06-09", end="2014-06-09")
    volume = day["volume"].squeeze().to_series().dropna()
    assert str(volume.idxmax())[:10] == "2014-06-09"
    assert volume["2014-06-09 13:31"] > 100_000
    assert volume["2014-06-09 20:01":].sum() < volume[:"2014-06-09 20:00"].sum() / 10


def test_prudex_goes_in_by_the_shell_and_dow_is_listed_late(stores, real_data: Path, tmp_path: Path):
    files = sorted((real_data / "prudex/dj30").glob("*.csv.gz"))
    joined = tmp_path / "dj30.csv"
    pd.concat(map(pd.read_csv, files)).to_csv(joined, index=False)
    shell("ingest", str(joined), "-d", "mine/dj30", "--basis", "split")
    ds = tw.open("mine/dj30")
    assert ds.sizes["symbol"] == 30
    assert str(closes("mine/dj30", symbols="DOW").index[0].date()) == "2019-03-20"
    fx = str(real_data / "prudex/foreign_exchange/Foreign_Exchange_Rates.csv.gz")
    shell("ingest", fx, "-d", "mine/fx", "--wide", "close", "--column", "Time Serie=time", "--basis", "level")
    assert tw.open("mine/fx").sizes["symbol"] == 22
    for path in sorted((real_data / "prudex/crypto").glob("*.csv.gz"))[:4]:
        shell("ingest", str(path), "-d", "mine/crypto", "--column", "Symbol=symbol", "--basis", "level")
    assert tw.open("mine/crypto").attrs["calendar"] == "24/7"


def test_a_folder_that_is_no_lean_folder_is_refused(stores, tmp_path: Path):
    with pytest.raises(InvalidInputError, match="no folder"):
        tw.ingest.lean(tmp_path, "mine/us")
    with pytest.raises(InvalidInputError, match="coinbase"):
        tw.ingest.lean(tmp_path, "mine/us", market="coinbse")


def test_hourly_bars_go_in_without_a_word(stores: Path, real_data: Path):
    """AIG fell by more than half in two days of September 2008 and again that week: all of it was news."""
    change = tw.ingest.lean(real_data / "lean/Data", "mine/hours", resolution="hour")
    assert change.symbols_added == 10
    told = coverage.quality(Store(mine_root()), "mine/hours").findings
    believed = {f["first"][:10] for f in told if f["check"] == "move" and f["symbol"].startswith("AIG")}
    assert believed == {"2008-09-15"}
    assert not [f for f in told if f["check"] in ("jump", "spike")]


FIELDS = ("open", "high", "low", "close", "split", "dividend")


class Half(tw.strategies.Strategy):
    """Half of 100,000 at the first close."""

    name = "half"
    title = "Half"

    @property
    def warmup(self) -> int:
        return 0

    def decide(self, ds):
        target = ds["close"] * np.nan
        target[:, 0] = np.floor(0.9975 * 0.5e5 / ds["close"][:, 0])
        return tw.strategies.Units(target)


def test_raw_prices_bring_their_splits_and_dividends(us: str):
    """LEAN's DividendRegressionAlgorithm from the folder to the cent; it rounds dividends to cents."""
    ds = tw.open(us, "SPY", "1998-01-02", "2005-12-30", FIELDS, adjust=None).load()
    ds["dividend"] = ds["dividend"].round(2)
    result = tw.backtest(Half(), ds, costs=tw.Costs(per_share=0.005, minimum=1.0), cash=1e5)
    assert result.metrics.final_equity == pytest.approx(120462.08, abs=0.005)
    apple = tw.open(us, "AAPL", "2014-06-05", "2014-06-11", FIELDS, adjust=None)
    assert apple["split"].values.tolist() == [[1.0, 1.0, 7.0, 1.0, 1.0]]
    assert apple["dividend"].values.sum() == 0.0
    months = tw.resample(tw.open(us, "AAPL", "2014-05", "2014-08", FIELDS, adjust=None), "1mo")
    assert months["split"].values.tolist() == [[1.0, 7.0, 1.0, 1.0]]
    assert months["dividend"].values[0] == pytest.approx([3.29, 0.0, 0.0, 0.47], abs=0.005)


def test_dividends_beside_adjusted_prices_are_adjusted_too(us: str):
    raw = tw.open(us, "AAPL", "2012", "2014", ("close", "dividend"), adjust=None)
    adjusted = tw.open(us, "AAPL", "2012", "2014", ("close", "dividend"))
    paid = raw["dividend"].values[0] > 0
    assert paid.sum() >= 8
    yields = [ds["dividend"].values[0][paid] / ds["close"].values[0][paid] for ds in (raw, adjusted)]
    np.testing.assert_allclose(*yields, rtol=1e-12)
    part = adjusted["dividend"].isel(time=np.flatnonzero(paid))
    np.testing.assert_array_equal(part.values[0], adjusted["dividend"].values[0][paid])
    assert float(adjusted["dividend"][0, int(np.flatnonzero(paid)[1])]) == part.values[0, 1]


def test_what_prices_already_contain_is_no_field(us: str):
    with pytest.raises(AdjustmentError, match="takes the dividends"):
        tw.open(us, "AAPL", fields=("close", "dividend"), adjust="total")
    with pytest.raises(AdjustmentError, match="takes the splits"):
        tw.open(us, "AAPL", fields=("close", "split"))


def test_raw_prices_across_a_split_are_not_traded_blindly(us: str):
    span = {"symbols": "AAPL", "start": "2014-05-01", "end": "2014-07-01"}
    raw = tw.open(us, adjust=None, **span)
    with pytest.raises(InvalidInputError, match="split 7 for 1 on 2014-06-09"):
        tw.backtest(tw.strategies.BuyAndHold(), raw)
    with pytest.raises(InvalidInputError, match="split 7 for 1"):
        tw.sweep("sma_cross", {"fast": [2, 3], "slow": [5]}, raw)
    whole = tw.backtest(
        tw.strategies.BuyAndHold(), tw.open(us, adjust=None, fields=FIELDS[:-1], **span), cash=1e5
    )
    split = tw.backtest(tw.strategies.BuyAndHold(), tw.open(us, **span), cash=1e5)
    np.testing.assert_allclose(whole.equity, split.equity, rtol=1e-9)
    tw.backtest(tw.strategies.BuyAndHold(), raw.sel(time=slice("2014-06-10", None)))
    by_hand = raw.load().copy(deep=True)
    by_hand["close"][:, by_hand["time"] < np.datetime64("2014-06-09")] /= 7.0
    tw.backtest(tw.strategies.BuyAndHold(), by_hand[["close"]].assign_attrs(raw.attrs))
