"""Small batches for the tests of the store."""

from collections.abc import Sequence

import numpy as np
from tradewind.store.batch import Batch
from tradewind.store.spec import ActionKind, DatasetSpec
from tradewind.vocabulary import Frequency

FIRST = np.datetime64("2020-01-01", "D")


def spec(name: str = "prices", frequency: Frequency = Frequency.DAY) -> DatasetSpec:
    """A dataset that is open every day."""
    return DatasetSpec(name=name, frequency=frequency, calendar="24/7", actions=(ActionKind.SPLIT,))


def days(places: Sequence[int]) -> np.ndarray:
    """Dates by number."""
    return (FIRST + np.array(places, dtype="m8[D]")).astype("M8[ns]")


def batch(symbols: Sequence[str], places: Sequence[int], **values: object) -> Batch:
    """A batch of the days with these numbers; a field is an array or one number for all."""
    shape = (len(symbols), len(places))
    filled = {f: np.broadcast_to(np.asarray(v, dtype=np.float64), shape).copy() for f, v in values.items()}
    return Batch(symbols=tuple(symbols), times=days(places), values=filled)
