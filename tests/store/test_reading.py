"""``tw.open``: selection, adjustment, laziness, errors; the oracle is the packages' own loaders."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from tradewind import errors
from tradewind.provenance.recorder import DatasetRead, recorder
from tradewind.store import arrays

pytestmark = pytest.mark.usefixtures("samples")


def bokeh_frame() -> pd.DataFrame:
    from bokeh.sampledata import stocks

    frames = {s: pd.DataFrame(getattr(stocks, s)) for s in ("AAPL", "FB", "GOOG", "IBM", "MSFT")}
    joined = pd.concat(frames, names=["symbol", "row"]).reset_index("symbol")
    joined["date"] = pd.to_datetime(joined["date"])
    return joined


def test_raw_prices_equal_the_package_they_came_from():
    ds = tw.open("us-large-caps", adjust=None)
    frame = bokeh_frame()
    for field in ("open", "high", "low", "close", "volume"):
        wide = frame.pivot(index="symbol", columns="date", values=field).astype(float)
        np.testing.assert_array_equal(ds[field].values, wide.to_numpy())
        assert list(wide.columns) == list(ds.indexes["time"])
    assert ds.attrs["adjust"] == "none"


def test_a_split_leaves_no_jump_in_adjusted_prices_and_one_in_raw_ones():
    days = {"start": "2005-02-25", "end": "2005-02-28"}
    raw = tw.open("us-large-caps", symbols="AAPL", adjust=None, **days)["close"].values[0]
    split = tw.open("us-large-caps", symbols="AAPL", **days)["close"].values[0]
    assert raw[1] / raw[0] < 0.51
    assert abs(split[1] / split[0] - 1) < 0.02
    assert split[1] == raw[1]  # the latest prices are as traded


def test_volume_grows_by_the_splits_and_other_ratios_stay():
    raw = tw.open("us-large-caps", symbols="AAPL", adjust=None, end="2000-06-20")
    split = tw.open("us-large-caps", symbols="AAPL", end="2000-06-20")
    np.testing.assert_allclose(split["volume"].values, raw["volume"].values * 4)
    np.testing.assert_allclose(split["close"].values * split["volume"].values,
                               raw["close"].values * raw["volume"].values)  # fmt: skip


def test_total_returns_equal_the_sources_own_adjusted_closes():
    """The source's total returns agree: its convention differs from ours in the second order of the yield."""
    frame = bokeh_frame().pivot(index="symbol", columns="date", values="adj_close").astype(float)
    total = tw.open("us-large-caps", adjust="total")["close"].to_pandas()
    ours, theirs = total.pct_change(axis=1), frame.pct_change(axis=1)
    assert float((ours - theirs).abs().max().max()) < 0.013  # the 3.08 dollars of MSFT in 2004
    assert float((ours - theirs).abs().stack().quantile(0.98)) < 1e-12  # days without a dividend


def test_known_actions_are_recorded():
    from tradewind.store.repository import Store
    from tradewind.store.roots import shared_root

    view = Store(shared_root()).snapshot("us-large-caps")
    table = view.actions
    rows = list(zip(table.instrument, table.kind, table.ex_date, table.value, strict=True))
    splits = {(view.symbols[i], str(d), v) for i, k, d, v in rows if k == 0}
    assert splits == {("AAPL", "2000-06-21", 2.0), ("AAPL", "2005-02-28", 2.0), ("MSFT", "2003-02-18", 2.0)}
    cash = {(view.symbols[i], str(d)): v for i, k, d, v in rows if k == 1}
    assert cash["AAPL", "2012-08-09"] == pytest.approx(2.65, abs=0.001)
    assert cash["MSFT", "2004-11-15"] == pytest.approx(3.08, abs=0.001)


def test_attributes_name_the_snapshot_and_the_recorder_notes_the_read():
    ds = tw.open("us-20")
    assert ds.attrs["dataset"] == "us-20"
    assert ds.attrs["snapshot"] == tw.history("us-20")[0].snapshot
    assert {"frequency": "1d", "calendar": "XNYS", "adjust": "total", "licence": "BSD-3-Clause"}.items() <= (
        ds.attrs.items()
    )
    assert DatasetRead("us-20", ds.attrs["snapshot"]) in recorder.reads


def test_selection_by_symbol_order_field_and_time():
    ds = tw.open("us-large-caps", symbols=["MSFT", "AAPL"], fields="close", start="2005", end="2005-06")
    assert list(ds["symbol"].values) == ["MSFT", "AAPL"]
    assert list(ds.data_vars) == ["close"]
    assert str(ds["time"].values[0])[:10] == "2005-01-03"
    assert str(ds["time"].values[-1])[:10] == "2005-06-30"
    assert ds["close"].dims == ("symbol", "time")


@pytest.mark.parametrize(
    "key",
    [
        {"time": slice(None, None, -7)},
        {"time": [5, 3, 3, 900], "symbol": 1},
        {"symbol": slice(None, None, -1), "time": -1},
        {"symbol": [0, 4, 2]},
        {"time": slice(10, 10)},
    ],
)
@pytest.mark.parametrize("adjust", ["split", "total", None])
def test_any_indexing_equals_indexing_what_was_loaded(key, adjust):
    lazy = tw.open("us-large-caps", adjust=adjust)["close"]
    loaded = tw.open("us-large-caps", adjust=adjust)["close"].load()
    np.testing.assert_array_equal(lazy.isel(key).values, loaded.isel(key).values)


def test_dask_and_pickle_give_the_same_numbers():
    ds = tw.open("us-large-caps", adjust="total")
    chunked = ds.chunk({"time": 500})["close"]
    assert chunked.chunks is not None
    np.testing.assert_array_equal(chunked.compute(scheduler="threads").values, ds["close"].values)
    again = pickle.loads(pickle.dumps(tw.open("us-large-caps", adjust="total")))
    np.testing.assert_array_equal(again["close"].values, ds["close"].values)


def test_opening_reads_no_prices(monkeypatch):
    reads = []
    real = arrays.FieldArray._read
    monkeypatch.setattr(
        arrays.FieldArray, "_read", lambda self, key: reads.append(self.field) or real(self, key)
    )
    ds = tw.open("us-large-caps", symbols="AAPL", start="2005")
    assert repr(ds)
    assert reads == []
    ds["close"].values  # noqa: B018
    assert reads == ["close"]


def test_unknown_names_offer_near_ones():
    with pytest.raises(errors.DatasetNotFoundError, match="us-large-caps"):
        tw.open("us-large-cap")
    with pytest.raises(errors.SymbolNotFoundError, match="AAPL"):
        tw.open("us-large-caps", symbols=["AAPLE"])
    with pytest.raises(errors.FieldNotFoundError, match="close"):
        tw.open("us-large-caps", fields="closes")
    with pytest.raises(errors.DatasetNotFoundError):
        tw.open("../../etc")
    with pytest.raises(errors.DatasetNotFoundError):
        tw.open("mine/nothing")


def test_a_range_without_data_says_what_there_is():
    with pytest.raises(errors.EmptySelectionError, match="2000-03-01 to 2013-03-01"):
        tw.open("us-large-caps", start="2020")
    with pytest.raises(errors.EmptySelectionError):
        tw.open("us-large-caps", start="2010", end="2009")
    with pytest.raises(errors.InvalidInputError, match="not a date"):
        tw.open("us-large-caps", start="yesterday")


def test_adjusted_sources_refuse_other_adjustments():
    for wrong in ("split", None):
        with pytest.raises(errors.AdjustmentError, match="total"):
            tw.open("us-20", adjust=wrong)
    assert tw.open("us-20", adjust="total").attrs["adjust"] == "total"
    with pytest.raises(errors.AdjustmentError):
        tw.open("indices", adjust="total")
    with pytest.raises(errors.InvalidInputError, match="unknown"):
        tw.open("us-large-caps", adjust="splits")


def test_as_of_by_id_time_and_before_the_first_commit():
    first = tw.history("us-20")[-1]
    assert tw.open("us-20", as_of=first.snapshot).attrs["snapshot"] == first.snapshot
    assert tw.open("us-20", as_of=first.snapshot[:10].lower()).attrs["snapshot"] == first.snapshot
    assert tw.open("us-20", as_of=first.time).attrs["snapshot"] == first.snapshot
    with pytest.raises(errors.SnapshotNotFoundError, match=first.snapshot):
        tw.open("us-20", as_of="2001-01-01")
    with pytest.raises(errors.SnapshotNotFoundError):
        tw.open("us-20", as_of="no-such-tag")


def test_catalog_as_table_html_frame_and_search():
    found = tw.catalog()
    assert {i.name for i in found} == {"us-large-caps", "us-20", "sp500-index", "us-factors", "indices"}
    assert all(i.licence and i.source and i.adjustments and i.description and i.bytes for i in found)
    assert "us-large-caps" in repr(found)
    assert "<table>" in found._repr_html_()
    assert found.to_frame().loc["us-20", "symbols"] == 20
    assert [i.name for i in found.search("bokeh")] == ["us-large-caps"]
    assert found["indices"].snapshot == tw.open("indices").attrs["snapshot"]


def test_vix_is_missing_where_it_has_no_values_and_fields():
    ds = tw.open("indices", symbols="VIX")
    assert np.isnan(ds["open"].values).all()
    vix = ds["close"].values[0]
    assert np.isfinite(vix).sum() > 1200
    assert np.nanmin(vix) > 5


def test_plain_xarray_reads_the_same_numbers_without_us(samples):
    code = (
        "import sys, icechunk, numpy as np, xarray as xr\n"
        "kept = icechunk.local_filesystem_storage(sys.argv[1])\n"
        "session = icechunk.Repository.open(kept).readonly_session('main')\n"
        "ds = xr.open_zarr(session.store, consolidated=False)\n"
        "assert not any(m.startswith('tradewind') for m in sys.modules)\n"
        "np.save(sys.argv[2], ds['close'].values)\n"
        "np.save(sys.argv[3], ds['time'].values)\n"
    )
    folder = samples.paths.home
    files = [str(folder / name) for name in ("close.npy", "time.npy")]
    subprocess.run(
        [sys.executable, "-c", code, str(samples.paths.store / "us-large-caps"), *files], check=True
    )
    ours = tw.open("us-large-caps", adjust=None)
    assert np.load(files[0]).tobytes() == ours["close"].values.tobytes()
    assert (np.load(files[1]) == ours["time"].values).all()
