"""What a result depended on, and how it is written down: names, and fingerprints of what is data or code."""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.limits import Currencies, Financing, Instruments, Limits, as_text
from tradewind.backtest.options import moment_of
from tradewind.backtest.rules import Costs, Fill
from tradewind.metrics.calendar import When

PARTS = {"costs": Costs, "limits": Limits, "financing": Financing, "instruments": Instruments}
"""Fields of a setting that have fields themselves."""
_DATA, _SOURCE = "(data ", "(source "
_DIGITS = 12


def _digest(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()[:_DIGITS]


def _labels(values: np.ndarray) -> bytes:
    if values.dtype.kind == "M":
        return values.astype("M8[ns]").tobytes()
    return str(values.tolist()).encode()


def fingerprint(data: xr.DataArray) -> str:
    """Hash of an array's dims, labels and values."""
    data = data.transpose(*sorted(data.dims, key=str))
    labels = [_labels(data.indexes[d].values) for d in data.dims if d in data.indexes]
    values = np.ascontiguousarray(data.values, dtype=float)
    return _digest(str(data.dims).encode(), str(data.shape).encode(), *labels, values.tobytes())


def named(value: xr.DataArray | str | None, kind: str = "data") -> str:
    """A name as it is; data by their name, or their kind, and a fingerprint."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value.name or kind} {_DATA}{fingerprint(value)})"


def label(text: str) -> str:
    """What :func:`named` wrote, without the fingerprint."""
    return text.partition(f" {_DATA}")[0]


def moment(value: When, *, end: bool = False) -> str:
    """A time as text; nothing for None. A bare year, month or day as ``end`` is its last moment."""
    if value is None:
        return ""
    return pd.Timestamp(moment_of(value, "end" if end else "start", end=end)).isoformat()


def exchange(currencies: Currencies | None) -> str:
    """Rates of exchange by their fingerprint."""
    return "" if currencies is None else named(currencies.rates, "rates")


def _code(function: Callable[..., Any]) -> str:
    plain = getattr(function, "py_func", function)
    name = f"function {getattr(plain, '__name__', 'unnamed')}"
    try:
        return f"{name} {_SOURCE}{_digest(inspect.getsource(plain).encode())})"
    except (OSError, TypeError):  # typed into a session, or not written in Python
        return name


def _text(part: Any) -> dict[str, Any]:
    """Costs and the like as plain data, with fingerprints of series and functions."""
    found = as_text(part)
    for name in found:
        value = getattr(part, name)
        if isinstance(value, xr.DataArray):
            found[name] = f"series {named(value, name)}"
        elif callable(value):
            found[name] = _code(value)
    return found


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything a backtest depended on besides the code.

    Two are equal if they say the same: series, rates and functions by their fingerprints.

    Attributes
    ----------
    universe
        Its name, or the fingerprint of one that was given as data.
    start, end
        The first and last time asked for; empty for those of the dataset.
    currencies, rates, convert
        The account's currency and the others, a fingerprint of their rates, and whether payments were changed
        at once.
    """

    strategy: str
    title: str
    version: str
    parameters: dict[str, Any]
    dataset: str
    snapshot: str
    adjust: str
    costs: Costs
    cash: float
    fill: Fill
    lot: float
    borrow: bool
    periods: float
    benchmark: str
    limits: Limits | None = None
    financing: Financing | None = None
    instruments: Instruments | None = None
    currencies: tuple[str, ...] = ()
    rates: str = ""
    convert: bool = True
    universe: str = ""
    start: str = ""
    end: str = ""

    @property
    def plain(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return found | {n: _text(found[n]) for n in PARTS if found[n] is not None}

    @property
    def _words(self) -> str:
        return json.dumps(self.plain, sort_keys=True, default=str)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self._words)

    @property
    def missing(self) -> tuple[str, ...]:
        """What the run needs and this does not hold: data and functions, known here by fingerprint only."""
        found = []
        for part in PARTS:
            given = getattr(self, part)
            for name, text in ({} if given is None else _text(given)).items():
                if isinstance(text, str) and text.startswith(("series ", "function ")):
                    found.append(f"{part}.{name}, {text}")
        return (
            *found,
            *(("the rates of exchange",) if self.rates or self.currencies else ()),
            *((f"the universe {self.universe}",) if _DATA in self.universe else ()),
            *((f"the benchmark {self.benchmark}",) if _DATA in self.benchmark else ()),
        )
