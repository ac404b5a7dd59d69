"""Whether sandboxes work on this machine, and what follows for who may start a server."""

import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from tradewind.errors import NotAllowedError, SetupError
from tradewind.settings import Isolation, Settings

INSTALL = "Install it with: apt-get install bubblewrap (Debian, Ubuntu) or dnf install bubblewrap (Fedora)."
NAMESPACES = (
    "Let programs make user namespaces: sysctl kernel.unprivileged_userns_clone=1, on Ubuntu 24.04 and newer "
    "also kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap; in a container "
    "allow them."
)


@dataclass(frozen=True)
class Availability:
    """What the probe found."""

    works: bool
    program: str = "bwrap"
    version: str = ""
    reason: str = ""
    """Why it does not work."""
    remedy: str = ""
    """What to do about it."""
    can_forbid_namespaces: bool = False
    """Whether namespaces inside a sandbox can be forbidden (bubblewrap 0.8)."""

    def __bool__(self) -> bool:
        return self.works


class Mode(StrEnum):
    """How users are kept apart right now."""

    BUBBLEWRAP = "bubblewrap"
    ADMIN_ONLY = "admin-only"
    """No sandbox works: only the first administrator may start anything."""
    SHARED = "shared"
    """Chosen in words: everybody starts everything, and all share every secret."""


_PROBE = ("--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid", "--unshare-ipc",
          "--unshare-uts", "--unshare-net", "--cap-drop", "ALL", "--new-session", "--as-pid-1",
          "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")  # fmt: skip  # noqa: S108


@cache
def available() -> Availability:
    """Try a sandbox once; remembered for the life of the process."""
    program = shutil.which("bwrap") or ""
    if not program:
        return Availability(False, reason="bubblewrap is not installed.", remedy=INSTALL)
    failed = _try(program, *_PROBE)
    if failed:
        return Availability(
            False, program, reason=f"bubblewrap does not work here: {failed}", remedy=NAMESPACES
        )
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return Availability(
        True,
        program,
        version=version.strip().removeprefix("bubblewrap "),
        can_forbid_namespaces=not _try(program, *_PROBE, "--disable-userns"),
    )


def _try(program: str, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            [program, *arguments, "--", "/bin/sh", "-c", "test $$ = 1"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    return "" if answer.returncode == 0 else (answer.stderr.strip() or f"exit code {answer.returncode}")


def mode(settings: Settings) -> Mode:
    """Return how users are kept apart under these settings on this machine.

    Raises
    ------
    SetupError
        ``isolation = "bubblewrap"`` and it does not work here.
    """
    if settings.isolation is Isolation.NONE:
        return Mode.SHARED
    found = available()
    if found:
        return Mode.BUBBLEWRAP
    if settings.isolation is Isolation.BUBBLEWRAP:
        raise SetupError(f"Sandboxes are asked for and do not work: {found.reason}", found.remedy)
    return Mode.ADMIN_ONLY


def check_may_start(settings: Settings, user: str) -> None:
    """Refuse a user who may not start a server, run or dashboard because nothing would keep users apart.

    Parameters
    ----------
    settings
        The installation's settings.
    user
        The hub's user name.

    Raises
    ------
    NotAllowedError
        No sandbox works here and the user is not the first administrator.
    """
    if mode(settings) is Mode.ADMIN_ONLY and user != settings.admin_name:
        found = available()
        raise NotAllowedError(
            f"This machine cannot keep users apart, so only {settings.admin_name} may start a server. "
            f"{found.reason}",
            f'{found.remedy} Or choose otherwise in words: isolation = "{Isolation.NONE.value}".',
        )
