"""The doctor's look at what is installed: Python, packages, Node.js, sandboxes, built parts, disk, TLS."""

import re
import shutil
import sqlite3
import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tradewind.database import SQLITE_NEEDED, sqlite_module
from tradewind.hub import node
from tradewind.hub.doctor import Finding, fault, good, note
from tradewind.sandbox import Mode, available, mode
from tradewind.settings import REPOSITORY, Settings

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)(?: *; *([^\\]+))?")
_LOW_DISK = 2 * 2**30
_EMPTY_DISK = 500 * 2**20
_EXPIRES_SOON_DAYS = 21


def check_python(_settings: Settings) -> Iterator[Finding]:
    """Python itself, and that what was installed was compiled."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 12) <= sys.version_info < (3, 14):
        yield good("python", f"Python {version} in {sys.prefix}")
    else:
        yield fault("python", f"Python {version} is not supported.", "Remove .venv and run `make up`.")
    package = Path(__file__).resolve().parents[1]
    compiled = any((package / "__pycache__").glob("settings.*.pyc"))
    if not compiled and sys.dont_write_bytecode:
        yield note(
            "bytecode", "The packages may not be compiled: imports are slow.", "unset PYTHONDONTWRITEBYTECODE"
        )


def locked_versions(lock: Path) -> dict[str, str]:
    """Return name and version of every package that a lock file wants on this machine.

    Parameters
    ----------
    lock
        A requirements file as ``uv pip compile`` writes it.
    """
    wanted: dict[str, str] = {}
    for line in lock.read_text().splitlines():
        found = _PIN.match(line)
        if found and (not found[3] or Marker(found[3].strip()).evaluate()):
            wanted[canonicalize_name(found[1])] = found[2]
    return wanted


def check_packages(_settings: Settings) -> Iterator[Finding]:
    """Whether what is installed is what the lock says."""
    lock = REPOSITORY / "requirements.lock"
    if not lock.exists():
        yield note("packages", "There is no lock file beside this installation.", "Run from a checkout.")
        return
    installed: dict[str, str] = {canonicalize_name(d.metadata["Name"]): d.version for d in distributions()}
    wanted = locked_versions(lock)
    wrong = [
        f"{name} {installed.get(name, 'missing')} (locked: {version})"
        for name, version in sorted(wanted.items())
        if installed.get(name) != version
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield fault(
            "packages",
            f"{len(wrong)} packages are not as locked: {', '.join(wrong[:5])}{more}.",
            "rm -r .venv/.tradewind && make up",
        )
    else:
        yield good("packages", f"{len(wanted)} packages as locked")


def check_node(_settings: Settings) -> Iterator[Finding]:
    """Node.js and the proxy."""
    program = node.node()
    script = node.proxy_script()
    yield good("proxy", f"configurable-http-proxy in {script.parents[2]}, run by {program}")


def check_sandbox(settings: Settings) -> Iterator[Finding]:
    """Whether users are kept apart."""
    how = mode(settings)
    found = available()
    if how is Mode.BUBBLEWRAP:
        yield good("isolation", f"bubblewrap {found.version} works")
    elif how is Mode.SHARED:
        yield note(
            "isolation",
            "Users are not kept apart (a choice made by the setting): they share every secret and file.",
            "Remove the setting `isolation`." if found.works else found.remedy,
        )
    else:
        yield fault(
            "isolation",
            f"{found.reason} Only {settings.admin_name} may start a server.",
            found.remedy,
        )


def check_lab_extension(_settings: Settings) -> Iterator[Finding]:
    """Whether the Lab extension is there."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "@tradewind" / "lab"
    if (folder / "package.json").exists():
        yield good("lab extension", "built and installed")
    else:
        yield fault("lab extension", "The Lab extension is not installed.", "Run `make up` once more.")


def check_sqlite(settings: Settings) -> Iterator[Finding]:
    """Whether the job engine's SQLite is new enough."""
    if not settings.database.startswith("sqlite"):
        return
    driver = sqlite_module()
    version = driver.sqlite_version_info
    origin = "Python's own" if driver is sqlite3 else "from pysqlite3"
    text = f"SQLite {'.'.join(map(str, version))} ({origin})"
    if version >= SQLITE_NEEDED:
        yield good("sqlite", text)
    else:
        yield fault("sqlite", f"{text} is too old for the job engine.", "Run `make up` once more.")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room to work."""
    folder = settings.paths.home if settings.paths.home.exists() else Path.cwd()
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GB free in {folder}"
    if free < _EMPTY_DISK:
        yield fault("disk", f"Only {text}.", "Free some space, or move the state folder (TRADEWIND_HOME).")
    elif free < _LOW_DISK:
        yield note("disk", f"Only {text}.", "Free some space before runs and datasets fill it.")
    else:
        yield good("disk", text)


def check_tls(settings: Settings) -> Iterator[Finding]:
    """Whether the certificate can be used, and how long yet."""
    if settings.tls_cert is None or settings.tls_key is None:
        how = "behind a TLS proxy" if settings.tls_proxy else "on loopback only"
        yield good("tls", f"none needed: {how}")
        return
    for file in (settings.tls_cert, settings.tls_key):
        if not file.exists():
            yield fault("tls", f"{file} does not exist.", "Correct tls_cert and tls_key.")
            return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_cert, settings.tls_key
        )
    except ssl.SSLError as problem:
        yield fault(
            "tls", f"Certificate and key do not fit: {problem.reason}.", "They must be a pair, in PEM."
        )
        return
    if settings.tls_key.stat().st_mode & 0o077:
        yield fault("tls", f"Others can read {settings.tls_key}.", f"chmod 600 {settings.tls_key}")
    days = _days_left(settings.tls_cert)
    if days < 0:
        yield fault("tls", "The certificate has expired.", "Renew it and run `make restart`.")
    elif days < _EXPIRES_SOON_DAYS:
        yield note("tls", f"The certificate expires in {days} days.", "Renew it and run `make restart`.")
    else:
        yield good("tls", f"the certificate is good for {days} days")


def _days_left(certificate: Path) -> int:
    # The standard library reads a certificate file only through this (undocumented, long-lived) helper.
    details = ssl._ssl._test_decode_cert(str(certificate))  # type: ignore[attr-defined]
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(details["notAfter"]), tz=UTC)
    return (ends - datetime.now(UTC)).days


ALL = (
    check_python,
    check_packages,
    check_node,
    check_sandbox,
    check_lab_extension,
    check_sqlite,
    check_disk,
    check_tls,
)
