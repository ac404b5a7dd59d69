"""What every reader needs first, packed small into the root's attributes: axes, actions, reference data.

As arrays they cost a reader several waits: for references, for chunks, for zarr's own machinery around each.
The attributes come with the snapshot itself. The writer packs them in the session that changes the arrays,
always from what it stored there, and the commit says in its metadata that it did. Where a commit does not
say so (an older Tradewind, any other writer), readers go to the arrays; so they do for what was too large.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewind.store import layout
from tradewind.vocabulary import SYMBOL, TIME

if TYPE_CHECKING:
    import zarr

ATTRIBUTE = "tradewind_head"
MARK = "head"
"""In a commit's metadata: the version of the attribute that was written with it."""
VERSION = 1
FIRST = (TIME, SYMBOL, layout.ACTIONS, layout.REFERENCE)
LIMIT = 1 << 15
"""Characters that one of them may take; every commit stores them again."""
_RAW_LIMIT = 1 << 20


def keep(group: "zarr.Group", times: np.ndarray, symbols: Sequence[str]) -> None:
    """Pack what a writable session holds now into its root attributes.

    Parameters
    ----------
    group
        The root group.
    times, symbols
        The axes, as they were stored.
    """
    actions: Any = group[layout.ACTIONS]
    reference: Any = group.get(layout.REFERENCE)
    packed = pack(
        {
            TIME: times,
            SYMBOL: np.array(symbols, dtype=object),
            layout.ACTIONS: np.asarray(actions[:]),
            layout.REFERENCE: None if reference is None else np.asarray(reference[:]),
        }
    )
    if group.attrs.get(ATTRIBUTE) != packed:
        group.attrs[ATTRIBUTE] = packed


def pack(arrays: Mapping[str, np.ndarray | None]) -> dict[str, str]:
    """Return arrays as texts, without those that would be too long; an array that does not exist is empty."""
    raw = {name: b"" if values is None else _to_bytes(name, values) for name, values in arrays.items()}
    texts = {
        name: b64encode(zlib.compress(data, 6)).decode() if data else ""
        for name, data in raw.items()
        if len(data) <= _RAW_LIMIT
    }
    return {name: text for name, text in texts.items() if len(text) <= LIMIT}


def unpack(packed: Any) -> dict[str, np.ndarray]:
    """Return the arrays that an attribute holds, as they are stored; none where there is no attribute."""
    if not isinstance(packed, dict):
        return {}
    return {n: _from_bytes(n, zlib.decompress(b64decode(t)) if t else b"") for n, t in packed.items()}


def _to_bytes(name: str, values: np.ndarray) -> bytes:
    if name == TIME:
        return runs(values).astype("<i8").tobytes()
    if name == SYMBOL:
        return json.dumps(values.tolist(), ensure_ascii=False).encode()
    return np.ascontiguousarray(values).tobytes()


def _from_bytes(name: str, data: bytes) -> np.ndarray:
    if name == TIME:
        return from_runs(np.frombuffer(data, dtype="<i8").reshape(2, -1))
    if name == SYMBOL:
        return np.array(json.loads(data), dtype=object)
    if name == layout.ACTIONS:
        return np.frombuffer(data, dtype="<f8").reshape(len(layout.ACTION_COLUMNS), -1)
    return np.frombuffer(data, dtype=np.uint8)


def from_runs(stored: np.ndarray) -> np.ndarray:
    """Return the values that ``runs`` was given."""
    values = np.repeat(*stored)
    return np.cumsum(values, out=values)


def runs(values: np.ndarray) -> np.ndarray:
    """Return steps of integers and how often each is repeated (2, runs): a session of minutes is two."""
    steps = np.diff(values, prepend=0)
    first = np.flatnonzero(np.diff(steps, prepend=steps[:1] - 1))
    return np.stack([steps[first], np.diff(first, append=len(steps))])
