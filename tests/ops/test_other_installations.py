"""The platform stands with other settings, too: TLS below a path; PostgreSQL for everything."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from live_platform import LivePlatform

pytestmark = [pytest.mark.platform, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def certificate(tmp_path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: apt-get install openssl")
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return cert, key


@pytest.fixture
def with_tls(certificate, tmp_path) -> Iterator[LivePlatform]:
    """A platform that all addresses of the machine reach, below ``/tw/``."""
    cert, key = certificate
    live = LivePlatform(
        tmp_path / "var",
        TRADEWIND_TLS_CERT=str(cert),
        TRADEWIND_TLS_KEY=str(key),
        TRADEWIND_BIND="0.0.0.0",
        TRADEWIND_BASE_URL="/tw/",
    )
    try:
        yield live.up()
    finally:
        live.down()


def works(live: LivePlatform) -> None:
    """Sign in, see pages, start a server, run a job."""
    with closing(live.sign_in(live.admin, live.admin_password)) as browser:
        for page in ("runs", "schedules", "dashboards", "data", "admin"):
            answer = browser.get(f"/services/tradewind/{page}")
            assert answer.status_code == 200, page
            assert answer.url.path.endswith(f"/services/tradewind/{page}")
    live.start_server(live.admin)
    run = live.tradewind("run", "backtest", "--wait")
    assert "succeeded" in run.stderr
    assert live.tradewind("admin", "doctor", check=False).returncode == 0


@pytest.mark.sandbox
def test_tls_on_all_addresses_below_a_path(with_tls):
    assert with_tls.url.startswith("https://127.0.0.1:")
    assert with_tls.url.endswith("/tw")
    works(with_tls)


@pytest.mark.sandbox
@pytest.mark.postgres
def test_postgresql_for_everything(postgres_url, tmp_path):
    root = postgres_url.rpartition("/")[0]
    for name in ("platform", "hub"):
        subprocess.run(
            ["psql", "-qc", f"CREATE DATABASE {name}", postgres_url], check=True, capture_output=True
        )
    live = LivePlatform(
        tmp_path / "var",
        TRADEWIND_DATABASE_URL=f"{root}/platform",
        TRADEWIND_HUB_DATABASE_URL=f"{root}/hub",
    )
    try:
        works(live.up())
        assert list(live.settings.paths.database.glob("*.sqlite")) == []
    finally:
        live.down()
