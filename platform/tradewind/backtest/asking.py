"""For strategies that place orders in compiled functions: the decorator, and one function an order.

A compiled function is called at every bar's close as ``on_bar(t, bars, state, cash, equity, memory, asks)``
and returns the number of orders it wrote into ``asks``::

    @tw.backtest.compiled
    def on_bar(t, bars, state, cash, equity, memory, asks):
        n = 0
        if t >= 20 and bars[CLOSE, 0, t] > bars[HIGH, 0, t - 20 : t].max() and state[0, HELD] == 0.0:
            n = market(asks, n, 0, equity // bars[CLOSE, 0, t], loss=0.95 * bars[CLOSE, 0, t])
        return n

``bars[field, symbol, bar]`` ends with bar ``t``: there is nothing later to look at. Fields are ``OPEN HIGH
LOW CLOSE VOLUME``; ``state[symbol, HELD]`` are the units held, ``state[symbol, AVERAGE]`` their average cost.
``memory`` is the strategy's own and keeps what is written into it. The arrays are the account's own: write to
``memory`` and ``asks`` only.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numba.core import types

from tradewind.backtest.columns_inline import (
    ASK_BARS,
    ASK_KIND,
    ASK_LIMIT,
    ASK_LOSS,
    ASK_QUANTITY,
    ASK_REDUCE,
    ASK_STOP,
    ASK_SYMBOL,
    ASK_TAKE,
    ASK_TRAIL,
    ASK_TRAIL_BY,
    AVERAGE,
    CANCEL,
    CLOSE,
    HELD,
    HIGH,
    LIMIT,
    LOW,
    MARKET,
    OPEN,
    STOP,
    STOP_LIMIT,
    VOLUME,
)  # fmt: skip
from tradewind.errors import ParameterError
from tradewind.loops import FLOAT, INT, write

__all__ = [
    "AVERAGE", "CLOSE", "HELD", "HIGH", "LOW", "OPEN", "VOLUME", "cancel", "compiled", "limit", "market",
    "stop", "stop_limit", "trailing_stop",
]  # fmt: skip

NAN = np.nan
_ON_BAR = INT(
    INT, types.Array(FLOAT, 3, "A"), types.Array(FLOAT, 2, "C"), FLOAT, FLOAT, write(FLOAT, 1), write()
)
_TAX = FLOAT(INT, INT, FLOAT, FLOAT, FLOAT)
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function that places orders at every bar; see :mod:`tradewind.backtest.asking`.

    Raises
    ------
    ParameterError
        numba cannot compile it.
    """
    try:
        return numba.njit(_ON_BAR, **_OPTIONS)(function)
    except (numba.core.errors.NumbaError, TypeError) as problem:
        raise ParameterError(
            f"{function.__name__} cannot be compiled: {str(problem).splitlines()[-1]}",
            "It takes (t, bars, state, cash, equity, memory, asks) and returns a number of orders.",
        ) from problem


@cache
def tax_function(function: Callable[..., Any]) -> Any:
    """Compile a tax.

    Raises
    ------
    ParameterError
        numba cannot compile it.
    """
    try:
        return numba.njit(_TAX, **_OPTIONS)(getattr(function, "py_func", function))
    except (numba.core.errors.NumbaError, TypeError) as problem:
        raise ParameterError(
            f"The tax cannot be compiled: {str(problem).splitlines()[-1]}",
            "It takes (symbol, bar, quantity, price, profit), numbers all, and returns an amount.",
        ) from problem


@numba.njit(**_OPTIONS)
def _write(  # type: ignore[no-untyped-def]
    asks, n, symbol, kind, quantity, limit_at, stop_at, bars, take, loss, trail, reduce, by=NAN
):
    if n >= asks.shape[0]:
        return n
    asks[n, ASK_SYMBOL] = symbol
    asks[n, ASK_KIND] = kind
    asks[n, ASK_QUANTITY] = quantity
    asks[n, ASK_LIMIT] = limit_at
    asks[n, ASK_STOP] = stop_at
    asks[n, ASK_BARS] = bars
    asks[n, ASK_TAKE] = take
    asks[n, ASK_LOSS] = loss
    asks[n, ASK_TRAIL] = trail
    asks[n, ASK_REDUCE] = 1.0 if reduce else 0.0
    asks[n, ASK_TRAIL_BY] = by
    return n + 1


@numba.njit(**_OPTIONS)
def market(asks, n, symbol, quantity, bars=0, take=NAN, loss=NAN, trail=NAN, reduce=False):  # type: ignore[no-untyped-def]
    """Buy (sell if negative) at the next bar's price."""
    return _write(asks, n, symbol, MARKET, quantity, NAN, NAN, bars, take, loss, trail, reduce)


@numba.njit(**_OPTIONS)
def limit(asks, n, symbol, quantity, price, bars=0, take=NAN, loss=NAN, trail=NAN, reduce=False):  # type: ignore[no-untyped-def]
    """Buy or sell at a price or better."""
    return _write(asks, n, symbol, LIMIT, quantity, price, NAN, bars, take, loss, trail, reduce)


@numba.njit(**_OPTIONS)
def stop(asks, n, symbol, quantity, price, bars=0, take=NAN, loss=NAN, trail=NAN, reduce=False):  # type: ignore[no-untyped-def]
    """Buy when the price rises to, or sell when it falls to, a price."""
    return _write(asks, n, symbol, STOP, quantity, NAN, price, bars, take, loss, trail, reduce)


@numba.njit(**_OPTIONS)
def stop_limit(  # type: ignore[no-untyped-def]
    asks, n, symbol, quantity, price, limit_at, bars=0, take=NAN, loss=NAN, trail=NAN, reduce=False
):
    """A stop that becomes a limit."""
    return _write(asks, n, symbol, STOP_LIMIT, quantity, limit_at, price, bars, take, loss, trail, reduce)


@numba.njit(**_OPTIONS)
def trailing_stop(asks, n, symbol, quantity, share=NAN, bars=0, reduce=True, by=NAN):  # type: ignore[no-untyped-def]
    """A stop that follows the price at a distance: a share of it, or ``by`` an amount."""
    return _write(asks, n, symbol, STOP, quantity, NAN, NAN, bars, NAN, NAN, share, reduce, by)


@numba.njit(**_OPTIONS)
def cancel(asks, n, symbol):  # type: ignore[no-untyped-def]
    """Cancel every working order of a symbol."""
    return _write(asks, n, symbol, CANCEL, 0.0, NAN, NAN, 0, NAN, NAN, NAN, False)
