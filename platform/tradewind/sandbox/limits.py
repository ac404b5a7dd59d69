"""Limits of memory, cores and processes, with whatever this machine can enforce them."""

import re
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from tradewind.errors import SetupError

LAUNCH = Path(__file__).with_name("launch.py")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Enforcer(StrEnum):
    """What enforces a limit here."""

    CGROUP2 = "cgroup v2"
    """Memory, cores and processes of a sandbox as a whole."""
    CGROUP1 = "cgroup v1"
    """The same, in the older layout."""
    RLIMIT = "rlimit"
    """Memory of each single process only; cores not at all."""


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use; zero means no limit.

    Parameters
    ----------
    memory
        Bytes.
    cores
        Processor cores.
    processes
        Processes and threads.
    """

    memory: int = 0
    cores: float = 0.0
    processes: int = 4096

    @property
    def wanted(self) -> bool:
        """Whether the administrator asked for a limit."""
        return bool(self.memory or self.cores)


@dataclass(frozen=True)
class LimitsReport:
    """What is really enforced on this machine."""

    enforcer: Enforcer
    memory: bool
    cores: bool
    note: str


def parse_memory(text: str) -> int:
    """Return bytes for words such as ``512M`` or ``4G``; zero for nothing.

    Raises
    ------
    SetupError
        The words are no amount of memory.
    """
    if not text.strip():
        return 0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?", text.strip().upper())
    if not found:
        raise SetupError(f"memory_limit = {text!r} is no amount of memory.", "Write for example 4G or 512M.")
    return int(float(found[1]) * _UNITS[found[2]])


@cache
def enforcer() -> Enforcer:
    """Return the best this machine lets us use: what a trial of it says, not what its files look like."""
    for candidate in (Enforcer.CGROUP2, Enforcer.CGROUP1):
        trial = _launch(candidate, "probe", Limits(memory=2**30, cores=1.0), ["/bin/sh", "-c", ":"])
        if subprocess.run(trial, capture_output=True, timeout=20, check=False).returncode == 0:
            return candidate
    return Enforcer.RLIMIT


def limits_enforced() -> LimitsReport:
    """Say what limits this machine enforces, for `make doctor`."""
    found = enforcer()
    if found is Enforcer.RLIMIT:
        note = "No cgroup can be written: memory is limited per process, cores are not limited."
        return LimitsReport(found, memory=True, cores=False, note=note)
    return LimitsReport(found, memory=True, cores=True, note=f"{found.value}: memory, cores and processes.")


def limit_command(limits: Limits, name: str, command: list[str]) -> list[str]:
    """Return a command line that runs ``command`` under limits; ``command`` itself if there are none.

    Parameters
    ----------
    limits
        The limits.
    name
        Who it is for; part of the group's name.
    command
        The command line to limit.
    """
    found = enforcer()
    # Processes are counted wherever a group can be made, so that nobody forks the machine to death.
    if not limits.wanted and (found is Enforcer.RLIMIT or not limits.processes):
        return command
    return _launch(found, name, limits, command)


def _launch(found: Enforcer, name: str, limits: Limits, command: list[str]) -> list[str]:
    return [
        sys.executable, "-I", "-S", str(LAUNCH), found.value, name,
        str(limits.memory), str(limits.cores), str(limits.processes), "--", *command,
    ]  # fmt: skip
