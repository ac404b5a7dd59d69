"""What one stored chunk looks like inside: PCodec parts with checksums, alone or many in a shard.

The format is standard Zarr v3 (``sharding_indexed``, ``numcodecs.pcodec``, ``crc32c``); plain zarr reads and
writes it too. It is decoded here without zarr's pipeline, because that spends several times the codec's own
time on each part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import google_crc32c
import numpy as np
from numcodecs.pcodec import PCodec
from pcodec import standalone

ABSENT = 2**64 - 1
_CHECKSUM = 4


class Sliced(Protocol):
    """Bytes, or what gives them by slices."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice, /) -> bytes:
        """Some of them."""


class CorruptChunkError(ValueError):
    """Stored bytes do not match their checksum or their format."""


@dataclass(frozen=True)
class Packing:
    """How the chunks of one array are packed.

    Parameters
    ----------
    chunk
        Shape of a stored object.
    part
        Shape of what is compressed together; the same as ``chunk`` where nothing is sharded.
    sharded
        Whether the object ends with an index of its parts.
    fill
        The value of what was never written.
    codec
        PCodec's settings, as stored.
    """

    chunk: tuple[int, int]
    part: tuple[int, int]
    sharded: bool
    fill: float
    codec: tuple[tuple[str, Any], ...]

    @property
    def grid(self) -> tuple[int, int]:
        """Parts of a chunk, by axis."""
        return self.chunk[0] // self.part[0], self.chunk[1] // self.part[1]

    @cached_property
    def _encoder(self) -> PCodec:
        return PCodec(**dict(self.codec))

    def index(self, data: Sliced) -> np.ndarray:
        """Return offset and length of each part of a chunk (rows, columns, 2); ``ABSENT`` twice for fill."""
        rows, columns = self.grid
        if not self.sharded:
            return np.array([[[0, len(data)]]], dtype=np.uint64)
        size = rows * columns * 16
        if len(data) < size + _CHECKSUM:
            raise CorruptChunkError("A stored chunk is shorter than its index.")
        stored = _checked(data[-size - _CHECKSUM :])
        return np.frombuffer(stored, dtype="<u8").reshape(rows, columns, 2)

    def decode(self, data: Sliced, offset: int, length: int, out: np.ndarray) -> None:
        """Decode one part into a contiguous float64 array of its size."""
        if offset + length > len(data):
            raise CorruptChunkError("A stored chunk is shorter than its index says.")
        done = standalone.simple_decompress_into(_checked(data[offset : offset + length]), out)
        if done.n_processed != out.size:
            raise CorruptChunkError(f"A stored part holds {done.n_processed} values, not {out.size}.")

    def encode(self, values: np.ndarray) -> bytes:
        """Encode one part; empty where all of it is fill."""
        flat = values.ravel()
        blank = np.isnan(flat).all() if np.isnan(self.fill) else (flat == self.fill).all()
        if blank:
            return b""
        packed = bytes(self._encoder.encode(flat))
        return packed + _checksum(packed)

    def join(self, parts: dict[tuple[int, int], bytes]) -> bytes:
        """Put encoded parts, by place, together into one chunk; empty where there is none."""
        filled = {place: part for place, part in sorted(parts.items()) if part}
        if not filled or not self.sharded:
            return b"".join(filled.values())
        index = np.full((*self.grid, 2), ABSENT, dtype="<u8")
        offset = 0
        for place, part in filled.items():
            index[place] = offset, len(part)
            offset += len(part)
        tail = index.tobytes()
        return b"".join((*filled.values(), tail, _checksum(tail)))


def _checksum(data: bytes) -> bytes:
    value: int = google_crc32c.value(data)
    return value.to_bytes(_CHECKSUM, "little")


def _checked(data: bytes) -> bytes:
    body, check = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if _checksum(body) != check:
        raise CorruptChunkError("Stored and computed checksum of a chunk do not match.")
    return body


def packing_of(document: Mapping[str, Any]) -> Packing | None:
    """Return the packing of an array, or None where it is stored in a way that only zarr knows.

    Parameters
    ----------
    document
        A zarr array's metadata, as stored.
    """
    codecs, grid = list(document["codecs"]), document["chunk_grid"]
    if grid["name"] != "regular" or len(document["shape"]) != 2 or document["data_type"] != "float64":
        return None
    if document["chunk_key_encoding"] != {"name": "default", "configuration": {"separator": "/"}}:
        return None
    if not all(isinstance(c, dict) for c in codecs):
        return None
    chunk = _pair(grid["configuration"]["chunk_shape"])
    part, sharded = chunk, False
    if [c["name"] for c in codecs] == ["sharding_indexed"]:
        inner = codecs[0]["configuration"]
        end = [c["name"] for c in inner["index_codecs"]] == ["bytes", "crc32c"]
        if not end or inner.get("index_location", "end") != "end":
            return None
        part, sharded, codecs = _pair(inner["chunk_shape"]), True, list(inner["codecs"])
    if [c["name"] for c in codecs] != ["numcodecs.pcodec", "crc32c"]:
        return None
    settings = tuple(sorted(codecs[0]["configuration"].items()))
    return Packing(chunk, part, sharded, float(document["fill_value"]), settings)


def _pair(shape: Any) -> tuple[int, int]:
    return int(shape[0]), int(shape[1])
