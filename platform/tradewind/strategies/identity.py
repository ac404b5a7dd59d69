"""What makes a strategy of one's own itself: its text, and a digest of what it runs."""

import ast
import dis
import hashlib
import inspect
import linecache
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tradewind.strategies.base import Strategy

PRODUCT = "tradewind"
LARGE = 65_536
"""Values of an array that are looked at."""
_LIBRARIES = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
_INSTALLED = ("site-packages", "dist-packages")
_NOT_RULES = frozenset({"name", "title", "version", "state", "constraints", "_specs", "_abc_impl"})
"""What a class says of itself that changes no decision, or that a trial's text has anyway."""
_RULES = frozenset({"__post_init__", "__call__"})
_PLAIN = (bool, int, float, complex, str, bytes, date, Enum, range, slice, np.generic, type(None))


def is_ours(cls: type[Strategy]) -> bool:
    """Whether a strategy is one of the product's own."""
    return cls.__module__.startswith(f"{PRODUCT}.")


def source_of(cls: type) -> str:
    """Return a class's text, also where it was defined in a notebook's cell; empty where nobody knows it."""
    with suppress(OSError, TypeError):
        return inspect.getsource(cls)
    # A notebook's __main__ has no file; its cells are known by the file names of the code in them
    for file in dict.fromkeys(f.__code__.co_filename for f in _functions(cls)):
        lines = linecache.getlines(file)
        with suppress(SyntaxError):
            for node in ast.walk(ast.parse("".join(lines))):
                if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                    return "".join(lines[first - 1 : node.end_lineno])
    return ""


def _functions(cls: type) -> Iterator[FunctionType]:
    for value in vars(cls).values():
        inner = _inner(value)
        if isinstance(inner, FunctionType) and inner.__module__ == cls.__module__:
            yield inner


def _inner(value: Any) -> Any:
    """The function inside a property, a class method, a cache, a compiled loop."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, cached_property):
        return value.func
    if isinstance(value, staticmethod | classmethod | MethodType):
        return value.__func__
    if callable(value) and not isinstance(value, FunctionType | type | ModuleType):
        held = vars(value) if hasattr(value, "__dict__") else {}
        found = held.get("py_func", held.get("__wrapped__"))
        return found if isinstance(found, FunctionType) else value
    return value


def code_digest(cls: type[Strategy]) -> str:
    """Return a digest of what a strategy of one's own runs; empty for the product's own, which have versions.

    It covers the class and those above it, and what their code refers to outside of installed packages:
    functions, classes, plain values, arrays. Comments, line numbers, texts of documentation and the values of
    parameters are not part of it. It is the same in another kernel with the same Python.
    """
    if is_ours(cls):
        return ""
    walk = _Walk(cls.__module__.partition(".")[0])
    walk.take("", cls)
    return hashlib.blake2b("\n".join(walk.parts).encode(), digest_size=8).hexdigest()


class _Walk:
    """Goes through what a class refers to, each thing once."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.parts: list[str] = []
        self.seen: set[int] = set()

    def take(self, name: str, value: Any) -> None:
        value = _inner(value)
        if isinstance(value, partial):
            self.take(name, value.func)
            self.parts.append(f"{name} {_plain((value.args, value.keywords))}")
        elif not isinstance(value, FunctionType | type):
            self.parts.append(f"{name} {_plain(value)}")
            if type(value).__module__ != "builtins" and self._is_own(type(value)):
                self.take(name, type(value))  # an object of a class of one's own
                settings = fields(value) if is_dataclass(value) else ()
                self.parts += [f"{name}.{f.name} {_plain(getattr(value, f.name))}" for f in settings]
        elif id(value) in self.seen or not self._is_own(value):
            self.parts.append(f"{name} {value.__module__}.{value.__qualname__}")
        else:
            self.seen.add(id(value))
            self.parts.append(f"{name} {value.__qualname__}")
            if isinstance(value, type):
                self._class(value)
            else:
                self._function(value)

    def _is_own(self, value: FunctionType | type) -> bool:
        root = (value.__module__ or "").partition(".")[0]
        if root in {PRODUCT, "builtins"}:
            return False
        if root == self.home:
            return True
        if isinstance(value, FunctionType):
            file = value.__code__.co_filename
        else:
            with suppress(OSError, TypeError):
                file = inspect.getfile(value)
                return not _installed(file)
            return False
        return not _installed(file)

    def _class(self, cls: type) -> None:
        for base in cls.__mro__[1:]:
            self.take("base", base)
        parameters = {p.name for p in cls.parameters()} if issubclass(cls, Strategy) else set()
        for name, value in sorted(vars(cls).items()):
            dunder = name.startswith("__") and name.endswith("__") and name not in _RULES
            if not (dunder or name in _NOT_RULES or name in parameters):
                self.take(name, value)

    def _function(self, function: FunctionType) -> None:
        text, names, every = _listing(function.__code__)
        self.parts += [text, _plain(function.__defaults__), _plain(function.__kwdefaults__)]
        for name in names:
            value = function.__globals__.get(name)
            self.take(name, value)
            if isinstance(value, ModuleType):
                self._module(value, every)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with suppress(ValueError):  # not filled yet
                self.take(name, cell.cell_contents)

    def _module(self, module: ModuleType, names: frozenset[str]) -> None:
        """What code may mean by a name after ``module.``, in a module of one's own."""
        if id(module) in self.seen or _installed(getattr(module, "__file__", None) or ""):
            return
        self.seen.add(id(module))
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            self.take(f"{module.__name__}.{name}", value)
            if isinstance(value, ModuleType):
                self._module(value, names)


@lru_cache(maxsize=1024)
def _installed(file: str) -> bool:
    """Whether a file belongs to Python, to an installed package or to the product."""
    if not file or file.startswith(("<frozen", str(Path(__file__).parents[1]))):
        return True
    parts = Path(file).parts
    return any(name in parts for name in _INSTALLED) or file.startswith(_LIBRARIES)


@lru_cache(maxsize=1024)
def _listing(code: CodeType) -> tuple[str, tuple[str, ...], frozenset[str]]:
    """What code does, without where it stands, the globals it names, and all names; inner code included."""
    lines: list[str] = [code.co_name, str(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])]
    names: set[str] = set()
    every = set(code.co_names)
    for step in dis.get_instructions(code):
        value = step.argval
        if isinstance(value, CodeType):
            text, inner, all_inner = _listing(value)
            lines.append(text)
            names.update(inner)
            every |= all_inner
        else:
            lines.append(f"{step.opname} {_plain(value)}")
        if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
            names.add(value)
    return "\n".join(lines), tuple(sorted(names)), frozenset(every)


def _plain(value: Any) -> str:
    """Write a value down in the same way in every process; of what is not plain, its type alone."""
    kind = type(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        # Asked with every backtest: of a large table some thousand values tell it from another
        some = value.reshape(-1)[:: 1 + value.size // LARGE]
        content = hashlib.blake2b(np.ascontiguousarray(some).tobytes(), digest_size=8).hexdigest()
        return f"{value.dtype} {value.shape} {content}"
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, _PLAIN):
        return f"{kind.__name__} {value!r}"
    if kind is tuple:
        return f"tuple({', '.join(map(_plain, value))})"
    # A list or dict of plain values is a setting; one of arrays and objects is rather a cache, which fills
    if kind in {list, set, dict} and not value:
        return f"a {kind.__module__}.{kind.__qualname__}"
    if kind is list and all(isinstance(v, _PLAIN) for v in value):
        return f"list({', '.join(map(_plain, value))})"
    if kind in {set, frozenset} and all(isinstance(v, _PLAIN) for v in value):
        return f"{kind.__name__}({', '.join(sorted(map(_plain, value)))})"
    if kind is dict and all(isinstance(v, _PLAIN) for pair in value.items() for v in pair):
        return f"dict({', '.join(f'{_plain(k)}: {_plain(v)}' for k, v in value.items())})"
    return f"a {kind.__module__}.{kind.__qualname__}"
