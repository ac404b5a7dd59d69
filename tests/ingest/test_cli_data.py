"""``tradewind data``: the shell's view of the store, and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tradewind as tw
from tradewind.cli.data import app
from typer.testing import CliRunner

pytestmark = pytest.mark.usefixtures("stores")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    days = pd.bdate_range("2024-03-04", periods=5)
    pd.DataFrame({"date": days, "ticker": "AAA", "close": [10.1, 10.2, 10.3, 10.4, 10.5]}).to_csv(
        path, index=False
    )
    return path


def test_ingest_list_show_history_diff(table: Path, tmp_path: Path):
    first = json.loads(run("ingest", str(table), "-d", "mine/prices", "--description", "Five days", "--json"))
    assert first["rows_added"] == 5
    assert "already" in run("ingest", str(table), "-d", "mine/prices")
    assert [d["name"] for d in json.loads(run("list", "--json"))] == ["mine/prices"]
    assert json.loads(run("list", "nothing-like-it", "--json")) == []
    shown = json.loads(run("show", "mine/prices", "--json"))
    assert (shown["symbol_names"], shown["end"], shown["description"]) == (["AAA"], "2024-03-08", "Five days")
    table.write_text(table.read_text().replace("10.5", "10.6"))
    run("ingest", str(table), "-d", "mine/prices")
    commits = json.loads(run("history", "mine/prices", "--json"))
    assert [c["rows_changed"] for c in commits] == [1, 0]
    changed = json.loads(run("diff", "mine/prices", first["snapshot"], "--json"))["cells"]
    assert [(c["symbol"], c["before"], c["after"]) for c in changed] == [("AAA", 10.5, 10.6)]


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "zarr"])
def test_export_and_back(table: Path, tmp_path: Path, ending: str):
    run("ingest", str(table), "-d", "mine/prices")
    target = tmp_path / f"out.{ending}"
    run("export", "mine/prices", str(target), "--start", "2024-03-05", "--adjust", "none")
    if ending == "zarr":
        import xarray as xr

        back = xr.open_zarr(target, consolidated=False)
        assert back["close"].values.tolist() == [[10.2, 10.3, 10.4, 10.5]]
        assert back.attrs["dataset"] == "mine/prices"
    else:
        run("ingest", str(target), "-d", "mine/back")
        assert tw.open("mine/back")["close"].values.tolist() == [[10.2, 10.3, 10.4, 10.5]]


def test_errors_go_to_stderr_with_exit_code_2(tmp_path: Path):
    def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tradewind", "data", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)

    missing = shell("show", "no-such-data")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no-such-data" in missing.stderr
    unknown = shell("ingest", str(tmp_path / "nothing.csv"), "-d", "mine/x", "--json")
    assert unknown.returncode == 2
    assert json.loads(unknown.stderr.splitlines()[-1])["error"]["code"] == "invalid_input"


def test_the_shell_has_no_plural_of_one(table: Path):
    rows = table.read_text().splitlines()
    table.write_text("\n".join(rows[:-1]))
    assert "4 bars added, 0 changed, 1 new symbol, " in run("ingest", str(table), "-d", "mine/prices")
    table.write_text("\n".join(rows))
    told = run("ingest", str(table), "-d", "mine/prices")
    assert "mine/prices: 1 bar added, 0 changed, 0 new symbols, 0 bars kept aside" in told


def test_care_by_the_shell(table: Path, tmp_path: Path):
    first = json.loads(run("ingest", str(table), "-d", "mine/prices", "--json"))["snapshot"]
    table.write_text(table.read_text().replace("10.5", "105.0"))
    run("ingest", str(table), "-d", "mine/prices", "--accept", "jump")
    found = json.loads(run("quality", "mine/prices", "--json"))
    assert [f["check"] for f in found["commits"][0]["findings"]] == ["jump"]
    assert "0 bars are kept aside." in run("quality", "mine/prices")
    assert run("tag", "mine/prices", "before-the-mistake", "--as-of", first).strip() == first
    assert tw.open("mine/prices", as_of="before-the-mistake").attrs["snapshot"] == first
    run("compact", "mine/prices")
    assert "5 values read" in run("verify", "mine/prices")
    run("copy", "mine/prices", "mine/again")
    run("copy", "mine/prices", f"file://{tmp_path}/elsewhere")
    assert tw.open("mine/again", as_of=first)["close"].values[0, -1] == 10.5
    run("rename", "mine/again", "mine/third")
    run("delete", "mine/third")
    assert [d["name"] for d in json.loads(run("list", "--json"))] == ["mine/prices"]
    run("restore", "mine/third")
    assert tw.open("mine/third").sizes["time"] == 5
    assert "0 snapshots would be released" in run("expire", "mine/prices", "2020-01-01", "--dry-run")
    run("delete", "mine/third")
    assert "grace" in run("purge", "mine/third")
