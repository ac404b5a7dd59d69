"""What a notebook may be given: the names, types and defaults of its cell tagged ``parameters``."""

import ast
import io
import json
import math
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from tradewind.errors import ParameterError, did_you_mean

LARGEST = 64 * 1024
"""Bytes of JSON that all parameters of a run may take."""


class Kind(StrEnum):
    """The type of a parameter."""

    INT = "int"
    FLOAT = "float"
    STR = "str"
    BOOL = "bool"
    LIST = "list"
    DICT = "dict"
    ANY = "any"


_PYTHON: Mapping[Kind, tuple[type, ...]] = {
    Kind.INT: (int,),
    Kind.FLOAT: (float, int),
    Kind.STR: (str,),
    Kind.BOOL: (bool,),
    Kind.LIST: (list, tuple),
    Kind.DICT: (dict,),
}
_WORDS: Mapping[Kind, str] = {
    Kind.INT: "a whole number",
    Kind.FLOAT: "a number",
    Kind.STR: "a text",
    Kind.BOOL: "true or false",
    Kind.LIST: "a list",
    Kind.DICT: "an object",
    Kind.ANY: "any JSON value",
}
_ANNOTATED: Mapping[str, Kind] = {
    **{kind.value: kind for kind in Kind if kind is not Kind.ANY},
    "List": Kind.LIST, "Sequence": Kind.LIST, "tuple": Kind.LIST, "Dict": Kind.DICT, "Mapping": Kind.DICT,
}  # fmt: skip
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a notebook.

    Parameters
    ----------
    name
        Its variable.
    kind
        Its type, from the annotation or else from the default.
    default
        What it is when nothing is given.
    optional
        Whether ``None`` is a value of it.
    items
        The type of a list's items, when the annotation or the default tells.
    choices
        The allowed values, from a ``Literal`` annotation; empty means any.
    help
        The comment behind it.
    """

    name: str
    kind: Kind
    default: Any = None
    optional: bool = False
    items: Kind = Kind.ANY
    choices: tuple[Any, ...] = ()
    help: str = ""

    @property
    def words(self) -> str:
        """Say what it takes, for people."""
        if self.choices:
            text = " or ".join(repr(choice) for choice in self.choices)
        elif self.kind is Kind.LIST and self.items is not Kind.ANY:
            text = f"a list of {self.items.value}"
        else:
            text = _WORDS[self.kind]
        return f"{text} or null" if self.optional else text

    def check(self, value: Any) -> Any:
        """Return the value in the parameter's type.

        Raises
        ------
        ParameterError
            It is of another type; a whole number passes as a float, nothing else is converted.
        """
        if value is None and (self.optional or self.kind is Kind.ANY):
            return None
        if self.choices and value not in self.choices:
            near = did_you_mean(str(value), [str(choice) for choice in self.choices])
            raise ParameterError(f"Parameter '{self.name}' takes {self.words}, not {value!r}.", near)
        found = _cast(self.kind, value)
        if found is _WRONG:
            raise self._mistyped(value)
        if self.kind is Kind.LIST:
            found = [_cast(self.items, item) for item in found]
            if _WRONG in found:
                raise self._mistyped(value)
        return found

    def parse(self, text: str) -> Any:
        """Return the value that a text from the shell or a form stands for.

        Raises
        ------
        ParameterError
            The text does not stand for a value of the parameter's type.
        """
        bare = text.strip()
        if self.optional and bare in ("", "none", "None", "null"):
            return None
        if self.kind is Kind.STR:
            return self.check(text)
        if self.kind is Kind.BOOL and bare.lower() in (*_TRUE, *_FALSE):
            return bare.lower() in _TRUE
        if self.kind is Kind.LIST and not bare.startswith("["):
            parts = [part.strip() for part in bare.split(",") if part.strip()]
            return self.check([part if self.items is Kind.STR else _literal(part) for part in parts])
        value = _literal(bare)
        return self.check(value)

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "type": self.kind.value,
            "default": self.default,
            "optional": self.optional,
            "items": self.items.value,
            "choices": list(self.choices),
            "help": self.help,
            "takes": self.words,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read the JSON document of the REST API."""
        return cls(
            name=document["name"],
            kind=Kind(document["type"]),
            default=document["default"],
            optional=document["optional"],
            items=Kind(document["items"]),
            choices=tuple(document["choices"]),
            help=document["help"],
        )

    def _mistyped(self, value: Any) -> ParameterError:
        return ParameterError(
            f"Parameter '{self.name}' takes {self.words}, not {value!r}.", f"Its default is {self.default!r}."
        )


_WRONG = object()


def _cast(kind: Kind, value: Any) -> Any:
    if kind is Kind.ANY:
        return value
    if isinstance(value, bool) is not (kind is Kind.BOOL) or not _is(kind, value):
        return _WRONG
    if kind is Kind.FLOAT:
        return float(value) if math.isfinite(value) else _WRONG
    return list(value) if kind is Kind.LIST else value


def _is(kind: Kind, value: Any) -> bool:
    return isinstance(value, _PYTHON[kind])


def _literal(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return list(value) if isinstance(value, tuple) else value
    return text


def infer(source: str) -> tuple[Parameter, ...]:
    """Find the parameters in the source of a cell.

    Parameters
    ----------
    source
        Assignments of literal defaults, optionally annotated, optionally followed by a comment. What is no
        such assignment is no parameter.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        raise ParameterError("The cell tagged 'parameters' is not valid Python.") from None
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for node in tree.body:
        annotation: ast.expr | None = None
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            name, annotation, value = node.target.id, node.annotation, node.value
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            name, value = node.targets[0].id, node.value
        else:
            continue
        try:
            default = ast.literal_eval(value)
        except ValueError:
            continue
        found[name] = _parameter(name, annotation, default, comments.get(node.end_lineno or 0, ""))
    return tuple(found.values())


def _parameter(name: str, annotation: ast.expr | None, default: Any, text: str) -> Parameter:
    kind, items, choices, optional = Kind.ANY, Kind.ANY, (), default is None
    if annotation is not None:
        kind, items, choices, nullable = _annotated(annotation)
        optional = optional or nullable
    elif default is not None:
        kind = _kind_of(default)
        items = _kind_of_items(default) if kind is Kind.LIST else Kind.ANY
    if isinstance(default, tuple):
        default = list(default)
    return Parameter(
        name=name, kind=kind, default=default, optional=optional, items=items, choices=choices, help=text
    )


def _kind_of(value: Any) -> Kind:
    for kind in (Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.STR, Kind.LIST, Kind.DICT):
        if isinstance(value, _PYTHON[kind]):
            return kind
    return Kind.ANY


def _kind_of_items(values: Any) -> Kind:
    inside = {_kind_of(value) for value in values}
    if inside == {Kind.INT, Kind.FLOAT}:
        return Kind.FLOAT
    return inside.pop() if len(inside) == 1 else Kind.ANY


def _annotated(node: ast.expr) -> tuple[Kind, Kind, tuple[Any, ...], bool]:
    """Read an annotation: its type, its items' type, its allowed values, whether None is one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        nullable = len(sides) < 2
        if len(sides) != 1:
            return Kind.ANY, Kind.ANY, (), False
        kind, items, choices, _ = _annotated(sides[0])
        return kind, items, choices, nullable
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _annotated(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.Subscript):
        outer = _name(node.value)
        if outer == "Optional":
            kind, items, choices, _ = _annotated(node.slice)
            return kind, items, choices, True
        if outer == "Literal":
            values = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            choices = tuple(ast.literal_eval(value) for value in values)
            return _kind_of(choices[0]), Kind.ANY, choices, None in choices
        kind = _ANNOTATED.get(outer, Kind.ANY)
        inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        return kind, _ANNOTATED.get(_name(inner), Kind.ANY), (), False
    return _ANNOTATED.get(_name(node), Kind.ANY), Kind.ANY, (), False


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _comments(source: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            found[token.start[0]] = token.string.lstrip("#").strip()
    return found


def check_all(
    known: Iterable[Parameter], given: Mapping[str, Any], *, what: str, texts: bool = False
) -> dict[str, Any]:
    """Check what is given against what is known.

    Parameters
    ----------
    known
        The notebook's parameters.
    given
        Name to value.
    what
        The notebook's name, for messages.
    texts
        Whether the values are texts from a shell or a form.

    Raises
    ------
    ParameterError
        A name is unknown, a value ill-typed, or everything together too large.
    """
    parameters = {parameter.name: parameter for parameter in known}
    checked: dict[str, Any] = {}
    for name, value in given.items():
        parameter = parameters.get(name)
        if parameter is None:
            hint = (
                did_you_mean(name, parameters)
                if parameters
                else "Tag a cell with 'parameters' and assign the defaults there."
            )
            raise ParameterError(f"{what} has no parameter '{name}'.", hint)
        checked[name] = parameter.parse(value) if texts else parameter.check(value)
    try:
        size = len(json.dumps(checked, allow_nan=False))
    except (TypeError, ValueError) as problem:
        raise ParameterError(f"The parameters cannot be written as JSON ({problem}).") from None
    if size > LARGEST:
        raise ParameterError(f"The parameters take {size} bytes; at most {LARGEST} are allowed.")
    return checked
