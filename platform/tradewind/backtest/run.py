"""``tw.backtest``: a strategy on a dataset."""

import numpy as np
import xarray as xr

from tradewind.backtest.accounting import Shared, run_signals
from tradewind.backtest.checking import decision_of, strategy_of
from tradewind.backtest.desk import Account
from tradewind.backtest.events import run_desk
from tradewind.backtest.limits import Currencies, Financing, Instruments, Limits
from tradewind.backtest.market import Market, array_of, market_of, with_symbol
from tradewind.backtest.options import CASH, check_options, fill_of
from tradewind.backtest.preparing import (
    first_bar,
    members_only,
    opened,
    reference,
    refuse_raw_splits,
    until,
    warmed,
    with_universe,
)
from tradewind.backtest.result import Result
from tradewind.backtest.rules import Costs, Fill
from tradewind.backtest.setting import Setting, exchange, moment, named
from tradewind.backtest.trial import sharpe_per_bar, variant_text
from tradewind.errors import FieldNotFoundError, InvalidInputError
from tradewind.metrics.calendar import When
from tradewind.provenance import holdouts, ledger
from tradewind.strategies import Decision, Orders, Signals, Strategy, Units
from tradewind.vocabulary import SYMBOL, TIME


def aligned(target: xr.DataArray, ds: xr.Dataset) -> np.ndarray:
    """Return a strategy's targets in the dataset's own order.

    Raises
    ------
    InvalidInputError
        The targets have other symbols or times than the dataset.
    """
    given, known, sizes, here = target.coords.variables, ds.variables, ds.sizes, target.variable
    wanted = {SYMBOL: sizes[SYMBOL], TIME: sizes[TIME]}
    same = dict(zip(here.dims, here.shape, strict=True)) == wanted and all(
        d not in given or d not in known or given[d] is known[d] or target.indexes[d].equals(ds.indexes[d])
        for d in (SYMBOL, TIME)
    )  # mostly they share their labels
    if not same:
        raise InvalidInputError(
            f"The strategy decided for {dict(target.sizes)}, and the market has {dict(ds.sizes)}.",
            "decide() returns one target for every symbol and bar of its dataset.",
        )
    return array_of(here, "The target")


def backtest(
    strategy: Strategy | type[Strategy] | str,
    ds: xr.Dataset | str,
    *,
    costs: Costs | None = None,
    cash: float = CASH,
    fill: Fill | str | None = None,
    lot: float = 0.0,
    borrow: bool = False,
    start: When = None,
    end: When = None,
    benchmark: xr.DataArray | str | None = None,
    universe: xr.DataArray | str | None = None,
    limits: Limits | None = None,
    financing: Financing | None = None,
    instruments: Instruments | None = None,
    currencies: Currencies | None = None,
    remember: bool = True,
) -> Result:
    """Trade a strategy over past data.

    What is decided at a bar's close is traded at the next bar at the earliest. A symbol without a price at
    that bar is not traded; its order waits for the next bar that has one.

    Parameters
    ----------
    strategy : Strategy
        From :mod:`tradewind.strategies`, or one's own; a class or a name stands for its defaults.
    ds : Dataset [symbol, time] or str
        With ``close``; ``open`` to fill at, ``high`` and ``low`` for excursions of trades; or its name.
        Symbols that are no ``member`` at a bar, where it has that field, are neither bought nor kept.
    costs
        Commission and slippage; none by default.
    cash
        Capital at the start. Strategies that give signals trade each symbol with an equal slice of it.
    fill
        ``"next open"`` by default, ``"next close"`` where the dataset has no opens, ``"next vwap"``,
        ``"next twap"``, or ``"same close"``, which looks ahead and is marked so.
    lot
        Units are whole multiples of it; 0 allows fractions.
    borrow
        Whether target weights may take cash below zero. Otherwise purchases are cut to what cash pays for.
    start
        First bar to trade; earlier ones serve the warm-up only. Those that a dataset of the store leaves out
        are read by themselves: all of them, or the warm-up's where a strategy says that it ``remembers``
        nothing else.
    end
        Last bar, included; as in ``tw.open`` a bare year, month or day includes all of it, and times with a
        zone are turned into UTC.
    benchmark
        A symbol of the dataset, a dataset (``"sp500-index"``, ``"indices:SP500"``), or prices over time, to
        compare with.
    universe
        Who may be held at each bar: a membership by name, or ``(symbol, time)``: the ``member`` field.
    limits
        What the account may hold and trade: short sales, leverage, margin calls, turnover, delisting.
    financing
        Interest on cash and debt, fees for borrowing shares.
    instruments
        Multipliers, futures, lots and currencies of symbols.
    currencies
        Rates of exchange, and whether payments are changed at once.
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
    InvalidInputError
        Raw prices of the store across a split, without the field that tells of it; times that are not
        sorted or there twice; something else than a strategy, a dataset or a decision.
    ParameterError
        A setting is out of bounds.
    """
    check_options(
        costs=costs, cash=cash, fill=fill, lot=lot, borrow=borrow, start=start, end=end, benchmark=benchmark,
        universe=universe, limits=limits, financing=financing, instruments=instruments, currencies=currencies,
    )  # fmt: skip
    strategy = strategy_of(strategy, ds)
    ds = warmed(strategy, with_symbol(opened(ds, end)), start)
    ds = until(with_universe(ds, universe), end)
    begin = first_bar(ds, start)
    traded = ds.isel({TIME: slice(begin, None)}) if begin else ds
    market = market_of(traded, fill_of(fill))
    holdouts.check(str(ds.attrs.get("dataset", "")), market.time[-1])
    refuse_raw_splits(ds)
    decision = decision_of(strategy.decide(ds), strategy)
    rules = costs or Costs()
    target = None
    if not isinstance(decision, Orders):
        target = np.ascontiguousarray(members_only(aligned(decision.target, ds), ds)[:, begin:])
        if isinstance(decision, Signals) and np.nanmax(np.abs(target), initial=0.0) > 1.0 + 1e-12:
            raise InvalidInputError("A signal is between -1 and 1: the share of a symbol's slice to hold.")
    if rules.impact and "volume" not in market.fields:
        raise FieldNotFoundError("Impact depends on 'volume', and the dataset has none.")
    special = limits is not None or financing is not None or instruments is not None or currencies is not None
    if target is None or special or not _is_simple(decision, market, rules):
        account = Account(
            market=market, costs=rules, capital=float(cash), lot=float(lot), borrow=borrow,
            limits=limits or Limits(), financing=financing or Financing(),
            instruments=instruments or Instruments(), currencies=currencies,
        )  # fmt: skip
        books, market = run_desk(account, decision, target)
    elif isinstance(decision, Signals):
        books = run_signals(target, market, rules, float(cash), float(lot))
    else:
        shared = Shared(
            target=target,
            units=isinstance(decision, Units),
            market=market,
            costs=rules,
            capital=float(cash),
            lot=float(lot),
            borrow=borrow,
        )
        books = shared.run(record=False)
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
        borrow=bool(borrow),
        periods=market.periods,
        benchmark=named(benchmark, "benchmark"),
        limits=limits,
        financing=financing,
        instruments=instruments,
        currencies=tuple(currencies.names) if currencies else (),
        rates=exchange(currencies),
        convert=currencies is None or currencies.convert,
        universe=named(universe, "universe"),
        start=moment(start),
        end=moment(end, end=True),
    )
    if remember:
        text = variant_text(strategy, ds, market.fill, start, universe)
        ledger.note(setting.dataset, strategy.name, [text], [sharpe_per_bar(books.equity, float(cash))])
    return Result(setting=setting, market=market, books=books, reference=reference(benchmark, traded))


_SPECIAL = frozenset({"split", "roll", "half_spread"})


def _is_simple(decision: Decision, market: Market, costs: Costs) -> bool:
    """Whether the fast accounts know all that is asked for."""
    if not costs.is_plain or not _SPECIAL.isdisjoint(market.fields):
        return False
    return not (isinstance(decision, Signals) and (costs.impact > 0.0 or "dividend" in market.fields))
