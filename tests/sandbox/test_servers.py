"""Users' servers on a real platform: alive without the hub, found again, gone when stopped; their kernels."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import Kernel
from live_platform import LivePlatform, wait_for
from tradewind.sandbox import ProcessId, socket_name

pytestmark = [pytest.mark.platform, pytest.mark.sandbox, pytest.mark.slow]

USER = "server-cat"


@pytest.fixture(scope="module")
def cat(platform: LivePlatform) -> Iterator[str]:
    """A user with a running server."""
    platform.add_user(USER)
    platform.start_server(USER)
    yield USER
    if platform.server(USER):
        platform.stop_server(USER)


def first_process(platform: LivePlatform, user: str) -> ProcessId:
    """The first process of a user's sandbox, as the spawner noted it."""
    note = platform.settings.paths.runtime / "servers" / f"{socket_name(user)}.pid"
    pid, started = note.read_text().split()
    return ProcessId(int(pid), int(started))


def test_a_kernel_outlives_a_killed_hub(platform: LivePlatform, cat: str) -> None:
    before = first_process(platform, cat)
    with Kernel(platform, cat) as kernel:
        assert kernel.run("kept = 41; print('set')") == "set\n"
        killed = platform.kill("hub")
        wait_for(lambda: platform.program("hub").pid not in (0, killed), "a new hub")
        wait_for(lambda: _answers(platform), "the hub's API", seconds=90)
        assert before.alive
        assert platform.server(cat).get("ready"), "the new hub has found the server"
        assert kernel.run("print(kept + 1)") == "42\n"
    assert first_process(platform, cat) == before


def _answers(platform: LivePlatform) -> bool:
    try:
        return platform.hub("GET", "").status_code == 200
    except OSError:
        return False


def test_a_kernel_reads_data_whether_forked_or_not(platform: LivePlatform, cat: str) -> None:
    code = "import os, tradewind as tw; print(float(tw.open('us-large-caps')['close'].mean()), os.getppid())"
    with Kernel(platform, cat) as forked:
        mean, parent = forked.run(code).split()
        assert float(mean) > 1
        assert "tradewind.kernel.zygote" in forked.run(f"print(open('/proc/{parent}/cmdline').read())")
        # Without the warm process kernels start the plain way, and say the same.
        forked.run(f"os.kill({parent}, 9)")
    with Kernel(platform, cat) as plain:
        again, parent = plain.run(code).split()
        assert again == mean
        assert "tradewind.kernel.singleuser" in plain.run(f"print(open('/proc/{parent}/cmdline').read())")
    # And it is back for those that follow.
    with Kernel(platform, cat) as third:
        again, parent = third.run(code).split()
        assert again == mean
        assert "tradewind.kernel.zygote" in third.run(f"print(open('/proc/{parent}/cmdline').read())")


def test_a_kernel_is_interrupted_and_restarted(platform: LivePlatform, cat: str) -> None:
    with Kernel(platform, cat) as kernel:
        before = int(kernel.run("import os; print(os.getpid())"))
        kernel.run("import threading, _thread; threading.Timer(1, _thread.interrupt_main).start()")
        assert "KeyboardInterrupt" in kernel.run("import time; time.sleep(60)")
        assert kernel.http.post(f"kernels/{kernel.id}/restart").status_code == 200
        assert int(kernel.run("import os; print(os.getpid())")) != before
        began = time.monotonic()
        kernel.http.post(f"kernels/{kernel.id}/interrupt")
        assert kernel.run("print('alive')") == "alive\n"
        assert time.monotonic() - began < 30


def test_modules_beside_a_notebook_are_found(platform: LivePlatform, cat: str) -> None:
    with Kernel(platform, cat) as kernel:
        kernel.run("open('beside.py', 'w').write('answer = 42'); open('random.py', 'w').write('1/0')")
        assert kernel.run("import beside; print(beside.answer)") == "42\n"
    with Kernel(platform, cat) as kernel:
        assert kernel.run("print('a random.py keeps no kernel from starting')").startswith("a random")
        kernel.run("import os; os.unlink('random.py'); os.unlink('beside.py')")


def test_plots_need_nothing_from_elsewhere(platform: LivePlatform, cat: str) -> None:
    with Kernel(platform, cat) as kernel:
        said = kernel.run(
            "import holoviews as hv, os, panel as pn; from bokeh.settings import settings\n"
            "print(hv.extension.inline, pn.config.inline, settings.resources())"
        )
    assert said == "True True inline\n", said


def test_only_the_research_kernel_is_offered(platform: LivePlatform, cat: str) -> None:
    with Kernel(platform, cat) as kernel:
        specs = kernel.http.get("kernelspecs").json()
    assert list(specs["kernelspecs"]) == ["tradewind"] and specs["default"] == "tradewind"
    spec = specs["kernelspecs"]["tradewind"]
    assert spec["spec"]["display_name"] == "Tradewind" and spec["spec"]["language"] == "python"
    assert any("logo" in name for name in spec["resources"])


def test_the_server_is_lean(platform: LivePlatform, cat: str) -> None:
    """The aim is 110 MB a server; what it imports decides that."""
    with Kernel(platform, cat) as kernel:
        said = kernel.run(
            "import os\n"
            "for entry in os.listdir('/proc'):\n"
            "    words = open(f'/proc/{entry}/cmdline').read() if entry.isdigit() and entry != '1' else ''\n"
            "    if 'singleuser' in words:\n"
            "        print(sum(int(line.split()[1]) for line in open(f'/proc/{entry}/smaps_rollup') "
            "if line.startswith('Pss:')))\n"
        )
    assert 40_000 < int(said) < 110_000, said


def test_the_home_was_seeded_once(platform: LivePlatform, cat: str) -> None:
    home = platform.settings.paths.user_home(cat)
    assert (home / "Quickstart.ipynb").is_file()


def test_a_stopped_server_leaves_no_process(platform: LivePlatform, cat: str) -> None:
    first = first_process(platform, cat)
    with Kernel(platform, cat) as kernel:
        kernel.run("import subprocess; subprocess.Popen(['setsid', 'sleep', '4711.5'])")
        platform.stop_server(cat)
    assert not first.alive
    assert not any("4711.5" in line for line in _commands())


def _commands() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_text(errors="replace"))
            except OSError:
                continue
    return found
