"""A seeded state folder for reading, and empty ones for writing."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import KEY, SECRET, S3Server
from tradewind.ingest.samples import seed
from tradewind.settings import Settings, load_settings
from tradewind.store.roots import Root, S3Options


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server with an empty bucket ``tests``; ask for it in tests marked ``s3`` only."""
    server = S3Server(Path(tempfile.mkdtemp(prefix="tws3-")))
    try:
        server.start().make_bucket("tests")
        yield server
    finally:
        server.stop()


@pytest.fixture
def s3_root(s3_server: S3Server) -> Root:
    """A store of its own on the S3 server."""
    options = S3Options(endpoint=s3_server.endpoint, access_key=KEY, secret_key=SECRET)
    return Root(f"s3://tests/{uuid.uuid4().hex[:8]}", options)
