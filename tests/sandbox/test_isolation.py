"""From a cell of user B: what user A and the platform have stays out of reach."""

import json
import re
import shutil
import socket
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cells import Kernel
from live_platform import LivePlatform
from tradewind.sandbox import home_name, socket_name
from tradewind.store import access

pytestmark = [pytest.mark.platform, pytest.mark.sandbox, pytest.mark.slow]

SECRET_DATASET = "for-ann-only"
ATTACKS = (Path(__file__).parent / "attacks.py").read_text()


@pytest.fixture(scope="module")
def people(platform: LivePlatform) -> Iterator[tuple[str, str]]:
    """Ann and ben, each with a running server; one dataset is ann's alone."""
    ann, ben = "iso-ann", "iso-ben"
    store = platform.settings.paths.store
    shutil.copytree(store / "us-large-caps", store / SECRET_DATASET)
    access.set_grants(platform.settings, SECRET_DATASET, readers=[f"user:{ann}"])
    for name in (ann, ben):
        platform.add_user(name)
        platform.start_server(name)
    yield ann, ben
    for name in (ann, ben):
        platform.stop_server(name)
    shutil.rmtree(store / SECRET_DATASET)


@pytest.fixture(scope="module")
def kernels(platform: LivePlatform, people: tuple[str, str]) -> Iterator[tuple[Kernel, Kernel]]:
    """A kernel of ann and a kernel of ben."""
    with Kernel(platform, people[0]) as ann, Kernel(platform, people[1]) as ben:
        yield ann, ben


def own_addresses() -> list[str]:
    """The addresses of this machine that others use."""
    found = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))  # sends nothing
            found.add(probe.getsockname()[0])
        except OSError:
            pass
    return sorted(a for a in found if isinstance(a, str) and not a.startswith("127.") and "%" not in a)


def what_there_is(platform: LivePlatform, ann: str, kernel: Kernel) -> dict[str, Any]:
    """What ben would have to know to attack: everything."""
    paths, port = platform.settings.paths, platform.port
    ports = kernel.run(
        "import glob, json; print(json.dumps([v for f in glob.glob('/run/jupyter/kernel-*.json') "
        "for k, v in json.load(open(f)).items() if k.endswith('_port')]))"
    )
    servers = paths.runtime / "servers" / socket_name(ann)
    sockets = {f"{p.parent.name}/{p.name}": str(p) for p in paths.runtime.rglob("*") if p.is_socket()}
    assert any("supervisor" in path for path in sockets.values()), sockets
    assert str(servers / "s.sock") in sockets.values()
    hub = platform.program("hub").pid
    server = int((paths.runtime / "servers" / f"{socket_name(ann)}.pid").read_text().split()[0])
    kept = {p.name for p in paths.home.iterdir()}
    assert {"secrets", "db", "homes", "store"} <= kept
    return {
        "A": ann,
        "paths": {
            "home of A": str(paths.homes / home_name(ann)),
            "home of A inside": f"/home/{home_name(ann)}",
            "cookie secret": str(paths.secrets / "cookie_secret"),
            "hub database": str(paths.database / "hub.sqlite"),
            "runtime": str(paths.runtime),
            "dataset of A": str(paths.store / SECRET_DATASET),
            "dataset of A inside": f"/tradewind/store/{SECRET_DATASET}",
            "shadow": "/etc/shadow",
            "private keys": "/etc/ssl/private",
            "root's files": "/root/.ssh",
            "checkout's history": str(Path(__file__).parents[2] / ".git"),
            **{name: str(paths.home / name) for name in sorted(kept)},
        },
        "pids": {"hub": hub, "server of A": server, "init": 1_000_000 + hub},
        "closed ports": {
            "proxy": port,
            "proxy's api": port + 1,
            "dashboards": port + 4,
            **{f"kernel of A {n}": n for n in json.loads(ports)},
        },
        "relayed ports": {"hub": port + 2, "service": port + 3},
        "hosts": own_addresses(),
        "sockets": sockets,
        "secrets": [p.read_text().strip() for p in paths.secrets.iterdir() if p.is_file()],
        "words of others": [ann, "jupyterhub", "supervisord", "configurable-http-proxy", "tradewind.service"],
        "site": sysconfig.get_paths()["purelib"],
    }


def test_every_attempt_of_ben_fails(
    platform: LivePlatform, people: tuple[str, str], kernels: tuple[Kernel, Kernel]
) -> None:
    ann, ben = kernels
    given = what_there_is(platform, people[0], ann)
    said = ben.run(f"given = {given!r}\n{ATTACKS}", timeout=300)
    found = re.search(r"^TRIED (.*)$", said, re.M)
    assert found, said
    tried = json.loads(found[1])
    # The kernel ports of ann may be in use by ben's own kernel: then he reaches himself.
    breaches = [(what, outcome) for what, outcome in tried if outcome.startswith("GOT")]
    own = json.loads(
        ben.run("import glob, json; print(json.dumps([v for f in glob.glob('/run/jupyter/kernel-*.json') "
                "for k, v in json.load(open(f)).items() if k.endswith('_port')]))")
    )  # fmt: skip
    breaches = [b for b in breaches if b[0] not in {f"connect to kernel of A {n}" for n in own}]
    assert not breaches, breaches
    assert len(tried) > 120, "the attacks were tried"
    assert platform.program("hub").pid == given["pids"]["hub"]


def test_ann_reaches_what_is_hers(people: tuple[str, str], kernels: tuple[Kernel, Kernel]) -> None:
    """The same questions asked by the owner: the attacks fail because of who asks."""
    ann, _ = kernels
    said = ann.run(
        f"import os; print(os.path.isdir('/tradewind/store/{SECRET_DATASET}'))\n"
        "import urllib.request as u\n"
        "r = u.Request(os.environ['JUPYTERHUB_API_URL'] + '/user', headers={'Authorization': 'token ' + "
        "os.environ['JUPYTERHUB_API_TOKEN']})\n"
        "print(u.build_opener(u.ProxyHandler({})).open(r).read()[:200])"
    )
    assert said.startswith("True") and people[0] in said, said


def test_a_dataset_one_may_not_read_does_not_exist(kernels: tuple[Kernel, Kernel]) -> None:
    ann, ben = kernels
    code = f"import tradewind as tw; print(sorted(d.name for d in tw.catalog())); tw.open({SECRET_DATASET!r})"
    assert SECRET_DATASET in ann.run(code) and "Traceback" not in ann.run(code)
    said = ben.run(code)
    assert "DatasetNotFoundError" in said and "us-large-caps" in said.splitlines()[0]
    assert SECRET_DATASET not in said.splitlines()[0]


def test_shared_data_cannot_be_changed(kernels: tuple[Kernel, Kernel]) -> None:
    _, ben = kernels
    said = ben.run("import os; os.rename('/tradewind/store/us-large-caps', '/tradewind/store/x')")
    assert "OSError" in said or "PermissionError" in said
    said = ben.run("open('/tradewind/store/us-large-caps/planted', 'w')")
    assert "Read-only file system" in said
