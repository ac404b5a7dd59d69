"""The sentences of a report."""

import numpy as np

from tradewind.backtest import Result
from tradewind.metrics import kurtosis, sharpe, skewness
from tradewind.metrics.performance import ruined
from tradewind.provenance import ledger
from tradewind.validation import deflated_sharpe, expected_best_sharpe
from tradewind.validation.overfit import trials_variance
from tradewind.wording import counted, percent


def finding(result: Result) -> str:
    """What happened, in the order a reader asks."""
    s, m = result.setting, result.metrics
    years = len(result.market.time) / s.periods
    grew = "grew" if m.total_return >= 0 else "shrank"
    sentences = [
        f"{s.cash:,.0f} {grew} to {m.final_equity:,.0f} in {years:.1f} years, {percent(m.cagr)} a year "
        f"after costs, with a volatility of {percent(m.volatility)} a year ({_own_ratio(result)}).",
        f"At worst the value was {percent(-m.max_drawdown)} below its earlier peak; the longest time "
        f"below a peak was {counted(m.longest_drawdown, 'bar')}.",
    ]
    if result.benchmark is not None:
        values = result.benchmark.values[np.isfinite(result.benchmark.values)]
        if values.size > 1:
            earned = values[-1] / values[0] - 1.0
            returns = values[1:] / values[:-1] - 1.0
            ratio = _ratio(float(sharpe(returns, s.periods)), returns)
            sentences.append(
                f"The benchmark {result.benchmark.name} returned {percent(earned)} in all ({ratio}) against "
                f"{percent(m.total_return)}."
            )
    return " ".join(sentences)


def _own_ratio(result: Result) -> str:
    """The Sharpe ratio of a backtest, or why it has none."""
    ratio = result.metrics.sharpe
    if np.isnan(ratio) and result.trades.empty:
        return "no Sharpe ratio: nothing was traded"
    return _ratio(ratio, result.returns.values)


def _ratio(ratio: float, returns: np.ndarray) -> str:
    """A Sharpe ratio, or what the returns lack for one."""
    if not np.isnan(ratio):
        return f"Sharpe ratio {ratio:z.2f}"
    if ruined(returns):
        return "no Sharpe ratio: all there was has been lost"
    few = np.count_nonzero(~np.isnan(returns)) < 2
    return f"no Sharpe ratio: {'there are fewer than two returns' if few else 'the returns never varied'}"


def trading(result: Result) -> str:
    """What was traded and what it cost."""
    m, trades = result.metrics, result.trades
    if trades.empty:
        return "Nothing was traded."
    running = int(trades["open"].sum())
    share = m.costs / result.setting.cash
    still = "" if not running else ", still open" if m.trades == 1 else f", {running} of them still open"
    return (
        f"{counted(m.trades, 'trade')}{still}. "
        + (f"{percent(m.hit_rate, 0)} of the closed ones made a profit; one earned "
           f"{percent(m.expectancy, 2)} of the "
           f"money put in on average. " if m.hit_rate == m.hit_rate else "")
        + f"On average {percent(m.exposure, 0)} of the equity was invested. Trading cost {m.costs:z,.0f} "
        f"in all, {percent(share)} of the capital."
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
        return f"{counted(known.count, 'variant was', 'variants were')} tried on these data."
    skill = deflated_sharpe(
        ratio, returns.size, trials=known.count, variance=variance,
        skewness=skewness(returns), kurtosis=kurtosis(returns),
    )  # fmt: skip
    best = expected_best_sharpe(known.count, variance) * float(np.sqrt(setting.periods))
    if known.count == 1:
        tried = "One variant was tried on these data in this project: this one."
    else:
        tried = (
            f"{known.count:,} variants were tried on these data in this project. The best of as many "
            f"worthless ones would be expected to show a Sharpe ratio of {best:.2f}."
        )
    chance = 1.0 - skill
    shown = "less than 1 %" if chance < 0.01 else f"{chance * 100:.0f} %"
    return f"{tried} The chance that luck alone gives a result as good as this one is {shown}."
