"""``tw.search``: look for good parameters without trying every combination."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from tradewind.backtest.checking import number, shown, whole
from tradewind.backtest.grid import SMALLER_IS_BETTER, TRIAL, Grid
from tradewind.backtest.options import check_names, check_options
from tradewind.backtest.preparing import reference
from tradewind.backtest.rules import Costs
from tradewind.backtest.running import Progress, Work, run_variants
from tradewind.backtest.sweep import class_and_fixed, remember, unsealed
from tradewind.errors import EmptySelectionError, ParameterError, did_you_mean
from tradewind.strategies import Strategy

if TYPE_CHECKING:
    from distributed import Client

Method = Literal["random", "tpe"]
BATCH = 32
"""Variants that are asked for and run together."""
_OWN = ("trials", "method", "metric", "seed", "client", "progress")
PATIENCE = 200
"""Draws in a row that bring nothing new before the space counts as used up."""


@dataclass(frozen=True)
class Between:
    """All numbers between two, both included; whole ones if both are.

    Attributes
    ----------
    log
        Whether small numbers deserve as much attention as large ones.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            number(end, "An end of Between")
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ParameterError(
                f"Between({self.low}, {self.high}) holds no range.",
                "The lower end comes first; with log=True it is above 0.",
            )

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Space = Mapping[str, Between | Iterable[Any]]


def _space(cls: type[Strategy], space: Space) -> dict[str, Between | tuple[Any, ...]]:
    known = [p.name for p in cls.parameters()]
    found: dict[str, Between | tuple[Any, ...]] = {}
    for name, values in space.items():
        if name not in known:
            raise ParameterError(f"{cls.name} has no parameter {name!r}.", did_you_mean(name, known))
        if isinstance(values, str) or not isinstance(values, Between | Iterable):
            raise ParameterError(
                f"The space needs a range or values for {name!r}, not {shown(values)}.",
                "Give tw.Between(5, 50) or a list.",
            )
        found[name] = values if isinstance(values, Between) else tuple(values)
        if not found[name]:
            raise EmptySelectionError(f"The space has no values for {name!r}.")
    if not found:
        raise EmptySelectionError("The space is empty.", 'Give it as {"fast": tw.Between(5, 50)}.')
    return found


def _distributions(space: Mapping[str, Between | tuple[Any, ...]]) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, Between):
            if values.whole:
                found[name] = IntDistribution(int(values.low), int(values.high), log=values.log)
            else:
                found[name] = FloatDistribution(float(values.low), float(values.high), log=values.log)
        elif all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            # numbers in order: their places, so that near ones are known to be near
            found[name] = IntDistribution(0, len(values) - 1)
        else:
            found[name] = CategoricalDistribution(values)
    return found


@dataclass
class _Search:
    """Optuna's side: draws parameters, leaves out broken and known ones, is told what came of them."""

    cls: type[Strategy]
    fixed: dict[str, Any]
    space: dict[str, Between | tuple[Any, ...]]
    method: Method
    seed: int
    maximise: bool

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        samplers = optuna.samplers
        sampler: Any = (
            samplers.RandomSampler(seed=self.seed)
            if self.method == "random"
            else samplers.TPESampler(seed=self.seed, constant_liar=True)
        )
        direction: Literal["maximize", "minimize"] = "maximize" if self.maximise else "minimize"
        self.study: Any = optuna.create_study(direction=direction, sampler=sampler)
        self.distributions = _distributions(self.space)
        self.failed = optuna.trial.TrialState.FAIL
        self.seen: set[tuple[Any, ...]] = set()

    def ask(self, most: int) -> list[tuple[Any, Strategy]]:
        """Draw new variants that the constraints allow."""
        found: list[tuple[Any, Strategy]] = []
        idle = 0
        while len(found) < most and idle < PATIENCE:
            trial = self.study.ask(self.distributions)
            values = {n: self._value(n, v) for n, v in trial.params.items()}
            key = tuple(values[n] for n in self.space)
            if key in self.seen or self.cls.broken(self.fixed | values):
                self.study.tell(trial, state=self.failed)
                idle += 1
                continue
            self.seen.add(key)
            found.append((trial, self.cls(**(self.fixed | values))))
            idle = 0
        return found

    def _value(self, name: str, drawn: Any) -> Any:
        choices = self.space[name]
        if isinstance(choices, Between) or name not in self.distributions:
            return drawn
        return choices[drawn] if type(self.distributions[name]).__name__ == "IntDistribution" else drawn

    def tell(self, trials: list[Any], values: np.ndarray) -> None:
        """Report what came of variants."""
        for trial, value in zip(trials, values, strict=True):
            if np.isfinite(value):
                self.study.tell(trial, float(value))
            else:
                self.study.tell(trial, state=self.failed)


def search(
    strategy: type[Strategy] | Strategy | str,
    space: Space,
    ds: xr.Dataset | str,
    *,
    trials: int = 200,
    method: Method = "tpe",
    metric: str = "sharpe",
    seed: int = 0,
    costs: Costs | None = None,
    client: "Client | None" = None,
    progress: Progress | None = None,
    **options: Any,
) -> Grid:
    """Backtest variants drawn from a space of parameters.

    Parameters
    ----------
    strategy
        A strategy's class or name; an instance fixes the parameters that are not searched.
    space
        Parameter name to ``tw.Between(low, high)`` or to values.
    ds : Dataset [symbol, time] or str
        Market data, or the name of a dataset.
    trials
        How many different variants; fewer if the space holds no more.
    method
        ``"random"``, or ``"tpe"``: Optuna's tree-structured Parzen estimator, which draws near what was good.
    metric
        What is to be high (or low, for volatility, longest drawdown, turnover and costs).
    seed
        Same seed, same variants.
    costs, options
        As in :func:`backtest`.
    client, progress
        As in :func:`sweep`.

    Returns
    -------
    Grid
        Every metric over the variants, dim ``trial``, each parameter a coordinate along it. All of them
        are in the trial ledger: a search that tries fewer variants fools itself less, not never.

    Raises
    ------
    ParameterError
        An unknown parameter, metric, method or option.
    EmptySelectionError
        No variant is allowed.
    """
    began = time.perf_counter()
    check_names(options, _OWN)
    check_options(costs=costs, **options)
    cls, fixed = class_and_fixed(strategy, space)
    if method not in ("random", "tpe"):
        raise ParameterError(f"There is no search {method!r}.", 'Use "random" or "tpe".')
    trials, seed = whole(trials, "trials", 1), whole(seed, "seed")
    loaded = unsealed(ds, options.get("end"))
    reference(options.get("benchmark"), loaded)  # the fused path has no use for it
    work = Work(data=loaded, costs=costs or Costs(), options=options)
    if metric not in work.figures:
        raise ParameterError(f"A search has no metric {metric!r}.", did_you_mean(metric, list(work.figures)))
    drawn = _Search(cls, fixed, _space(cls, space), method, seed, metric not in SMALLER_IS_BETTER)
    variants: list[Strategy] = []
    tables: list[dict[str, np.ndarray]] = []
    while len(variants) < trials:
        asked = drawn.ask(min(BATCH, trials - len(variants)))
        if not asked:
            break
        batch = [variant for _, variant in asked]
        found = run_variants(work, batch, client=client)
        drawn.tell([trial for trial, _ in asked], found[metric])
        variants += batch
        tables.append(found)
        if progress is not None:
            progress(len(variants), trials)
    if not variants:
        raise EmptySelectionError("No variant of the space satisfies the strategy's constraints.")
    table = {name: np.concatenate([t[name] for t in tables]) for name in work.figures}
    remember(work, variants, table)
    return Grid(
        strategy=cls,
        fixed=fixed,
        metrics=xr.Dataset(
            {name: (TRIAL, values) for name, values in table.items()},
            {name: (TRIAL, [getattr(v, name) for v in variants]) for name in drawn.space},
        ),
        trials=len(variants),
        seconds=time.perf_counter() - began,
        path=work.path(cls) + (" on Dask" if client is not None else ""),
        data=loaded,
        costs=work.costs,
        options=options,
    )
