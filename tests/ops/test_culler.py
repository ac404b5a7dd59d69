"""Idle servers are stopped by the setting."""

from collections.abc import Iterator

import pytest
from live_platform import LivePlatform, wait_for


@pytest.fixture
def impatient(tmp_path) -> Iterator[LivePlatform]:
    """A platform that stops a server after ten idle seconds."""
    live = LivePlatform(tmp_path / "var", TRADEWIND_IDLE_TIMEOUT="10")
    try:
        yield live.up()
    finally:
        live.down()


@pytest.mark.platform
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_idle_server_is_stopped(impatient):
    impatient.start_server(impatient.admin)
    wait_for(lambda: not impatient.server(impatient.admin), "the idle server's end", seconds=120, every=1)
    assert "Traceback" not in impatient.log("culler")
