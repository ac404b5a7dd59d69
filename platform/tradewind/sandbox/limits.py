"""Limits of memory, cores and processes, with whatever this machine can enforce them."""

import os
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from tradewind.errors import SetupError

LAUNCH = Path(__file__).with_name("launch.py")
CGROUPS = Path("/sys/fs/cgroup")
GROUP = "tradewind"
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
    """Return the best this machine lets us use."""
    controllers = CGROUPS / "cgroup.controllers"
    if controllers.exists():
        words = controllers.read_text().split()
        if {"memory", "cpu"} <= set(words) and os.access(CGROUPS / "cgroup.procs", os.W_OK):
            return Enforcer.CGROUP2
    if all(os.access(CGROUPS / name / "cgroup.procs", os.W_OK) for name in ("memory", "cpu")):
        return Enforcer.CGROUP1
    return Enforcer.RLIMIT


def limits_enforced() -> LimitsReport:
    """Say what limits this machine enforces, for `make doctor`."""
    found = enforcer()
    if found is Enforcer.RLIMIT:
        note = "No cgroup can be written: memory is limited per process, cores are not limited."
        return LimitsReport(found, memory=True, cores=False, note=note)
    return LimitsReport(found, memory=True, cores=True, note=f"{found.value}: memory, cores and processes.")


def limit_command(limits: Limits, name: str, command: list[str]) -> list[str]:
    """Return a command line that runs ``command`` under limits; ``command`` itself if none are asked for.

    Parameters
    ----------
    limits
        The limits.
    name
        Who it is for; part of the group's name.
    command
        The command line to limit.
    """
    if not limits.wanted:
        return command
    return [
        sys.executable, "-I", "-S", str(LAUNCH), enforcer().value, name,
        str(limits.memory), str(limits.cores), str(limits.processes), "--", *command,
    ]  # fmt: skip
