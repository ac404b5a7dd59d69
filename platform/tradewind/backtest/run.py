"""``tw.backtest``: a strategy on a dataset."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import xarray as xr

from tradewind.backtest.accounting import Shared, run_signals
from tradewind.backtest.market import array_of, market_of, with_symbol
from tradewind.backtest.result import Result, Setting
from tradewind.backtest.rules import Costs, Fill
from tradewind.errors import (
    EmptySelectionError,
    FieldNotFoundError,
    InvalidInputError,
    ParameterError,
    did_you_mean,
)
from tradewind.provenance import ledger
from tradewind.strategies import Signals, Strategy, Units
from tradewind.vocabulary import SYMBOL, TIME

CASH = 1_000_000.0
"""Capital at the start, unless said."""

When = str | date | datetime | np.datetime64 | None


def fill_of(fill: Fill | str | None) -> Fill | None:
    """Read a fill rule from its name.

    Raises
    ------
    ParameterError
        No such rule.
    """
    if fill is None or isinstance(fill, Fill):
        return fill
    try:
        return Fill(fill.replace("_", " ").lower())
    except ValueError:
        raise ParameterError(
            f"There is no fill {fill!r}.", did_you_mean(fill, [f.value for f in Fill])
        ) from None


def checked(cash: float, lot: float) -> None:
    """Refuse capital or lots that mean nothing."""
    if not cash > 0.0:
        raise ParameterError(f"cash is a positive amount, not {cash!r}.")
    if not lot >= 0.0:
        raise ParameterError(f"lot is 0 (fractions allowed) or a number of units, not {lot!r}.")


def aligned(target: xr.DataArray, ds: xr.Dataset) -> np.ndarray:
    """Return a strategy's targets in the dataset's own order.

    Raises
    ------
    InvalidInputError
        The targets have other symbols or times than the dataset.
    """
    same = target.sizes == {SYMBOL: ds.sizes[SYMBOL], TIME: ds.sizes[TIME]} and all(
        d not in target.coords or d not in ds.coords or target.indexes[d].equals(ds.indexes[d])
        for d in (SYMBOL, TIME)
    )
    if not same:
        raise InvalidInputError(
            f"The strategy decided for {dict(target.sizes)}, and the market has {dict(ds.sizes)}.",
            "decide() returns one target for every symbol and bar of its dataset.",
        )
    return array_of(target.variable)


def first_bar(ds: xr.Dataset, start: When) -> int:
    """Return the index of the first bar at or after a time.

    Raises
    ------
    EmptySelectionError
        No bar is left.
    """
    if start is None:
        return 0
    found = int(np.searchsorted(ds[TIME].values, np.datetime64(pd.Timestamp(start))))
    if found >= ds.sizes[TIME]:
        raise EmptySelectionError(f"The dataset has no bar at or after {start}.")
    return found


def backtest(
    strategy: Strategy,
    ds: xr.Dataset,
    *,
    costs: Costs | None = None,
    cash: float = CASH,
    fill: Fill | str | None = None,
    lot: float = 0.0,
    borrow: bool = False,
    start: When = None,
    end: When = None,
    benchmark: xr.DataArray | str | None = None,
    remember: bool = True,
) -> Result:
    """Trade a strategy over past data.

    What is decided at a bar's close is traded at the next bar at the earliest. A symbol without a price at
    that bar is not traded; its order waits for the next bar that has one.

    Parameters
    ----------
    strategy : Strategy
        From :mod:`tradewind.strategies`, or one's own.
    ds : Dataset [symbol, time]
        With ``close``; ``open`` to fill at, ``high`` and ``low`` for excursions of trades.
    costs
        Commission and slippage; none by default.
    cash
        Capital at the start. Strategies that give signals trade each symbol with an equal slice of it.
    fill
        ``"next open"`` by default, ``"next close"`` where the dataset has no opens, or ``"same close"``,
        which looks ahead and is marked so.
    lot
        Units are whole multiples of it; 0 allows fractions.
    borrow
        Whether target weights may take cash below zero. Otherwise purchases are cut to what cash pays for.
    start
        First bar to trade; earlier ones serve the warm-up only.
    end
        Last bar, included.
    benchmark
        A symbol of the dataset, or prices over time, to compare with.
    remember
        Whether this counts as a trial in the ledger (:mod:`tradewind.provenance.ledger`); say False only for
        repeating what was counted.

    Returns
    -------
    Result
        Equity, positions, orders, fills, trades, metrics, figures, report.

    Raises
    ------
    FieldNotFoundError
        The dataset lacks a price that is needed.
    EmptySelectionError
        No bars are left to trade on.
    ParameterError
        A setting is out of bounds.
    """
    checked(cash, lot)
    ds = with_symbol(ds)
    if end is not None:
        ds = ds.sel({TIME: slice(None, pd.Timestamp(end))})
    begin = first_bar(ds, start)
    chosen = fill_of(fill)
    decision = strategy.decide(ds)
    target = np.ascontiguousarray(aligned(decision.target, ds)[:, begin:])
    traded = ds.isel({TIME: slice(begin, None)}) if begin else ds
    market = market_of(traded, chosen)
    rules = costs or Costs()
    if isinstance(decision, Signals):
        if np.nanmax(np.abs(target), initial=0.0) > 1.0 + 1e-12:
            raise InvalidInputError("A signal is between -1 and 1: the share of a symbol's slice to hold.")
        if rules.impact or market.dividend is not None:
            raise InvalidInputError(
                "Impact and dividends are known to shared accounts only.",
                "Let the strategy decide weights or units, or drop the impact and the dividend field.",
            )
        books = run_signals(target, market, rules, float(cash), float(lot))
    else:
        if rules.impact and market.volume is None:
            raise FieldNotFoundError("Impact depends on 'volume', and the dataset has none.")
        account = Shared(
            target=target,
            units=isinstance(decision, Units),
            market=market,
            costs=rules,
            capital=float(cash),
            lot=float(lot),
            borrow=borrow,
        )
        books = account.run(record=False)
    setting = Setting(
        strategy=strategy.name,
        title=str(strategy),
        version=strategy.version,
        parameters=strategy.values,
        dataset=str(ds.attrs.get("dataset", "")),
        snapshot=str(ds.attrs.get("snapshot", "")),
        adjust=str(ds.attrs.get("adjust", "")),
        costs=rules,
        cash=float(cash),
        fill=market.fill,
        lot=float(lot),
        borrow=borrow,
        periods=market.periods,
        benchmark=_benchmark_name(benchmark),
    )
    if remember:
        ledger.note(setting.dataset, strategy.name, [variant_text(strategy)])
    return Result(setting=setting, market=market, books=books, reference=_benchmark(benchmark, traded))


def variant_text(strategy: Strategy) -> str:
    """What makes a variant another one, for the trial ledger."""
    return f"{strategy.version} {sorted(strategy.values.items())}"


def _benchmark_name(benchmark: xr.DataArray | str | None) -> str:
    if benchmark is None or isinstance(benchmark, str):
        return benchmark or ""
    return str(benchmark.name or benchmark.attrs.get("dataset", "benchmark"))


def _benchmark(benchmark: xr.DataArray | str | None, ds: xr.Dataset) -> np.ndarray | None:
    if benchmark is None:
        return None
    if isinstance(benchmark, str):
        symbols = [str(s) for s in ds[SYMBOL].values]
        if benchmark not in symbols:
            raise InvalidInputError(
                f"The benchmark {benchmark!r} is not in the dataset.", did_you_mean(benchmark, symbols)
            )
        chosen: np.ndarray = array_of(ds["close"])[symbols.index(benchmark)]
        return chosen
    series = benchmark.squeeze(drop=True)
    if series.dims != (TIME,):
        raise InvalidInputError(f"A benchmark is one series over time; this one has dims {benchmark.dims}.")
    return np.asarray(series.reindex({TIME: ds[TIME]}, method="ffill").values, dtype=float)
