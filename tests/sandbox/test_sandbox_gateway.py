"""The way out: relays of the first process, and what the gateway lets through."""

import contextlib
import hashlib
import http.server
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import run_box, start_gateway
from tradewind.sandbox import Sandbox
from tradewind.settings import Network, Settings

pytestmark = pytest.mark.sandbox

FETCH = """
import os, sys, urllib.request, urllib.error, hashlib
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for url in sys.argv[1:]:
    try:
        with opener.open(url, timeout=40) as answer:
            body = answer.read()
            print(answer.status, len(body), hashlib.sha256(body).hexdigest()[:8])
    except urllib.error.HTTPError as problem:
        print(problem.code, problem.read()[:90].decode())
"""
BIG = bytes(range(256)) * 40_000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = (
            BIG
            if self.path.endswith("big")
            else "\n".join(f"{k}={v}" for k, v in self.headers.items()).encode()
        )
        if "login" in self.path:
            body = b"sign-in form"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(port: int) -> Iterator[None]:
    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(settings: Settings, *urls: str) -> list[str]:
    done = run_box(Sandbox.for_user(settings, "ann"), sys.executable, "-c", FETCH, *urls, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_hub_and_service_answer_on_their_usual_ports(settings: Settings, gateway: Path) -> None:
    hub, service = settings.hub_port, settings.service_port
    with serving(hub), serving(service):
        small, big, other = fetch(
            settings,
            f"http://127.0.0.1:{hub}/hub/api",
            f"http://127.0.0.1:{hub}/hub/api/big",
            f"http://127.0.0.1:{service}/services/tradewind/api/me",
        )
    assert small.startswith("200") and other.startswith("200")
    assert big == f"200 {len(BIG)} {hashlib.sha256(BIG).hexdigest()[:8]}"


def test_only_the_two_apis_are_open(settings: Settings, gateway: Path) -> None:
    hub, service = f"http://127.0.0.1:{settings.hub_port}", f"http://127.0.0.1:{settings.service_port}"
    with serving(settings.hub_port), serving(settings.service_port):
        refused = fetch(
            settings,
            f"{hub}/hub/login",
            f"{hub}/hub/apilogin",
            f"{hub}/hub/api/../login",
            f"{hub}/hub/api/%2e%2e/login",
            f"{service}/services/tradewind/admin",
        )
    assert len(refused) == 5 and all(line.startswith("403") and "not_allowed" in line for line in refused), (
        refused
    )


def raw(settings: Settings, name: str, request: bytes) -> bytes:
    """Speak to a socket of the gateway directly, byte for byte."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(settings.paths.runtime / "gateway" / f"{name}.sock"))
        client.sendall(request)
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer


def test_a_second_request_does_not_ride_along(settings: Settings, gateway: Path) -> None:
    first = b"GET /hub/api HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
    second = b"GET /hub/login HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(settings.hub_port):
        answer = raw(settings, "hub", first + second)
    assert answer.startswith(b"HTTP/1.1 200") and b"sign-in form" not in answer


def test_nobody_claims_another_address(settings: Settings, gateway: Path) -> None:
    request = (
        b"GET /hub/api HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 8.8.8.8\r\nx-real-ip: 8.8.8.8\r\n"
        b"Forwarded: for=8.8.8.8\r\nAuthorization: token t\r\n\r\n"
    )
    with serving(settings.hub_port):
        answer = raw(settings, "hub", request)
    assert b"Authorization=token t" in answer and b"8.8.8.8" not in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /hub/api HTTP/1.1\r\nHost: x\r\n X-Folded: y\r\n\r\n",
        b"GET /hub/api HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET /hub/api HTTP/1.1\nGET /hub/login HTTP/1.1\r\n\r\n",
        b"GET /hub/api HTTP/1.1 x\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    settings: Settings, gateway: Path, request_bytes: bytes
) -> None:
    with serving(settings.hub_port):
        assert raw(settings, "hub", request_bytes).startswith(b"HTTP/1.1 400")


def test_a_restarting_hub_is_waited_for(settings: Settings, gateway: Path) -> None:
    answers: list[list[str]] = []
    url = f"http://127.0.0.1:{settings.hub_port}/hub/api"
    asking = threading.Thread(target=lambda: answers.append(fetch(settings, url)))
    asking.start()
    time.sleep(2)
    with serving(settings.hub_port):
        asking.join(60)
    assert answers[0][0].startswith("200")


def test_a_restarting_gateway_is_waited_for(settings: Settings) -> None:
    process = start_gateway(settings)
    box = Sandbox.for_user(settings, "ann")
    url = f"http://127.0.0.1:{settings.hub_port}/hub/api"
    waiting = f"import time; time.sleep(1)\n{FETCH}"
    with (
        serving(settings.hub_port),
        subprocess.Popen(
            box.command([sys.executable, "-c", waiting, url]),
            env=box.environ(),
            stdout=subprocess.PIPE,
            text=True,
        ) as inside,
    ):
        process.kill()
        process.wait()
        time.sleep(2.5)
        again = start_gateway(settings)
        try:
            assert inside.communicate(timeout=60)[0].startswith("200")
        finally:
            again.terminate()
            again.wait(10)


def test_a_body_goes_up_whole(settings: Settings, gateway: Path) -> None:
    script = (
        "import sys, urllib.request as u; data = bytes(range(256)) * 20000\n"
        "o = u.build_opener(u.ProxyHandler({}))\n"
        "print(o.open(u.Request(sys.argv[1], data=data), timeout=30).read() == data)"
    )
    with serving(settings.service_port):
        url = f"http://127.0.0.1:{settings.service_port}/services/tradewind/api/runs"
        done = run_box(Sandbox.for_user(settings, "ann"), sys.executable, "-c", script, url)
    assert done.stdout.strip() == "True", done.stderr


PROXIED = """
import sys, urllib.request, urllib.error
for url in sys.argv[1:]:
    try:
        print("OPEN", url, urllib.request.urlopen(url, timeout=30).status)
    except urllib.error.HTTPError as problem:
        print("HTTP", problem.code, problem.read()[:200].decode())
    except OSError as problem:
        print("NO", problem)
"""


def test_the_web_proxy_never_leads_back_to_this_machine(settings: Settings, gateway: Path) -> None:
    own = socket.gethostname()
    with serving(settings.hub_port):
        urls = [
            f"http://{host}:{port}/hub/api"
            for host in (
                "127.0.0.2",
                "0.0.0.0",
                "[::ffff:127.0.0.1]",
                "127.1",
                "2130706433",
                own,
                "169.254.169.254",
            )
            for port in (80, settings.hub_port)
        ]
        done = run_box(Sandbox.for_user(settings, "ann"), sys.executable, "-c", PROXIED, *urls, timeout=200)
    lines = done.stdout.splitlines()
    assert len(lines) == len(urls) and not any(line.startswith("OPEN") for line in lines), done.stdout
    assert sum("may not connect" in line for line in lines) == len(urls), done.stdout


def test_a_tunnel_to_this_machine_is_refused(settings: Settings, gateway: Path) -> None:
    for target in ("127.0.0.1:443", f"localhost:{settings.hub_port}", "[::1]:443", "10.0.0.1:443"):
        answer = raw(settings, "egress", f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403"), target
    assert raw(settings, "egress", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_without_network_there_is_no_way_to_the_internet(settings: Settings, gateway: Path) -> None:
    closed = settings.model_copy(update={"network": Network.NONE})
    box = Sandbox.for_user(closed, "ann")
    assert "HTTPS_PROXY" not in box.environ()
    with serving(settings.hub_port):
        script = "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 3128), 2); print('open')\n"
        script += "except OSError as e: print('closed')\n" + FETCH
        done = run_box(box, sys.executable, "-c", script, f"http://127.0.0.1:{settings.hub_port}/hub/api")
    assert done.stdout.splitlines()[0] == "closed" and "200" in done.stdout.splitlines()[1]
