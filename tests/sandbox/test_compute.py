"""tw.cluster(): workers are processes, nobody joins without the certificates, it is gone when closed."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tradewind import compute
from tradewind.errors import InvalidInputError

SCRIPT = """
import json, os
import tradewind as tw

if __name__ == "__main__":
    client = tw.cluster(2)
    pids = set(client.run(os.getpid).values())
    same = tw.cluster() is client and tw.cluster(2) is client
    try:
        tw.cluster(3)
        refused = False
    except ValueError:
        refused = True
    total = sum(client.gather(client.map(lambda x: x * x, range(10))))
    print(json.dumps([len(pids), os.getpid() in pids, same, refused, total, client.scheduler.address,
                      client.scheduler_info()["services"]]), flush=True)
    input()
    client.close()
    print("running" if any(os.path.exists(f"/proc/{pid}/exe") for pid in pids) else "gone")
"""


@pytest.mark.slow
def test_a_cluster_of_processes_behind_tls(tmp_path: Path) -> None:
    script = tmp_path / "use.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, "-W", "error", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        workers, inside, same, refused, total, address, services = json.loads(process.stdout.readline())
        assert (workers, inside, same, refused, total) == (2, False, True, True, 285)
        assert address.startswith("tls://127.0.0.1:")
        for page in (
            "status",
            "info/main/workers.html",
            "json/index.html",
            "metrics",
            "health",
            "api/v1/retire",
        ):
            answer = httpx.get(f"http://127.0.0.1:{services['dashboard']}/{page}", trust_env=False)
            assert answer.status_code == 404, page
        with pytest.raises(OSError, match=r"."):
            asyncio.run(plain_hello(int(address.rsplit(":", 1)[1])))
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stdout.read().strip() == "gone"


async def plain_hello(port: int) -> None:
    """Speak to a scheduler as somebody without its certificates would."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\0" * 64)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(1000), 10)
    writer.close()
    # A TLS alert, or the end: never Dask's own handshake.
    assert not answer or answer[0] == 0x15, answer
    raise ConnectionRefusedError("not without TLS")


def test_it_costs_nothing_until_used() -> None:
    code = "import tradewind as tw, sys; tw.cluster; print('distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_workers_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="0 workers"):
        compute.cluster(0)
    monkeypatch.setenv(compute.WORKERS, "-2")
    with pytest.raises(InvalidInputError, match="-2 workers"):
        compute.cluster()
    assert os.environ[compute.WORKERS] == "-2"
