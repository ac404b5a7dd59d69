"""Strategies by name."""

from html import escape

from tradewind.errors import InvalidInputError, NotFoundError, did_you_mean
from tradewind.strategies.base import Strategy

_known: dict[str, type[Strategy]] = {}


def register[S: type[Strategy]](cls: S) -> S:
    """Register a strategy class under its ``name``; a decorator, also for one's own."""
    if not cls.name:
        raise InvalidInputError(f"{cls.__name__} needs a name.", 'Set name = "my_idea" in the class.')
    _known[cls.name] = cls
    return cls


def names() -> list[str]:
    """Return the names of all registered strategies."""
    return sorted(_known)


def strategy_class(name: str) -> type[Strategy]:
    """Return a strategy's class.

    Raises
    ------
    NotFoundError
        No strategy has that name.
    """
    try:
        return _known[name]
    except KeyError:
        raise NotFoundError(f"There is no strategy {name!r}.", did_you_mean(name, _known)) from None


def get(name: str, **parameters: object) -> Strategy:
    """Build a strategy from its name and parameters.

    Raises
    ------
    NotFoundError
        No strategy has that name.
    ParameterError
        A parameter is unknown, ill-typed or out of bounds.
    """
    return strategy_class(name)(**parameters)


class Table:
    """All strategies with their parameters, for reading."""

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, title, parameters."""
        return [
            (
                name,
                cls.title,
                ", ".join(f"{p.name}={p.default!r}" for p in cls.parameters()),
            )
            for name, cls in sorted(_known.items())
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<16} {title:<28} {parameters}" for name, title, parameters in self.rows())

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in self.rows()
        )
        return (
            f"<table><thead><tr><th>name</th><th>strategy</th><th>parameters</th></tr></thead>{body}</table>"
        )


def table() -> Table:
    """Return the table of all strategies."""
    return Table()
