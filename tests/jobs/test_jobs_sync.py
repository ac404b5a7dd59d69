"""A sync as a job: it writes what its user may write, and nothing else can."""

import os
import subprocess
from pathlib import Path

import pytest
from job_installation import USER, Installation, notebook
from tradewind.errors import InvalidInputError, NotAllowedError
from tradewind.jobs import api
from tradewind.jobs.api import Request, Run
from tradewind.sandbox import Sandbox, home_name
from tradewind.sandbox.names import LAYER_SITE
from tradewind.store import Store, access
from tradewind.vocabulary import RunStatus

pytestmark = pytest.mark.sandbox

PLUG_IN = """
import numpy as np
from tradewind.ingest.sources import Facts, Series
from tradewind.store.spec import Basis
from tradewind.vocabulary import Frequency

class Counting:
    facts = Facts(name="counting", title="Counts days", basis=Basis.LEVEL, calendar="24/7",
                  frequencies=(Frequency.DAY,), licence="none", first="2026-01-01")

    def fetch(self, wanted, patience):
        days = np.arange(wanted.start.astype("M8[D]"), wanted.end.astype("M8[D]") + np.timedelta64(1, "D"))
        close = 100.0 + days.astype(int) % 50
        return Series(times=days.astype("M8[ns]"), values={"close": close, "volume": close * 10})
"""


def plug_in(here: Installation, user: str) -> Path:
    """Install a source of one's own as ``%pip install`` would, into the user's layer."""
    home = here.settings.paths.user_home(home_name(user))
    site = home / ".tradewind" / "layer" / LAYER_SITE
    info = site / "counting-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "counting.py").write_text(PLUG_IN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tradewind.sources]\ncounting = counting:Counting\n")
    box = Sandbox.for_user(
        here.settings, user
    )  # makes the layer, as the first start of the user's server does
    subprocess.run(box.command(["true"]), env=box.environ(), check=True, timeout=30)
    return home


def sync(
    here: Installation, dataset: str, user: str = USER, groups: tuple[str, ...] = (), **more: object
) -> Run:
    values = {
        "dataset": dataset,
        "symbols": ["AAA", "BBB"],
        "source": ["counting"],
        "start": "2026-05-01",
        **more,
    }
    request = Request(template="sync", parameters=values)
    return api.submit(here.settings, user=user, request=request, groups=groups, admin=user == USER)


def test_a_sync_is_a_job(installation: Installation):
    here = installation
    home = plug_in(here, USER)
    here.start_worker()
    run = here.finish(sync(here, "counted"))
    assert run.status is RunStatus.SUCCEEDED, run.error + here.logs()
    shared = Store(here.settings.store)
    assert run.metrics["rows_added"] > 300
    assert run.metrics["snapshot"] == shared.history("counted")[0].snapshot
    assert "counting: AAA, BBB" in shared.history("counted")[0].message
    assert "rows/s" in here.result(run, "notebook.ipynb")

    again = here.finish(sync(here, "counted", symbols=None, source=None))
    assert (again.status, again.metrics["rows_added"]) == (RunStatus.SUCCEEDED, 0)
    own = here.finish(sync(here, "mine/counted"))
    assert own.status is RunStatus.SUCCEEDED, own.error
    assert Store(f"file://{home}/.tradewind/store").datasets() == ["counted"]
    fails = here.finish(sync(here, "mine/counted", source=["nowhere"]))
    assert fails.status is RunStatus.FAILED
    assert "nowhere" in fails.error

    schedule = api.create_schedule(
        here.settings, user=USER, admin=True, when="after_close XNYS 30min",
        request=Request(template="sync", parameters={"dataset": "counted"}),
    )  # fmt: skip
    timed = here.finish(api.run_now(here.settings, schedule.id))
    assert timed.status is RunStatus.SUCCEEDED, timed.error


def test_who_may_write_what(installation: Installation):
    here = installation
    plug_in(here, "ann")
    with pytest.raises(NotAllowedError, match="counted"):
        sync(here, "counted", "ann")
    access.set_grants(here.settings, "counted", readers=["everyone"], writers=["user:ann"])
    with pytest.raises(NotAllowedError):
        sync(here, "counted", "ann", ("quants",))  # named as a writer, but without the right to write at all
    with pytest.raises(NotAllowedError):
        sync(here, "another", "ann", ("data-writers",))  # and the other way round
    with pytest.raises(InvalidInputError):
        sync(here, "../counted", "ann", ("data-writers",))
    with pytest.raises(NotAllowedError):
        api.create_schedule(
            here.settings, user="ann", when="@daily",
            request=Request(template="sync", parameters={"dataset": "another"}),
        )  # fmt: skip
    here.start_worker()
    run = here.finish(sync(here, "counted", "ann", ("data-writers",)))
    assert run.status is RunStatus.SUCCEEDED, run.error
    # Any other notebook finds the same dataset read-only, whoever runs it.
    tries = notebook(
        "import os\nfrom pathlib import Path\nroot = Path('/tradewind/store/counted')\n"
        "assert (root / 'repo').exists()\n"
        "try:\n    (root / 'new').write_text('x')\nexcept OSError as problem:\n    print(problem)\n"
        "else:\n    raise AssertionError('written')"
    )
    request = Request(content=tries, parameters={})
    plain = here.finish(api.submit(here.settings, user="ann", request=request, groups=["data-writers"]))
    assert plain.status is RunStatus.SUCCEEDED, plain.error


def test_a_link_in_the_home_shows_nothing_of_others(installation: Installation):
    """The user decides what lies in the home: a link there must not become a window or a door."""
    here = installation
    secret = here.settings.paths.user_home("bob") / ".tradewind" / "store"
    (secret / "private").mkdir(parents=True)
    mine = here.settings.paths.user_home(home_name("ann")) / ".tradewind"
    mine.mkdir(parents=True)
    os.symlink(secret, mine / "store")
    plug_in(here, "ann")  # so that there is a folder to show
    here.start_worker()
    look = notebook(
        "import os\nfrom pathlib import Path\nassert not (Path.home() / '.tradewind/store/private').exists()",
        # No folder of the machine is held open, through which one could walk out of the sandbox.
        "held = [f for p in ('1', 'self') for f in Path(f'/proc/{p}/fd').iterdir() if f.is_dir()]\n"
        "held = [f for f in held if f.exists()]\nassert not held, [os.readlink(f) for f in held]",
    )
    request = Request(content=look, parameters={})
    run = here.finish(api.submit(here.settings, user="ann", request=request))
    assert run.status is RunStatus.SUCCEEDED, run.error
    assert here.finish(sync(here, "mine/x", "ann")).status is RunStatus.FAILED
    assert [p.name for p in secret.iterdir()] == ["private"]
