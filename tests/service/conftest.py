"""Fixtures of the service's tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from by_hand import ByHand, Service
from tradewind.database import engine
from tradewind.service.app import create_app
from tradewind.settings import Settings


@contextmanager
def listening(folder: Path) -> Iterator[Service]:
    """Serve an empty state folder below a base URL."""
    settings = Settings(home=folder / "var", base_url="/desk/", port=64_000, upload_limit_mb=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWIND_HOME", str(settings.home))
        patch.setenv("TRADEWIND_RUNTIME", str(folder / "run"))
        settings.paths.create()
        app = create_app(settings, ByHand())
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", server_header=False)
        server = uvicorn.Server(config)
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


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service over an empty state folder, listening."""
    with listening(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same for all tests of a module: for requests that are refused and leave nothing."""
    with listening(tmp_path_factory.mktemp("shared")) as running:
        yield running
