"""Checks of parameters that indicators share."""

from tradewind.errors import ParameterError


def at_least(indicator: str, **bounds: tuple[float, float]) -> None:
    """Refuse parameters below their minimum; each is given as ``name=(value, minimum)``.

    Raises
    ------
    ParameterError
        A value is not a number or too small.
    """
    for name, (value, minimum) in bounds.items():
        integer = isinstance(minimum, int)
        if isinstance(value, bool) or not hasattr(value, "__index__" if integer else "__float__"):
            kind = "a whole number" if integer else "a number"
            raise ParameterError(f"{indicator}: {name} is {kind}, not {value!r}.")
        if not value >= minimum:
            raise ParameterError(f"{indicator}: {name} is at least {minimum}, not {value}.")
