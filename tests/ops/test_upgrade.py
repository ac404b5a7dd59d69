"""The state folder's version, and the history of the tables."""

import json

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tradewind.database import engine
from tradewind.errors import SetupError
from tradewind.hub import upgrade
from tradewind.migrations import VERSION_TABLE, all_tables
from tradewind.settings import Settings


def differences(settings: Settings) -> list[object]:
    """What the migrated database and the declared tables differ in (the job engine's own tables aside)."""
    with engine(settings.database).connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return compare_metadata(context, all_tables())


def test_the_migrations_make_the_declared_tables(tmp_path):
    settings = Settings(home=tmp_path / "var")
    upgrade.bring_up_to_date(settings)
    assert differences(settings) == []


@pytest.mark.postgres
def test_they_do_so_on_postgresql(tmp_path, postgres_url):
    settings = Settings(home=tmp_path / "var", database_url=postgres_url)
    upgrade.bring_up_to_date(settings)
    assert differences(settings) == []


def test_tables_that_a_program_has_made_before_are_accepted(tmp_path):
    settings = Settings(home=tmp_path / "var")
    settings.paths.create()
    all_tables().create_all(engine(settings.database))
    upgrade.bring_up_to_date(settings)
    assert differences(settings) == []


def test_a_new_folder_gets_this_version_and_is_closed_to_others(tmp_path):
    settings = Settings(home=tmp_path / "var")
    assert upgrade.version(settings) == 0
    upgrade.bring_up_to_date(settings)
    assert upgrade.version(settings) == upgrade.STATE_VERSION
    assert settings.paths.home.stat().st_mode & 0o077 == 0


def test_an_older_folder_goes_through_every_step_once(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path / "var")
    upgrade.bring_up_to_date(settings)
    first = upgrade.STATE_VERSION
    done = []
    steps = {first: lambda _settings: done.append("one"), first + 1: lambda _settings: done.append("two")}
    monkeypatch.setattr(upgrade, "_STEPS", steps)
    monkeypatch.setattr(upgrade, "STATE_VERSION", first + 2)
    upgrade.bring_up_to_date(settings)
    upgrade.bring_up_to_date(settings)
    assert done == ["one", "two"]
    assert upgrade.version(settings) == first + 2


def test_a_step_that_fails_leaves_the_old_version(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path / "var")
    upgrade.bring_up_to_date(settings)
    first = upgrade.STATE_VERSION

    def fail(_settings: Settings) -> None:
        raise OSError("no space")

    monkeypatch.setattr(upgrade, "_STEPS", {first: fail})
    monkeypatch.setattr(upgrade, "STATE_VERSION", first + 1)
    with pytest.raises(OSError, match="no space"):
        upgrade.bring_up_to_date(settings)
    assert upgrade.version(settings) == first


@pytest.mark.parametrize("text", ["", "[]", '{"version": "x"}', "{}"])
def test_an_unreadable_version_is_told(tmp_path, text):
    settings = Settings(home=tmp_path / "var")
    settings.paths.create()
    upgrade.state_file(settings).write_text(text)
    with pytest.raises(SetupError, match="cannot be read"):
        upgrade.refuse_newer(settings)


def test_a_newer_folder_is_refused_before_anything_is_made(tmp_path):
    settings = Settings(home=tmp_path / "var")
    settings.paths.home.mkdir()
    upgrade.state_file(settings).write_text(json.dumps({"version": upgrade.STATE_VERSION + 1}))
    with pytest.raises(SetupError, match="newer Tradewind"):
        upgrade.bring_up_to_date(settings)
    assert [p.name for p in settings.paths.home.iterdir()] == ["state.json"]
