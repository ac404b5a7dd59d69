"""The kernel's parts by themselves: kernelspec, zygote, what a refused start says."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import zmq
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.session import Session
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from tornado.web import HTTPError
from tradewind.hub import spawner as spawners
from tradewind.jobs.runner_engine import StartedKernel
from tradewind.kernel.client import KernelClient
from tradewind.kernel.install import install
from tradewind.kernel.warm import Warm
from tradewind.publish.runtime import voila
from tradewind.sandbox import Availability, probe
from tradewind.settings import REPOSITORY, Settings


def test_the_kernel_can_be_installed_into_an_environment(tmp_path: Path) -> None:
    assert install(tmp_path) == install(tmp_path) == [tmp_path / "share/jupyter/kernels/tradewind"]
    manager = KernelSpecManager(kernel_dirs=[str(tmp_path / "share/jupyter/kernels")])
    spec = manager.get_kernel_spec("tradewind")
    assert (spec.display_name, spec.language) == ("Tradewind", "python")
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "tradewind-provisioner"


async def test_an_answer_that_comes_in_during_a_send_wakes_whoever_waits_for_it() -> None:
    """nbclient sends whenever an ``Output`` widget shows something, and waits for the cell meanwhile."""
    session, context = Session(key=b"any"), zmq.asyncio.Context()
    kernel = zmq.Context.instance().socket(zmq.ROUTER)
    port = kernel.bind_to_random_port("tcp://127.0.0.1")
    shell = KernelClient(ip="127.0.0.1", shell_port=port, session=session, context=context).shell_channel
    try:
        shell.send(session.msg("execute_request"))
        sender = (await asyncio.to_thread(kernel.recv_multipart))[0]
        waiting = asyncio.create_task(shell.get_msg(timeout=20))
        await asyncio.sleep(0.1)
        session.send(kernel, "execute_reply", ident=sender)
        time.sleep(0.2)  # the answer comes in while the loop is busy, and then somebody sends
        shell.send(session.msg("comm_msg"))
        began = time.monotonic()
        assert (await waiting)["msg_type"] == "execute_reply"
        assert time.monotonic() - began < 5, "not only at its timeout"
    finally:
        shell.close()
        kernel.close(linger=0)
        context.term()


def test_dashboards_and_runs_speak_to_kernels_through_our_client(tmp_path: Path) -> None:
    words = ["nb.ipynb", "--socket", "s", "--base-url", "/", "--static-url", "/"]
    manager = ServerKernelManager(config=voila.configuration(voila.parsed(words)))
    manager.connection_file = str(tmp_path / "kernel.json")
    manager.write_connection_file()
    process: Any = SimpleNamespace(poll=lambda: None)
    for client in (manager.client(), StartedKernel(Path(manager.connection_file), process).client()):
        assert isinstance(client, KernelClient)
        client.context.destroy()


def test_the_zygote_imports_nothing_that_a_fork_would_break() -> None:
    code = (
        "import json, sys; from tradewind.kernel import zygote; zygote.preload(); "
        "print(json.dumps([zygote.unsafe_threads(), 'icechunk' in sys.modules, "
        "[n for n in zygote.PRELOAD if n not in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], False, []], done.stderr


def test_without_a_zygote_one_is_told_so() -> None:
    async def ask() -> None:
        await Warm().fork(["-f", "x"], "/", {})

    with pytest.raises(ConnectionError):
        asyncio.run(ask())


def test_a_forked_process_that_fails_is_reported() -> None:
    async def ask() -> int:
        warm = Warm()
        await warm.start()
        _, end = await warm.fork(["--no-such-option=1", "-f", "/nonexistent/x.json"], "/", dict(os.environ))
        try:
            return await asyncio.wait_for(end, 60)
        finally:
            await warm.close()

    assert asyncio.run(ask()) != 0


def test_a_refused_start_says_why_on_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = Availability(False, reason="bubblewrap is not installed.", remedy="Install it.")
    monkeypatch.setattr(probe, "available", lambda: missing)
    spawner = spawners.TradewindSpawner(
        user=SimpleNamespace(name="ann", groups=[], admin=False), orm_spawner=None
    )
    spawner.settings = Settings(home=tmp_path / "var")
    with pytest.raises(HTTPError) as refused:
        asyncio.run(spawner.start())
    words = vars(refused.value)["jupyterhub_message"]
    assert (
        "only admin may start" in words and "bubblewrap is not installed" in words and "Install it." in words
    )
    assert refused.value.status_code == 403


def test_the_page_a_server_opens_with(tmp_path: Path) -> None:
    spawner = spawners.TradewindSpawner(
        user=SimpleNamespace(name="ann", groups=[], admin=False), orm_spawner=None
    )
    spawner.settings = Settings(home=tmp_path / "var")
    there = (REPOSITORY / "notebooks/templates/quickstart.ipynb").is_file()
    assert spawner.first_page() == ("/lab/tree/Quickstart.ipynb" if there else "/lab")
    seeded = spawner.home / ".tradewind" / "seeded"
    seeded.mkdir(parents=True)
    (seeded / "Quickstart.ipynb").touch()
    assert spawner.first_page() == "/lab", "it was there and its owner removed it"
    (spawner.home / "Quickstart.ipynb").touch()
    assert spawner.first_page() == "/lab/tree/Quickstart.ipynb"


def test_a_warm_process_asked_for_twice_at_once_is_one() -> None:
    async def ask() -> int:
        warm = Warm()
        before = set(psutil.Process().children())
        await asyncio.gather(warm.start(), warm.start())
        started = [p for p in psutil.Process().children() if p not in before]
        await warm.close()
        return len(started)

    assert asyncio.run(ask()) == 1


def test_a_kernel_given_too_late_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.02)

    async def ask() -> None:
        warm = Warm()
        before = set(psutil.Process().children())
        await warm.start()
        (zygote,) = [p for p in psutil.Process().children() if p not in before]
        _, end = await warm.fork(["--no-such-option=1"], "/", dict(os.environ))  # it is ready
        await asyncio.wait_for(end, 60)
        zygote.suspend()
        monkeypatch.setattr("tradewind.kernel.warm.READY_SECONDS", 0.3)
        with pytest.raises(TimeoutError):
            await warm.fork(["-f", str(tmp_path / "kernel.json")], "/", dict(os.environ))
        zygote.resume()
        await until(lambda: not warm._asked)  # it was given after all
        await until(lambda: not zygote.children())
        await warm.close()

    asyncio.run(ask())
