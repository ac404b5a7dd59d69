"""Sources by name: the shipped ones, and those that installed packages announce."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from tradewind.errors import InvalidInputError, SetupError, did_you_mean
from tradewind.ingest.sources.base import Options, Source

GROUP = "tradewind.sources"
EXCHANGES = ("binance", "coinbase", "kraken", "okx")


def _yfinance(options: Options) -> Source:
    from tradewind.ingest.sources.yahoo import Yahoo

    return Yahoo(options)


def _exchange(name: str) -> Callable[[Options], Source]:
    def make(options: Options) -> Source:
        from tradewind.ingest.sources.exchanges import Exchange

        return Exchange(name, options)

    return make


_SHIPPED: dict[str, Callable[[Options], Source]] = {
    "yfinance": _yfinance,
    **{name: _exchange(name) for name in EXCHANGES},
}


def names() -> list[str]:
    """Return the names of all sources: shipped, then those of installed packages."""
    return [*_SHIPPED, *sorted(set(entry_points(group=GROUP).names) - _SHIPPED.keys())]


def load(name: str, options: Options | None = None) -> Source:
    """Return a source.

    Parameters
    ----------
    name
        ``yfinance``, ``binance``, ``coinbase``, ``kraken``, ``okx``, or an entry point of the group
        ``tradewind.sources``: something that returns a source when it is called without arguments.
    options
        How the shipped adapters reach their vendors.

    Raises
    ------
    InvalidInputError
        There is none of that name.
    SetupError
        Its library is not installed, or a package's own one cannot be loaded.
    """
    if name in _SHIPPED:
        return _SHIPPED[name](options or Options.from_environment())
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise InvalidInputError(f"There is no source {name!r}.", did_you_mean(name, names()))
    try:
        made: Any = found[0].load()()
    except Exception as problem:
        raise SetupError(
            f"Source {name!r} ({found[0].value}) cannot be loaded: {problem}", "Ask its author."
        ) from problem
    if not callable(getattr(made, "fetch", None)) or not hasattr(made, "facts"):
        raise SetupError(f"Source {name!r} ({found[0].value}) has no facts or no fetch.", "See docs/data.md.")
    source: Source = made
    return source
