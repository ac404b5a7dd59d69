"""Vintages: what a figure was said to be at each moment, for series that are revised after the fact.

A statistic of a month is published weeks later and corrected for years. The field of such a dataset holds
the newest figure of each period; beside it stands every figure that was ever published, with its moment.
Without a guard a reader gets the newest, under one what was published by then.
"""

from dataclasses import dataclass

import numpy as np

VINTAGES = "vintages"
COLUMNS = 4
"""Rows of the ``vintages`` array, float64: symbol position, period and publication in seconds since 1970,
value."""


@dataclass(frozen=True, kw_only=True)
class VintageTable:
    """Published figures, sorted by series, period and publication.

    Parameters
    ----------
    instrument
        Position on the stored symbol axis.
    time
        ``datetime64[s]``: the period, as on the dataset's time axis.
    known
        ``datetime64[s]`` in UTC: when it was published.
    value
        The figure.
    """

    instrument: np.ndarray
    time: np.ndarray
    known: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def decode(cls, stored: np.ndarray) -> "VintageTable":
        """Read the stored columns."""
        whole = stored[:3].astype(np.int64)
        order = np.lexsort((whole[2], whole[1], whole[0]))
        rows, times, known = whole[:, order]
        return cls(
            instrument=rows, time=times.astype("M8[s]"), known=known.astype("M8[s]"), value=stored[3, order]
        )

    def encode(self) -> np.ndarray:
        """Return the columns as stored."""
        rows = (self.instrument, self.time.astype(np.int64), self.known.astype(np.int64), self.value)
        return np.array([r.astype(np.float64) for r in rows]).reshape(COLUMNS, -1)

    def series(self, instrument: int) -> "VintageTable":
        """Return the figures of one series."""
        a, b = np.searchsorted(self.instrument, (instrument, instrument + 1))
        part = slice(int(a), int(b))
        return VintageTable(
            instrument=self.instrument[part], time=self.time[part], known=self.known[part],
            value=self.value[part],
        )  # fmt: skip

    def by(self, until: np.datetime64) -> tuple[np.ndarray, np.ndarray]:
        """Return the periods of one series published by a moment, and what was said of them then."""
        said = self.known.astype("M8[ns]") <= until
        times, values = self.time[said], self.value[said]
        last = np.append(times[1:] != times[:-1], True) if len(times) else np.zeros(0, dtype=bool)
        return times[last], values[last]

    def first_known(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the periods of one series, and when each was published first."""
        first = np.append(True, self.time[1:] != self.time[:-1]) if len(self) else np.zeros(0, dtype=bool)
        return self.time[first], self.known[first]
