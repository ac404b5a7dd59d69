"""Strategies that place orders bar by bar, and everything else that needs the order desk."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite, isnan
from types import SimpleNamespace
from typing import Any

import numpy as np

from tradewind.backtest import columns_inline as at
from tradewind.backtest.accounting import Books, refuse_infinite
from tradewind.backtest.checking import not_negative, number, positive, whole
from tradewind.backtest.desk import Account, Run, start, traits_of
from tradewind.backtest.market import Market, carried
from tradewind.backtest.orders import Orders as Records
from tradewind.errors import InvalidInputError, NotFoundError, ParameterError, did_you_mean
from tradewind.strategies import Decision, Orders, Signals, Units, Weights

NAN = float("nan")
_FIELDS = {"open": at.OPEN, "high": at.HIGH, "low": at.LOW, "close": at.CLOSE, "volume": at.VOLUME}

_KINDS = {
    (False, False): at.MARKET, (True, False): at.LIMIT, (False, True): at.STOP, (True, True): at.STOP_LIMIT,
}  # fmt: skip


class Desk:
    """What a strategy in plain Python sees at a bar's close, and where it places orders.

    Orders are first looked at in the next bar. Symbols are named, or numbered from 0.

    Attributes
    ----------
    bar, time
        Which bar it is: its number and its time.
    symbols
        All symbols.
    memory
        Anything the strategy wants to keep from bar to bar, as attributes.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._index = {name: i for i, name in enumerate(run.account.symbols)}
        self._asked: list[tuple[float, ...]] = []
        self.symbols = run.account.symbols
        self.memory = SimpleNamespace()
        self.bar = -1

    @property
    def time(self) -> np.datetime64:
        """The bar's time."""
        moment: np.datetime64 = self._run.account.market.time[self.bar]
        return moment

    @property
    def cash(self) -> float:
        """Cash after the bar's fills."""
        return float(self._run.book[at.CASH_NOW, self.bar])

    @property
    def equity(self) -> float:
        """Cash and positions at the close."""
        return float(self._run.book[at.EQUITY_NOW, self.bar])

    def number(self, symbol: str | int) -> int:
        """A symbol's number.

        Raises
        ------
        NotFoundError
            There is no such symbol.
        """
        if isinstance(symbol, int | np.integer) and 0 <= symbol < len(self.symbols):
            return int(symbol)
        try:
            return self._index[str(symbol)]
        except KeyError:
            raise NotFoundError(
                f"There is no symbol {symbol!r}.", did_you_mean(str(symbol), self.symbols)
            ) from None

    def history(self, field: str = "close", symbol: str | int = 0) -> np.ndarray:
        """A field of a symbol up to this bar, read-only.

        Raises
        ------
        NotFoundError
            There is no such field or symbol.
        """
        if field not in _FIELDS:
            raise NotFoundError(f"There is no field {field!r}.", did_you_mean(field, list(_FIELDS)))
        view = self._run.bars[_FIELDS[field], self.number(symbol), : self.bar + 1]
        view.flags.writeable = False
        return view

    def price(self, symbol: str | int = 0) -> float:
        """The bar's close; NaN where there is none."""
        return float(self._run.bars[at.CLOSE, self.number(symbol), self.bar])

    def position(self, symbol: str | int = 0) -> float:
        """Units held; short ones negative."""
        return float(self._run.state[self.number(symbol), at.HELD])

    def average_cost(self, symbol: str | int = 0) -> float:
        """Average price of what is held."""
        return float(self._run.state[self.number(symbol), at.AVERAGE])

    def working(self, symbol: str | int = 0) -> int:
        """How many orders of a symbol wait."""
        tables, i = self._run.tables, self.number(symbol)
        active = tables.active[: tables.counts[at.ACTIVE_USED]]
        rows = tables.orders[active]
        return int(((rows[:, at.SYMBOL] == i) & (rows[:, at.STATUS] == at.WORKING)).sum())

    def order(
        self, symbol: str | int, quantity: float, *, limit: float = NAN, stop: float = NAN,
        trail: float = NAN, trail_by: float = NAN,
        bars: int = 0, stop_loss: float = NAN, take_profit: float = NAN, trailing_stop: float = NAN,
        reduce: bool = False,
    ) -> None:  # fmt: skip
        """Place an order: at the market, or with ``limit`` or ``stop`` or both.

        Parameters
        ----------
        quantity
            Units to buy, or to sell if negative.
        limit, stop
            Prices.
        trail
            A stop at this distance from the price, a share of it, which follows the price.
        trail_by
            The same by an amount of the price's currency.
        bars
            In force for so many bars; 0: until cancelled.
        stop_loss, take_profit
            Prices at which what was filled is sold again; the first cancels the other.
        trailing_stop
            The same by a distance, a share of the price.
        reduce
            Only to make a position smaller.
        """
        limit, stop = _given(limit, "limit"), _given(stop, "stop")
        stop_loss, take_profit = _given(stop_loss, "stop_loss"), _given(take_profit, "take_profit")
        trail, trailing_stop = _distance(trail, "trail"), _distance(trailing_stop, "trailing_stop")
        trail_by = _given(trail_by, "trail_by", "a positive distance in money", positive)
        kind = _KINDS[not isnan(limit), not (isnan(stop) and isnan(trail) and isnan(trail_by))]
        self._asked.append((
            self.number(symbol), kind, number(quantity, "quantity", "a number of units"), limit, stop,
            whole(bars, "bars"), take_profit, stop_loss, trailing_stop if isnan(trail) else trail,
            float(reduce), trail_by,
        ))  # fmt: skip

    def buy(self, symbol: str | int = 0, quantity: float = 1.0, **options: Any) -> None:
        """Buy; see :meth:`order`."""
        self.order(symbol, _units(quantity, "buy", "sell"), **options)

    def sell(self, symbol: str | int = 0, quantity: float = 1.0, **options: Any) -> None:
        """Sell; see :meth:`order`."""
        self.order(symbol, -_units(quantity, "sell", "buy"), **options)

    def close(self, symbol: str | int = 0) -> None:
        """Leave a position at the market."""
        held = self.position(symbol)
        if held:
            self.order(symbol, -held, reduce=True)

    def cancel(self, symbol: str | int = 0) -> None:
        """Cancel every working order of a symbol."""
        self._asked.append((self.number(symbol), at.CANCEL, 0.0, *[NAN] * 6, 0.0, NAN))

    def _place(self) -> None:
        count = len(self._asked)
        if count > len(self._run.asks):
            self._run.asks = np.empty((2 * count, at.ASKS))
        if count:
            self._run.asks[:count] = self._asked
            self._run.accept(count, self.bar)
            self._asked.clear()


def _given(
    price: Any, what: str, meaning: str = "a price", holds: Callable[[float], bool] = isfinite
) -> float:
    """A price of an order; NaN, or None, where there is none."""
    if price is None or (isinstance(price, float | np.floating) and isnan(price)):
        return NAN
    return number(price, what, meaning, holds)


def _distance(share: Any, what: str) -> float:
    return _given(share, what, "a share of the price between 0 and 1", lambda v: 0.0 < v < 1.0)


def _units(quantity: Any, side: str, other: str) -> float:
    hint = f"To {other}, use desk.{other}; desk.order takes signed quantities."
    return number(quantity, f"The quantity to {side}", "a number of units, not negative", not_negative, hint)


def _in_python(run: Run, on_bar: Callable[[Desk], None]) -> None:
    desk = Desk(run)
    for t in range(run.bars.shape[2]):
        run.advance(t + 1)
        desk.bar = t
        on_bar(desk)
        desk._place()


def _orders(account: Account, decision: Orders) -> Run:
    bars = account.market.close.shape[1]
    if hasattr(decision.on_bar, "py_func"):
        run = start(account, on_bar=decision.on_bar, memory=decision.memory, most=decision.most)
        run.advance(bars)
        return run
    if account.market.fill.looks_ahead:
        raise ParameterError(
            'fill="same close" is for compiled functions only.', "Decorate it with tw.backtest.compiled."
        )
    run = start(account)
    _in_python(run, decision.on_bar)
    return run


def _slice(account: Account, i: int, share: float) -> Account:
    """The account of one symbol alone, under its number in the whole market."""
    market = account.market
    rows = slice(i, i + 1)
    fields = {
        name: market.field(name)
        for name in ("open", "high", "low", "volume", "dividend", "split", "roll", "half_spread")
    }
    alone = Market(
        names=market.symbols[rows], time=market.time, price=market.price[rows], close=market.close[rows],
        fill=market.fill, periods=market.periods,
        fields={name: np.ascontiguousarray(v[rows]) for name, v in fields.items() if v is not None},
    )  # fmt: skip
    name, things, finance = account.symbols[i], account.instruments, account.financing
    fee = (
        finance.borrow_fee
        if isinstance(finance.borrow_fee, int | float)
        else finance.borrow_fee.get(name, 0.0)
    )
    one = replace(
        things,
        futures=tuple(s for s in things.futures if s == name),
        **{
            f: {k: v for k, v in getattr(things, f).items() if k == name}
            for f in ("multiplier", "lot", "currency")
        },
    )
    return replace(
        account, market=alone, capital=share, instruments=one, financing=replace(finance, borrow_fee=fee),
        first=i, limits=replace(account.limits, locate=tuple(s for s in account.limits.locate if s == name)),
    )  # fmt: skip


def _signals(account: Account, target: np.ndarray) -> Books:
    """Every symbol in an account of its own, traded when its target changes.

    Whatever counts money counts that of the slice: commission by tiers, limits, and what cash pays for. A
    slice neither pays nor saves by what others trade, or the symbols beside it would decide its size.
    """
    symbols = target.shape[0]
    traits_of(account, account.monies)  # says what is wrong with the whole, before it is taken apart
    parts: list[Books] = []
    for i in range(symbols):
        known = carried(target[i : i + 1])
        before = np.concatenate((np.zeros((1, 1)), np.nan_to_num(known[:, :-1])), axis=1)
        changes = np.where(known != before, known, np.nan)
        run = start(_slice(account, i, account.capital / symbols), changes)
        run.advance(target.shape[1])
        parts.append(run.books())
    flows = {name for part in parts for name in part.flows}
    records = [replace(p.orders, symbol=np.full_like(p.orders.symbol, i)) for i, p in enumerate(parts)]
    columns = records[0].columns()
    balances = None if parts[0].balances is None else np.sum([p.balances for p in parts], axis=0)
    return Books(
        cash=np.sum([p.cash for p in parts], axis=0), equity=np.sum([p.equity for p in parts], axis=0),
        income=np.sum([p.income for p in parts], axis=0), balances=balances,
        flows={n: np.sum([p.flows[n] for p in parts if n in p.flows], axis=0) for n in sorted(flows)},
        written=(
            np.concatenate([p.quantity for p in parts]),
            Records(**{n: np.concatenate([getattr(r, n) for r in records]) for n in columns}),
        ),
    )  # fmt: skip


def run_desk(account: Account, decision: Decision, target: np.ndarray | None) -> tuple[Books, Market]:
    """Run an account on the order desk.

    Returns
    -------
    tuple
        The books, and the market as they see it: units of money, splits.

    Raises
    ------
    ParameterError
        The settings do not go together.
    InvalidInputError
        A setting names a symbol that there is not.
    """
    if isinstance(decision, Orders):
        return _orders(account, decision).books(), _seen(account)
    if target is None:
        raise InvalidInputError("There is nothing to trade.")
    refuse_infinite(target)
    if isinstance(decision, Signals):
        return _signals(account, target), _seen(account)
    assert isinstance(decision, Units | Weights)
    run = start(account, target, units=isinstance(decision, Units))
    run.advance(target.shape[1])
    return run.books(), _seen(account)


def _seen(account: Account) -> Market:
    market = account.market
    things, currencies = account.instruments, account.currencies
    names = account.monies
    unit = np.array([things.multiplier.get(s, 1.0) for s in account.symbols])[:, None]
    if currencies:
        rates = currencies.over(market.time)
        unit = unit * rates[[names.index(things.currency.get(s, names[0])) for s in account.symbols]]
    unit = np.broadcast_to(unit, market.close.shape)
    split = market.field("split")
    growth = None
    if split is not None:
        ratio = np.where(split > 0.0, split, 1.0)
        after = np.cumprod(ratio[:, ::-1], axis=1)[:, ::-1]
        growth = np.concatenate((after[:, 1:], np.ones((after.shape[0], 1))), axis=1)
    return replace(
        market,
        close=_carried_over(market),
        unit=None if (unit == 1.0).all() else np.ascontiguousarray(unit),
        settled=np.array([s in things.futures for s in account.symbols]) if things.futures else None,
        growth=growth,
    )


def _carried_over(market: Market) -> np.ndarray:
    """Closes; over holes the last known one, as splits and rolls of contracts changed it."""
    split, roll = market.field("split"), market.field("roll")
    if (split is None and roll is None) or not np.isnan(market.close).any():
        return market.close
    out = market.close.copy()
    for t in range(1, out.shape[1]):
        before = out[:, t - 1]
        if split is not None:
            before = before / np.where(split[:, t] > 0.0, split[:, t], 1.0)
        if roll is not None:
            before = before + np.nan_to_num(roll[:, t])
        out[:, t] = np.where(np.isnan(out[:, t]), before, out[:, t])
    return out
