"""A seeded state folder for reading, and empty ones for writing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tradewind.ingest.samples import seed
from tradewind.settings import Settings, load_settings


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a state folder with the sample datasets, shared by all tests: read only."""
    settings = Settings(home=tmp_path_factory.mktemp("seeded"))
    settings.paths.create()
    seed(settings)
    return settings


@pytest.fixture
def samples(seeded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The process sees the sample datasets and an empty ``mine/``."""
    monkeypatch.setenv("TRADEWIND_HOME", str(seeded.paths.home))
    monkeypatch.delenv("TRADEWIND_STORE_URL", raising=False)
    monkeypatch.setenv("TRADEWIND_MINE", str(tmp_path / "mine"))
    return seeded


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The process sees an empty shared store and an empty ``mine/``."""
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("TRADEWIND_STORE_URL", raising=False)
    monkeypatch.setenv("TRADEWIND_MINE", str(tmp_path / "mine"))
    settings = load_settings()
    settings.paths.create()
    yield settings
