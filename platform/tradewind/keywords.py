"""Constructors that say which keywords there are, where Python's own error names a wrapped function."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from functools import wraps
from typing import Any

from tradewind.errors import ParameterError, did_you_mean


def misnamed(
    title: str, name: str, known: Iterable[str], positional: tuple[Any, ...], given: Mapping[str, Any]
) -> ParameterError | None:
    """Say what is wrong with the arguments of something that takes keywords only; None if nothing is.

    Parameters
    ----------
    title, name
        How it is written in Python, and how it is spoken of.
    known
        Its keywords in order.
    positional, given
        What it was called with.
    """
    names = list(known)
    if positional:
        told = [f"{n}={v!r}" for n, v in zip(names, positional, strict=False)]
        return ParameterError(
            f"{title} takes its parameters by name{'' if names else ', and it has none'}.",
            f"Write {title}({', '.join(told)}).",
        )
    for one in given:
        if one not in names:
            return ParameterError(f"{name} has no parameter {one!r}.", did_you_mean(one, names))
    return None


def spoken[C: type](cls: C) -> C:
    """Let a keyword-only dataclass say which keyword is unknown or missing; a decorator."""
    plain: Callable[..., None] = cls.__init__  # type: ignore[misc]
    every = [f for f in fields(cls) if f.init]
    needed = [f.name for f in every if f.default is MISSING and f.default_factory is MISSING]

    @wraps(plain)
    def checked(self: Any, *positional: Any, **given: Any) -> None:
        try:
            plain(self, *positional, **given)
        except TypeError:
            title = cls.__name__
            wrong = misnamed(title, title, [f.name for f in every], positional, given)
            if wrong is not None:
                raise wrong from None
            for name in needed:
                if name not in given:
                    shown = ", ".join(f"{n}=..." for n in needed)
                    raise ParameterError(f"{title} needs {name!r}.", f"Write {title}({shown}).") from None
            raise

    cls.__init__ = checked  # type: ignore[misc]
    return cls
