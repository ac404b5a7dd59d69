"""The order desk: orders of all kinds, costs, limits and margin, bar by bar, for one account.

Within a bar: corporate actions and interest; market orders (at the open, the close, or the bar's average
price); then, of limits and stops, what the open is already beyond; then stops, then limits: where a stop and
a target both lie inside one bar, the stop is taken to come first. Then the bar's close: marks, margin, what
expires, and the strategy's turn.
"""

from numba.core import types

from tradewind.backtest import columns_inline as col
from tradewind.backtest.desk_costs_inline import money_of, value_account, worth_of
from tradewind.backtest.desk_day_inline import aim, evening, morning, take_orders
from tradewind.backtest.desk_trading_inline import forced, fractions, go_through, rebalance
from tradewind.loops import FLOAT, INT, inline, loop, write

ROOM = 8
"""Free rows of the tables, a symbol, below which the caller makes them larger."""

TAX = types.FunctionType(FLOAT(INT, INT, FLOAT, FLOAT, FLOAT))
ON_BAR = types.FunctionType(
    INT(INT, types.Array(FLOAT, 3, "A"), types.Array(FLOAT, 2, "C"), FLOAT, FLOAT, write(FLOAT, 1), write())
)


@loop(INT, INT, FLOAT, FLOAT, FLOAT, returns=FLOAT)
def no_tax(symbol, bar, quantity, price, profit):  # type: ignore[no-untyped-def]
    return 0.0


@loop(
    INT, types.Array(FLOAT, 3, "A"), types.Array(FLOAT, 2, "C"), FLOAT, FLOAT, write(FLOAT, 1), write(),
    returns=INT,
)  # fmt: skip
def no_orders(bar, bars, state, cash, equity, memory, asks):  # type: ignore[no-untyped-def]
    return 0


@inline
def _go(  # type: ignore[no-untyped-def]
    last, bars, traits, clock, rates, rules, tiers, cash, state, target, day, orders, figures, fills, paid,
    active, counts, book, quantity, tax, on_bar, memory, asks,
):  # fmt: skip
    symbols = state.shape[0]
    for t in range(counts[col.NEXT_BAR], last):
        room = ROOM * symbols + 3 * counts[col.ACTIVE_USED] + asks.shape[0]
        if (
            orders.shape[0] - counts[col.ORDERS_USED] < room + symbols
            or fills.shape[0] - counts[col.FILLS_USED] < room
            or active.size - counts[col.ACTIVE_USED] < room
        ):
            return t
        day[col.TURNED] = 0.0
        morning(
            t, bars, traits, state, cash, rates, clock, rules, tiers, orders, figures, active, counts, book
        )
        fractions(
            t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures, counts, tax
        )
        value_account(
            state, traits, bars, rates, cash, day, t, col.PRICE if rules[col.AT_CLOSE] == 0.0 else col.OPEN
        )
        for step in range(4):
            # A close comes last, any other price of market orders first
            stage = step if rules[col.AT_CLOSE] == 0.0 else (step + 1) % 4
            if stage == 0:
                if rules[col.AT_CLOSE] == 1.0:
                    value_account(state, traits, bars, rates, cash, day, t, col.PRICE)
                if rules[col.LAG] == 0.0:
                    if rules[col.HAS_TARGET] == 1.0:
                        aim(t, target, state, orders, figures, counts)
                    if on_bar is not None:
                        money = money_of(cash, rates, t)
                        net, _ = worth_of(state, traits, rates, t, col.LAST)
                        n = on_bar(t, bars[:, :, : t + 1], state, money, money + net, memory, asks)
                        take_orders(n, t, asks, bars, orders, figures, active, counts, rules)
                forced(
                    t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures,
                    active, counts, tax,
                )  # fmt: skip
                if rules[col.HAS_TARGET] == 1.0:
                    rebalance(
                        t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures,
                        counts, tax,
                    )  # fmt: skip
            if counts[col.ACTIVE_USED] > 0:
                go_through(
                    stage, t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders,
                    figures, active, counts, tax,
                )  # fmt: skip
        evening(t, bars, traits, state, cash, rates, rules, day, orders, figures, active, counts, book)
        for i in range(quantity.shape[0]):
            quantity[i, t] = state[i, col.HELD]
        if rules[col.LAG] == 1.0:
            if rules[col.HAS_TARGET] == 1.0:
                aim(t, target, state, orders, figures, counts)
            if on_bar is not None:
                n = on_bar(
                    t,
                    bars[:, :, : t + 1],
                    state,
                    book[col.CASH_NOW, t],
                    book[col.EQUITY_NOW, t],
                    memory,
                    asks,
                )
                take_orders(n, t, asks, bars, orders, figures, active, counts, rules)
        counts[col.NEXT_BAR] = t + 1
    return last


@loop(
    INT, write(FLOAT, 3), write(), write(), write(), write(FLOAT, 1), write(), write(FLOAT, 1), write(),
    write(), write(FLOAT, 1), write(INT), write(), write(INT), write(), write(INT, 1), write(INT, 1), write(),
    write(),
    TAX, ON_BAR, write(FLOAT, 1), write(),
    returns=INT,
)  # fmt: skip
def run(  # type: ignore[no-untyped-def]
    last, bars, traits, clock, rates, rules, tiers, cash, state, target, day, orders, figures, fills, paid,
    active, counts, book, quantity, tax, on_bar, memory, asks,
):  # fmt: skip
    """Go on to bar ``last - 1``, or until a table is nearly full; return the next bar."""
    return _go(
        last, bars, traits, clock, rates, rules, tiers, cash, state, target, day, orders, figures, fills,
        paid, active, counts, book, quantity, tax, on_bar, memory, asks,
    )  # fmt: skip


@loop(
    INT, write(FLOAT, 3), write(), write(), write(), write(FLOAT, 1), write(), write(FLOAT, 1), write(),
    write(), write(FLOAT, 1), write(INT), write(), write(INT), write(), write(INT, 1), write(INT, 1), write(),
    write(),
    write(FLOAT, 1), write(),
    returns=INT,
)  # fmt: skip
def step(  # type: ignore[no-untyped-def]
    last, bars, traits, clock, rates, rules, tiers, cash, state, target, day, orders, figures, fills, paid,
    active, counts, book, quantity, memory, asks,
):  # fmt: skip
    """The same without functions to call, which cost 80 microseconds to hand over."""
    return _go(
        last, bars, traits, clock, rates, rules, tiers, cash, state, target, day, orders, figures, fills,
        paid, active, counts, book, quantity, None, None, memory, asks,
    )  # fmt: skip


@loop(INT, INT, write(), write(FLOAT, 3), write(INT), write(), write(INT, 1), write(INT, 1), write(FLOAT, 1))
def accept(n, t, asks, bars, orders, figures, active, counts, rules):  # type: ignore[no-untyped-def]
    """Turn what a strategy in plain Python asked for at a bar into orders."""
    take_orders(n, t, asks, bars, orders, figures, active, counts, rules)
