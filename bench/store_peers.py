"""The other stores, in an environment of their own: lines of JSON on stdin, milliseconds on stdout.

ArcticDB with a table a symbol (``sym``) and a table a field (``wide``), Parquet read by polars with a file a
symbol (``parquet``), raw Zarr in the layout that one would choose for it (``zarr``), the bytes themselves on
S3 (``raw``). With an argument, it is ArcticDB's fresh process.
"""

import asyncio
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from store_data import CASES, FIELDS, Case, load


class Arctic:
    """ArcticDB on LMDB or S3."""

    def __init__(self, case: Case, where: dict, wide: bool) -> None:
        import arcticdb

        self.case, self.wide = case, wide
        if where.get("endpoint"):
            host, port = where["endpoint"].split("//")[1].split(":")
            url = (
                f"s3://{host}:{where['bucket']}?port={port}&access={where['key']}&secret={where['secret']}"
                f"&use_virtual_addressing=false&path_prefix=arctic-{case.name}"
            )
        else:
            url = f"lmdb://{where['folder']}/arctic-{case.name}?map_size=6GB"
        self.library = arcticdb.Arctic(url).get_library("wide" if wide else "sym", create_if_missing=True)

    def write(self, columns: dict, times: np.ndarray) -> None:
        self._store(columns, times, self.library.write)

    def append(self, columns: dict, times: np.ndarray) -> None:
        self._store(columns, times, self.library.append)

    def _store(self, columns: dict, times: np.ndarray, store) -> None:
        index = pd.DatetimeIndex(times)
        if self.wide:
            for field, values in columns.items():
                store(
                    field, pd.DataFrame(np.ascontiguousarray(values.T), index=index, columns=self.case.names)
                )
        else:
            for row, name in enumerate(self.case.names):
                store(name, pd.DataFrame({f: np.array(v[row]) for f, v in columns.items()}, index=index))

    def symbol(self, name: str) -> None:
        if self.wide:
            self.library.read("close", columns=[name]).data.to_numpy()
        else:
            self.library.read(name, columns=["close"]).data.to_numpy()

    def day(self, moment: pd.Timestamp) -> None:
        keys = FIELDS if self.wide else self.case.names
        for key in keys:
            self.library.read(key, date_range=(moment, moment)).data.to_numpy()

    def panel(self) -> None:
        if self.wide:
            self.library.read("close").data.to_numpy()
        else:
            np.stack([self.library.read(n, columns=["close"]).data.to_numpy() for n in self.case.names])


class Parquet:
    """A Parquet file a symbol, on disk."""

    def __init__(self, case: Case, where: dict) -> None:
        self.case, self.folder = case, Path(where["folder"]) / f"parquet-{case.name}"

    def write(self, columns: dict, times: np.ndarray) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for row, name in enumerate(self.case.names):
            table = pl.DataFrame({"time": times, **{f: np.array(v[row]) for f, v in columns.items()}})
            table.write_parquet(self.folder / f"{name}.parquet")

    def append(self, columns: dict, times: np.ndarray) -> None:
        for row, name in enumerate(self.case.names):
            path = self.folder / f"{name}.parquet"
            new = pl.DataFrame({"time": times, **{f: np.array(v[row]) for f, v in columns.items()}})
            pl.concat([pl.read_parquet(path), new]).write_parquet(path)

    def symbol(self, name: str) -> None:
        pl.read_parquet(self.folder / f"{name}.parquet", columns=["close"])["close"].to_numpy()

    def day(self, moment: pd.Timestamp) -> None:
        one = pl.scan_parquet(self.folder / "*.parquet").filter(pl.col("time") == moment.to_datetime64())
        one.collect().to_numpy()

    def panel(self) -> None:
        closes = pl.scan_parquet(self.folder / "*.parquet").select("close").collect()["close"].to_numpy()
        closes.reshape(self.case.symbols, -1)


class Zarr:
    """Raw Zarr with our chunks and codec: no versions, no atomic commits."""

    def __init__(self, case: Case, where: dict) -> None:
        import zarr

        self.case = case
        if where.get("endpoint"):
            from obstore.store import S3Store

            store = S3Store(
                where["bucket"], prefix=f"zarr-{case.name}", endpoint=where["endpoint"],
                access_key_id=where["key"], secret_access_key=where["secret"], region="us-east-1",
                virtual_hosted_style_request=False, client_options={"allow_http": True},
            )  # fmt: skip
            self.store = zarr.storage.ObjectStore(store)
        else:
            self.store = zarr.storage.LocalStore(Path(where["folder"]) / f"zarr-{case.name}")
        self.zarr = zarr

    def _group(self, mode: str):
        return self.zarr.open_group(self.store, mode=mode)

    def write(self, columns: dict, times: np.ndarray) -> None:
        from zarr.codecs.numcodecs import PCodec

        group = self.zarr.create_group(self.store, overwrite=True)
        chunks = (50, 3_900) if self.case.minutes else (250, 512)
        for field, values in columns.items():
            array = group.create_array(
                field, shape=values.shape, dtype="float64", chunks=chunks, fill_value=np.nan,
                serializer=PCodec(level=8), compressors=None, filters=None,
            )  # fmt: skip
            array[:] = values

    def append(self, columns: dict, times: np.ndarray) -> None:
        group = self._group("r+")
        for field, values in columns.items():
            group[field].append(np.ascontiguousarray(values), axis=1)

    def symbol(self, name: str) -> None:
        self._group("r")["close"][self.case.names.index(name)]

    def day(self, moment: pd.Timestamp) -> None:
        group, at = self._group("r"), int(np.searchsorted(self.case.times, moment.to_datetime64()))
        for field in FIELDS:
            group[field][:, at]

    def panel(self) -> None:
        self._group("r")["close"][:]


class Raw:
    """The closes as plain float64 objects of 8 MB on S3, fetched at once."""

    def __init__(self, case: Case, where: dict) -> None:
        from obstore.store import S3Store

        self.case = case
        self.store = S3Store(
            where["bucket"], prefix=f"raw-{case.name}", endpoint=where["endpoint"],
            access_key_id=where["key"], secret_access_key=where["secret"], region="us-east-1",
            virtual_hosted_style_request=False, client_options={"allow_http": True},
        )  # fmt: skip
        self.rows = max(1, (8 << 20) // (case.bars * 8))

    def write(self, columns: dict, times: np.ndarray) -> None:
        for row in range(0, self.case.symbols, self.rows):
            self.store.put(
                f"{row:06}", np.ascontiguousarray(columns["close"][row : row + self.rows]).tobytes()
            )

    def panel(self) -> None:
        asyncio.run(self._panel())

    async def _panel(self) -> None:
        out = np.empty((self.case.symbols, self.case.bars))

        async def one(row: int) -> None:
            got = await (await self.store.get_async(f"{row:06}")).bytes_async()
            out[row : row + self.rows] = np.frombuffer(got).reshape(-1, self.case.bars)

        await asyncio.gather(*(one(row) for row in range(0, self.case.symbols, self.rows)))


def fresh(asked: dict) -> None:
    """Connect, open and read one symbol's closes in a process that has done nothing but its imports."""
    import arcticdb  # noqa: F401  an import, not work

    started = time.perf_counter()
    peer = Arctic(CASES[asked["case"]], asked["where"], wide=False)
    peer.symbol(asked["symbol"])
    print(json.dumps({"ms": (time.perf_counter() - started) * 1e3}))


def engine(name: str, case: Case, where: dict):
    """Make a peer by name."""
    if name in ("sym", "wide"):
        return Arctic(case, where, wide=name == "wide")
    return {"parquet": Parquet, "zarr": Zarr, "raw": Raw}[name](case, where)


def main() -> None:
    """Answer until stdin ends."""
    setup = json.loads(sys.stdin.readline())
    case, where = CASES[setup["case"]], setup["where"]
    columns = load(case, Path(setup["data"]))
    held: dict[str, object] = {}
    for line in sys.stdin:
        ask = json.loads(line)
        peer = held.setdefault(ask["engine"], None) or engine(ask["engine"], case, where)
        held[ask["engine"]] = peer
        what = ask["what"]
        if what == "write":
            arguments = ({f: v[:, : case.bars] for f, v in columns.items()}, case.times)
        elif what == "append":
            place = case.bars + ask["number"]
            arguments = (
                {f: np.array(v[:, place : place + 1]) for f, v in columns.items()},
                np.array([ask["time"]], dtype="M8[ns]"),
            )
        elif what == "symbol":
            arguments = (case.names[ask["number"] * 37 % case.symbols],)
        elif what == "day":
            arguments = (pd.Timestamp(case.times[(ask["number"] * 501 + 77) % case.bars]),)
        else:
            arguments = ()
        started = time.perf_counter()
        getattr(peer, what)(*arguments)
        sys.stdout.write(json.dumps({"ms": (time.perf_counter() - started) * 1e3}) + "\n")
        sys.stdout.flush()
    folder = where.get("folder")
    if folder and setup.get("clean"):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fresh(json.loads(sys.argv[1]))
    else:
        main()
