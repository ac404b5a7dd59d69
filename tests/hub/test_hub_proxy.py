"""The proxy in front of users' servers, which listen on Unix sockets."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread
from typing import ClassVar

import httpx
import pytest
from live_platform import port_base, wait_for
from real_hub import settings_in
from tradewind.hub import node
from tradewind.hub.spawner import socket_url
from tradewind.settings import Settings

REQUESTS = 1500


class Answers(BaseHTTPRequestHandler):
    """Reads what is put and says how much it was; closes the connection when it is asked to."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Answer at once."""
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        body = str(size).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """A Unix socket's client has no address."""
        return ""

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


class Server(ThreadingMixIn, UnixStreamServer):
    """A user's server: counts the connections it is asked for."""

    daemon_threads = True
    connections: ClassVar[int] = 0

    def process_request(self, request: object, client_address: object) -> None:
        """Count."""
        type(self).connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type]


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Settings]:
    settings = settings_in(tmp_path / "var", port=port_base())
    node.install()
    environment = {**os.environ, "TRADEWIND_HOME": str(settings.home), "TRADEWIND_PORT": str(settings.port)}
    process = subprocess.Popen([sys.executable, "-P", "-m", "tradewind.hub.proxy"], env=environment)
    try:
        wait_for(lambda: _routes(settings, "GET", "").status_code == 200, "the proxy")
        yield settings
    finally:
        process.terminate()
        process.wait(20)


def _routes(settings: Settings, method: str, path: str, **body: str) -> httpx.Response:
    token = settings.paths.secret("proxy")
    try:
        return httpx.request(
            method, f"http://127.0.0.1:{settings.proxy_api_port}/api/routes{path}",
            headers={"Authorization": f"token {token}"}, json=body or None, trust_env=False,
        )  # fmt: skip
    except httpx.TransportError:
        return httpx.Response(599)


@pytest.mark.slow
def test_what_a_user_saves_is_never_answered_by_an_error_page(proxy: Settings, tmp_path: Path) -> None:
    """Node's case 41062: a request with a body, carried out, fails when the server closes its Unix socket."""
    place = tmp_path / "s.sock"
    with Server(str(place), Answers) as server:
        (tmp_path / "s.sock:80").symlink_to("s.sock")  # as the spawner does
        Thread(target=server.serve_forever, daemon=True).start()
        assert _routes(proxy, "POST", "/user/ann", target=socket_url(place)).status_code == 201
        with httpx.Client(trust_env=False) as client, ThreadPoolExecutor(4) as pool:
            url = f"http://127.0.0.1:{proxy.port}/user/ann/api/contents/a.ipynb"
            answers = list(pool.map(lambda i: client.put(url, content=b"x" * (i % 40)), range(REQUESTS)))
        server.shutdown()
    assert [(a.status_code, a.text) for a in answers] == [(200, str(i % 40)) for i in range(REQUESTS)]
    assert Server.connections <= 8, "the proxy opens a connection for every request again"
