"""Shared by all tests: what a test needs from the machine, no skips where none may be, a running platform."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from live_platform import LivePlatform, port_base
from tradewind import sandbox

_SCRATCH = tempfile.TemporaryDirectory(prefix="tradewind-test-")  # goes with the session
os.environ.setdefault("TRADEWIND_LEDGER", str(Path(_SCRATCH.name) / "trials.sqlite"))
"""Trials of tests are nobody's trials."""

NO_SKIP = os.environ.get("TRADEWIND_NO_SKIP", "") not in ("", "0")
"""Set by ``.ci/run``: there every outside part is installed, so a skipped test is a broken one."""


# ---- what a test needs from the machine ----


def _chromium() -> str:
    found = next((p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), None)
    return "" if found else "chromium is not installed: apt-get install chromium"


def _bubblewrap() -> str:
    found = sandbox.available()
    return "" if found.works else f"{found.reason} {found.remedy}"


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).parent if program else None


def _postgres() -> str:
    return "" if postgres_programs() else "PostgreSQL is not installed: apt-get install postgresql"


def _s3() -> str:
    needed = ("radosgw", "ceph-mon", "ceph-osd")
    missing = [p for p in needed if not shutil.which(p)]
    return (
        f"no S3 server ({', '.join(missing)} missing): apt-get install {' '.join(needed)}" if missing else ""
    )


_NEEDS = {"browser": _chromium, "sandbox": _bubblewrap, "postgres": _postgres, "s3": _s3}


@cache
def _missing(marker: str) -> str:
    return _NEEDS[marker]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, by name and with the way to install it, what this machine cannot run."""
    for marker in _NEEDS:
        if item.get_closest_marker(marker) and (reason := _missing(marker)):
            pytest.skip(reason)


# ---- no skips ----


def _forbid(report: Any) -> None:
    if NO_SKIP and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"TRADEWIND_NO_SKIP is set, and this was to be skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Turn a skip into a failure where none is allowed."""
    report = yield
    _forbid(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    """The same for modules that skip themselves as a whole."""
    report = yield
    _forbid(report)
    return report


# ---- shared pieces ----


@pytest.fixture
def free_port_base() -> int:
    """The first of five free ports in a row."""
    return port_base()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    """A running platform, shared by the whole session: use users of your own, and leave it running."""
    live = LivePlatform(tmp_path_factory.mktemp("platform") / "var", TRADEWIND_IDLE_TIMEOUT="0")
    try:
        yield live.up()
    finally:
        live.down()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A PostgreSQL database of this test's own, empty."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{postgres_server.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The first database of a PostgreSQL server of our own, on a Unix socket and a loopback port."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip(_postgres())
    # Not below pytest's own folder: PostgreSQL refuses to run as root, and only root may enter that one.
    folder = Path(tempfile.mkdtemp(prefix="tradewind-postgres-"))
    port = port_base()
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            cwd=folder, check=False, capture_output=True, text=True, timeout=120, **as_user,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"

    run("initdb", "-U", "tradewind", "--auth=trust", "--encoding=UTF8", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    # Its own log file, not our pipe: the server would keep that open, and we would wait for its end.
    run("pg_ctl", "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://tradewind@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
