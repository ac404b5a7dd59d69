"""What a backtest gives back."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tradewind import attached
from tradewind.backtest.accounting import Books
from tradewind.backtest.card import result_card
from tradewind.backtest.market import Market, carried
from tradewind.backtest.orders import Orders, fills_frame, orders_frame
from tradewind.backtest.setting import Setting, label
from tradewind.backtest.statistics import metrics_of
from tradewind.backtest.trades import trades_frame
from tradewind.metrics import Metrics
from tradewind.vocabulary import SYMBOL, TIME
from tradewind.wording import counted, percent, written

__all__ = ["Result", "Setting"]

_NO_COSTS = ("cash interest", "exchange")
"""Flows that are earned, or neither earned nor paid."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A finished backtest. Tables and figures are made when they are first asked for.

    Attributes
    ----------
    setting
        What was run, on what, with which costs.
    """

    setting: Setting
    market: Market
    books: Books
    reference: np.ndarray | None = None

    def _over_time(self, values: np.ndarray, name: str) -> xr.DataArray:
        return xr.DataArray(values, {TIME: self.market.time}, (TIME,), name=name)

    def _over_both(self, values: np.ndarray, name: str) -> xr.DataArray:
        coords = {SYMBOL: self.market.symbols, TIME: self.market.time}
        return xr.DataArray(values, coords, (SYMBOL, TIME), name=name)

    @cached_property
    def equity(self) -> xr.DataArray:
        """Cash and positions at each close, in the account's currency."""
        return self._over_time(self.books.equity, "equity")

    @cached_property
    def cash(self) -> xr.DataArray:
        """Cash after each bar's fills."""
        return self._over_time(self.books.cash, "cash")

    @cached_property
    def returns(self) -> xr.DataArray:
        """Simple returns of the equity; the first bar's is against the capital."""
        equity = self.books.equity
        before = np.concatenate(([self.setting.cash], equity[:-1]))
        return self._over_time(equity / before - 1.0, "returns")

    @cached_property
    def drawdown(self) -> xr.DataArray:
        """Fall from the highest equity so far, the capital included; −0.2 is 20 %."""
        peak = np.maximum(np.maximum.accumulate(self.books.equity), self.setting.cash)
        return self._over_time(self.books.equity / peak - 1.0, "drawdown")

    @cached_property
    def positions(self) -> xr.DataArray:
        """Units held after each bar's fills, short ones negative."""
        return self._over_both(self.books.quantity, "positions")

    @cached_property
    def values(self) -> xr.DataArray:
        """What each position adds to the equity at the close; futures, which are settled, nothing."""
        values = self.exposures.values
        if self.market.settled is not None:
            values = np.where(self.market.settled[:, None], 0.0, values)
        return self._over_both(values, "values")

    @cached_property
    def exposures(self) -> xr.DataArray:
        """What each position amounts to in the market at the close, in the account's currency."""
        values = self.books.quantity * np.nan_to_num(self.market.mark)
        return self._over_both(values if self.market.unit is None else values * self.market.unit, "exposures")

    @cached_property
    def balances(self) -> xr.DataArray:
        """Cash by currency, each in its own; only the account's where every payment is changed at once."""
        rows, names = self.books.balances, self.setting.currencies or ("account",)
        if rows is None:
            rows, names = self.books.cash[None, :], names[:1]
        coords = {"currency": list(names), TIME: self.market.time}
        return xr.DataArray(rows, coords, ("currency", TIME), name="balances")

    @cached_property
    def weights(self) -> xr.DataArray:
        """Value of each position over the equity."""
        return (self.values / self.equity).transpose(SYMBOL, TIME).rename("weights")

    @cached_property
    def benchmark(self) -> xr.DataArray | None:
        """The benchmark, scaled to start with the same capital; over holes its last known price."""
        if self.reference is None:
            return None
        prices = carried(np.where(np.isfinite(self.reference), self.reference, np.nan)[None, :])[0]
        known = prices[np.isfinite(prices)]
        scale = self.setting.cash / known[0] if known.size else np.nan
        return self._over_time(prices * scale, label(self.setting.benchmark) or "benchmark")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """One row an order: when decided, for what target, and what became of it."""
        return orders_frame(self.books.orders, self.market)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """One row a fill: units, price after slippage, commission."""
        return fills_frame(self.books.orders, self.market)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row a round trip; see :func:`tradewind.backtest.trades.trades_frame`."""
        return trades_frame(self.books.orders, self.market)

    @cached_property
    def costs(self) -> pd.Series:
        """What was paid, by kind, in the account's currency; see :attr:`flows` for what was earned."""
        fills = self.books.orders.fills
        found = {"commission": float(fills.fee.sum())}
        parts = {"spread": fills.spread, "slippage": fills.slip, "impact": fills.impact, "taxes": fills.tax}
        if fills.slip is None:
            parts |= self._worse_than_the_bar(fills)
        found |= {name: float(values.sum()) for name, values in parts.items() if values is not None}
        found |= {
            name: -float(values.sum()) for name, values in self.books.flows.items() if name not in _NO_COSTS
        }
        return pd.Series(found, name="costs")

    def _worse_than_the_bar(self, fills: Orders) -> dict[str, np.ndarray]:
        """Slippage and impact of accounts that book the two as one: what is no slippage is impact."""
        if not self.setting.costs.impact:
            return {"slippage": fills.slippage}
        slip = self.setting.costs.slippage * np.abs(fills.quantity * fills.reference * fills.worth)
        return {"slippage": slip, "impact": fills.slippage - slip}

    @cached_property
    def flows(self) -> xr.Dataset:
        """What came in and went out besides trading, a bar: dividends, interest, borrow fees, rolls.

        ``exchange`` is what cash kept in other currencies gained by their rates. With the profits of
        :attr:`trades`, all of it is what the equity gained.
        """
        every = {"dividends": self.books.income} | self.books.flows
        return xr.Dataset({name: self._over_time(values, name) for name, values in every.items()})

    @cached_property
    def metrics(self) -> Metrics:
        """Return, risk and trading figures."""
        return metrics_of(self)

    def replace(self, **changes: Any) -> "Result":
        """The same result with other parts."""
        return replace(self, **changes)

    def plot(self, **options: Any) -> Any:
        """Draw equity, drawdown, monthly returns and positions; see :func:`tradewind.plot.result_figures`."""
        return attached.call("Result.plot", self, **options)

    def report(self, path: str | Path, **options: Any) -> Path:
        """Write a self-contained HTML report; see :func:`tradewind.report.write_report`."""
        found: Path = attached.call("Result.report", self, path, **options)
        return found

    def save(self, path: str | Path) -> Path:
        """Write everything to one file, without loss; :func:`tradewind.backtest.load` reads it."""
        from tradewind.backtest.archive import save  # arrow is not needed otherwise

        return save(self, path)

    def __repr__(self) -> str:
        m = self.metrics
        span = f"{str(self.market.time[0])[:10]} to {str(self.market.time[-1])[:10]}"
        return (
            f"{self.setting.title} on {self.setting.dataset or 'data'} "
            f"({counted(len(self.market.symbols), 'symbol')}, {span}): "
            f"return {percent(m.cagr)} a year, Sharpe {written(m.sharpe)}, deepest drawdown "
            f"{percent(m.max_drawdown)}, {counted(m.trades, 'trade')}"
        )

    def _repr_html_(self) -> str:
        return result_card(self)
