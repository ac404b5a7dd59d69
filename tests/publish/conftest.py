"""Fixtures of the tests of publishing."""

from pathlib import Path

import pytest
from tradewind.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation in a folder of its own."""
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "var"))
    found = Settings(home=tmp_path / "var")
    found.paths.create()
    return found
