"""Runs and schedules as users meet them: the shell, and a kernel's SDK, against a running platform."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from job_installation import notebook
from live_platform import LivePlatform, wait_for

pytestmark = pytest.mark.platform

TRIVIAL = notebook(
    "import tradewind as tw\ntw.record(doubled=2 * x)\nopen('note.txt', 'w').write('kept')",
    parameters="x: int = 1  # a number\nnames: list[str] = []",
)


@pytest.fixture
def trivial(tmp_path: Path) -> Path:
    """A notebook of a user."""
    path = tmp_path / "trivial.ipynb"
    path.write_text(json.dumps(TRIVIAL))
    return path


def shell(platform: LivePlatform, *words: str, code: int = 0) -> Any:
    """Run the command and return its JSON document."""
    done = platform.tradewind(*words, "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else json.loads(done.stderr)["error"]


def test_a_run_from_the_shell(platform: LivePlatform, trivial: Path, tmp_path: Path) -> None:
    run = shell(platform, "run", str(trivial), "-p", "x=21", "-p", "names=a,b", "--wait")
    assert (run["status"], run["metrics"]) == ("succeeded", {"doubled": 42})
    assert run["parameters"] == {"x": 21, "names": ["a", "b"]}
    assert run["url"].endswith(f"/services/tradewind/runs/{run['id']}")
    assert run["id"] in [found["id"] for found in shell(platform, "run", "list")]
    assert shell(platform, "run", "show", run["id"])["id"] == run["id"]
    plain = platform.tradewind("run", "show", run["id"]).stdout
    assert "succeeded" in plain and "doubled" in plain
    saved = Path(platform.tradewind("run", "save", run["id"], str(tmp_path)).stdout.strip())
    assert (saved / "artifacts" / "note.txt").read_text() == "kept"
    assert json.loads((saved / "run.json").read_text())["run_id"] == run["id"]
    assert "kept" not in platform.tradewind("run", "log", run["id"]).stdout


def test_a_failing_run_and_bad_words_have_their_exit_codes(platform: LivePlatform, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ipynb"
    bad.write_text(json.dumps(notebook("1 / 0")))
    run = shell(platform, "run", str(bad), "--wait", code=1)
    assert run["status"] == "failed" and "ZeroDivisionError" in run["error"]
    assert shell(platform, "run", "backtset", code=2)["code"] == "template_not_found"
    misspelt = shell(platform, "run", "backtest", "-p", "fsat=1", code=2)
    assert misspelt["code"] == "parameter" and "'fast'" in misspelt["hint"]
    assert shell(platform, "run", "backtest", "-p", "fast=ten", code=2)["code"] == "parameter"
    assert shell(platform, "run", "backtest", "-p", "fast", code=2)["code"] == "parameter"
    assert shell(platform, "run", "none.ipynb", code=2)["code"] == "not_found"
    assert shell(platform, "run", "show", "none", code=2)["code"] == "not_found"
    assert shell(platform, "schedule", "add", "backtest", "--when", "soon", code=2)["code"] == "invalid_input"
    done = platform.tradewind("run", "backtset", check=False)
    assert done.stdout == "" and "Did you mean 'backtest'?" in done.stderr


def test_the_backtest_template(platform: LivePlatform) -> None:
    run = shell(platform, "run", "backtest", "-p", "fast=20", "-p", "slow=100", "--wait")
    assert run["status"] == "succeeded", run["error"]
    assert {"sharpe", "cagr", "max_drawdown", "trades"} <= set(run["metrics"])
    with platform.api() as api:
        files = {found["path"] for found in api.get(f"runs/{run['id']}/files").json()}
        card = api.get(f"runs/{run['id']}/files/run.json").json()
    assert {"artifacts/report.html", "artifacts/equity.csv", "artifacts/trades.csv", "notebook.html"} <= files
    (read,) = card["datasets"]
    assert read["dataset"] == "us-large-caps" and read["snapshot"]
    assert card["git_commit"] or not (Path(__file__).parents[2] / ".git").exists()


def test_schedules_from_the_shell(platform: LivePlatform) -> None:
    words = ("--when", "0 18 * * 1-5", "--tz", "America/New_York", "-p", "fast=7")
    made = shell(platform, "schedule", "add", "backtest", *words)
    assert made["status"] == "active" and len(made["upcoming"]) == 5
    assert made["parameters"] == {"fast": 7}
    assert made["id"] in [found["id"] for found in shell(platform, "schedule", "list")]
    assert shell(platform, "schedule", "pause", made["id"])["status"] == "paused"
    assert shell(platform, "schedule", "resume", made["id"])["status"] == "active"
    assert "2 " not in platform.tradewind("schedule", "remove", made["id"]).stdout
    assert made["id"] not in [found["id"] for found in shell(platform, "schedule", "list")]


SDK = """
import sys, json
import tradewind as tw
assert "dbos" not in sys.modules
run = tw.jobs.submit(sys.argv[1], {"x": 4}, title="From Python")
seen = []
assert run.wait(120, progress=seen.append) is run
assert "dbos" not in sys.modules and "sqlalchemy" not in sys.modules
assert "From Python" in run._repr_html_() and "succeeded" in repr(run)
assert tw.jobs.get(run.id).metrics == run.metrics
assert run.id in [found.id for found in tw.jobs.list(limit=5)]
try:
    tw.jobs.submit(sys.argv[1], {"y": 4})
except tw.errors.ParameterError as problem:
    refused = problem.message
bad = tw.jobs.submit(sys.argv[2])
try:
    bad.wait(120, progress=False)
except tw.errors.RunFailedError as problem:
    failed = problem.message
schedule = tw.jobs.schedule("backtest", {"fast": 9}, when=tw.after_close("XNYS", "30min"))
rule = repr(schedule)
schedule.pause().resume().delete()
print(json.dumps({
    "metrics": run.metrics, "card": run.card.parameters, "cells": len(run.result_notebook().cells),
    "files": run.files(), "refused": refused, "failed": failed, "rule": rule, "seen": len(seen),
}))
"""


def test_the_sdk(platform: LivePlatform, trivial: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ipynb"
    bad.write_text(json.dumps(notebook("1 / 0")))
    done = subprocess.run(
        [sys.executable, "-c", SDK, str(trivial), str(bad)],
        env=platform.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["metrics"] == {"doubled": 8}
    assert said["card"] == {"x": 4}
    assert said["cells"] == 3
    assert "artifacts/note.txt" in said["files"]
    assert "has no parameter 'y'" in said["refused"]
    assert "ZeroDivisionError" in said["failed"]
    assert "after_close XNYS 30min" in said["rule"]
    assert said["seen"] >= 1


def test_a_run_outlives_hub_service_and_server(platform: LivePlatform) -> None:
    name = "jobber"
    platform.add_user(name)
    platform.start_server(name)
    slow = notebook("import time\ntime.sleep(8)", "import tradewind as tw\ntw.record(ended=True)")
    with platform.api(name) as api:
        run = api.post("runs", json={"notebook": {"name": "slow.ipynb", "content": slow}}).json()
        wait_for(lambda: api.get(f"runs/{run['id']}").json()["status"] == "running", "the run to start")
        platform.stop_server(name)
        platform.kill("hub")
        platform.kill("service")

    def ended() -> Any:
        done = platform.tradewind("run", "show", run["id"], "--json", check=False)
        document = json.loads(done.stdout) if done.returncode == 0 else {}
        return document if document.get("status") in ("succeeded", "failed", "lost", "cancelled") else None

    found = wait_for(ended, "the run to end", seconds=90)
    assert (found["status"], found["attempt"], found["metrics"]) == ("succeeded", 1, {"ended": True})
