"""Strategies by name: the product's own, those of installed packages, and the user's."""

import re
from collections.abc import Callable
from functools import cache
from html import escape
from importlib.metadata import entry_points
from typing import Any

from tradewind.errors import InvalidInputError, NotFoundError, did_you_mean
from tradewind.strategies import versions as history
from tradewind.strategies.base import Strategy
from tradewind.strategies.identity import is_ours
from tradewind.strategies.versions import State

ENTRY_POINTS = "tradewind.strategies"
"""Group under which an installed package names its strategies, as ``name = "package.module:Class"``."""

_known: dict[str, type[Strategy]] = {}


def register[S: type[Strategy]](cls: S) -> S:
    """Register a strategy class under its ``name``; a decorator, also for one's own.

    One's own are written down with their version and text: see :func:`tradewind.strategies.history`.
    """
    if not cls.name:
        raise InvalidInputError(f"{cls.__name__} needs a name.", 'Set name = "my_idea" in the class.')
    _check_name(cls.name)
    present = _known.get(cls.name)
    if present is not None and is_ours(present) and not is_ours(cls):
        raise InvalidInputError(
            f"{cls.name!r} is the name of a strategy of Tradewind's own.",
            'Choose another, such as "my_idea".',
        )
    _known[cls.name] = cls
    if not is_ours(cls):
        history.remember(cls)
    return cls


def _check_name(name: str) -> None:
    """Refuse names that not all can take as they are: entry points, templates' parameters, files."""
    if name.isidentifier() and name == name.lower():
        return
    near = re.sub(r"\W+", "_", name).strip("_").lower()
    raise InvalidInputError(
        f"A strategy's name is in lower case with underscores; {name!r} is not.",
        f'Call it "{near if near.isidentifier() else "my_idea"}"; how it is shown is its title.',
    )


@cache
def _installed() -> dict[str, Callable[[], Any]]:
    return {e.name: e.load for e in entry_points(group=ENTRY_POINTS)}


def _find(name: str) -> type[Strategy] | None:
    if name not in _known and name in _installed():
        cls = _installed()[name]()
        if not (isinstance(cls, type) and issubclass(cls, Strategy) and cls.name == name):
            raise InvalidInputError(f"The entry point {name!r} names no strategy of that name: {cls!r}.")
        _known[name] = cls
    if name not in _known:
        own = history.load(name)
        if own is not None:
            _known[name] = own
    return _known.get(name)


def names(*, retired: bool = False) -> list[str]:
    """Return the names of all strategies: registered, installed by entry point, and one's own of earlier.

    Parameters
    ----------
    retired
        Also those that are retired.
    """
    own = {v.name: v.state for v in history.everything()}
    every = {**dict.fromkeys(_known), **dict.fromkeys(_installed()), **dict.fromkeys(own)}
    return sorted(n for n in every if retired or state_of(n) is not State.RETIRED)


def state_of(name: str) -> State:
    """Return where a strategy stands; what is written down wins over what the class says."""
    for version in history.everything():
        if version.name == name:
            return version.state
    cls = _known.get(name)
    return State(cls.state) if cls is not None else State.ACTIVE


def strategy_class(name: str, version: str | None = None) -> type[Strategy]:
    """Return a strategy's class.

    Parameters
    ----------
    name
        Its name.
    version
        An older version of one's own; the current one by default.

    Raises
    ------
    NotFoundError
        No strategy has that name, or no such version.
    """
    found = _find(name)
    if found is not None and version is not None and found.version != version:
        found = history.load(name, version)
        if found is None:
            raise NotFoundError(f"{name!r} has no version {version!r} here.", _versions(name))
    if found is None:
        raise NotFoundError(f"There is no strategy {name!r}.", did_you_mean(name, names(retired=True)))
    return found


def _versions(name: str) -> str:
    try:
        return f"There are: {', '.join(v.version for v in history.history(name))}."
    except NotFoundError:
        return f"There is {_known[name].version}."


def get(name: str, /, *, version: str | None = None, **parameters: object) -> Strategy:
    """Build a strategy from its name and parameters.

    Parameters
    ----------
    name
        From :func:`names`.
    version
        An older version of one's own.
    parameters
        Its parameters.

    Raises
    ------
    NotFoundError
        No strategy has that name.
    ParameterError
        A parameter is unknown, ill-typed or out of bounds.
    """
    return strategy_class(name, version)(**parameters)


def roll_back(name: str, version: str) -> type[Strategy]:
    """Let the name of one of your own strategies mean an earlier version again, here and in later kernels.

    Raises
    ------
    NotFoundError
        No such version.
    """
    history.make_current(name, version)
    cls = history.load(name, version)
    if cls is None:
        raise NotFoundError(f"{name!r} has no version {version!r} here.", _versions(name))
    _known[name] = cls
    return cls


class Table:
    """Strategies with their parameters, for reading and searching."""

    def __init__(self, search: str = "", *, retired: bool = False) -> None:
        self.search = search.lower()
        self.retired = retired

    def classes(self) -> list[type[Strategy]]:
        """The strategies listed."""
        found = (_find(n) for n in names(retired=self.retired))
        return [
            c for c in found if c is not None and self.search in f"{c.name} {c.title} {c.__doc__}".lower()
        ]

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, title, parameters."""
        return [
            (c.name, c.title, ", ".join(f"{p.name}={p.default!r}" for p in c.parameters()))
            for c in self.classes()
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<26} {title:<28} {parameters}" for name, title, parameters in self.rows())

    def _repr_html_(self) -> str:
        body = "".join(_row(c) for c in self.classes()) or "<tr><td colspan='6'>none</td></tr>"
        heads = ("name", "strategy", "what it does", "version", "state", "parameters")
        head = "".join(f"<th style='text-align:left'>{h}</th>" for h in heads)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(cls: type[Strategy]) -> str:
    does = " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())
    parameters = "".join(
        f"<div title='{escape(p.doc)}'><code>{escape(p.name)}={escape(repr(p.default))}</code></div>"
        for p in cls.parameters()
    )
    rules = "".join(f"<div><code>{escape(c.text)}</code></div>" for c in cls.constraints)
    cells = (
        f"<code>{escape(cls.name)}</code>", escape(cls.title), escape(does), escape(cls.version),
        state_of(cls.name).value, parameters + rules,
    )  # fmt: skip
    return (
        "<tr>" + "".join(f"<td style='text-align:left;vertical-align:top'>{c}</td>" for c in cells) + "</tr>"
    )


def table(search: str = "", *, retired: bool = False) -> Table:
    """Return the table of strategies.

    Parameters
    ----------
    search
        Only those with this in their name, title or description.
    retired
        Also those that are retired.
    """
    return Table(search, retired=retired)
