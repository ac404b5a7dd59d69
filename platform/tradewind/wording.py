"""Figures as they stand in a sentence: no minus before a zero, no plural of one, no "nan"."""

import math

UNDEFINED = "–"


def written(value: float, spec: str = ".2f") -> str:
    """Write a figure by a format specification, a dash where it is undefined."""
    return UNDEFINED if math.isnan(value) else format(value, f"z{spec}")


def percent(share: float, digits: int = 1) -> str:
    """Write a share in percent; 0.1 is 10 %."""
    text = written(share * 100, f".{digits}f")
    return text if text == UNDEFINED else f"{text} %"


def counted(count: float, one: str, many: str = "") -> str:
    """Write a count and what it is of: ``counted(2, "bar")`` is "2 bars".

    Parameters
    ----------
    count
        Rounded to a whole number, which decides: 1.2 are "1 bar".
    one, many
        What it is of; by default ``many`` is ``one`` with an s.
    """
    shown = written(count, ",.0f")
    return f"{shown} {one if shown == '1' else many or one + 's'}"
