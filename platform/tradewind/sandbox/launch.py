"""Puts itself under limits and becomes the command. Standard library alone: ``python -I -S launch.py``.

    launch.py ENFORCER NAME MEMORY CORES PROCESSES -- COMMAND...

Groups of ended sandboxes are empty and are removed by the next start; removing a group that is in use fails.
"""

import contextlib
import hashlib
import os
import resource
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
GROUP = "tradewind"
PERIOD = 100_000
"""Microseconds in which a share of processor time is counted."""


def put(path: Path, value: str) -> None:
    """Write one value of a group; a file that is not there is an error, not made."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def new_group(root: Path, name: str) -> Path:
    """Create a group below ours and sweep those whose sandbox has ended."""
    parent = root / GROUP
    parent.mkdir(exist_ok=True)
    for old in parent.iterdir():
        # A living starter may be just about to join its group.
        if old.is_dir() and not Path("/proc", old.name.rpartition("-")[2]).exists():
            with contextlib.suppress(OSError):
                old.rmdir()
    group = parent / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}-{os.getpid()}"
    group.mkdir()
    return group


def cgroup2(name: str, memory: int, cores: float, processes: int) -> None:
    """Limit by the unified layout."""
    put(CGROUPS / "cgroup.subtree_control", "+memory +cpu +pids")
    parent = CGROUPS / GROUP
    parent.mkdir(exist_ok=True)
    put(parent / "cgroup.subtree_control", "+memory +cpu +pids")
    group = new_group(CGROUPS, name)
    if memory:
        put(group / "memory.max", str(memory))
        with contextlib.suppress(OSError):
            put(group / "memory.swap.max", "0")
    if cores:
        put(group / "cpu.max", f"{int(cores * PERIOD)} {PERIOD}")
    put(group / "pids.max", str(processes))
    put(group / "cgroup.procs", "0")


def cgroup1(name: str, memory: int, cores: float, processes: int) -> None:
    """Limit by the older layout: one tree a resource."""
    if memory:
        group = new_group(CGROUPS / "memory", name)
        put(group / "memory.limit_in_bytes", str(memory))
        put(group / "cgroup.procs", "0")
    if cores:
        group = new_group(CGROUPS / "cpu", name)
        put(group / "cpu.cfs_period_us", str(PERIOD))
        put(group / "cpu.cfs_quota_us", str(int(cores * PERIOD)))
        put(group / "cgroup.procs", "0")
    group = new_group(CGROUPS / "pids", name)
    put(group / "pids.max", str(processes))
    put(group / "cgroup.procs", "0")


def rlimit(memory: int) -> None:
    """Limit each process by itself: its data, not its address space, which maps far more than it uses."""
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def main(arguments: list[str]) -> None:
    """Run the command line."""
    enforcer, name, memory, cores, processes, _, *command = arguments
    try:
        if enforcer == "cgroup v2":
            cgroup2(name, int(memory), float(cores), int(processes))
        elif enforcer == "cgroup v1":
            cgroup1(name, int(memory), float(cores), int(processes))
        else:
            rlimit(int(memory))
    except OSError as problem:
        # A limit that cannot be set is no reason to run without one.
        sys.stderr.write(f"tradewind: cannot limit this sandbox: {problem}\n")
        sys.exit(126)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
