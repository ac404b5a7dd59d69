"""Installations for tests of jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from job_installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation for one test, without a worker yet."""
    made = Installation(tmp_path / "var")
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def busy_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with one worker, shared by the tests that only run things."""
    made = Installation(tmp_path_factory.mktemp("jobs") / "var", worker_concurrency=3, runs_per_user=3)
    made.start_worker()
    try:
        yield made
    finally:
        made.stop()
