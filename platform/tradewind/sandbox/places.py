"""Which parts of this machine a sandbox sees: the operating system's programs and the platform's own code."""

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path

from tradewind.settings import REPOSITORY

ETC = Path(__file__).parent / "etc"
"""Accounts and host names as a sandbox sees them, instead of this machine's."""

CODE = ("platform", "kernels", "notebooks/templates", "dashboards", "extensions", "requirements.lock")
"""What of the checkout is shown, read-only. The state folder and the repository's history are not."""

SYSTEM_FILES = (
    "alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types",
    "pip.conf", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates",
)  # fmt: skip
"""What of ``/etc`` is shown. Not ``/etc/ssl`` whole: it holds private keys."""

PROC_READ_ONLY = (
    "acpi",
    "asound",
    "bus",
    "driver",
    "fs",
    "irq",
    "mtrr",
    "scsi",
    "sys",
    "sysrq-trigger",
    "tty",
)
"""Switches of the kernel. To them, a sandbox that root started is root: nothing else keeps it from, say,
``/proc/sys/kernel/core_pattern``, which runs a program on this machine."""
PROC_MASKED = ("kallsyms", "kcore", "keys", "key-users", "kmsg", "latency_stats", "sched_debug", "timer_list")

ROOT_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@cache
def interpreter() -> Path:
    """The real interpreter behind this environment's ``python``."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    return Path(base).resolve()


@cache
def site_packages() -> Path:
    """The platform's own site-packages."""
    return Path(sysconfig.get_paths()["purelib"])


@cache
def code_paths() -> tuple[Path, ...]:
    """The folders and files that make up the platform's code and its Python, at their real places."""
    wanted = [
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sys.base_prefix).resolve(),
        *_links(sys.executable),
    ]
    wanted += [REPOSITORY / name for name in CODE]
    if not (
        REPOSITORY / "platform" / "tradewind"
    ).is_dir():  # installed from a wheel: it lies in site-packages
        wanted = wanted[: -len(CODE)]
    found: list[Path] = []
    for path in wanted:
        covered = path.is_relative_to("/usr") or any(path.is_relative_to(p) for p in found)
        if path.exists() and not covered:
            found.append(path)
    return tuple(found)


def _links(executable: str) -> list[Path]:
    """The folders through which a chain of symbolic links leads to the interpreter."""
    folders: list[Path] = []
    path = Path(executable)
    while path.is_symlink():
        path = path.parent / path.readlink()
        path = Path(os.path.normpath(path))
        folders.append(path.parent.parent if path.parent.name == "bin" else path)
    return folders


@cache
def pip_folders() -> tuple[Path, ...]:
    """Local folders this machine's pip is told to look for packages in."""
    words = os.environ.get("PIP_FIND_LINKS", "").split()
    return tuple(Path(w) for w in words if w.startswith("/") and Path(w).is_dir())


def system_arguments() -> list[str]:
    """Bubblewrap's arguments for the operating system: programs and libraries, no accounts, no state."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ROOT_LINKS:
        path = Path("/") / name
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--proc", "/proc", *_proc_arguments(), "--dev", "/dev", "--tmpfs", "/dev/shm", "--dir", "/etc"]  # noqa: S108
    for folder in ("/tmp", "/run", "/var/tmp"):  # noqa: S108
        words += ["--perms", "1777" if folder != "/run" else "0755", "--tmpfs", folder]
    for name in SYSTEM_FILES:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for file in sorted(ETC.iterdir()):
        words += ["--ro-bind", str(file), f"/etc/{file.name}"]
    return words


def _proc_arguments() -> list[str]:
    words: list[str] = []
    for name in PROC_READ_ONLY:
        path = Path("/proc") / name
        if path.exists():
            words += ["--ro-bind", str(path), str(path)]
    for name in PROC_MASKED:
        path = Path("/proc") / name
        if path.exists():
            words += ["--ro-bind", "/dev/null", str(path)]
    return words
