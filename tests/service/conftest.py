"""Fixtures of the service's tests."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from by_hand import ByHand, Service
from tradewind.database import engine
from tradewind.service.app import create_app
from tradewind.settings import Settings


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service over an empty state folder, listening, below a base URL."""
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("TRADEWIND_RUNTIME", str(tmp_path / "run"))
    settings = Settings(home=tmp_path / "var", base_url="/desk/", port=64_000, upload_limit_mb=2)
    settings.paths.create()
    app = create_app(settings, ByHand())
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", server_header=False)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    running = Service(settings, app.state.context, f"http://127.0.0.1:{port}")
    try:
        yield running
    finally:
        for client in running.clients:
            client.close()
        server.should_exit = True
        thread.join()
        engine(settings.database).dispose()
