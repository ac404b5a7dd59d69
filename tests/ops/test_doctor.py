"""The doctor finds what is planted, and nothing in a sound installation."""

import json
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from live_platform import LivePlatform
from tradewind.hub import accounts, doctor_installation, upgrade
from tradewind.hub.doctor import Finding, Level, examine, fault
from tradewind.hub.doctor_installation import check_packages, check_tls, locked_versions
from tradewind.ingest import samples
from tradewind.settings import Settings


@pytest.fixture
def sound(tmp_path) -> LivePlatform:
    """A state folder as a first start makes it; the platform itself is down."""
    live = LivePlatform(tmp_path / "var")
    upgrade.bring_up_to_date(live.settings)
    accounts.ensure_first_admin(live.settings)
    samples.seed(live.settings)
    live.settings.paths.secret("proxy")
    return live


def findings(live: LivePlatform) -> tuple[int, list[Finding]]:
    done = live.tradewind("admin", "doctor", "--json", check=False)
    document = json.loads(done.stdout)
    found = [Finding(f["check"], Level(f["level"]), f["message"], f["remedy"]) for f in document["findings"]]
    faults = [f for f in found if f.level is Level.FAULT]
    assert document["faults"] == len(faults)
    return done.returncode, faults


def test_a_sound_installation_has_no_faults(sound):
    assert findings(sound) == (0, [])


def test_three_planted_faults_are_named_with_what_to_do(sound):
    secret = sound.settings.paths.secrets / "proxy"
    secret.chmod(0o644)
    (sound.settings.paths.store / "us-20" / "repo").write_bytes(b"not a repository")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", sound.settings.hub_port))
        taken.listen()
        code, faults = findings(sound)
    assert code == 1
    by_check = {f.check: f for f in faults}
    assert set(by_check) == {"secrets", "store", "ports"}
    assert str(secret) in by_check["secrets"].message
    assert f"chmod 600 {secret}" in by_check["secrets"].remedy
    assert "us-20" in by_check["store"].message
    assert str(sound.settings.hub_port) in by_check["ports"].message
    assert all(f.remedy for f in faults)


def test_a_damaged_database_is_named(sound):
    file = sound.settings.paths.database / "tradewind.sqlite"
    for other in file.parent.glob(file.name + "-*"):
        other.unlink()
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)
    code, faults = findings(sound)
    assert code == 1
    assert "database" in {f.check for f in faults}


def test_missing_tables_are_named(sound):
    module = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DROP TABLE runs'); c.commit()"
    subprocess.run(
        [sys.executable, "-c", module, sound.settings.paths.database / "tradewind.sqlite"], check=True
    )
    _, faults = findings(sound)
    assert [f for f in faults if f.check == "database" and "runs" in f.message]


def test_a_package_off_the_lock_is_named(tmp_path, monkeypatch):
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==0.0.1 \\\n    --hash=sha256:00\nno-such-thing==1.0 ; sys_platform == 'linux'\n"
                    "elsewhere==2.0 ; sys_platform == 'win32'\n")  # fmt: skip
    monkeypatch.setattr(doctor_installation, "REPOSITORY", tmp_path)
    assert locked_versions(lock) == {"numpy": "0.0.1", "no-such-thing": "1.0"}
    (found,) = check_packages(Settings(home=tmp_path))
    assert found.level is Level.FAULT
    assert "numpy" in found.message and "no-such-thing missing" in found.message


def _certificate(folder: Path, days: int) -> tuple[Path, Path]:
    """Make a certificate that ends in so many days."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed: apt-get install openssl")
    cert, key = folder / f"{days}.crt", folder / f"{days}.key"
    begin = datetime.now(UTC) - timedelta(days=40)
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    subprocess.run(
        [openssl, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tradewind.test",
         "-keyout", key, "-out", folder / "request"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
    )
    subprocess.run(
        [openssl, "ca", "-batch", "-selfsign", "-config", folder / "ca.conf", "-in", folder / "request",
         "-keyfile", key, "-out", cert,
         "-startdate", f"{begin:%y%m%d%H%M%SZ}", "-enddate", f"{end:%y%m%d%H%M%SZ}"],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    return cert, key


@pytest.mark.parametrize(
    ("days", "level"), [(200, Level.GOOD), (5, Level.NOTE), (-2, Level.FAULT)], ids=["long", "soon", "over"]
)
def test_a_certificate_that_ends_is_named(tmp_path, days, level):
    cert, key = _certificate(tmp_path, days)
    (found,) = check_tls(Settings(home=tmp_path / "var", tls_cert=cert, tls_key=key))
    assert found.level is level


def test_a_key_of_another_certificate_is_named(tmp_path):
    cert, _ = _certificate(tmp_path, 100)
    _, key = _certificate(tmp_path, 101)
    (found,) = check_tls(Settings(home=tmp_path / "var", tls_cert=cert, tls_key=key))
    assert found.level is Level.FAULT


def test_a_check_that_breaks_is_a_fault_of_its_own(tmp_path):
    def check_broken_thing(_settings):
        raise ZeroDivisionError

    def check_other(_settings):
        yield fault("other", "still looked at", "do")

    found = examine(Settings(home=tmp_path), (check_broken_thing, check_other))
    assert [(f.check, f.level) for f in found] == [("broken thing", Level.FAULT), ("other", Level.FAULT)]
