"""From the books of a backtest to its metrics."""

from typing import TYPE_CHECKING

import numpy as np

from tradewind import metrics
from tradewind.metrics import Metrics
from tradewind.metrics.performance import ROUNDING, nothing_but_rounding

if TYPE_CHECKING:
    from tradewind.backtest.result import Result


def longest_below_peak(equity: np.ndarray, capital: float) -> int:
    """Most bars in a row below the highest equity so far; 0 where it never falls by more than rounding."""
    # slices of the capital add up to all of it but for rounding; sweeps begin at the same peak
    peak = np.maximum(np.maximum.accumulate(equity), capital * (1.0 - ROUNDING))
    below = equity < peak
    if nothing_but_rounding(np.max(1.0 - equity / peak, initial=0.0)):
        return 0
    ends = np.flatnonzero(np.diff(np.concatenate(([False], below, [False])).astype(np.int8)))
    return int(np.max(ends[1::2] - ends[::2], initial=0))


def _share(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")


def _sqn(profits: np.ndarray) -> float:
    """Van Tharp's system quality number; open trades count at their value now."""
    if profits.size < 2:
        return float("nan")
    return _share(float(np.sqrt(profits.size) * profits.mean()), float(profits.std(ddof=1)))


def metrics_of(result: "Result") -> Metrics:
    """Compute the figures of a result."""
    returns = result.returns.values
    periods = result.setting.periods
    equity = result.books.equity
    closed = result.trades[~result.trades["open"]]
    profits = closed["profit"].to_numpy()
    fills = result.books.orders.fills
    traded = float(np.abs(fills.value).sum())
    gross = np.abs(result.exposures.values).sum(axis=0)
    return Metrics(
        total_return=float(equity[-1] / result.setting.cash - 1.0),
        cagr=metrics.cagr(returns, periods),
        volatility=metrics.volatility(returns, periods),
        sharpe=metrics.sharpe(returns, periods),
        sortino=metrics.sortino(returns, periods),
        calmar=metrics.calmar(returns, periods),
        max_drawdown=float(result.drawdown.values.min()),
        longest_drawdown=float(longest_below_peak(equity, result.setting.cash)),
        value_at_risk=metrics.value_at_risk(returns),
        expected_shortfall=metrics.expected_shortfall(returns),
        trades=float(len(result.trades)),
        hit_rate=_share(float((profits > 0).sum()), float(profits.size)),
        profit_factor=_share(float(profits[profits > 0].sum()), -float(profits[profits < 0].sum())),
        expectancy=float(closed["return"].mean()) if len(closed) else float("nan"),
        sqn=_sqn(result.trades["profit"].to_numpy()),
        exposure=float(np.mean(gross / equity)),
        turnover=_share(traded, float(equity.mean())) * periods / equity.size,
        costs=float(result.costs.sum()),
        final_equity=float(equity[-1]),
    )
