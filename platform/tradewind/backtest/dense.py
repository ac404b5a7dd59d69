"""The short cut for accounts that rebalance every symbol at every bar; see :mod:`.dense_loops`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind.backtest.market import Market
from tradewind.backtest.rules import Costs
from tradewind.lazy import lazy
from tradewind.threads import beside

loops = lazy("tradewind.backtest.dense_loops")
cut_loops = lazy("tradewind.backtest.dense_cut_loops")

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


Run = Callable[[int, float, int, np.ndarray], int]


def _later(run: Run, target: np.ndarray, lag: int, half: int) -> tuple[np.ndarray, int]:
    """Rebalance in the second half, from a guess of the cash a few bars before it."""
    parts = np.empty((3, target.shape[1]))
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

    def run(first: int, before: float, last: int, parts: np.ndarray) -> int:
        done: int = loops.run(
            first, last, lag, target, market.price, market.close, before, costs.per_value, costs.slippage,
            int(borrow), parts,
        )  # fmt: skip
        return done

    half = bars // 2
    other = beside(_later, run, target, lag, half) if target.size > WORTH_A_THREAD else None
    parts = late = np.empty((3, bars))
    if other is None:
        end = run(lag, 1.0, bars, parts)
    else:
        end = run(lag, 1.0, half, parts)
        later, last = other.result()
        if end == half and last >= half and later[1, half - 1] == parts[1, half - 1]:
            end, late = last, later
        elif end == half:
            end = run(half, float(parts[1, half - 1]), bars, parts)
    level = loops.account(lag, half, end, parts, late, capital, cash, equity)
    held = np.zeros(symbols)
    if lag < end < bars:
        held = level * target[:, end - 1 - lag] / market.price[:, end - 1]
    return _at(end, float(cash[end - 1]) if end else capital, held, target, market)


def rebalance_cut(  # noqa: PLR0917 - what the account is, and where to write
    start: Start, target: np.ndarray, market: Market, costs: Costs, borrow: bool, cash: np.ndarray,
    equity: np.ndarray,
) -> Start:  # fmt: skip
    """Go on from ``start`` where purchases are cut to what cash pays for, as long as all weights and prices
    are known.

    Returns
    -------
    Start
        The account at the first bar that needs the general loop.
    """
    lag = 0 if market.fill.looks_ahead else 1
    bar, held = start.bar, start.held.copy()
    if bar < lag:  # nothing was decided yet
        cash[:lag] = equity[:lag] = start.cash
        bar = lag
    end = cut_loops.run(
        bar, lag, target, market.price, market.mark, start.cash, held, costs.per_value, costs.per_share,
        costs.slippage, int(borrow), cash, equity,
    )  # fmt: skip
    return start if end == bar else _at(end, float(cash[end - 1]), held, target, market)


def _at(bar: int, cash: float, held: np.ndarray, target: np.ndarray, market: Market) -> Start:
    """The account before a bar at which all that was decided the bar before waits."""
    symbols, bars = target.shape
    if bar == bars:
        return Start(bar=bars, cash=cash, held=held, want=held, seen=held)
    waits = bar > 0 and not market.fill.looks_ahead
    return Start(
        bar=bar,
        cash=cash,
        held=held,
        want=target[:, bar - 1].copy() if waits else np.full(symbols, np.nan),
        seen=np.nan_to_num(market.mark[:, bar - 1]) if bar else np.zeros(symbols),  # NaN: not listed yet
    )
