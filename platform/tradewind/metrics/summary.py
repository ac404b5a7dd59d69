"""The figures of one backtest in one object."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from html import escape
from typing import Any

from tradewind.errors import NotFoundError, did_you_mean
from tradewind.wording import percent, written


class Unit(StrEnum):
    """How a figure is written."""

    PERCENT = "percent"
    RATIO = "ratio"
    COUNT = "count"
    MONEY = "money"

    def write(self, value: float) -> str:
        """Write a figure with its unit."""
        match self:
            case Unit.PERCENT:
                return percent(value, 2)
            case Unit.RATIO:
                return written(value)
            case Unit.COUNT:
                return written(value, ",.0f")
            case Unit.MONEY:
                return written(value, ",.2f")


@dataclass(frozen=True)
class Figure:
    """How a metric is shown."""

    label: str
    unit: Unit
    meaning: str


FIGURES: dict[str, Figure] = {
    "total_return": Figure("Total return", Unit.PERCENT, "growth over the whole span"),
    "cagr": Figure("Return a year", Unit.PERCENT, "compound growth a year"),
    "volatility": Figure("Volatility a year", Unit.PERCENT, "standard deviation of returns, a year"),
    "sharpe": Figure("Sharpe", Unit.RATIO, "mean return over volatility, a year, risk-free rate 0"),
    "sortino": Figure("Sortino", Unit.RATIO, "mean return over downside deviation, a year"),
    "calmar": Figure("Calmar", Unit.RATIO, "return a year over the deepest drawdown"),
    "max_drawdown": Figure("Deepest drawdown", Unit.PERCENT, "largest fall from a peak"),
    "longest_drawdown": Figure("Longest drawdown", Unit.COUNT, "most bars spent below a peak"),
    "value_at_risk": Figure("Value at risk 5 %", Unit.PERCENT, "a bar is worse than this one time in twenty"),
    "expected_shortfall": Figure(
        "Expected shortfall 5 %", Unit.PERCENT, "mean of the worst twentieth of bars"
    ),
    "trades": Figure("Trades", Unit.COUNT, "round trips, open ones included"),
    "hit_rate": Figure("Hit rate", Unit.PERCENT, "share of closed trades with a profit"),
    "profit_factor": Figure("Profit factor", Unit.RATIO, "profits over losses of closed trades"),
    "expectancy": Figure("Expectancy", Unit.PERCENT, "mean return of a closed trade"),
    "sqn": Figure(
        "System quality", Unit.RATIO, "mean over deviation of the trades' profits, times root of their number"
    ),
    "exposure": Figure("Exposure", Unit.PERCENT, "mean gross position value over equity"),
    "turnover": Figure("Turnover a year", Unit.RATIO, "traded value over mean equity, a year"),
    "costs": Figure("Costs", Unit.MONEY, "commissions and slippage paid"),
    "final_equity": Figure("Final equity", Unit.MONEY, "value at the last bar"),
}


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What a backtest earned, risked and paid; see :data:`FIGURES` for the meaning of each."""

    total_return: float
    cagr: float
    volatility: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    longest_drawdown: float
    value_at_risk: float
    expected_shortfall: float
    trades: float
    hit_rate: float
    profit_factor: float
    expectancy: float
    sqn: float
    exposure: float
    turnover: float
    costs: float
    final_equity: float

    def to_dict(self) -> dict[str, float]:
        """Name to figure."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __getitem__(self, name: str) -> float:
        found = self.to_dict()
        if name not in found:
            raise NotFoundError(f"There is no metric {name!r}.", did_you_mean(name, found))
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def rows(self) -> list[tuple[str, str, str]]:
        """Label, figure with its unit, meaning."""
        return [(f.label, f.unit.write(self[name]), f.meaning) for name, f in FIGURES.items()]

    def __repr__(self) -> str:
        return "\n".join(f"{label:<24} {value:>16}" for label, value, _ in self.rows())

    def _repr_html_(self) -> str:
        return rows_html(self.rows())


def rows_html(rows: list[tuple[str, str, str]]) -> str:
    """A two-column table; the third text is shown on hover."""
    cells: list[Any] = [
        f"<tr title='{escape(meaning)}'><td style='text-align:left'>{escape(label)}</td>"
        f"<td style='text-align:right;font-variant-numeric:tabular-nums'>{escape(value)}</td></tr>"
        for label, value, meaning in rows
    ]
    return f"<table>{''.join(cells)}</table>"
