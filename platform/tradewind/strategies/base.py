"""What a strategy is: a frozen class with typed parameters that maps a dataset to decisions."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import wraps
from types import SimpleNamespace
from typing import Any, ClassVar, Self, dataclass_transform

import xarray as xr

from tradewind.errors import InvalidInputError, ParameterError, did_you_mean
from tradewind.keywords import misnamed


def _check_target(decision: Any) -> None:
    target = decision.target
    if not isinstance(target, xr.DataArray):
        name, kind = type(decision).__name__, type(target).__name__
        raise InvalidInputError(
            f"{name} takes a DataArray [symbol, time], not a {kind}.",
            f'With the labels of the market: {name}(ds["close"].copy(data=values)).',
        )


@dataclass(frozen=True)
class Signals:
    """Positions wanted, each symbol with its own equal slice of the capital.

    Attributes
    ----------
    target : DataArray [symbol, time]
        The share of the slice to hold, known at the bar's close: 1 all of it, 0 nothing, −1 as much short.
        NaN: no opinion, keep what there is. A position is traded when its target changes, not to undo the
        market's drift.
    """

    target: xr.DataArray

    def __post_init__(self) -> None:
        _check_target(self)


@dataclass(frozen=True)
class Weights:
    """Portfolio weights wanted, all symbols sharing one cash account.

    Attributes
    ----------
    target : DataArray [symbol, time]
        The share of the whole equity, known at the bar's close. NaN: leave that symbol alone. Every bar with
        weights rebalances to them.
    """

    target: xr.DataArray

    def __post_init__(self) -> None:
        _check_target(self)


@dataclass(frozen=True)
class Units:
    """Units wanted, all symbols sharing one cash account.

    Attributes
    ----------
    target : DataArray [symbol, time]
        Shares or contracts to hold, negative ones short. NaN: leave that symbol alone. For strategies that
        size their orders themselves, from what they know at the bar's close.
    """

    target: xr.DataArray

    def __post_init__(self) -> None:
        _check_target(self)


@dataclass(frozen=True)
class Orders:
    """Orders placed bar by bar, all symbols sharing one cash account.

    Attributes
    ----------
    on_bar : callable
        Called at every bar's close. In plain Python with a :class:`tradewind.backtest.desk.Desk`, which shows
        what is known and takes orders; or compiled by :func:`tradewind.backtest.compiled`.
    memory : array
        What a compiled function may keep from bar to bar; a copy of it, in every run.
    most
        Most orders a compiled function places in one bar.
    """

    on_bar: Callable[..., Any]
    memory: Any = ()
    most: int = 16

    def __post_init__(self) -> None:
        if not callable(self.on_bar):
            raise InvalidInputError(
                f"Orders takes a function called at every bar, not a {type(self.on_bar).__name__}.",
                "Such as Orders(on_bar) with def on_bar(desk): ...",
            )


Decision = Signals | Weights | Units | Orders


@dataclass(frozen=True, kw_only=True)
class ParameterSpec:
    """A strategy's parameter as users see it."""

    name: str
    kind: type
    default: Any
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    doc: str


@dataclass(frozen=True)
class Constraint:
    """A rule between parameters, in words and as a test."""

    text: str
    holds: Callable[[Any], bool]


def parameter(
    default: Any,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a parameter of a strategy with its bounds."""
    return field(
        default=default,
        metadata={"doc": doc, "minimum": minimum, "maximum": maximum, "choices": choices},
    )


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(parameter,))
class Strategy(ABC):
    """Base of all strategies. A subclass becomes a frozen dataclass with keyword parameters by itself.

    Attributes
    ----------
    name : str
        How it is asked for, in lower case with underscores.
    title : str
        How it is shown.
    version : str
        Changes when its decisions may change.
    state : str
        ``draft``, ``active`` or ``retired``; of one's own, :func:`tradewind.strategies.set_state` changes it.
    constraints : tuple of Constraint
        Rules between parameters; a sweep leaves out combinations that break one.
    remembers : bool
        Whether a decision may rest on more than the last ``warmup`` bars: a position held since a signal, an
        exponential average, a count from the first bar. With ``start=`` a run then reads all earlier bars
        of the store, otherwise the warm-up alone. True unless said; False saves time on long histories.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    state: ClassVar[str] = "active"
    constraints: ClassVar[tuple[Constraint, ...]] = ()
    remembers: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclass(frozen=True, kw_only=True)(cls)
        plain = cls.__init__

        @wraps(plain)
        def checked(self: Any, *positional: Any, **values: Any) -> None:
            try:
                plain(self, *positional, **values)
            except TypeError:
                known = [p.name for p in cls.parameters()]
                wrong = misnamed(cls.__name__, cls.name or cls.__name__, known, positional, values)
                if wrong is None:
                    raise
                raise wrong from None
            self._check()

        cls.__init__ = checked  # type: ignore[method-assign]

    @classmethod
    def parameters(cls) -> tuple[ParameterSpec, ...]:
        """The parameters with their types, defaults and bounds."""
        known: tuple[ParameterSpec, ...] | None = cls.__dict__.get("_specs")
        if known is not None:
            return known
        found = tuple(
            ParameterSpec(
                name=f.name,
                kind=type(f.default),
                default=f.default,
                minimum=f.metadata.get("minimum"),
                maximum=f.metadata.get("maximum"),
                choices=f.metadata.get("choices", ()),
                doc=f.metadata.get("doc", ""),
            )
            for f in fields(cls)  # type: ignore[arg-type]
        )
        type.__setattr__(cls, "_specs", found)
        return found

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of this instance by name."""
        return {p.name: getattr(self, p.name) for p in self.parameters()}

    def replace(self, **changes: Any) -> Self:
        """The same strategy with other parameters."""
        return type(self)(**(self.values | changes))

    @classmethod
    def combinations(cls, fixed: dict[str, Any], axes: dict[str, list[Any]]) -> Iterator[Self | None]:
        """An instance for every combination of some parameters' values, the last one changing fastest; None
        where one breaks a constraint.

        Every value is checked once, not with each combination: of a thousand variants that is half a sweep.

        Raises
        ------
        ParameterError
            A value that its parameter cannot take.
        """
        specs = {spec.name: spec for spec in cls.parameters()}
        if hasattr(cls, "__post_init__"):  # it may look at anything
            for values in _products(axes):
                yield None if cls.broken(fixed | values) else cls(**(fixed | values))
            return
        common = {name: spec.default for name, spec in specs.items()} | fixed
        checked = {
            name: [_checked(cls.name, specs[name], v) for v in values] for name, values in axes.items()
        }
        for values in _products(checked):
            one = object.__new__(cls)
            one.__dict__.update(common, **values)
            yield None if cls._first_broken(one) else one

    @classmethod
    def broken(cls, values: dict[str, Any]) -> str:
        """Say which constraint a set of parameters breaks; empty if none."""
        if not cls.constraints:
            return ""
        return cls._first_broken(SimpleNamespace(**({p.name: p.default for p in cls.parameters()} | values)))

    @classmethod
    def _first_broken(cls, held: Any) -> str:
        return next((rule.text for rule in cls.constraints if not rule.holds(held)), "")

    def _check(self) -> None:
        for spec in self.parameters():
            value = getattr(self, spec.name)
            checked = _checked(self.name, spec, value)
            if checked is not value:
                object.__setattr__(self, spec.name, checked)
        if broken := self._first_broken(self):
            shown = ", ".join(f"{k}={v!r}" for k, v in self.values.items())
            raise ParameterError(f"{self.name} needs {broken}; it was given {shown}.")

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars before the first decision that means anything."""

    @abstractmethod
    def decide(self, ds: xr.Dataset) -> Decision:
        """Decide at every bar's close, from that bar and those before it.

        Parameters
        ----------
        ds : Dataset [symbol, time]
            Market data.

        Returns
        -------
        Signals, Weights, Units or Orders
            The backtest trades them at the next bar at the earliest.
        """

    def __str__(self) -> str:
        shown = {k: v for k, v in self.values.items() if v is not False}
        inside = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())
        return f"{self.title or type(self).__name__} ({inside})" if inside else self.title


def _products(axes: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    return (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))


def _checked(name: str, spec: ParameterSpec, value: Any) -> Any:
    """Refuse what a parameter cannot be; return it in the parameter's own type."""
    _check_value(name, spec, value)
    return value if type(value) is spec.kind or spec.kind not in {int, float} else spec.kind(value)


def _check_value(name: str, spec: ParameterSpec, value: Any) -> None:
    if spec.kind is bool:
        if not isinstance(value, bool):
            raise ParameterError(f"{name}: {spec.name} is true or false, not {value!r}.")
        return
    if spec.kind is str:
        if spec.choices and value not in spec.choices:
            raise ParameterError(
                f"{name}: {spec.name} cannot be {value!r}.", did_you_mean(str(value), spec.choices)
            )
        return
    number = "__index__" if spec.kind is int else "__float__"
    if isinstance(value, bool | str) or not hasattr(value, number):
        kind = "a whole number" if spec.kind is int else "a number"
        raise ParameterError(f"{name}: {spec.name} is {kind}, not {value!r}.")
    low, high = spec.minimum, spec.maximum
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        if high is None:
            bounds = f"at least {low:g}"
        elif low is None:
            bounds = f"at most {high:g}"
        else:
            bounds = f"between {low:g} and {high:g}"
        raise ParameterError(f"{name}: {spec.name} is {bounds}, not {value!r}.")
