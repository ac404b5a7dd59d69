"""Backtests: one accounting engine, its result, and sweeps over parameters.

The module can be called: ``tw.backtest(strategy, ds)`` is :func:`tradewind.backtest.run.backtest`, also
after somebody has imported this package.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from tradewind.backtest.archive import load
from tradewind.backtest.events import Desk
from tradewind.backtest.grid import Grid
from tradewind.backtest.limits import Currencies, Financing, Instruments, Limits, Short, Shortfall
from tradewind.backtest.result import Result, Setting
from tradewind.backtest.rules import Costs, Fill
from tradewind.backtest.run import backtest
from tradewind.backtest.sweep import sweep
from tradewind.lazy import NamedModule

__all__ = [
    "Costs", "Currencies", "Desk", "Fill", "Financing", "Grid", "Instruments", "Limits", "Result", "Setting",
    "Short", "Shortfall", "backtest", "compiled", "load", "sweep",
]  # fmt: skip


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function that places orders at every bar; see :mod:`tradewind.backtest.asking`."""
    from tradewind.backtest.asking import compiled as compile_it  # numba is not needed otherwise

    return compile_it(function)


class _Callable(NamedModule):
    @wraps(backtest)
    def __call__(self, *arguments: Any, **options: Any) -> Result:
        return backtest(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
