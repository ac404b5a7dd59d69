"""What a notebook tells about itself: its figures and its seeds."""

import math
import random
from typing import Any

import numpy as np

from tradewind.errors import InvalidInputError
from tradewind.provenance.recorder import recorder


def record(**figures: float | str | bool | None) -> None:
    """Note figures that this run should be known by; they show in its list row and on its run card.

    Parameters
    ----------
    figures
        Name to value: numbers, texts, truth values. A later value of the same name replaces the
        earlier one; a number that is not finite is kept as ``None``.

    Raises
    ------
    InvalidInputError
        A value is something else.

    Examples
    --------
    >>> record(sharpe=1.1, universe="us-large-caps")
    """
    for name, value in figures.items():
        plain: Any = value.item() if value is not None and hasattr(value, "item") else value
        if not (plain is None or isinstance(plain, bool | int | float | str)):
            raise InvalidInputError(
                f"'{name}' is a {type(value).__name__}; a figure is one number, text or truth value.",
                "Write larger things into the working folder: what is left there is kept as artifacts.",
            )
        recorder.metric(name, None if isinstance(plain, float) and not math.isfinite(plain) else plain)


def seed(value: int, name: str = "main") -> int:
    """Seed Python's and NumPy's global random sources and note the seed on the run card.

    Parameters
    ----------
    value
        The seed, 0 to 2**32 - 1.
    name
        What it is for, when a run has several.

    Returns
    -------
    int
        The seed, to pass on to ``numpy.random.default_rng`` or an estimator's ``random_state``.
    """
    if not 0 <= value < 2**32:
        raise InvalidInputError(f"{value} is no seed.", "Give a whole number from 0 to 4294967295.")
    random.seed(value)
    np.random.seed(value)  # the global source is what most libraries fall back to
    recorder.seed(name, value)
    return value
