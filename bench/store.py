"""Figures of the store: ours through ``tw.open`` beside ArcticDB, Parquet with polars, and raw Zarr.

``make bench-store`` (``JSON=1`` for documents, ``ARGS="daily disk"`` for a part: cases ``daily minute tiny``,
places ``disk s3``, works ``reads fresh scaling dask``; ``ROUNDS=3`` for a short look). The peers run in an
environment of their own (``bench/peers-store.lock``), in one process beside ours; every round asks each
engine once, in turn, and the medians are compared. Needs 3 GB of disk, and Debian's ceph packages for S3.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

import tradewind as tw  # noqa: E402
from report import Figure, show  # noqa: E402
from s3_server import KEY, SECRET, S3Server  # noqa: E402
from store_data import CASES, FIELDS, Case, load, make  # noqa: E402
from store_more import fresh, scaling, workers  # noqa: E402
from tradewind.store.batch import Batch  # noqa: E402
from tradewind.store.repository import Store  # noqa: E402
from tradewind.store.roots import shared_root  # noqa: E402
from tradewind.store.spec import Basis, DatasetSpec  # noqa: E402
from tradewind.store.writing import write  # noqa: E402
from tradewind.vocabulary import Frequency  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "9"))
ENVIRONMENT = HERE / ".peers" / "store"
WORKS = ("reads", "fresh", "scaling", "dask")


def peers_python() -> Path:
    """Return the peers' interpreter, making their environment at first use."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], check=True)
    lock = str(HERE / "peers-store.lock")
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", lock]
    subprocess.run(install, check=True)
    return python


class Peers:
    """The peers' process."""

    def __init__(self, case: Case, data: Path, where: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [peers_python(), str(HERE / "store_peers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._send({"case": case.name, "data": str(data), "where": where})

    def _send(self, document: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()

    def ask(self, engine: str, what: str, **options: Any) -> float:
        """Let one engine do one thing; milliseconds."""
        self._send({"engine": engine, "what": what, **options})
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{engine} failed at {what}")
        return float(json.loads(answer)["ms"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=120)
        self._process.stdout.close()


class Ours:
    """The store as its users reach it."""

    def __init__(self, case: Case, data: Path) -> None:
        self.case, self.columns = case, {f: v[: case.symbols] for f, v in load(case, data).items()}
        self.store = Store(shared_root())
        frequency = Frequency.MINUTE if case.minutes else Frequency.DAY
        self.spec = DatasetSpec(name=case.name, frequency=frequency, calendar="24/7", basis=Basis.LEVEL)

    def batch(self, times: np.ndarray, places: slice) -> Batch:
        """The bars of some places."""
        values = {f: np.ascontiguousarray(v[:, places]) for f, v in self.columns.items()}
        return Batch(symbols=tuple(self.case.names), times=times, values=values)

    def write(self, **_: Any) -> None:
        """Everything, in one commit."""
        write(self.store, self.spec, self.batch(self.case.times, slice(0, self.case.bars)))

    def append(self, number: int, time: str) -> None:
        """One bar of all symbols."""
        place = self.case.bars + number
        write(self.store, self.spec, self.batch(np.array([time], dtype="M8[ns]"), slice(place, place + 1)))

    def symbol(self, number: int) -> None:
        """One symbol's closes, all history."""
        name = self.case.names[number * 37 % self.case.symbols]
        tw.open(self.case.name, symbols=name, fields="close")["close"].to_numpy()

    def day(self, number: int) -> None:
        """One bar of all symbols, all fields."""
        at = str(self.case.times[(number * 501 + 77) % self.case.bars])
        opened = tw.open(self.case.name, start=at, end=at)
        for field in FIELDS:
            opened[field].to_numpy()

    def panel(self, **_: Any) -> None:
        """Closes of all symbols, all history."""
        tw.open(self.case.name, fields="close")["close"].to_numpy()


def measure(case: Case, data: Path, where: dict[str, str], place: str, *, reads: bool) -> list[Figure]:
    """Run every work on every engine, interleaved; without ``reads`` only write what other works need."""
    ours, peers = Ours(case, data), Peers(case, data, where)
    engines = ["sym", "wide", "zarr"] if where.get("endpoint") else ["sym", "wide", "zarr", "parquet"]
    times: dict[tuple[str, str], list[float]] = {}

    def clock(what: str, **options: Any) -> None:
        started = time.perf_counter()
        getattr(ours, what)(**options)
        times.setdefault((what, "ours"), []).append((time.perf_counter() - started) * 1e3)
        for engine in engines:
            times.setdefault((what, engine), []).append(peers.ask(engine, what, **options))

    try:
        clock("write")
        stored = _bytes(where, case)
        if where.get("endpoint"):
            peers.ask("raw", "write")
        for what in ("symbol", "day", "panel") if reads else ():
            for number in range(ROUNDS + 1):
                if what == "panel" and where.get("endpoint"):
                    times.setdefault((what, "raw"), []).append(peers.ask("raw", what))
                slow = [e for e in engines if number > 3 and times[what, e][-1] > 1_500]
                engines[:] = [e for e in engines if e not in slow] or engines
                clock(what, number=number)
            engines[:] = (
                ["sym", "wide", "zarr"] if where.get("endpoint") else ["sym", "wide", "zarr", "parquet"]
            )
        step = np.timedelta64(1, "m" if case.minutes else "D")
        engines[:] = [e for e in engines if e in ("wide", "zarr")]
        for number in range(ROUNDS if reads else 0):
            clock("append", number=number, time=str(case.times[-1] + step * (number + 1)))
    finally:
        peers.close()
    middle = {k: median(v[1:] or v) for k, v in times.items()}
    return _figures(case, place, middle, stored) if reads else []


# Goals by work and case or place: against whom, and how many times his time ours may take at most.
GOALS = {
    ("symbol", "disk"): ("sym", 4.0), ("symbol", "s3"): ("sym", 2.5),
    ("day", "daily"): ("best", 1 / 5), ("day", "minute"): ("best", 1 / 10), ("panel", "daily"): ("best", 1.0),
    ("append", "daily"): ("wide", 1.3), ("append", "minute"): ("wide", 2.0),
}  # fmt: skip


def _figures(
    case: Case, place: str, middle: dict[tuple[str, str], float], stored: dict[str, int]
) -> list[Figure]:
    figures = []
    for what in ("write", "symbol", "day", "panel", "append"):
        mine = middle[what, "ours"]
        arctic = [middle[what, e] for e in ("sym", "wide") if (what, e) in middle]
        best = min(arctic) if arctic else None
        for engine in ("sym", "wide", "zarr", "parquet", "raw"):
            if (what, engine) not in middle:
                continue
            if engine == "raw":
                work = f"{case.name} {place}: {what}, beside its raw bytes"
                goal = 1.0 if case.minutes else None
                figures.append(Figure(work, mine, "ms", middle[what, engine], goal, "ratio", at_least=True))
                continue
            against, factor = GOALS.get((what, place), GOALS.get((what, case.name), ("", 0.0)))
            theirs = middle[what, engine]
            judged = against == engine or (against == "best" and theirs == best)
            figures.append(
                Figure(f"{case.name} {place}: {what}, beside {engine}", mine, "ms", theirs,
                       goal=1 / factor if judged else None, kind="ratio", at_least=True)
            )  # fmt: skip
    if case.minutes:
        speed = case.symbols * case.bars * 8 / 1e6 / middle["panel", "ours"]
        goal = 1.2 if place == "disk" else None
        figures.append(Figure(f"{case.name} {place}: panel", speed, "GB/s", goal=goal, at_least=True))
    if stored:
        smaller = min(v for k, v in stored.items() if k in ("sym", "wide"))
        work = f"{case.name} {place}: stored, beside ArcticDB's smaller layout"
        figures.append(
            Figure(work, stored["ours"] / 1e6, "MB", smaller / 1e6, goal=2.5, kind="ratio", at_least=True)
        )
    return figures


def _bytes(where: dict[str, str], case: Case) -> dict[str, int]:
    """Bytes on disk of ours and of ArcticDB, told by what its files really take."""
    if where.get("endpoint"):
        return _bucket_bytes(where, case)
    return {}


def _bucket_bytes(where: dict[str, str], case: Case) -> dict[str, int]:
    import s3fs

    files = s3fs.S3FileSystem(
        key=where["key"], secret=where["secret"], endpoint_url=where["endpoint"], skip_instance_cache=True,
        config_kwargs={"s3": {"addressing_style": "path"}},
    )  # fmt: skip

    def size(prefix: str) -> int:
        found = files.find(f"{where['bucket']}/{prefix}", detail=True)
        return sum(int(f["size"]) for f in found.values())

    arctic = size(f"arctic-{case.name}")
    libraries = {n: size(f"arctic-{case.name}/{n}") for n in ("sym", "wide")}
    known = {k: v for k, v in libraries.items() if v} or {"sym": arctic, "wide": arctic}
    return {"ours": size(f"data/{case.name}"), **known}


def main() -> None:
    """Measure what the arguments name: cases (daily, minute, tiny), places (disk, s3), works."""
    chosen = sys.argv[1:]
    names = [n for n in CASES if n in chosen] or ["daily", "minute"]
    places = [p for p in ("disk", "s3") if p in chosen] or ["disk", "s3"]
    works = [w for w in WORKS if w in chosen] or list(WORKS)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="twb-") as text:
        folder = Path(text)
        os.environ["TRADEWIND_HOME"] = str(folder / "home")
        server = S3Server(folder / "s3").start() if "s3" in places else None
        if server is not None:
            server.make_bucket("bench")
        try:
            for name in names:
                case, data = CASES[name], folder / name
                make(case, data)
                for place in places:
                    where = {"folder": str(folder / "peers")}
                    os.environ["TRADEWIND_STORE_URL"] = f"file://{folder}/store"
                    if place == "s3" and server is not None:
                        where = {"endpoint": server.endpoint, "bucket": "bench", "key": KEY, "secret": SECRET}
                        os.environ["TRADEWIND_STORE_URL"] = "s3://bench/data"
                        os.environ["TRADEWIND_S3_ENDPOINT"] = server.endpoint
                        os.environ["TRADEWIND_S3_ACCESS_KEY"] = KEY
                        os.environ["TRADEWIND_S3_SECRET_KEY"] = SECRET
                    Path(folder / "peers").mkdir(exist_ok=True)
                    if {"reads", "fresh"} & set(works):
                        figures += measure(case, data, where, place, reads="reads" in works)
                    else:
                        Ours(case, data).write()
                    if "fresh" in works:
                        figures += fresh(case, where, place, peers_python())
                    if place == "disk" and "scaling" in works:
                        figures += scaling(case, lambda some, data=data: Ours(some, data).write())
                    if place == "disk" and case.minutes and "dask" in works:
                        figures += workers(case)
        finally:
            if server is not None:
                server.stop()
    show("Store", figures)


if __name__ == "__main__":
    main()
