"""What a program in a sandbox sees, may do, and leaves behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from boxes import Run, run_box
from tradewind.errors import NotAllowedError, SetupError
from tradewind.sandbox import (
    Availability,
    Bind,
    Mode,
    Sandbox,
    check_may_start,
    mode,
    probe,
    terminate,
    wait_first_process,
)
from tradewind.settings import Isolation, Settings

pytestmark = pytest.mark.sandbox


def test_no_secret_is_on_the_command_line(settings: Settings) -> None:
    box = Sandbox.for_user(settings, "ann", environment={"JUPYTERHUB_API_TOKEN": "s3cr3t-token"})
    assert box.environ()["JUPYTERHUB_API_TOKEN"] == "s3cr3t-token"
    assert not any("s3cr3t-token" in word for word in box.command(["true"]))


def test_the_platforms_own_environment_stays_outside(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "cloud-key")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:password@index.example/simple")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "index.example")
    seen = run("ann", "env").stdout
    assert "cloud-key" not in seen and "password" not in seen
    assert "PIP_TRUSTED_HOST=index.example" in seen
    assert str(settings.paths.home) not in seen


def test_who_and_where_it_is(run: Run) -> None:
    done = run("Ann.Lee", "sh", "-c", "id -u; id -un; echo $HOME $USER; pwd; hostname; ls /home; echo $$")
    assert done.stdout.split() == [
        "1000", "trader", "/home/_41nn_2e_4cee", "Ann.Lee", "/home/_41nn_2e_4cee",
        "tradewind", "_41nn_2e_4cee", "2",
    ], done.stderr  # fmt: skip


def test_the_platforms_code_runs_and_cannot_be_changed(run: Run) -> None:
    done = run("ann", sys.executable, "-c", "import tradewind; print(tradewind.__file__)")
    source = Path(done.stdout.strip())
    assert source.name == "__init__.py", done.stderr
    for target in (
        source,
        Path(sys.prefix) / "pyvenv.cfg",
        Path(sys.base_prefix) / "bin",
        Path("/usr/bin/env"),
    ):
        tried = run("ann", "sh", "-c", f"touch {target}")
        assert "Read-only file system" in tried.stderr, target


def test_the_home_stays_and_tmp_goes(settings: Settings, run: Run) -> None:
    assert run("ann", "sh", "-c", "echo mine > ~/note; echo gone > /tmp/note").returncode == 0
    assert run("ann", "sh", "-c", "cat ~/note; test ! -e /tmp/note && echo gone").stdout == "mine\ngone\n"
    assert (settings.paths.homes / "ann" / "note").read_text() == "mine\n"


def test_binds_and_datasets_are_where_they_were_asked_for(
    settings: Settings, tmp_path: Path, run: Run
) -> None:
    data, extra, out = (tmp_path / name for name in ("prices", "extra", "out"))
    for folder in (data, extra, out):
        folder.mkdir()
    (data / "x").write_text("1")
    binds = (Bind(extra, Path("/opt/extra")), Bind(out, Path("/opt/out"), writable=True))
    box = Sandbox.for_user(settings, "ann", datasets=[data], binds=binds)
    script = "cat /tradewind/store/prices/x; touch /opt/out/made; touch /opt/extra/made; "
    script += "touch /tradewind/store/prices/made; touch /tradewind/store/made"
    done = run_box(box, "sh", "-c", script)
    assert done.stdout == "1" and done.stderr.count("Read-only file system") == 2
    assert (out / "made").exists() and not (settings.paths.store / "made").exists()
    assert box.inside(out / "made") == Path("/opt/out/made")
    assert box.inside(data / "x") == Path("/tradewind/store/prices/x")
    assert box.inside(settings.paths.homes / "ann" / "a") == Path("/home/ann/a")


def test_the_state_folder_is_hidden_even_below_shown_code(settings: Settings, run: Run) -> None:
    # As if the state folder lay inside the checkout's platform/ folder.
    inside = Path(__file__).parents[2] / "platform" / "tradewind" / "sandbox"
    box = replace(Sandbox.for_user(settings, "ann"), hidden=(inside / "etc",))
    assert run_box(box, "ls", str(inside / "etc")).stdout == ""
    assert "shim.py" in run_box(box, "ls", str(inside)).stdout


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["/no"], 127)],
)
def test_the_exit_code_is_the_programs(argv: list[str], code: int, run: Run) -> None:
    assert run("ann", *argv).returncode == code


def _start(box: Sandbox, script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        box.command(["sh", "-c", script]), env=box.environ(), stdout=subprocess.PIPE, text=True
    )


def _inner_processes(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if command.startswith(f"sleep {mark}"):
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("isolated", [True, False])
def test_nothing_outlives_the_program(settings: Settings, isolated: bool) -> None:
    box = replace(Sandbox.for_user(settings, "ann"), isolated=isolated)
    mark = f"98765.{os.getpid()}{int(isolated)}"
    # A daemon: new session, its parent gone, deaf to polite signals.
    script = f"(setsid sh -c 'trap \"\" TERM HUP; sleep {mark}; sleep {mark}' &) ; sleep 0.3; echo done"
    with _start(box, script) as process:
        assert process.stdout and process.stdout.read() == "done\n"
        assert process.wait(10) == 0
    assert _inner_processes(mark) == []


@pytest.mark.parametrize("isolated", [True, False])
def test_terminate_lets_the_program_end_by_itself(settings: Settings, isolated: bool) -> None:
    box = replace(Sandbox.for_user(settings, "ann"), isolated=isolated)
    with _start(box, "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done") as process:
        assert process.stdout and process.stdout.readline() == "up\n"
        assert terminate(process.pid)
        assert process.stdout.read() == "bye\n" and process.wait(10) == 3


def test_a_program_that_does_not_listen_has_its_grace(settings: Settings) -> None:
    box = replace(Sandbox.for_user(settings, "ann"), grace=0.5)
    with _start(box, "trap '' TERM; echo up; while :; do sleep 0.05; done") as process:
        assert process.stdout and process.stdout.readline() == "up\n"
        began = time.monotonic()
        assert terminate(process.pid)
        assert process.wait(10) == 137 and 0.4 < time.monotonic() - began < 5


@pytest.mark.parametrize("bound", [True, False])
def test_it_ends_with_its_starter_or_outlives_it(settings: Settings, bound: bool, tmp_path: Path) -> None:
    mark = f"87654.{os.getpid()}{int(bound)}"
    box = Sandbox.for_user(settings, "ann", die_with_parent=bound)
    # A starter that is killed as a hub would be.
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import json, subprocess, sys, time\nargv, env = json.load(sys.stdin)\n"
        "p = subprocess.Popen(argv, env=env, start_new_session=True, stdin=subprocess.DEVNULL)\n"
        "print(p.pid, flush=True)\ntime.sleep(60)\n"
    )
    import json

    with subprocess.Popen([sys.executable, starter], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps([box.command(["sleep", mark]), box.environ()]))
        process.stdin.close()
        outer = int(process.stdout.readline())
        first = wait_first_process(outer)
        assert first is not None
        _until(lambda: _inner_processes(mark))
        process.kill()
    if bound:
        _until(lambda: not first.alive and not _inner_processes(mark))
    else:
        time.sleep(0.5)
        assert first.alive
        assert first.signal(signal.SIGKILL)
        _until(lambda: not first.alive and not _inner_processes(mark))


def _until(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_process_stays_small(settings: Settings) -> None:
    box = Sandbox.for_user(settings, "ann")
    with _start(box, "echo up; sleep 30") as process:
        assert process.stdout and process.stdout.readline() == "up\n"
        first = wait_first_process(process.pid)
        assert first
        pss = sum(
            int(line.split()[1])
            for line in Path(f"/proc/{first.pid}/smaps_rollup").read_text().splitlines()
            if line.startswith("Pss:")
        )
        first.signal(signal.SIGKILL)
    assert pss < 12_000, f"{pss} kB"


# ---- who may start what ----


def test_without_bubblewrap_only_the_first_administrator_starts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        probe, "available", lambda: Availability(False, reason="It is missing.", remedy="Install.")
    )
    assert mode(settings) is Mode.ADMIN_ONLY
    check_may_start(settings, settings.admin_name)
    with pytest.raises(NotAllowedError, match=r"only admin may start.*missing.*none-users-share-everything"):
        check_may_start(settings, "ann")
    strict = settings.model_copy(update={"isolation": Isolation.BUBBLEWRAP})
    with pytest.raises(SetupError, match="missing"):
        check_may_start(strict, settings.admin_name)
    shared = settings.model_copy(update={"isolation": Isolation.NONE})
    check_may_start(shared, "ann")
    assert mode(shared) is Mode.SHARED


def test_without_isolation_the_same_program_runs_on_real_paths(settings: Settings) -> None:
    shared = settings.model_copy(update={"isolation": Isolation.NONE})
    box = Sandbox.for_user(shared, "ann")
    done = run_box(box, "python", "-c", "import os; print(os.getcwd(), os.environ['TRADEWIND_STORE_URL'])")
    assert done.stdout.split() == [str(settings.paths.homes / "ann"), settings.store], done.stderr


def test_where_bubblewrap_is_missing_the_probe_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = probe.available.__wrapped__()
    assert not found and "apt-get install bubblewrap" in found.remedy
