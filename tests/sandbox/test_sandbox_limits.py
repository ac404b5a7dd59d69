"""Limits: what words mean, what is enforced."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from boxes import run_box
from tradewind.errors import SetupError
from tradewind.sandbox import Enforcer, Limits, Sandbox, limits_enforced
from tradewind.sandbox.limits import limit_command, parse_memory
from tradewind.settings import Settings

FOUR_EAT = """
import os, time
children = []
for _ in range(4):
    pid = os.fork()
    if not pid:
        b = bytearray(90 * 2**20)
        b[::4096] = b"x" * len(b[::4096])
        time.sleep(1.5)
        os._exit(0)
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children])
"""
EAT = "b = bytearray(600 * 2**20); b[::4096] = b'x' * len(b[::4096]); print('ate', len(b))"


@pytest.mark.parametrize(
    ("words", "amount"),
    [("", 0), ("512M", 512 * 2**20), ("4G", 4 * 2**30), ("1.5 GiB", 3 * 2**29), ("70000", 70000)],
)
def test_memory_in_words(words: str, amount: int) -> None:
    assert parse_memory(words) == amount


def test_nonsense_is_no_amount() -> None:
    with pytest.raises(SetupError, match="lots"):
        parse_memory("lots")


def test_without_limits_the_command_is_left_alone() -> None:
    assert limit_command(Limits(processes=0), "ann", ["true"]) == ["true"]


@pytest.mark.sandbox
def test_nobody_forks_the_machine_to_death(settings: Settings) -> None:
    if limits_enforced().enforcer is Enforcer.RLIMIT:
        pytest.skip("no cgroup can be written here: run as root, or delegate one (systemd: Delegate=yes)")
    box = replace(Sandbox.for_user(settings, "ann"), limits=Limits(processes=30))
    bomb = "import os, time\nn = 0\ntry:\n    while n < 90 and os.fork(): n += 1\n"
    bomb += "except BlockingIOError: print(n)\ntime.sleep(1)"
    assert 10 < int(run_box(box, sys.executable, "-c", bomb).stdout) < 30


@pytest.mark.sandbox
def test_a_sandbox_cannot_eat_more_than_its_memory(settings: Settings) -> None:
    box = Sandbox.for_user(settings, "ann")
    free = run_box(box, sys.executable, "-c", EAT)
    assert free.stdout.strip() == f"ate {600 * 2**20}"
    bound = run_box(replace(box, limits=Limits(memory=200 * 2**20)), sys.executable, "-c", EAT)
    assert bound.returncode != 0 and "ate" not in bound.stdout
    assert limits_enforced().memory


@pytest.mark.sandbox
def test_the_whole_sandbox_counts_not_each_process(settings: Settings) -> None:
    if limits_enforced().enforcer is Enforcer.RLIMIT:
        pytest.skip("no cgroup can be written here: run as root, or delegate one (systemd: Delegate=yes)")
    ended = run_box(Sandbox.for_user(settings, "ann"), sys.executable, "-c", FOUR_EAT).stdout
    assert ended.strip() == "[0, 0, 0, 0]"
    box = replace(Sandbox.for_user(settings, "ann"), limits=Limits(memory=250 * 2**20))
    ended = run_box(box, sys.executable, "-c", FOUR_EAT).stdout
    assert ended.strip() != "[0, 0, 0, 0]", "four times 90 MB do not fit into 250"


@pytest.mark.sandbox
def test_cores_are_shared_out(settings: Settings) -> None:
    if not limits_enforced().cores:
        pytest.skip("no cgroup can be written here: run as root, or delegate one (systemd: Delegate=yes)")
    spin = "import time; t = time.monotonic()\nwhile time.monotonic() - t < 1.5: pass\n"
    spin += "print(time.process_time())"
    box = replace(Sandbox.for_user(settings, "ann"), limits=Limits(cores=0.2))
    assert float(run_box(box, sys.executable, "-c", spin).stdout) < 0.7


@pytest.mark.sandbox
def test_the_groups_of_ended_sandboxes_are_swept(settings: Settings) -> None:
    if limits_enforced().enforcer is Enforcer.RLIMIT:
        pytest.skip("no cgroup can be written here: run as root, or delegate one (systemd: Delegate=yes)")
    box = replace(Sandbox.for_user(settings, "sweep"), limits=Limits(memory=2**30, cores=1.0))
    for _ in range(3):
        assert run_box(box, "true").returncode == 0
    mark = hashlib.sha256(b"sweep").hexdigest()[:12]
    assert len(list(Path("/sys/fs/cgroup").glob(f"**/tradewind/{mark}-*"))) <= 3, "one a tree: the last one"
