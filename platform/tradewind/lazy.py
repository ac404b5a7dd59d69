"""Modules of ours that are more than plain ones: imported when first used, or called."""

from importlib import import_module
from types import ModuleType
from typing import Any


class NamedModule(ModuleType):
    """Pickled by its name, as plain modules are: cloudpickle does so for exactly ``ModuleType`` only.

    A notebook's class that mentions ``tw.strategies`` carries that module along when it goes to a worker.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.__name__,)


class LazyModule(NamedModule):
    """Stands for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


def lazy(name: str) -> Any:
    """Return a stand-in for a module, by its full name."""
    return LazyModule(name)
