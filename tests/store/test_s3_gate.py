"""Datasets on S3 inside sandboxes: what the user may read and nothing else, without the platform's keys."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from live_platform import port_base
from makers import batch, spec
from s3_server import SECRET
from tradewind.errors import NotAllowedError
from tradewind.sandbox import Sandbox
from tradewind.sandbox.storekey import StoreKey
from tradewind.settings import Settings
from tradewind.store import Store, access
from tradewind.store.roots import Root
from tradewind.store.writing import write

pytestmark = [pytest.mark.s3, pytest.mark.sandbox]

LOOK = """
import json, sys
import pandas as pd
import tradewind as tw

found = {"catalog": [i.name for i in tw.catalog()], "read": {}}
for name in ("alpha", "beta"):
    try:
        found["read"][name] = float(tw.open(name)["close"].values.sum())
    except tw.errors.TradewindError as problem:
        found["read"][name] = problem.code
table = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=5), "symbol": "NEW", "close": 3.0})
for name in sys.argv[1:]:
    try:
        found.setdefault("wrote", {})[name] = tw.ingest.frame(table, name, calendar="24/7").rows_added
    except tw.errors.TradewindError as problem:
        found.setdefault("wrote", {})[name] = problem.code
        print(problem, file=sys.stderr)
print(json.dumps(found))
"""


@pytest.fixture
def installation(s3_root: Root, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A store on S3 with two datasets, and a running gateway."""
    folder = Path(tempfile.mkdtemp(prefix="tw-"))
    values = {"TRADEWIND_HOME": str(folder / "var"), "TRADEWIND_RUNTIME": str(folder / "run"),
              "TRADEWIND_PORT": str(port_base()), "TRADEWIND_STORE_URL": s3_root.url,
              "TRADEWIND_S3_ENDPOINT": s3_root.s3.endpoint, "TRADEWIND_S3_ACCESS_KEY": s3_root.s3.access_key,
              "TRADEWIND_S3_SECRET_KEY": s3_root.s3.secret_key}  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    settings.paths.create()
    store = Store(s3_root)
    for name, level in (("alpha", 1.0), ("beta", 2.0)):
        write(store, spec(name), batch(["AAA", "BBB"], range(10), close=level))
    access.set_grants(settings, "alpha", readers=["everyone"])
    access.set_grants(settings, "beta", readers=["group:quants"])
    gateway = subprocess.Popen([sys.executable, "-P", "-m", "tradewind.hub.gateway"])
    socket = settings.paths.runtime / "gateway" / "s3.sock"
    deadline = time.monotonic() + 30
    while not socket.exists():
        assert gateway.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    yield settings
    gateway.terminate()
    gateway.wait(10)
    shutil.rmtree(folder)


def look(settings: Settings, key: StoreKey, *writes: str) -> dict[str, object]:
    box = Sandbox.for_user(settings, key.user, reader=key)
    assert SECRET not in json.dumps(box.environ()) + json.dumps(box.command(["true"]))
    done = subprocess.run(box.command([sys.executable, "-c", LOOK, *writes]), env=box.environ(),
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    sys.stderr.write(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_sandbox_reads_what_its_user_may(installation: Settings):
    ann = look(installation, StoreKey(user="ann"), "alpha", "gamma")
    assert ann["catalog"] == ["alpha"]
    assert ann["read"] == {"alpha": 20.0, "beta": "dataset_not_found"}
    assert ann["wrote"] == {"alpha": "unavailable", "gamma": "unavailable"}
    bob = look(installation, StoreKey(user="bob", groups=("quants",)))
    assert (bob["catalog"], bob["read"]) == (["alpha", "beta"], {"alpha": 20.0, "beta": 40.0})
    access.set_grants(installation, "beta", readers=["user:carol"])
    time.sleep(2.1)
    assert look(installation, StoreKey(user="bob", groups=("quants",)))["catalog"] == ["alpha"]  # at once
    board = look(installation, StoreKey(user="dan", only=("beta",)))
    assert (board["catalog"], board["read"]) == (["beta"], {"alpha": "dataset_not_found", "beta": 40.0})


def test_a_sync_writes_its_one_dataset(installation: Settings, s3_root: Root):
    access.set_grants(installation, "gamma", writers=["user:ann"])
    found = look(installation, StoreKey(user="ann", writes="gamma"), "gamma", "alpha")
    assert found["wrote"] == {"gamma": 5, "alpha": "unavailable"}
    assert np.all(np.asarray(Store(s3_root).snapshot("gamma").array("close")[:]) == 3.0)
    access.set_grants(installation, "gamma", readers=["user:ann"])
    found = look(installation, StoreKey(user="ann", writes="gamma"), "gamma")
    assert found["wrote"] in (
        {"gamma": 0},
        {"gamma": "unavailable"},
    )  # the same again: there is nothing to write


def test_requests_by_hand(installation: Settings, s3_root: Root):
    """What no client would send: forged keys, other buckets, paths out of a dataset, policies, deletions."""
    socket = str(installation.paths.runtime / "gateway" / "s3.sock")
    good = StoreKey(user="ann").sealed(installation)
    body, seal = good.split(".")
    forged = f"{StoreKey(user='root', admin=True).sealed(installation).split('.')[0]}.{seal}"
    base = s3_root.key_prefix
    cases = [
        (good, "GET", f"/tests/{base}/alpha/repo", 200),
        (forged, "GET", f"/tests/{base}/alpha/repo", 403),
        (body, "GET", f"/tests/{base}/alpha/repo", 403),
        ("", "GET", f"/tests/{base}/alpha/repo", 403),
        (good, "GET", f"/tests/{base}/beta/repo", 404),
        (good, "GET", f"/tests/{base}/alpha/../beta/repo", 403),
        (good, "GET", f"/tests/{base}/alpha/%2e%2e/beta/repo", 403),
        (good, "GET", f"/other/{base}/alpha/repo", 403),
        (good, "GET", f"/tests/{base}/alpha/repo?acl", 403),
        (good, "GET", "/tests?policy", 403),
        (good, "GET", "/tests?list-type=2&prefix=", 403),
        (good, "GET", f"/tests?list-type=2&prefix={base}/beta/", 403),
        (good, "GET", f"/tests?list-type=2&prefix={base}/beta/&prefix={base}/alpha/", 403),
        (good, "GET", f"//tests/{base}/alpha/repo", 403),
        (good, "GET", f"/tests?list-type=2&prefix={base}/alpha/", 200),
        (good, "PUT", f"/tests/{base}/alpha/repo", 403),
        (good, "DELETE", f"/tests/{base}/alpha/repo", 403),
        (good, "POST", "/tests?delete", 403),
    ]

    async def ask() -> list[int]:
        from yarl import URL

        found = []
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as session:
            for key, method, path, _ in cases:
                head = {
                    "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/s3/aws4_request"
                }
                url = URL(f"http://s3{path}", encoded=True)
                async with session.request(method, url, headers=head) as answer:
                    await answer.read()
                    found.append(answer.status)
        return found

    statuses = asyncio.run(ask())
    assert [(c[1], c[2], s) for c, s in zip(cases, statuses, strict=True)] == [
        (c[1], c[2], c[3]) for c in cases
    ]
    with pytest.raises(NotAllowedError):
        StoreKey.opened(installation, forged)
    assert StoreKey.opened(installation, good) == StoreKey(user="ann")
