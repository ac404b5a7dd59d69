"""The table of indicators: what each reads, gives, takes and agrees with."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import Any

import xarray as xr

from tradewind.errors import (
    FieldNotFoundError,
    InvalidInputError,
    NotFoundError,
    ParameterError,
    did_you_mean,
)
from tradewind.indicators._apply import Data, labelled

RESERVED = ("candles", "frame")
"""What ``.tw`` offers besides indicators."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of an indicator."""

    name: str
    default: Any
    unit: str

    @property
    def is_convention(self) -> bool:
        """Whether it says which convention is followed, and is no figure of the indicator itself."""
        return isinstance(self.default, str | bool) or self.name == "ddof"


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """A named function over ``(symbol, time)``.

    Attributes
    ----------
    inputs
        Fields it reads.
    outputs
        Names of what it gives: one gives a DataArray, several a Dataset.
    warmup
        From the parameters to the number of bars before the first value.
    reference
        Where the definition comes from, and whose figures it reproduces.
    overlay
        Whether its values are prices, so that it is drawn over the candles.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    warmup: Callable[..., int]
    reference: str
    summary: str
    overlay: bool = False

    def bind(self, *values: Any, **named: Any) -> dict[str, Any]:
        """Return all parameters by name, defaults filled in.

        Raises
        ------
        ParameterError
            An unknown name, or too many values.
        """
        names = [p.name for p in self.parameters]
        if len(values) > len(names):
            raise ParameterError(f"{self.name} takes {len(names)} parameters, not {len(values)}.")
        for name in named:
            if name not in names:
                raise ParameterError(f"{self.name} has no parameter {name!r}.", did_you_mean(name, names))
        return {p.name: p.default for p in self.parameters} | dict(zip(names, values, strict=False)) | named

    def __call__(self, data: Data, *values: Any, **named: Any) -> Any:
        """Compute it."""
        return self.compute(data, self.bind(*values, **named))

    def compute(self, data: Data, parameters: dict[str, Any]) -> Any:
        """Compute it with all parameters by name.

        Raises
        ------
        FieldNotFoundError
            The dataset lacks a field that the function reads.
        InvalidInputError
            The data are neither array nor dataset, or one array where a dataset is needed.
        """
        labelled(data, self.name)
        try:
            return self.function(data, **parameters)
        except KeyError as error:
            told = self._told(data, str(error.args[0]) if error.args else "")
            if told is None:
                raise
            raise told from error

    def _told(self, data: Data, asked: str) -> FieldNotFoundError | InvalidInputError | None:
        """What is wrong if a function of a user's own found no field: ours look before they read."""
        reads = f"{self.name} reads {', '.join(self.inputs)}"
        if isinstance(data, xr.DataArray):
            needed = asked in self.inputs or len(self.inputs) > 1
            hint = "Give it the whole dataset."
            return InvalidInputError(f"{reads}; it was given one array.", hint) if needed else None
        known = [str(n) for n in data.data_vars]
        for name in self.inputs:
            if name not in known:
                return FieldNotFoundError(
                    f"{reads}, and this dataset has no {name!r}.", did_you_mean(name, known)
                )
        found = re.match(r"No variable named '([^']*)'", asked)  # xarray's words
        if found is None:
            return None
        hint = f"{did_you_mean(found[1], known)} Say what it reads: @register(inputs=...)."
        return FieldNotFoundError(f"{self.name} asks for {found[1]!r}, and this dataset has none.", hint)

    def first_valid(self, *values: Any, **named: Any) -> int:
        """Return the number of bars before the first value."""
        return self.warmup(**self.bind(*values, **named))


@dataclass
class Registry:
    """All indicators by name; shown as a table in a notebook. Called with a text it is searched."""

    indicators: dict[str, Indicator] = field(default_factory=dict)

    def add(self, indicator: Indicator) -> None:
        """Add one, or replace one of the same name (as happens when a notebook's cell runs again).

        Raises
        ------
        InvalidInputError
            It could not be asked for by that name.
        """
        name = indicator.name
        if not name.isidentifier() or name.startswith("_") or name in RESERVED:
            raise InvalidInputError(
                f"An indicator named {name!r} could not be asked for as ds.tw.{name} or {name + '(20)'!r}.",
                "Name its function like one of Python's, such as channel_width.",
            )
        self.indicators[name] = indicator

    def __call__(self, search: str = "") -> "Registry":
        """The indicators that a text occurs in; see :meth:`search`."""
        return self.search(search)

    def __getitem__(self, name: str) -> Indicator:
        try:
            return self.indicators[name]
        except KeyError:
            raise NotFoundError(
                f"There is no indicator {name!r}.", did_you_mean(name, self.indicators)
            ) from None

    def __iter__(self) -> Iterator[Indicator]:
        return iter(sorted(self.indicators.values(), key=lambda i: i.name))

    def search(self, text: str) -> "Registry":
        """Keep those whose name, summary, reference or fields contain a text."""
        wanted = text.lower()
        kept = {
            i.name: i
            for i in self
            if wanted in " ".join((i.name, i.summary, i.reference, *i.inputs, *i.outputs)).lower()
        }
        return Registry(kept)

    def rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """The table: name, what it is, inputs, parameters, outputs, reference."""
        return [
            (
                i.name,
                i.summary,
                ", ".join(i.inputs),
                ", ".join(f"{p.name}={p.default!r}" + (f" {p.unit}" if p.unit else "") for p in i.parameters),
                ", ".join(i.outputs),
                i.reference,
            )
            for i in self
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<18} {what}  [{takes}]" for name, what, _, takes, _, _ in self.rows())

    def _repr_html_(self) -> str:
        heads = ("indicator", "what it is", "reads", "parameters", "gives", "agrees with")
        head = "".join(f"<th style='text-align:left'>{h}</th>" for h in heads)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(c)}</td>" for c in row) + "</tr>"
            for row in self.rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _plain(default: Any) -> Any:
    return str(default) if isinstance(default, StrEnum) else default


registry = Registry()
"""Every known indicator."""


def register[F: Callable[..., Any]](
    *,
    inputs: tuple[str, ...] = ("close",),
    outputs: tuple[str, ...] = (),
    warmup: Callable[..., int] = lambda **_: 0,
    reference: str = "",
    overlay: bool = False,
    units: dict[str, str] | None = None,
) -> Callable[[F], F]:
    """Register a function ``f(data, *, parameter=default, …)`` as an indicator, also one of a user's own.

    Parameters
    ----------
    inputs
        Fields it reads from a dataset.
    outputs
        Names of its results; the function's own name if it gives one.
    warmup
        From the parameters, by name, to the number of bars before the first value.
    reference
        Where its definition comes from.
    overlay
        Whether its values are prices.
    units
        Units of the parameters by name; ``window`` is in bars.
    """
    known = {"window": "bars", "fast": "bars", "slow": "bars", "signal": "bars", **(units or {})}

    def decorate(function: F) -> F:
        name = function.__name__
        parameters = list(inspect.signature(function).parameters.values())[1:]
        for p in parameters:
            if p.default is p.empty:
                raise InvalidInputError(f"Indicator {name!r}: parameter {p.name!r} needs a default.")
        lines = (inspect.getdoc(function) or "").splitlines()
        registry.add(
            Indicator(
                name=name,
                function=function,
                inputs=inputs,
                outputs=outputs or (name,),
                parameters=tuple(
                    Parameter(name=p.name, default=_plain(p.default), unit=known.get(p.name, ""))
                    for p in parameters
                ),
                warmup=warmup,
                reference=reference,
                summary=lines[0].rstrip(".") if lines else "",
                overlay=overlay,
            )
        )
        return function

    return decorate


@dataclass(frozen=True)
class Call:
    """An indicator with its parameters, as written in text: ``bollinger(20, 2)``."""

    indicator: Indicator
    parameters: dict[str, Any]

    @property
    def label(self) -> str:
        """The text again, in one form; conventions only where they are not the default."""
        shown = []
        for known in self.indicator.parameters:
            value = self.parameters[known.name]
            if known.is_convention:
                shown += [] if value == known.default else [f"{known.name}={value}"]
            else:
                shown.append(f"{value:g}" if isinstance(value, float) else str(value))
        return f"{self.indicator.name}({', '.join(shown)})"

    def __call__(self, data: Data) -> Any:
        """Compute it."""
        return self.indicator.compute(data, self.parameters)


def parse(text: str) -> Call:
    """Read an indicator written as a call, such as ``"sma(50)"`` or ``"bollinger(20, width=2)"``.

    Raises
    ------
    InvalidInputError
        The text is not a call with plain numbers.
    NotFoundError
        No such indicator.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            name, values, named = tree.id, [], {}
        elif isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            name = tree.func.id
            values = [ast.literal_eval(a) for a in tree.args]
            named = {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}
        else:
            raise ValueError(text)
    except (SyntaxError, ValueError):
        raise InvalidInputError(f"{text!r} is not an indicator.", 'Write it as "sma(50)".') from None
    found = registry[name]
    return Call(found, found.bind(*values, **named))
