"""What a higher floor adds to an object of a lower one, without the lower one knowing it.

``result.plot()`` is a method of a backtest's result, and drawing belongs two floors up. The method calls
``attached.call("Result.plot", self)``; the facade, ``tradewind/__init__.py``, says which function answers.
Nothing is imported before it is called.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

_targets: dict[str, str] = {}


def provide(targets: Mapping[str, str]) -> None:
    """Name the functions that answer, as ``"module:function"``."""
    _targets.update(targets)


def call(name: str, *arguments: Any, **options: Any) -> Any:
    """Call the function that answers to a name."""
    module, function = _targets[name].split(":")
    return getattr(import_module(module), function)(*arguments, **options)
