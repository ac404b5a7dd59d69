"""The short cut for accounts that rebalance every symbol at every bar; see :mod:`.dense_loops`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind.backtest.market import Market
from tradewind.backtest.rules import Costs
from tradewind.lazy import lazy
from tradewind.threads import beside

loops = lazy("tradewind.backtest.dense_loops")

AHEAD = 12
"""Bars a second thread goes back to find out how much cash there is where it takes over: what it does not
know shrinks a thousandfold a bar."""
WORTH_A_THREAD = 200_000


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where the general loop takes an account over."""

    cash: float
    held: np.ndarray
    want: np.ndarray
    seen: np.ndarray
    bar: int = 0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the loop writes, one entry a bar."""

    ratio: np.ndarray
    cash: np.ndarray
    value: np.ndarray

    @classmethod
    def empty(cls, bars: int) -> "Parts":
        """Room for it."""
        return cls(ratio=np.empty(bars), cash=np.empty(bars), value=np.empty(bars))

    def take(self, other: "Parts", first: int, last: int) -> None:
        """Copy a range of bars."""
        for name in ("ratio", "cash", "value"):
            getattr(self, name)[first:last] = getattr(other, name)[first:last]


Run = Callable[[int, float, int, Parts], int]


def _later(run: Run, target: np.ndarray, lag: int, half: int) -> tuple[Parts, int]:
    """Rebalance in the second half, from a guess of the cash a few bars before it."""
    parts = Parts.empty(target.shape[1])
    first = half - AHEAD
    guess = 1.0 - float(target[:, first - 1 - lag].sum())
    return parts, run(first, guess, target.shape[1], parts)


def rebalance(  # noqa: PLR0917 - what the account is, and where to write
    target: np.ndarray, market: Market, costs: Costs, capital: float, borrow: bool, cash: np.ndarray,
    equity: np.ndarray,
) -> Start:  # fmt: skip
    """Rebalance as long as all weights and prices are known and cash pays for it; write cash and equity.

    Returns
    -------
    Start
        The account at the first bar that needs the general loop.
    """
    symbols, bars = target.shape
    lag = 0 if market.fill.looks_ahead else 1
    parts = Parts.empty(bars)

    def run(first: int, before: float, last: int, into: Parts) -> int:
        done: int = loops.run(
            first, last, lag, target, market.price, market.close, before, costs.per_value, costs.slippage,
            int(borrow), into.ratio, into.cash, into.value,
        )  # fmt: skip
        return done

    half = bars // 2
    other = beside(_later, run, target, lag, half) if target.size > WORTH_A_THREAD else None
    if other is None:
        end = run(lag, 1.0, bars, parts)
    else:
        end = run(lag, 1.0, half, parts)
        later, last = other.result()
        if end == half and last >= half and later.cash[half - 1] == parts.cash[half - 1]:
            end = last
            parts.take(later, half, last)
        elif end == half:
            end = run(half, float(parts.cash[half - 1]), bars, parts)
    parts.ratio[:lag], parts.cash[:lag], parts.value[:lag] = 1.0, 1.0, 0.0
    level = capital * np.cumprod(parts.ratio[:end])
    np.multiply(level, parts.cash[:end], out=cash[:end])
    np.multiply(level, parts.cash[:end] + parts.value[:end], out=equity[:end])
    held = np.zeros(symbols)
    if end == bars:
        return Start(bar=bars, cash=0.0, held=held, want=held, seen=held)
    if end > lag:
        held = level[-1] * target[:, end - 1 - lag] / market.price[:, end - 1]
    return Start(
        bar=end,
        cash=float(cash[end - 1]) if end else capital,
        held=held,
        want=target[:, end - 1].copy() if lag else np.full(symbols, np.nan),
        seen=np.nan_to_num(market.mark[:, end - 1]) if end else np.zeros(symbols),  # NaN: not listed yet
    )
