"""Seeding: idempotent, atomic, quick; and who may read what."""

import subprocess
import sys
import time

import pytest
from tradewind.errors import InvalidInputError
from tradewind.ingest import samples
from tradewind.ingest.samples import seed
from tradewind.settings import Settings, load_settings
from tradewind.store import access
from tradewind.store.repository import Store
from tradewind.store.roots import from_settings, mine_root, shared_root


def test_seeding_twice_changes_nothing(empty: Settings):
    assert len(seed(empty)) == 5
    store = Store(from_settings(empty))
    before = {n: store.history(n) for n in store.datasets()}
    assert seed(empty) == []
    assert {n: store.history(n) for n in store.datasets()} == before
    assert not [p for p in empty.paths.store.iterdir() if p.name.startswith(".making")]


def test_a_seed_that_fails_leaves_no_half_dataset(empty: Settings, monkeypatch: pytest.MonkeyPatch):
    def broken(*_args, **_kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(samples, "write", broken)
        with pytest.raises(OSError, match="disk full"):
            seed(empty)
    assert Store(from_settings(empty)).datasets() == []
    assert len(seed(empty)) == 5


def test_access_defaults_and_grants(empty: Settings):
    seed(empty)
    everything = Store(from_settings(empty)).datasets()
    assert access.readable(empty, "ann", []) == everything
    access.set_grants(empty, "us-20", readers=["group:quants"], writers=["user:bob"])
    assert "us-20" not in access.readable(empty, "ann", [])
    assert "us-20" in access.readable(empty, "ann", ["quants"])
    assert "us-20" in access.readable(empty, "bob", [])
    assert "us-20" in access.readable(empty, "root", [], admin=True)
    assert access.may_write(empty, "us-20", "bob", [])
    assert not access.may_write(empty, "us-20", "ann", ["quants"])
    assert access.grants(empty, "us-20").readers == ("group:quants",)
    with pytest.raises(InvalidInputError):
        access.set_grants(empty, "us-20", readers=["quants"])
    assert not (empty.paths.store / access.FILE).exists()


def test_roots_read_the_same_settings_as_the_settings(empty: Settings, monkeypatch: pytest.MonkeyPatch):
    assert shared_root() == from_settings(load_settings())
    (empty.paths.home / "tradewind.toml").write_text(
        'store_url = "s3://bucket/data"\ns3_endpoint = "http://127.0.0.1:9"\ns3_access_key = "k"\n'
        's3_secret_key = "s"\ns3_path_style = false\ns3_region = "eu-1"\n'
    )
    assert shared_root() == from_settings(load_settings())
    monkeypatch.setenv("TRADEWIND_STORE_URL", "file:///somewhere")
    monkeypatch.setenv("TRADEWIND_S3_ACCESS_KEY", "other")
    assert shared_root() == from_settings(load_settings())
    assert mine_root().prefix == "mine/"


def test_a_fresh_process_reads_without_importing_what_it_does_not_need(samples: Settings):
    code = (
        "import sys, tradewind as tw\n"
        "assert len([m for m in sys.modules if m.startswith('tradewind.')]) < 4\n"
        "assert tw.open('us-large-caps')['close'].mean().item() > 0\n"
        "unused = {'dask', 'scipy', 'polars', 'exchange_calendars', 'pydantic', 's3fs', 'numba'}\n"
        "bad = unused & set(sys.modules)\n"
        "assert not bad, bad\n"
        "import xarray as xr, dask.array as da\n"
        "assert xr.DataArray(da.ones(3)).chunks == ((3,),)\n"
        "assert float(xr.DataArray(da.ones((3, 2))).mean().compute()) == 1\n"
    )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert time.perf_counter() - started < 20
