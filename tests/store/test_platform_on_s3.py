"""The whole platform with its datasets on a real S3 server: notebook, run, write, dashboard, shell."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from live_kernel import LiveKernel
from live_platform import LivePlatform, wait_for
from s3_server import SECRET
from tradewind.store.roots import Root

pytestmark = [pytest.mark.s3, pytest.mark.platform, pytest.mark.sandbox, pytest.mark.slow,
              pytest.mark.timeout(600)]  # fmt: skip


@pytest.fixture
def on_s3(s3_root: Root, tmp_path: Path) -> Iterator[LivePlatform]:
    """A platform whose shared datasets lie on the S3 server, seeded by its first start."""
    live = LivePlatform(
        tmp_path / "var",
        TRADEWIND_STORE_URL=s3_root.url,
        TRADEWIND_S3_ENDPOINT=s3_root.s3.endpoint,
        TRADEWIND_S3_ACCESS_KEY=s3_root.s3.access_key,
        TRADEWIND_S3_SECRET_KEY=s3_root.s3.secret_key,
        TRADEWIND_IDLE_TIMEOUT="0",
    )
    try:
        yield live.up()
    finally:
        live.down()


def test_notebooks_runs_and_dashboards_read_what_lies_on_s3(on_s3: LivePlatform, tmp_path: Path) -> None:
    on_s3.add_user("ann")
    on_s3.start_server("ann")
    with LiveKernel(on_s3, "ann") as kernel:
        said = kernel.run(
            "import os, json\nimport tradewind as tw\n"
            "ds = tw.open('us-large-caps', symbols='AAPL')\n"
            "print(json.dumps([[i.name for i in tw.catalog()], ds.sizes['time'], ds.attrs['snapshot'],\n"
            f"    {SECRET!r} in json.dumps(dict(os.environ))]))"
        )
    names, bars, snapshot, leaked = json.loads(said.strip().splitlines()[-1])
    assert {"us-large-caps", "us-20"} <= set(names) and bars > 3000
    assert not leaked, "the keys of the store stay outside the sandbox"

    run = json.loads(on_s3.tradewind("run", "backtest", "--wait", "--json").stdout)
    assert run["status"] == "succeeded", run["error"]
    with on_s3.api() as api:
        card = api.get(f"runs/{run['id']}/files/run.json").json()
    assert [(d["dataset"], d["snapshot"]) for d in card["datasets"]] == [("us-large-caps", snapshot)]

    table = tmp_path / "bars.csv"
    table.write_text("date,symbol,close\n2026-01-02,NEW,1.5\n2026-01-05,NEW,1.75\n")
    on_s3.tradewind("data", "ingest", str(table), "-d", "fresh", "--calendar", "XNYS")
    assert "fresh" in [d["name"] for d in json.loads(on_s3.tradewind("data", "list", "--json").stdout)]

    with closing(on_s3.sign_in(on_s3.admin, on_s3.admin_password)) as browser:
        slug = "/services/dashboards/market-overview/"
        assert "Market overview" in browser.get(slug).text

        def source() -> str:
            state = browser.get(f"{slug}-/state").json()
            assert state["state"] in {"starting", "ready"}, state
            return state["src"] if state["state"] == "ready" else ""

        page = browser.get(wait_for(source, "the dashboard"), timeout=120).text
        assert "us-large" in page, "its control offers the datasets"
        assert "The owner finds the reason" not in page, "all cells ran"
