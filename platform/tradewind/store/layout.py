"""How arrays lie in a repository: chunk shapes by frequency, codec, encoding of time.

The shapes were measured (see ``bench/README.md``): dims ``(symbol, time)`` with time contiguous, PCodec level
6 on float64, NaN as fill, a checksum on each part. A chunk, one stored object, is what a request fetches: its
shape decides how many of them a symbol, a day and an append need. It is made of parts, each compressed alone:
a part's shape decides how much must be decoded for one value, and encoded again after an append.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.vocabulary import DIMS, SYMBOL, TIME, Frequency

if TYPE_CHECKING:
    import zarr

COMPRESSION_LEVEL = 6
TIME_CHUNK = 1 << 16
SYMBOL_CHUNK = 1 << 14
ACTIONS = "actions"
REFERENCE = "reference"
QUARANTINE = "quarantine"
ACTION_COLUMNS = ("instrument", "kind", "ex_date", "value", "known")
"""Rows of the ``actions`` array, float64: symbol position, kind (0 split, 1 dividend), days since 1970, ratio
or cash, seconds since 1970 (NaN where the source does not say)."""


@dataclass(frozen=True)
class Chunks:
    """A chunk's shape, and that of the parts it is made of; without ``part`` it is compressed as a whole."""

    symbols: int
    times: int
    part: tuple[int, int] | None = None


_BY_FREQUENCY = {
    Frequency.TICK: Chunks(1, 131_072),
    Frequency.MINUTE: Chunks(50, 7_800, (5, 1_950)),
    Frequency.HOUR: Chunks(100, 3_584, (10, 896)),
    Frequency.DAY: Chunks(250, 1_024, (50, 256)),
    Frequency.WEEK: Chunks(250, 520),
    Frequency.MONTH: Chunks(250, 480),
}


def chunks_for(frequency: Frequency, symbols: int) -> Chunks:
    """Return the chunk shape for a dataset.

    Few symbols get fewer rows and more columns a chunk: the number of values stays about the same.

    Parameters
    ----------
    frequency
        The bar length.
    symbols
        How many symbols the dataset starts with.
    """
    best = _BY_FREQUENCY[frequency]
    rows = max(8, 1 << max(symbols - 1, 0).bit_length())
    if rows >= best.symbols:
        return best
    if best.part is None:
        return Chunks(rows, min(best.times * (best.symbols // rows), best.times * 8))
    height, width = best.part
    if rows < height:
        height, width = rows, width * (height // rows)
    rows = -(-rows // height) * height
    times = min(best.times * (best.symbols // rows), best.times * 8)
    return Chunks(rows, -(-times // width) * width, (height, width))


def time_unit(frequency: Frequency) -> str:
    """Return numpy's unit that the time axis is stored in."""
    if frequency is Frequency.TICK:
        return "ns"
    return "s" if frequency.intraday else "D"


_NANOSECONDS = {"ns": 1, "s": 10**9, "D": 86_400 * 10**9}
_CF_UNITS = {"ns": "nanoseconds", "s": "seconds", "D": "days"}


def encode_time(times: np.ndarray, frequency: Frequency) -> np.ndarray:
    """Return times as stored: int64 since 1970 in the frequency's unit."""
    encoded: np.ndarray = times.astype(f"M8[{time_unit(frequency)}]").astype(np.int64)
    return encoded


def decode_time(stored: np.ndarray, frequency: Frequency) -> np.ndarray:
    """Return stored times as ``datetime64[ns]``."""
    decoded: np.ndarray = (stored * _NANOSECONDS[time_unit(frequency)]).view("M8[ns]")
    return decoded


def create_arrays(
    group: "zarr.Group", *, fields: tuple[str, ...], frequency: Frequency, chunks: Chunks
) -> None:
    """Create the empty arrays of a dataset in its root group."""
    unit = _CF_UNITS[time_unit(frequency)]
    group.create_array(
        TIME, shape=(0,), dtype="int64", chunks=(TIME_CHUNK,), dimension_names=(TIME,),
        attributes={"units": f"{unit} since 1970-01-01", "calendar": "proleptic_gregorian"},
    )  # fmt: skip
    group.create_array(SYMBOL, shape=(0,), dtype=str, chunks=(SYMBOL_CHUNK,), dimension_names=(SYMBOL,))
    create_table(group, ACTIONS, len(ACTION_COLUMNS))
    for name in fields:
        create_field(group, name, (0, 0), chunks)


def create_blob(group: "zarr.Group", name: str) -> Any:
    """Create an array of bytes that holds one document."""
    return group.create_array(
        name, shape=(0,), dtype="uint8", chunks=(1 << 24,), dimension_names=(f"{name}_byte",)
    )


def read_json(array: Any) -> list[dict[str, Any]]:
    """Read the document in an array of bytes; an absent or empty one is an empty list."""
    stored = b"" if array is None else np.asarray(array[:]).tobytes()
    rows: list[dict[str, Any]] = json.loads(stored) if stored else []
    return rows


def create_field(group: "zarr.Group", name: str, shape: tuple[int, int], chunks: Chunks) -> None:
    """Create one field's array, filled with NaN."""
    from zarr.codecs import Crc32cCodec
    from zarr.codecs.numcodecs import PCodec

    whole = (chunks.symbols, chunks.times)
    group.create_array(
        name, shape=shape, dtype="float64", fill_value=np.nan,
        chunks=chunks.part or whole, shards=whole if chunks.part else None,
        serializer=PCodec(level=COMPRESSION_LEVEL), compressors=(Crc32cCodec(),), filters=None,
        dimension_names=DIMS,
    )  # fmt: skip


def chunks_of(array: "zarr.Array[Any]") -> Chunks:
    """Return the chunk shape of an existing field."""
    shape = array.shards or array.chunks
    part = (array.chunks[0], array.chunks[1]) if array.shards else None
    return Chunks(shape[0], shape[1], part)


def create_table(group: "zarr.Group", name: str, columns: int) -> Any:
    """Create a small numeric table: one row a column, growing along the second axis."""
    return group.create_array(
        name, shape=(columns, 0), dtype="float64", chunks=(columns, 8192), fill_value=np.nan,
        dimension_names=(f"{name}_column", f"{name}_row"),
    )  # fmt: skip
