"""Runs from submission to published result, on a real worker."""

import json
import re
import sys
from pathlib import Path

import pytest
from job_installation import USER, Installation, notebook, processes_with, wait_for
from tradewind import sandbox
from tradewind.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    ParameterError,
    PathNotAllowedError,
    TemplateNotFoundError,
)
from tradewind.jobs import api
from tradewind.jobs.api import RunFilter
from tradewind.provenance import RunCard, ledger
from tradewind.sandbox import home_name
from tradewind.settings import Isolation
from tradewind.vocabulary import RunStatus

TRIVIAL = notebook("print('y is', x + 1)", parameters="x: int = 1")


def test_a_run_with_everything_it_leaves(busy_installation: Installation) -> None:
    here = busy_installation
    content = notebook(
        "import tradewind as tw\nfrom tradewind.provenance import recorder",
        "print('hello from', x)",
        "recorder.read('us-large-caps', 'SNAPSHOT1')\ntw.seed(7)\n"
        "tw.record(sharpe=1.5, good=True, ratio=float('nan'))",
        "from pathlib import Path\nPath('table.csv').write_text('a,b')\nPath('deep').mkdir()\n"
        "Path('deep/model.bin').write_bytes(b'123')\nPath('.hidden').write_text('no')\n"
        "Path('link.txt').symlink_to('/etc/passwd'); Path('linked').symlink_to('/etc')",
        parameters="x: int = 1",
    )
    run = here.finish(here.submit(content, name="idea.ipynb", title="My idea", parameters={"x": 41}))
    assert run.status is RunStatus.SUCCEEDED, (run.error, here.logs())
    assert (run.cell, run.cells) == (6, 6)  # five of its own, and the one that papermill adds
    assert run.metrics == {"sharpe": 1.5, "good": True, "ratio": None}
    assert api.result_files(here.settings, run) == [
        "artifacts/deep/model.bin",
        "artifacts/table.csv",
        "log.txt",
        "notebook.html",
        "notebook.ipynb",
        "run.json",
    ]

    card = RunCard.load(api.result_file(here.settings, run, "run.json"))
    assert card.parameters == {"x": 41}
    assert card.datasets == [{"dataset": "us-large-caps", "snapshot": "SNAPSHOT1"}]
    assert card.seeds == {"main": 7}
    assert card.metrics == run.metrics
    assert card.status == "succeeded"
    assert card.notebook_sha256 == run.notebook_sha256 == _sha256(here, run.id)
    assert card.python == sys.version.split()[0]
    assert len(card.lock_sha256) == 64 and card.sdk_version and card.cpu
    assert card.queued_at < card.started_at < card.ended_at

    executed = json.loads(here.result(run, "notebook.ipynb"))
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    assert "hello from 41\n" in [line for output in outputs for line in output.get("text", [])]
    assert "hello from 41" in here.result(run, "log.txt")


def _sha256(here: Installation, run_id: str) -> str:
    import hashlib

    return hashlib.sha256((api.folder(here.settings, run_id) / "input.ipynb").read_bytes()).hexdigest()


def test_the_page_of_a_run_asks_no_other_address(busy_installation: Installation) -> None:
    here = busy_installation
    content = notebook(
        "from IPython.display import HTML, display, Markdown\n"
        "display(HTML('<b>figure</b>')); display(Markdown('$x^2$'))\nprint('<script>alert(1)</script>')",
        "import ipywidgets\nipywidgets.IntSlider(3)",
    )
    content["cells"].append(
        {"cell_type": "markdown", "id": "m1", "metadata": {}, "source": "# Title\n\n*words*"}
    )
    run = here.finish(here.submit(content))
    assert run.status is RunStatus.SUCCEEDED, run.error
    page = here.result(run, "notebook.html")
    assert "<b>figure</b>" in page and "<em>words</em>" in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//[^"']+""", page)
    assert not re.findall(r"url\((?!data:|#)[^)]+\)|@import|cdnjs|unpkg|jsdelivr", page)


def test_a_failing_cell_fails_the_run_and_keeps_its_notebook(busy_installation: Installation) -> None:
    here = busy_installation
    run = here.finish(here.submit(notebook("print('before')", "1 / 0", "print('after')")))
    assert run.status is RunStatus.FAILED
    assert run.error.startswith("ZeroDivisionError")
    executed = here.result(run, "notebook.ipynb")
    assert "before" in executed and "ZeroDivisionError" in executed
    assert '"text": ["after\\n"]' not in executed
    assert RunCard.load(api.result_file(here.settings, run, "run.json")).status == "failed"
    assert "ZeroDivisionError" in here.result(run, "log.txt")


def test_a_dead_kernel_fails_the_run(busy_installation: Installation) -> None:
    here = busy_installation
    run = here.finish(here.submit(notebook("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")))
    assert run.status is RunStatus.FAILED
    assert "kernel died" in run.error.lower()


def test_parameters_are_checked_before_anything_is_queued(busy_installation: Installation) -> None:
    here = busy_installation
    before = api.count_runs(here.settings)
    folders = len(list(here.settings.paths.runs.iterdir()))
    with pytest.raises(ParameterError, match="'y'"):
        here.submit(TRIVIAL, parameters={"y": 1})
    with pytest.raises(ParameterError, match="whole number"):
        here.submit(TRIVIAL, parameters={"x": "1"})
    with pytest.raises(TemplateNotFoundError):
        here.submit(template="no-such-template")
    with pytest.raises(InvalidInputError):
        here.submit()
    with pytest.raises(InvalidInputError):
        here.submit(TRIVIAL, template="backtest")
    assert api.count_runs(here.settings) == before
    assert len(list(here.settings.paths.runs.iterdir())) == folders


def test_a_notebook_in_the_home_is_run_and_nothing_outside(busy_installation: Installation) -> None:
    here = busy_installation
    home = here.settings.paths.user_home(home_name(USER))
    (home / "ideas").mkdir(parents=True, exist_ok=True)
    (home / "ideas" / "trend.ipynb").write_text(json.dumps(TRIVIAL))
    secret = here.settings.paths.home / "outside.ipynb"
    secret.write_text(json.dumps(TRIVIAL))
    (home / "link.ipynb").symlink_to(secret)
    (home / "folder").symlink_to(here.settings.paths.home)
    for path in (
        "../outside.ipynb",
        str(secret),
        "link.ipynb",
        "folder/outside.ipynb",
        "ideas/../../x.ipynb",
    ):
        with pytest.raises(PathNotAllowedError):
            here.submit(path=path)
    with pytest.raises(NotFoundError):
        here.submit(path="ideas/none.ipynb")
    with pytest.raises(InvalidInputError):
        here.submit(path="ideas")
    run = here.finish(here.submit(path="ideas/trend.ipynb", parameters={"x": 2}))
    assert (run.status, run.template) == (RunStatus.SUCCEEDED, "trend"), run.error


def test_cancelling_leaves_no_process_behind(busy_installation: Installation) -> None:
    here = busy_installation
    mark = f"9876{here.settings.port}"
    child = f"[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; time.sleep({mark})"
    stubborn = (
        "import subprocess, sys, signal, time\n"
        f"code = 'import signal, time; {child}'\n"
        "start = lambda: subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "children = [start(), start()]\n"
        "[signal.signal(s, signal.SIG_IGN) for s in (2, 15)]"
    )
    run = here.submit(notebook(stubborn, f"time.sleep({mark})"))
    here.reach(run, 1)
    wait_for(lambda: len(processes_with(mark)) == 2, what="the children")
    assert api.cancel(here.settings, run.id).status is RunStatus.CANCELLING
    seen = []

    def ended() -> bool:
        status = here.get(run).status
        seen.append((status, len(processes_with(mark))))
        return status.final

    wait_for(ended, 20, "the cancelled run to end")
    assert here.get(run).status is RunStatus.CANCELLED
    # Whenever it said "cancelled", nothing of it was left.
    assert [left for status, left in seen if status is RunStatus.CANCELLED] == [0]
    assert here.get(run).result_attempt == 1
    assert "notebook.ipynb" in api.result_files(here.settings, here.get(run))
    assert api.cancel(here.settings, run.id).status is RunStatus.CANCELLED


def test_cancelling_what_waits_and_what_has_ended(busy_installation: Installation) -> None:
    here = busy_installation
    ended = here.finish(here.submit(TRIVIAL))
    with pytest.raises(ConflictError):
        api.cancel(here.settings, ended.id)
    with pytest.raises(NotFoundError):
        api.cancel(here.settings, "none")
    # Three at a time: the fourth waits.
    held = [here.submit(notebook("import time\ntime.sleep(600)")) for _ in range(4)]
    for run in held[:3]:
        wait_for(lambda run=run: here.get(run).status is RunStatus.RUNNING)
    assert api.cancel(here.settings, held[3].id).status is RunStatus.CANCELLED
    for run in held[:3]:
        api.cancel(here.settings, run.id)
    assert {here.finish(run, 30).status for run in held} == {RunStatus.CANCELLED}
    assert here.get(held[3]).attempt == 0


def test_a_run_leaves_no_process_behind(busy_installation: Installation) -> None:
    here = busy_installation
    mark = f"8765{here.settings.port}"
    detached = f"import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)"
    run = here.finish(here.submit(notebook(detached)))
    assert run.status is RunStatus.SUCCEEDED
    assert processes_with(mark) == []


@pytest.mark.sandbox
def test_a_run_sees_its_user_and_nobody_else(busy_installation: Installation) -> None:
    here = busy_installation
    paths = here.settings.paths
    paths.secret("cookie_secret")
    for user, word in (("ann", "ANN-SECRET"), ("bob", "BOB-SECRET")):
        own = paths.user_home(home_name(user)) / ".tradewind"
        (own / "store").mkdir(parents=True, exist_ok=True)
        (own / "store" / "mine.txt").write_text(word)
    content = notebook(
        "import os, json\nfrom pathlib import Path\nfound = {}",
        "def look(path):\n    try:\n        return Path(path).read_text()[:40]\n    except OSError as e:\n"
        "        return type(e).__name__",
        f"found['own'] = look(Path(os.environ['TRADEWIND_MINE']) / 'mine.txt')\n"
        f"found['other'] = look('{paths.user_home('bob')}/.tradewind/store/mine.txt')\n"
        f"found['secret'] = look('{paths.secrets}/cookie_secret')\n"
        f"found['database'] = look('{paths.database}/tradewind.sqlite')\n"
        "try:\n    (Path(os.environ['TRADEWIND_MINE']) / 'new').write_text('x'); found['write'] = 'written'\n"
        "except OSError as e:\n    found['write'] = type(e).__name__\n"
        "found['processes'] = len([p for p in os.listdir('/proc') if p.isdigit()])\n"
        "found['token'] = os.environ.get('JUPYTERHUB_API_TOKEN', '')\n"
        "Path('found.json').write_text(json.dumps(found))",
    )
    run = here.finish(here.submit(content, user="ann"))
    assert run.status is RunStatus.SUCCEEDED, run.error
    found = json.loads(here.result(run, "artifacts/found.json"))
    assert found["own"] == "ANN-SECRET"
    assert {found["other"], found["secret"], found["database"]} == {"FileNotFoundError"}
    assert found["write"] == "OSError"  # a read-only file system
    assert found["processes"] < 10
    assert found["token"] == ""


@pytest.mark.sandbox
def test_what_a_job_tries_counts_in_its_users_ledger(busy_installation: Installation, monkeypatch) -> None:
    here = busy_installation
    homes = {user: here.settings.paths.user_home(home_name(user)) for user in ("tia", "tom", "tim")}
    elsewhere = here.settings.paths.home / "elsewhere"
    elsewhere.mkdir()
    (homes["tim"] / ".tradewind").mkdir(parents=True)
    (homes["tim"] / ".tradewind" / "research").symlink_to(elsewhere)

    def tries(user: str, variants: list[str]) -> None:
        content = notebook(
            "from tradewind.provenance import ledger",
            f"assert ledger.note('prices', 'sma', {variants})",
        )
        run = here.finish(here.submit(content, user=user))
        assert run.status is RunStatus.SUCCEEDED, run.error

    def counted(user: str) -> int:
        monkeypatch.setenv("TRADEWIND_LEDGER", str(homes[user] / ".tradewind" / "research" / "trials.sqlite"))
        return ledger.trials("prices").count

    tries("tia", ["fast=10", "fast=20"])
    tries("tia", ["fast=20", "fast=30"])
    tries("tom", ["fast=10"])
    tries("tim", ["fast=10"])
    assert (counted("tia"), counted("tom")) == (3, 1)
    assert list(elsewhere.iterdir()) == [], "a link was followed"


@pytest.mark.sandbox
def test_the_users_own_packages_are_there_and_on_the_card(busy_installation: Installation) -> None:
    here = busy_installation
    layer = here.settings.paths.user_home(home_name("lea")) / ".tradewind" / "layer"
    site = layer / sandbox.names.LAYER_SITE
    site.mkdir(parents=True)
    (site / "leas_tools.py").write_text("answer = 42\n")
    (site / "leas_tools-1.4.dist-info").mkdir()
    (site / "leas_tools-1.4.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: leas-tools\nVersion: 1.4\n"
    )
    _make_layer(here, "lea")
    run = here.finish(here.submit(notebook("import leas_tools\nprint(leas_tools.answer)"), user="lea"))
    assert run.status is RunStatus.SUCCEEDED, (run.error, here.result(run, "log.txt"))
    assert RunCard.load(api.result_file(here.settings, run, "run.json")).packages == {"leas-tools": "1.4"}


def _make_layer(here: Installation, user: str) -> None:
    """As the first start of the user's server would."""
    import subprocess

    box = sandbox.Sandbox.for_user(here.settings, user)
    subprocess.run(box.command(["true"]), env=box.environ(), check=True, timeout=30)


def test_without_a_sandbox_only_the_administrator_may_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradewind.sandbox import probe

    here = Installation(tmp_path / "var")
    monkeypatch.setattr(probe, "available", lambda: probe.Availability(False, reason="test"))
    with pytest.raises(NotAllowedError):
        here.submit(TRIVIAL, user="ann")
    assert here.submit(TRIVIAL, user=USER).status is RunStatus.QUEUED
    here.stop()


def test_runs_work_where_nothing_isolates(tmp_path: Path) -> None:
    here = Installation(tmp_path / "var", isolation=Isolation.NONE.value)
    here.start_worker()
    mark = f"7654{here.settings.port}"
    try:
        run = here.submit(
            notebook(
                f"import subprocess, time\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)",
                "time.sleep(600)",
            )
        )
        here.reach(run, 1)
        wait_for(lambda: processes_with(mark), what="the child")
        api.cancel(here.settings, run.id)
        assert here.finish(run, 20).status is RunStatus.CANCELLED
        assert processes_with(mark) == []
    finally:
        here.stop()


def test_listing_finds_and_pages(busy_installation: Installation) -> None:
    here = busy_installation
    ids = [here.submit(TRIVIAL, name="listing", title=f"Listing {n}").id for n in range(3)]
    found = api.list_runs(here.settings, RunFilter(template="listing"))
    assert [run.id for run in found] == ids[::-1]
    assert ids == sorted(ids)
    assert api.count_runs(here.settings, RunFilter(template="listing")) == 3
    page = api.list_runs(here.settings, RunFilter(template="listing", limit=1, offset=1))
    assert [run.id for run in page] == [ids[1]]
    assert [r.title for r in api.list_runs(here.settings, RunFilter(text="listing 2"))] == ["Listing 2"]
    for run_id in ids:
        here.finish(api.get(here.settings, run_id))
    api.delete(here.settings, ids[0])
    assert not api.folder(here.settings, ids[0]).exists()
    with pytest.raises(NotFoundError):
        api.get(here.settings, ids[0])


def test_documents_say_what_runs_are(busy_installation: Installation) -> None:
    here = busy_installation
    run = here.finish(here.submit(TRIVIAL))
    document = json.loads(json.dumps(run.as_document()))
    again = api.Run.from_document(document)
    same = ("id", "user", "status", "parameters", "cell", "cells", "metrics", "url", "attempt", "template")
    assert {name: getattr(again, name) for name in same} == {name: getattr(run, name) for name in same}
    assert again.as_document() | {"has_result": True} == document
