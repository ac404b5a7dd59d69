"""Empty stores to ingest into, and the real data where it is at hand."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The process sees an empty shared store and an empty ``mine/``."""
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "var"))
    monkeypatch.delenv("TRADEWIND_STORE_URL", raising=False)
    monkeypatch.setenv("TRADEWIND_MINE", str(tmp_path / "mine"))
    return tmp_path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data beside the checkout."""
    if not (SHARED / "lean").is_dir():
        pytest.skip("no real market data: put it into ../shared/data beside the checkout")
    return SHARED
