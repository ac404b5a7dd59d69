"""Backup while running, wipe, restore: everything is as before."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from live_platform import LivePlatform, wait_for
from tradewind.errors import ConflictError, InvalidInputError, NotFoundError, SetupError
from tradewind.hub import backup, backup_archive, upgrade
from tradewind.settings import Settings

ENDED = {"succeeded", "failed", "cancelled", "lost"}


def quiet(_line: str) -> None:
    pass


@pytest.fixture
def small(tmp_path) -> Settings:
    """A state folder with a few files of each kind."""
    settings = Settings(home=tmp_path / "var")
    upgrade.bring_up_to_date(settings)
    settings.paths.secret("cookie_secret")
    home = settings.paths.homes / "ada"
    (home / ".tradewind" / "layer").mkdir(parents=True)
    (home / "notes.txt").write_text("héllo\n")
    (home / "run.sh").write_text("#!/bin/sh\n")
    (home / "run.sh").chmod(0o750)
    (home / "broken").symlink_to("/tradewind/store/nowhere")
    (home / "empty").mkdir()
    (settings.paths.logs / "hub.log").write_text("not kept")
    return settings


def listing(home: Path) -> dict[str, Any]:
    """Every file but logs and databases, with mode and content."""
    found: dict[str, Any] = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if name.split("/", maxsplit=1)[0] in ("logs", "db"):
            continue
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", path.stat().st_mode)
        else:
            found[name] = (path.stat().st_mode, path.read_bytes())
    return found


@pytest.mark.parametrize("name", ["all.tar.zst", "all.tar.gz"])
def test_files_links_modes_come_back(small, tmp_path, name):
    before = listing(small.paths.home)
    target = tmp_path / name
    saved = backup.backup(small, target)
    assert saved.files >= 4
    assert target.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(small.paths.home)
    backup.restore(small, target, say=quiet)
    assert listing(small.paths.home) == before
    assert not (small.paths.logs / "hub.log").exists()
    assert upgrade.version(small) == upgrade.STATE_VERSION


def test_a_database_in_use_is_saved_at_one_moment(small, tmp_path):
    """A transaction that is open during the backup is not half in it."""
    from tradewind.database import engine

    database = engine(small.database)
    with database.begin() as connection:
        connection.execute(sa.text("CREATE TABLE pairs (a INTEGER, b INTEGER)"))
        connection.execute(sa.text("INSERT INTO pairs VALUES (1, 1)"))
    with database.connect() as connection, connection.begin() as transaction:
        connection.execute(sa.text("INSERT INTO pairs VALUES (2, NULL)"))
        backup.backup(small, tmp_path / "all.tar.gz")
        transaction.rollback()
    database.dispose()
    elsewhere = Settings(home=tmp_path / "elsewhere")
    backup.restore(elsewhere, tmp_path / "all.tar.gz", say=quiet)
    with engine(elsewhere.database).connect() as connection:
        assert connection.execute(sa.text("SELECT a, b FROM pairs")).all() == [(1, 1)]


def test_a_restore_needs_an_empty_folder(small, tmp_path):
    backup.backup(small, tmp_path / "all.tar.gz")
    before = listing(small.paths.home)
    with pytest.raises(ConflictError, match="not empty"):
        backup.restore(small, tmp_path / "all.tar.gz", say=quiet)
    assert listing(small.paths.home) == before
    with pytest.raises(ConflictError, match="exists"):
        backup.backup(small, tmp_path / "all.tar.gz")


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign"])
def test_a_damaged_archive_leaves_nothing_behind(small, tmp_path, damage):
    good, bad = tmp_path / "good.tar.gz", tmp_path / "bad.tar.gz"
    backup.backup(small, good)
    if damage == "cut":
        bad.write_bytes(good.read_bytes()[:-200])
    else:
        with tarfile.open(good) as old, tarfile.open(bad, "w:gz") as new:
            for member in old:
                data = old.extractfile(member).read() if member.isreg() else b""
                if damage == "foreign" and member.name == backup_archive.SUMS:
                    continue
                if member.name.endswith("notes.txt"):
                    data = b"hallo\n" + data[6:]
                new.addfile(member, io.BytesIO(data) if member.isreg() else None)
    target = Settings(home=tmp_path / "target")
    with pytest.raises(SetupError):
        backup.restore(target, bad, say=quiet)
    assert not target.paths.home.exists()
    assert [p.name for p in tmp_path.iterdir() if "restoring" in p.name] == []


def test_an_archive_cannot_write_outside(tmp_path):
    evil = tmp_path / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as tar:
        for name, kind, link in (
            ("out", tarfile.SYMTYPE, str(tmp_path)),
            ("out/written", tarfile.REGTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            tar.addfile(info)
    with pytest.raises(SetupError):
        backup.restore(Settings(home=tmp_path / "target"), evil, say=quiet)
    assert not (tmp_path / "written").exists()


def test_a_backup_of_a_newer_version_is_refused(small, tmp_path):
    upgrade.state_file(small).write_text('{"version": 1}')
    backup.backup(small, tmp_path / "all.tar.gz")
    newer = tmp_path / "newer.tar.gz"
    with tarfile.open(tmp_path / "all.tar.gz") as old:
        names = old.getnames()
    assert "state.json" in names
    upgrade.state_file(small).write_text('{"version": 999}')
    with pytest.raises(SetupError, match="newer Tradewind"):
        backup.backup(small, newer)
    assert not newer.exists()


def test_bad_names_are_told(small, tmp_path):
    with pytest.raises(InvalidInputError, match="no name of a backup"):
        backup.backup(small, tmp_path / "all.zip")
    with pytest.raises(NotFoundError):
        backup.restore(Settings(home=tmp_path / "x"), tmp_path / "nothing.tar.gz", say=quiet)
    with pytest.raises(NotFoundError, match="no state"):
        backup.backup(Settings(home=tmp_path / "nothing"), tmp_path / "all.tar.gz")


@pytest.mark.postgres
def test_a_postgresql_database_is_saved_and_brought_back(postgres_url, tmp_path):
    root = postgres_url.rpartition("/")[0]
    for name in ("before", "after"):
        subprocess.run(
            ["psql", "-qc", f"CREATE DATABASE {name}", postgres_url], check=True, capture_output=True
        )
    before = Settings(home=tmp_path / "before", database_url=f"{root}/before")
    upgrade.bring_up_to_date(before)
    assert upgrade.version(before) == upgrade.STATE_VERSION
    insert = "INSERT INTO audit (at, actor, action, object, detail) VALUES (now(), 'ada', 'x', 'y', '{}')"
    subprocess.run(["psql", "-qc", insert, f"{root}/before"], check=True, capture_output=True)
    backup.backup(before, tmp_path / "all.tar.zst")
    after = Settings(home=tmp_path / "after", database_url=f"{root}/after")
    backup.restore(after, tmp_path / "all.tar.zst", say=quiet)
    count = subprocess.run(
        ["psql", "-Atqc", "SELECT actor FROM audit", f"{root}/after"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert count.stdout.strip() == "ada"


# ---- the whole platform ----


@pytest.fixture(scope="module")
def worked_on(tmp_path_factory) -> Iterator[LivePlatform]:
    """A platform with users, a run, a schedule and a dashboard."""
    live = LivePlatform(tmp_path_factory.mktemp("worked") / "var", TRADEWIND_IDLE_TIMEOUT="0")
    try:
        live.up()
        live.add_user("ada")
        live.add_user("bob")
        with live.api("ada") as ada:
            body = {"template": "backtest", "parameters": {}}
            run = ada.post("runs", json=body)
            assert run.status_code == 201, run.text
            when = {"when": "0 18 * * 1-5", "time_zone": "America/New_York"}
            schedule = ada.post("schedules", json={**body, **when})
            assert schedule.status_code == 201, schedule.text
            shown = {
                "path": "dashboards/market_overview.ipynb",
                "title": "Market",
                "share_with": ["user:bob"],
            }
            dashboard = ada.post("dashboards", json=shown)
            assert dashboard.status_code == 201, dashboard.text
            path = f"runs/{run.json()['id']}"
            wait_for(lambda: ada.get(path).json()["status"] in ENDED, "the run", seconds=240, every=1)
        yield live
    finally:
        live.down()


def everything(live: LivePlatform) -> dict[str, Any]:
    """What users see of the platform."""
    seen: dict[str, Any] = {}
    for name in ("ada", "bob"):
        with live.api(name) as api:
            for what in ("runs", "schedules", "dashboards", "datasets"):
                answer = api.get(what)
                assert answer.status_code == 200, answer.text
                seen[f"{name} {what}"] = answer.json()
            for run in seen[f"{name} runs"].get("runs", []) if isinstance(seen[f"{name} runs"], dict) else []:
                seen[f"run {run['id']}"] = api.get(f"runs/{run['id']}").json()
                seen[f"files {run['id']}"] = api.get(f"runs/{run['id']}/files").json()
    seen["users"] = sorted(user["name"] for user in live.hub("GET", "users").json())
    return seen


@pytest.mark.platform
@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_backup_wipe_restore(worked_on, tmp_path):
    before = everything(worked_on)
    assert "succeeded" in str(before["ada runs"])
    assert "Market" in str(before["bob dashboards"])
    target = tmp_path / "all.tar.zst"
    worked_on.tradewind("admin", "backup", str(target))
    worked_on.down()
    shutil.rmtree(worked_on.settings.paths.home)
    worked_on.tradewind("admin", "restore", str(target))
    worked_on.up()
    assert "shown once" not in worked_on.said, "the administrator is the old one"
    assert everything(worked_on) == before
    worked_on.sign_in("ada", worked_on.password_of_users).close()
    worked_on.sign_in(worked_on.admin, worked_on.admin_password).close()
    assert worked_on.tradewind("admin", "doctor", check=False).returncode == 0
