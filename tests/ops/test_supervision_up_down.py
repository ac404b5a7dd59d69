"""Up, status, restart, down, as a user meets them, on a platform of its own."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from live_kernel import LiveKernel
from live_platform import LivePlatform, wait_for
from tradewind.hub.supervision import programs
from tradewind.hub.supervision_control import State, Supervisor
from tradewind.hub.supervision_processes import belonging

pytestmark = [pytest.mark.platform, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[LivePlatform]:
    """A platform that this module may break; its tests run in order."""
    live = LivePlatform(tmp_path_factory.mktemp("own") / "var", TRADEWIND_IDLE_TIMEOUT="0")
    try:
        yield live.up()
    finally:
        live.down()


@pytest.fixture(scope="module")
def kernel(own) -> Iterator[LiveKernel]:
    """A kernel in the server of a user, with something in its memory."""
    own.add_user("ada")
    own.start_server("ada")
    with LiveKernel(own, "ada") as found:
        assert found.run("remembered = 41; print(remembered)").strip() == "41"
        yield found


def pids(own: LivePlatform) -> dict[str, int]:
    return {p.name: p.pid for p in Supervisor(own.settings).programs()}


def server_pid(own: LivePlatform) -> int:
    state = own.server("ada")["state"]
    return int(state["pid"])


def answers(own: LivePlatform) -> bool:
    """The hub through the proxy, and the routes of services and servers."""
    try:
        pages = [httpx.get(own.url + path, trust_env=False, timeout=10) for path in
                 ("/hub/login", "/services/tradewind/api/health")]  # fmt: skip
    except httpx.HTTPError:
        return False
    return all(page.status_code == 200 for page in pages)


def test_up_says_where_and_how(own):
    assert own.url in own.said
    assert own.admin_password
    assert "make down" in own.said
    assert str(own.settings.paths.home) in own.said
    own.sign_in(own.admin, own.admin_password).close()


def test_up_again_says_so(own):
    before = pids(own)
    again = own.tradewind("admin", "up")
    assert "already up" in again.stdout
    assert pids(own) == before


def test_the_password_is_nowhere_in_the_state(own):
    secret = own.admin_password.encode()
    texts, found = 0, []
    for path in own.settings.paths.home.rglob("*"):
        # the platform is at work: a staging folder may go while it is read
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_size < 50_000_000:
                texts += 1
                found += [path] * (secret in path.read_bytes())
    assert texts > 20
    assert found == []


def test_status_tells_people_and_programs(own):
    told = json.loads(own.tradewind("admin", "status", "--json").stdout)
    assert told["up"] is True
    assert {p["name"] for p in told["programs"]} == {p.name for p in programs(own.settings)}
    assert own.url in own.tradewind("admin", "status").stdout


def test_no_secret_shows_in_the_processes(own):
    secrets = {p.read_text().strip(): p.name for p in own.settings.paths.secrets.iterdir() if p.suffix == ""}
    shown = set()
    for process in belonging(own.settings):
        text = " ".join(process.cmdline()) + " ".join(process.environ().values())
        shown |= {(process.name(), name) for value, name in secrets.items() if value and value in text}
    # configurable-http-proxy takes its token from the environment only
    assert {name for _, name in shown} <= {"proxy"}


@pytest.mark.parametrize("name", ["proxy", "hub", "service", "dashboards", "gateway", "worker-1", "watch"])
def test_each_program_dies_alone_and_comes_back(own, kernel, name):
    before = pids(own)
    server = server_pid(own)
    own.kill(name)
    wait_for(lambda: own.program(name).pid not in (0, before[name]), f"a new {name}")
    wait_for(lambda: own.program(name).state is State.RUNNING and answers(own), f"{name} to be back")
    after = pids(own)
    assert {n: p for n, p in after.items() if n != name} == {n: p for n, p in before.items() if n != name}
    assert server_pid(own) == server
    wait_for(lambda: kernel.rest("GET", f"api/kernels/{kernel.id}").status_code == 200, "the user's server")


def test_restart_leaves_servers_and_kernels(own, kernel):
    before, server = pids(own), server_pid(own)
    own.tradewind("admin", "restart")
    after = pids(own)
    renewed = {name for name in before if after[name] != before[name]}
    assert renewed == {p.name for p in programs(own.settings)} - {"worker-1"}, (
        "a worker exchanges its inside only"
    )
    assert server_pid(own) == server
    kernel.connect()
    assert kernel.run("print(remembered + 1)").strip() == "42"


SLOW_NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "tradewind", "display_name": "Tradewind", "language": "python"}},
    "cells": [
        {
            "cell_type": "code", "id": "slow", "metadata": {}, "outputs": [], "execution_count": None,
            "source": "import time\nfor _ in range(250):\n    time.sleep(0.1)\nprint('done')",
        }
    ],
}  # fmt: skip


@pytest.mark.sandbox
def test_kernel_and_run_outlive_a_killed_hub_and_a_restart(own, kernel):
    with own.api("ada") as api:
        sent = api.post("runs", json={"notebook": {"name": "slow.ipynb", "content": SLOW_NOTEBOOK}})
        assert sent.status_code == 201, sent.text
        path = f"runs/{sent.json()['id']}"
        wait_for(lambda: api.get(path).json()["status"] == "running", "the run to begin", seconds=90)
        kernel.connect()
        busy = kernel.start("import time; time.sleep(5); survived = True")
        own.kill("hub")
        wait_for(lambda: answers(own), "the hub to be back", seconds=90)
        own.tradewind("admin", "restart")
        run = wait_for(
            lambda: (found := api.get(path).json())["status"] not in ("queued", "running") and found,
            "the end of the run", seconds=180, every=1,
        )  # fmt: skip
    assert run["status"] == "succeeded"
    assert (run["attempt"], run["has_result"]) == (1, True), "the worker kept it"
    kernel.connect()
    assert busy
    assert kernel.run("print(survived, remembered)").strip() == "True 41"


def test_a_restart_takes_over_new_settings(own):
    file = own.settings.paths.home / "tradewind.toml"
    file.write_text("workers = 2\n")
    own.tradewind("admin", "restart")
    assert own.program("worker-2").state in (State.STARTING, State.RUNNING)
    file.unlink()
    own.tradewind("admin", "restart")
    assert "worker-2" not in pids(own)


def test_another_shell_knows_the_port(own):
    without = {k: v for k, v in own.environment.items() if k != "TRADEWIND_PORT"}
    known, own.environment = own.environment, without
    try:
        assert json.loads(own.tradewind("admin", "status", "--json").stdout)["url"] == own.url
    finally:
        own.environment = known


def test_down_names_what_is_busy_and_needs_a_yes(own, kernel):
    kernel.connect()
    kernel.start("import time; time.sleep(300)")
    wait_for(
        lambda: kernel.rest("GET", f"api/kernels/{kernel.id}").json()["execution_state"] == "busy",
        "a busy kernel",
    )
    done = own.tradewind("admin", "down", check=False)
    assert done.returncode == 1
    assert "ada: Work.ipynb" in done.stdout
    assert "FORCE=1" in done.stderr
    assert kernel.rest("GET", f"api/kernels/{kernel.id}").json()["execution_state"] == "busy"
    assert answers(own)


def test_down_leaves_no_process(own, kernel):
    tree = belonging(own.settings)
    assert len(tree) > 10, "programs, the user's sandbox, server and kernel"
    own.down()
    assert not [p for p in tree if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert own.tradewind("admin", "status", check=False).returncode == 1


def test_up_after_a_crash_of_everything(own):
    own.up()
    for process in belonging(own.settings):
        process.kill()
    assert (own.settings.paths.runtime / "supervisor.pid").exists()
    assert "Tradewind is up" in own.up().said
    visit = httpx.get(f"{own.url}/services/dashboards/-/health", verify=own.verify, trust_env=False)
    assert visit.status_code == 200, "dashboards answer as soon as it says so"
    assert answers(own)


def test_up_takes_over_when_only_the_supervisor_has_died(own):
    own.start_server("ada")
    server = server_pid(own)
    supervisor = int((own.settings.paths.runtime / "supervisor.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(supervisor), "the end of the supervisor")
    assert "Tradewind is up" in own.up().said
    assert psutil.pid_exists(server)
    assert server_pid(own) == server


def test_a_taken_port_is_named(tmp_path):
    other = LivePlatform(tmp_path / "var")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", other.settings.service_port))
        taken.listen()
        done = other.tradewind("admin", "up", check=False)
    assert done.returncode == 1
    assert str(other.settings.service_port) in done.stderr
    assert f"process {os.getpid()}" in done.stderr
    assert "TRADEWIND_PORT" in done.stderr


def test_the_open_network_is_refused_without_tls(tmp_path):
    other = LivePlatform(tmp_path / "var")
    for address in ("0.0.0.0", "192.0.2.1", "::"):
        other.environment["TRADEWIND_BIND"] = address
        done = other.tradewind("admin", "up", check=False)
        assert done.returncode != 0
        assert "without TLS" in done.stderr
    assert not (tmp_path / "var").exists()


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    other = LivePlatform(tmp_path)
    done = other.tradewind("admin", "up", check=False)
    assert done.returncode == 1
    assert "not a state folder" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_newer_state_is_refused_untouched(tmp_path):
    home: Path = tmp_path / "var"
    home.mkdir()
    (home / "state.json").write_text('{"version": 999}')
    done = LivePlatform(home).tradewind("admin", "up", check=False)
    assert done.returncode == 1
    assert "newer Tradewind" in done.stderr
    assert [p.name for p in home.iterdir()] == ["state.json"]
