"""The sentences of a report."""

import numpy as np

from tradewind.backtest import Result
from tradewind.metrics import kurtosis, sharpe, skewness
from tradewind.provenance import ledger
from tradewind.validation import deflated_sharpe, expected_best_sharpe
from tradewind.validation.overfit import trials_variance


def finding(result: Result) -> str:
    """What happened, in the order a reader asks."""
    s, m = result.setting, result.metrics
    years = len(result.market.time) / s.periods
    grew = "grew" if m.total_return >= 0 else "shrank"
    sentences = [
        f"{s.cash:,.0f} {grew} to {m.final_equity:,.0f} in {years:.1f} years, {m.cagr * 100:.1f} % a year "
        "after costs, "
        f"with a volatility of {m.volatility * 100:.1f} % a year (Sharpe ratio {m.sharpe:.2f}).",
        f"At worst the value was {-m.max_drawdown * 100:.1f} % below its earlier peak; the longest time "
        "below a peak "
        f"was {m.longest_drawdown:,.0f} bars.",
    ]
    if result.benchmark is not None:
        values = result.benchmark.values[np.isfinite(result.benchmark.values)]
        if values.size > 1:
            earned = values[-1] / values[0] - 1.0
            ratio = sharpe(values[1:] / values[:-1] - 1.0, s.periods)
            sentences.append(
                f"The benchmark {s.benchmark} returned {earned * 100:.1f} % in all (Sharpe ratio "
                f"{ratio:.2f}) against "
                f"{m.total_return * 100:.1f} %."
            )
    return " ".join(sentences)


def trading(result: Result) -> str:
    """What was traded and what it cost."""
    m, trades = result.metrics, result.trades
    if trades.empty:
        return "Nothing was traded."
    running = int(trades["open"].sum())
    share = m.costs / result.setting.cash
    return (
        f"{m.trades:,.0f} trades" + (f", {running} of them still open" if running else "") + ". "
        + (f"{m.hit_rate * 100:.0f} % of the closed ones made a profit; one earned "
           f"{m.expectancy * 100:.2f} % of the "
           f"money put in on average. " if m.hit_rate == m.hit_rate else "")
        + f"On average {m.exposure * 100:.0f} % of the equity was invested. Trading cost {m.costs:,.0f} "
        "in all, "
        f"{share * 100:.1f} % of the capital."
    )  # fmt: skip


def luck(result: Result) -> str:
    """How many variants were tried, and what that does to the Sharpe ratio, in plain words."""
    setting = result.setting
    returns = result.returns.values
    known = ledger.trials(setting.dataset)
    if not setting.dataset or known.count == 0 or returns.size < 2:
        return "No record of what else was tried on these data: nobody can say how much of this is luck."
    ratio = float(sharpe(returns, 1.0))
    variance = trials_variance(np.array([]), np.array(known.sharpes), known.count, returns.size)
    if np.isnan(ratio):  # it never moved
        return f"{known.count:,} variants were tried on these data."
    skill = deflated_sharpe(
        ratio, returns.size, trials=known.count, variance=variance,
        skewness=skewness(returns), kurtosis=kurtosis(returns),
    )  # fmt: skip
    best = expected_best_sharpe(known.count, variance) * float(np.sqrt(setting.periods))
    if known.count == 1:
        counted = "One variant was tried on these data in this project: this one."
    else:
        counted = (
            f"{known.count:,} variants were tried on these data in this project. The best of as many "
            f"worthless ones would be expected to show a Sharpe ratio of {best:.2f}."
        )
    chance = 1.0 - skill
    shown = "less than 1 %" if chance < 0.01 else f"{chance * 100:.0f} %"
    return f"{counted} The chance that luck alone gives a result as good as this one is {shown}."
