"""Fixtures of the hub's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_hub import Hub, settings_in
from tradewind.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty state folder."""
    monkeypatch.setenv("TRADEWIND_RUNTIME", str(tmp_path / "run"))
    return settings_in(tmp_path / "var")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A running hub; use users of your own."""
    running = Hub(tmp_path_factory.mktemp("hub") / "var")
    try:
        running.start()
        yield running
    finally:
        running.close_browsers()
        running.stop()
