"""The market that the store benchmark reads and writes: prices on a 0.01 grid, the same for every engine."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Case:
    """A dataset's size."""

    name: str
    symbols: int
    bars: int
    minutes: bool

    @property
    def times(self) -> np.ndarray:
        """``datetime64[ns]``: weekdays, or the 390 regular minutes of weekdays (no daylight saving)."""
        weekdays = np.arange("2000-01-03", "2030-01-01", dtype="M8[D]")
        weekdays = weekdays[(weekdays.astype(np.int64) + 3) % 7 < 5]
        if not self.minutes:
            return weekdays[: self.bars].astype("M8[ns]")
        ends = np.arange(14 * 60 + 31, 21 * 60 + 1).astype("m8[m]")
        return (weekdays[:, None].astype("M8[m]") + ends).ravel()[: self.bars].astype("M8[ns]")

    @property
    def names(self) -> list[str]:
        """Symbols."""
        return [f"S{i:04}" for i in range(self.symbols)]


CASES = {
    "daily": Case("daily", 500, 5_040, minutes=False),
    "minute": Case("minute", 200, 98_000, minutes=True),
    "tiny": Case("tiny", 20, 600, minutes=False),
}


def make(case: Case, folder: Path) -> None:
    """Write each field as ``<field>.npy`` (symbol, time), one more bar than the case has, for the appends."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "done").exists():
        return
    rng = np.random.default_rng(20260501)
    bars = case.bars + APPENDS
    sigma = 0.0007 if case.minutes else 0.015
    start = rng.uniform(10, 400, size=(case.symbols, 1))
    close = np.maximum(start * np.exp(np.cumsum(rng.normal(0, sigma, (case.symbols, bars)), axis=1)), 0.5)
    spread = close * sigma * rng.exponential(0.5, close.shape)
    columns = {"close": close, "open": np.concatenate([start, close[:, :-1]], axis=1)}
    columns["high"] = np.maximum(columns["open"], close) + spread
    columns["low"] = np.maximum(np.minimum(columns["open"], close) - spread, 0.01)
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", np.round(values, 2))
    volume = np.round(np.exp(rng.normal(8 if case.minutes else 14, 1, close.shape)) / 100) * 100
    np.save(folder / "volume.npy", volume)
    (folder / "done").touch()


APPENDS = 64
"""Bars beyond the case's own, one for each append that is timed."""


def load(case: Case, folder: Path) -> dict[str, np.ndarray]:
    """Return the fields, mapped into memory."""
    return {f: np.load(folder / f"{f}.npy", mmap_mode="r") for f in FIELDS}
