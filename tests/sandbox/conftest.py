"""Sandboxes to try things in: temporary state folder, a gateway of its own, real bubblewrap."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import Run, run_box, start_gateway
from live_platform import port_base
from tradewind.sandbox import Sandbox
from tradewind.settings import Settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of an installation of its own, in a folder with a short name (sockets live in it)."""
    folder = Path(tempfile.mkdtemp(prefix="tw-"))
    monkeypatch.setenv("TRADEWIND_HOME", str(folder / "var"))
    monkeypatch.setenv("TRADEWIND_RUNTIME", str(folder / "run"))
    made = Settings(home=folder / "var", port=port_base())
    made.paths.create()
    yield made
    shutil.rmtree(folder)


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Path]:
    """A running gateway process; its folder of sockets."""
    process = start_gateway(settings)
    yield settings.paths.runtime / "gateway"
    process.terminate()
    process.wait(10)


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a program in a user's sandbox to its end."""

    def run_in(
        user: str, *argv: str, timeout: float = 60, **options: object
    ) -> subprocess.CompletedProcess[str]:
        box = Sandbox.for_user(settings, user, **options)  # type: ignore[arg-type]
        return run_box(box, *argv, timeout=timeout)

    return run_in
