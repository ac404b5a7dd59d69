"""Figures of the platform as its users meet it: start, sign-in, Lab, runs, dashboards, memory.

``make bench-platform`` measures a real platform in a temporary folder; ``ARGS=--fresh`` clones the
repository as well and times ``make up`` there. ``ARGS="--only spawn memory"`` picks parts.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import nbformat
import papermill
import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from report import Figure, show

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from live_kernel import LiveKernel  # noqa: E402
from live_platform import LivePlatform, port_base, wait_for  # noqa: E402

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MB = 1e6
MEAN = "tw.open('us-large-caps')['close'].mean().item()"


def clean_environment() -> dict[str, str]:
    """Return the environment without what would slow Python down."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call took."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


# ---- parts ----


def fresh_clone() -> list[Figure]:
    """``make up`` in a fresh clone without ``.venv``, then once more."""
    folder = Path(tempfile.mkdtemp(prefix="tradewind-fresh-"))
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "clone")], check=True)
    port = port_base()
    environment = {**clean_environment(), "TRADEWIND_PORT": str(port)}

    def up() -> None:
        subprocess.run(["make", "up"], cwd=folder / "clone", env=environment, check=True, capture_output=True)
        httpx.get(f"http://127.0.0.1:{port}/hub/login", trust_env=False).raise_for_status()

    def down() -> None:
        command = ["make", "down", "FORCE=1"]
        subprocess.run(command, cwd=folder / "clone", env=environment, check=True, capture_output=True)

    try:
        first = seconds(up)
        down()
        second = seconds(up)
    finally:
        down()
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Figure("make up in a fresh clone to the login page", first, "s"),
        Figure("make up again to the login page", second, "s", goal=10),
    ]


def sdk_import() -> list[Figure]:
    """A fresh process that imports the SDK and reads one mean, on a seeded store."""
    code = f"import tradewind as tw; print({MEAN})"
    home = Path(tempfile.mkdtemp(prefix="tradewind-sdk-"))
    environment = {**clean_environment(), "TRADEWIND_HOME": str(home)}
    seed = (
        "from tradewind.ingest.samples import seed; from tradewind.settings import load_settings;"
        "seed(load_settings())"
    )
    subprocess.run([sys.executable, "-c", seed], env=environment, check=True, capture_output=True)
    read = [sys.executable, "-c", code]
    run = lambda c: seconds(lambda: subprocess.run(c, env=environment, check=True, capture_output=True))  # noqa: E731
    run(read)
    figures = [
        Figure(
            "import tradewind + open + mean, fresh process",
            median(run(read) for _ in range(7)),
            "s",
            goal=0.9,
        ),
        Figure(
            "import tradewind alone",
            median(run([sys.executable, "-c", "import tradewind"]) for _ in range(7)),
            "s",
        ),
    ]
    shutil.rmtree(home, ignore_errors=True)
    return figures


def spawn(live: LivePlatform) -> list[Figure]:
    """From the request to a ready server."""
    took = []
    for n in range(4):
        name = f"spawn{n}"
        live.add_user(name)
        took.append(seconds(lambda name=name: live.start_server(name)))
        live.stop_server(name)
    return [Figure("spawn to ready", median(took[1:]), "s", peer=4.7, goal=2.2)]


def kernel(live: LivePlatform) -> list[Figure]:
    """A research kernel from the warm process, and the first data read in it."""
    live.add_user("kernel")
    live.start_server("kernel")
    with LiveKernel(live, "kernel", "First.ipynb") as first:
        first.rest("GET", "api/contents")  # as Lab does when it is on screen: somebody is there
    time.sleep(15)  # the warm process is ready when he has looked around
    started, read = [], []
    for n in range(5):
        begin = time.perf_counter()
        with LiveKernel(live, "kernel", f"Work{n}.ipynb") as own:
            own.run("pass")
            started.append(time.perf_counter() - begin)
            read.append(seconds(lambda own=own: own.run(f"import tradewind as tw\nprint({MEAN})")))
    live.stop_server("kernel")
    return [
        Figure("kernel from the warm process: asked for to its first answer", median(started), "s"),
        Figure("import + open + mean in a pre-warmed kernel", median(read), "s", goal=0.5),
    ]


def twenty(live: LivePlatform) -> list[Figure]:
    """Twenty users who start their servers at the same moment."""
    names = [f"crowd{n:02d}" for n in range(20)]
    for name in names:
        live.add_user(name)

    def start(name: str) -> float:
        return seconds(lambda: admitted(name))

    def admitted(name: str) -> None:
        # The hub lets a few start at a time and asks the others to come again; its page does so by itself.
        wait_for(lambda: live.hub("POST", f"users/{name}/server").status_code != 429, "a place", seconds=180)
        wait_for(lambda: live.server(name).get("ready"), f"the server of {name}", seconds=180)

    begin = time.perf_counter()
    with ThreadPoolExecutor(20) as pool:
        each = list(pool.map(start, names))
    whole = time.perf_counter() - begin
    for name in names:
        live.stop_server(name)
    return [
        Figure("20 users spawn at once: all ready", whole, "s", peer=32.0, goal=48),
        Figure("20 users spawn at once: median user", median(each), "s"),
    ]


def memory(live: LivePlatform) -> list[Figure]:
    """Proportional set size of the hub, the proxy and one idle user server."""

    def pss(root: psutil.Process) -> float:
        return sum(p.memory_full_info().pss for p in [root, *root.children(recursive=True)]) / MB

    live.add_user("memory")
    live.start_server("memory")
    time.sleep(8)
    hub = psutil.Process(live.program("hub").pid)
    servers = [c for c in hub.children() if any("singleuser" in word for word in c.cmdline())]
    servers += [p for p in psutil.process_iter(["cmdline", "ppid"]) if p.info["ppid"] == 1
                and any("singleuser" in w for w in p.info["cmdline"] or [])]  # fmt: skip
    figures = [
        Figure("memory of the idle hub (PSS)", hub.memory_full_info().pss / MB, "MB", peer=135),
        Figure(
            "memory of the idle proxy (PSS)", pss(psutil.Process(live.program("proxy").pid)), "MB", peer=90
        ),
    ]
    if servers:
        figures.append(
            Figure("memory of one idle user server (PSS)", pss(servers[-1]), "MB", peer=192, goal=110)
        )
    live.stop_server("memory")
    return figures


def trivial_run(live: LivePlatform) -> list[Figure]:
    """A trivial parametrised notebook from submit to finished, against Papermill's API and its command."""
    folder = Path(tempfile.mkdtemp(prefix="tradewind-trivial-"))
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("x + 1"),
        ],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
    )
    source = folder / "trivial.ipynb"
    nbformat.write(notebook, source)
    api = live.api()
    body = {"notebook": {"name": "trivial.ipynb", "content": source.read_text()}, "parameters": {"x": 2}}

    def ours() -> None:
        run = api.post("runs", json=body).raise_for_status().json()
        wait_for(lambda: ended(run["id"]), "the run", every=0.02)

    def ended(run_id: str) -> bool:
        status = api.get(f"runs/{run_id}").json()["status"]
        assert status not in ("failed", "lost"), api.get(f"runs/{run_id}").text
        return bool(status == "succeeded")

    def library() -> None:
        papermill.execute_notebook(source, folder / "out.ipynb", {"x": 2}, progress_bar=False)

    def shell() -> None:
        command = [str(Path(sys.executable).parent / "papermill"), "--no-progress-bar"]
        command += [str(source), str(folder / "o.ipynb"), "-p", "x", "2"]
        subprocess.run(command, env=clean_environment(), check=True, capture_output=True)

    rounds: list[tuple[float, float, float]] = []
    for _ in range(6):
        rounds.append((seconds(ours), seconds(library), seconds(shell)))
    mine, theirs, command = (median(column) for column in zip(*rounds[1:], strict=True))
    shutil.rmtree(folder, ignore_errors=True)
    return [
        Figure("trivial run, submit to finished, against Papermill's Python API", mine, "s", peer=theirs),
        Figure("trivial run, submit to finished, against Papermill's command", mine, "s", peer=command,
               goal=1.0, kind="ratio", at_least=True),
    ]  # fmt: skip


# ---- in the browser ----


def sign_in(page: Page, live: LivePlatform, name: str, password: str) -> None:
    """Sign in through the form."""
    page.goto(f"{live.url}/hub/login")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit], input[type=submit]")


def usable_lab(live: LivePlatform, browser: Browser) -> list[Figure]:
    """From pressing *Sign in* to Lab, to a notebook on screen, and to its kernel being idle."""
    lab, seen, took = [], [], []
    for n in range(4):
        name = f"lab{n}"
        password = live.add_user(name)
        page = browser.new_context().new_page()
        page.goto(f"{live.url}/hub/login")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", password)
        begin = time.perf_counter()
        page.click("button[type=submit], input[type=submit]")
        page.wait_for_selector("#jp-main-dock-panel", timeout=60_000)
        lab.append(time.perf_counter() - begin)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        seen.append(time.perf_counter() - begin)
        page.get_by_text("Tradewind | Idle").wait_for(timeout=60_000)
        took.append(time.perf_counter() - begin)
        page.context.close()
        live.stop_server(name)
    return [
        Figure("sign-in to Lab on screen", median(lab[1:]), "s", peer=5.9, goal=4),
        Figure("sign-in to a notebook on screen", median(seen[1:]), "s"),
        Figure("sign-in to a notebook with an idle kernel", median(took[1:]), "s"),
    ]


def first_paint(live: LivePlatform, browser: Browser) -> list[Figure]:
    """A shipped dashboard opened by a signed-in viewer until its plot is on screen."""
    password = live.add_user("viewer")
    page = browser.new_context().new_page()
    sign_in(page, live, "viewer", password)
    page.wait_for_url(re.compile(r"/(lab|hub/spawn-pending|user)/?"), timeout=60_000)
    figures = []
    for slug, goal in (("market-overview", 2.5), ("backtest-report", 2.5), ("strategy-lab", 1.2)):
        took = []
        for _ in range(5):
            begin = time.perf_counter()
            page.goto(f"{live.url}/services/dashboards/{slug}/", wait_until="commit")
            wait_for(lambda: plot_on_screen(page), f"a plot of {slug}", seconds=90, every=0.03)
            took.append(time.perf_counter() - begin)
            time.sleep(4)  # a reader's pace: the pool of warm kernels is filled again
        figures.append(Figure(f"dashboard {slug}: first opening", took[0], "s"))
        figures.append(Figure(f"dashboard {slug}: plot visible", median(took[1:]), "s", goal=goal))
    page.context.close()
    return figures


def plot_on_screen(page: Page) -> bool:
    """Whether the dashboard, which lives in a frame of its own, shows a canvas."""
    try:
        return any(frame.evaluate(PLOT_ON_SCREEN) for frame in page.frames)
    except PlaywrightError:  # a frame that is just being replaced
        return False


PLOT_ON_SCREEN = """() => {
  const found = root => [...root.querySelectorAll('*')].some(e =>
    (e.tagName === 'CANVAS' && e.width > 50 && e.offsetParent !== null)
    || (e.shadowRoot && found(e.shadowRoot)));
  return found(document);
}"""


def main() -> None:
    """Measure what was asked for and print it."""
    parts = argparse.ArgumentParser(description=__doc__)
    parts.add_argument("--fresh", action="store_true", help="clone the repository and time make up there")
    parts.add_argument("--only", nargs="*", default=[], help="names of the parts to measure")
    asked = parts.parse_args()
    shell = {"spawn": spawn, "kernel": kernel, "run": trivial_run, "memory": memory, "twenty": twenty}
    browsing = {"lab": usable_lab, "dashboards": first_paint}
    wanted = lambda name: not asked.only or name in asked.only  # noqa: E731
    figures: list[Figure] = []
    if asked.fresh:
        figures += fresh_clone()
    if wanted("import"):
        figures += sdk_import()
    live = LivePlatform(Path(tempfile.mkdtemp(prefix="tradewind-bench-")) / "var", TRADEWIND_IDLE_TIMEOUT="0")
    first = seconds(live.up)
    try:
        figures.append(Figure("start of an installed platform with an empty state folder", first, "s"))
        for name, part in shell.items():
            if wanted(name):
                figures += part(live)
        if any(wanted(name) for name in browsing):
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for name, seen in browsing.items():
                    if wanted(name):
                        figures += seen(live, browser)
                browser.close()
    finally:
        live.down()
        shutil.rmtree(live.settings.home.parent, ignore_errors=True)
    show("Tradewind as its users meet it (peer: plain parts before tuning, or the named tool)", figures)


if __name__ == "__main__":
    main()
