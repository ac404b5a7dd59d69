"""Runs forked from the warm process are as confined as those started the plain way."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_installation import Installation, notebook, processes_with, wait_for
from tradewind.jobs import api
from tradewind.vocabulary import RunStatus

pytestmark = pytest.mark.sandbox

LOOK = """
import json, os, socket, sys
from pathlib import Path
facts = {}
for line in Path("/proc/self/status").read_text().splitlines():
    name, _, value = line.partition(":")
    if name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Uid", "Gid"):
        facts[name] = value.split()
names = ("mnt", "pid", "net", "ipc", "uts", "user")
facts["namespaces"] = {n: os.readlink(f"/proc/self/ns/{n}") for n in names}
facts["first"] = {n: os.readlink(f"/proc/1/ns/{n}") for n in names}
facts["processes"] = sorted(int(p) for p in os.listdir("/proc") if p.isdigit())
facts["pid"], facts["cwd"], facts["home"] = os.getpid(), os.getcwd(), os.environ["HOME"]
facts["environment"] = sorted(set(os.environ) - {"PWD"})  # a shell's habit
facts["root"] = sorted(os.listdir("/"))
try:
    os.unshare(os.CLONE_NEWUSER)
    facts["unshare"] = "allowed"
except OSError as problem:
    facts["unshare"] = "refused"
here = Path("/proc/self/fd")
open_files = [os.readlink(fd) for fd in here.iterdir() if fd.is_symlink()]
shown = ("/proc", "/dev", "/home", "/tmp")
facts["files"] = [path for path in open_files if path.startswith("/") and not path.startswith(shown)]
facts["executable"] = sys.executable
Path("facts.json").write_text(json.dumps(facts))
"""


def facts_of(here: Installation) -> dict[str, object]:
    run = here.finish(here.submit(notebook(LOOK)))
    assert run.status is RunStatus.SUCCEEDED, run.error
    return json.loads(here.result(run, "artifacts/facts.json"))


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose worker has a warm zygote."""
    made = Installation(tmp_path_factory.mktemp("warm") / "var")
    made.start_worker()
    try:
        for _ in range(30):
            before = made.logs().count("starts the plain way")
            made.finish(made.submit(notebook("1")))
            if made.logs().count("starts the plain way") == before:
                break
        else:
            raise AssertionError(made.logs())
        yield made
    finally:
        made.stop()


def test_a_forked_run_is_confined_like_a_plain_one(warm: Installation, tmp_path: Path) -> None:
    forked = facts_of(warm)
    limited = Installation(tmp_path / "var", memory_limit="4G")  # under limits runs start the plain way
    limited.start_worker()
    try:
        plain = facts_of(limited)
    finally:
        limited.stop()
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert forked[name] == plain[name] == ["0" * 16], name
    assert set("".join(forked["CapBnd"])) == {"0"}  # type: ignore[arg-type]
    assert forked["NoNewPrivs"] == plain["NoNewPrivs"] == ["1"]
    for name in ("Uid", "Gid", "cwd", "home", "environment", "root", "unshare", "executable"):
        assert forked[name] == plain[name], name
    assert forked["unshare"] == "refused"
    assert forked["files"] == []
    spaces = forked["namespaces"]
    assert isinstance(spaces, dict) and isinstance(forked["first"], dict)
    assert {name: spaces[name] for name in forked["first"]} == forked["first"]
    own = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in spaces}
    assert all(spaces[name] != own[name] for name in spaces)
    assert len(forked["processes"]) <= 5  # type: ignore[arg-type]


def test_each_fork_has_its_own_random_numbers(warm: Installation) -> None:
    here = warm
    content = notebook(
        "import random, numpy as np, tradewind as tw\n"
        "tw.record(a=random.random(), b=float(np.random.rand()), c=float(np.random.default_rng().random()))"
    )
    found = [here.finish(here.submit(content)).metrics for _ in range(2)]
    assert all(found[0][name] != found[1][name] for name in "abc"), found


def test_cancelling_a_forked_run_leaves_nothing_and_keeps_its_notebook(warm: Installation) -> None:
    here = warm
    mark = f"3210{here.settings.port}"
    content = notebook(
        f"import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)",
        "print('first words')",
        "import time\ntime.sleep(600)",
    )
    run = here.submit(content)
    here.reach(run, 2)
    wait_for(lambda: processes_with(mark), what="the child")
    api.cancel(here.settings, run.id)
    assert here.finish(run, 20).status is RunStatus.CANCELLED
    assert processes_with(mark) == []
    assert "first words" in here.result(run, "notebook.ipynb")
    assert "first words" in here.result(run, "notebook.html")


def test_a_dead_zygote_is_replaced(warm: Installation) -> None:
    here = warm
    worker = here.workers[0].pid
    # It has forked a copy for each run that goes on; none does now.
    (zygote,) = [p for p in processes_with("tradewind.jobs.zygote") if _below(p, worker)]
    os.kill(zygote, signal.SIGKILL)
    assert here.finish(here.submit(notebook("1"))).status is RunStatus.SUCCEEDED

    def another() -> list[int]:
        return [p for p in processes_with("tradewind.jobs.zygote") if p != zygote and _below(p, worker)]

    wait_for(another, what="another zygote")
    assert here.finish(here.submit(notebook("1"))).status is RunStatus.SUCCEEDED


def _below(pid: int, ancestor: int) -> bool:
    while pid > 1 and pid != ancestor:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return False
    return pid == ancestor
