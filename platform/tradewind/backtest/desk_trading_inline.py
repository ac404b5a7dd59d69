"""The parts of a bar in which orders are filled.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

import numpy as np

from tradewind.backtest import columns_inline as col
from tradewind.backtest.desk_costs_inline import cost_of, limited, money_of, whole_lots
from tradewind.backtest.desk_fills_inline import RISING, execute, fill_order, new_order
from tradewind.loops import inline

NAN = np.nan


@inline
def go_through(  # type: ignore[no-untyped-def]
    stage,
    t,
    bars,
    traits,
    state,
    cash,
    rates,
    rules,
    tiers,
    day,
    fills,
    paid,
    orders,
    figures,
    active,
    counts,
    tax,
):
    """Go through the working orders: 0 market orders, 1 what the open is beyond, 2 stops, 3 limits."""
    k = 0
    while k < counts[col.ACTIVE_USED]:
        o = active[k]
        k += 1
        if orders[o, col.STATUS] != col.WORKING or orders[o, col.FROM] > t:
            continue
        i = orders[o, col.SYMBOL]
        kind = orders[o, col.KIND]
        p = bars[col.PRICE, i, t]
        if not p > 0.0 or (stage > 0 and not bars[col.OPEN, i, t] > 0.0):
            continue
        buy = figures[o, col.LEFT] > 0.0
        lag = 1
        takes = 1
        at = NAN
        if stage == 0:
            if kind == col.MARKET:
                at = p
                lag = int(rules[col.CHILD_LAG])
        elif kind == col.MARKET:
            continue
        else:
            stop = figures[o, col.STOP_AT]
            limit = figures[o, col.LIMIT_AT]
            first = bars[col.OPEN, i, t]
            if stage == 1:
                lag = 0
                if kind == col.LIMIT:
                    if (buy and first <= limit) or (not buy and first >= limit):
                        at = first
                        takes = 0
                elif (buy and first >= stop) or (not buy and first <= stop):
                    if kind == col.STOP:
                        at = first
                    elif (buy and first <= limit) or (not buy and first >= limit):
                        at = first
                        takes = 0
                    else:
                        orders[o, col.KIND] = col.LIMIT
                        # triggered by the open: the rest of the bar is its own
            elif stage == 2 and kind != col.LIMIT:
                if (buy and bars[col.HIGH, i, t] >= stop) or (not buy and bars[col.LOW, i, t] <= stop):
                    hit = max(stop, first) if buy else min(stop, first)
                    if kind == col.STOP:
                        at = hit
                        lag = RISING
                    elif (buy and hit <= limit) or (not buy and hit >= limit):
                        at = hit
                        takes = 0
                    else:
                        orders[o, col.KIND] = col.LIMIT
                        orders[o, col.FROM] = t + 1
            elif stage == 3 and kind == col.LIMIT:
                inside = bars[col.LOW, i, t] <= limit if buy else bars[col.HIGH, i, t] >= limit
                if inside:
                    at = min(limit, first) if buy else max(limit, first)
                    takes = 0
        if at == at:
            fill_order(
                o, at, t, takes, lag, bars, traits, state, cash, rates, rules, tiers, day, fills, paid,
                orders, figures, active, counts, tax,
            )  # fmt: skip


@inline
def rebalance(  # type: ignore[no-untyped-def]
    t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures, counts, tax
):
    """Trade towards the waiting targets: sales first, purchases cut by one factor to what cash pays for."""
    symbols = state.shape[0]
    waiting = False
    for i in range(symbols):
        waiting = waiting or state[i, col.WANT] == state[i, col.WANT]
    if not waiting:
        return
    sold = 0.0
    for i in range(symbols):
        state[i, col.CHANGE] = NAN
        w = state[i, col.WANT]
        p = bars[col.PRICE, i, t]
        if w == w and p > 0.0:
            held = state[i, col.HELD]
            unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
            d = -held
            if w != 0.0:
                d = w - held if rules[col.UNITS] == 1.0 else w * day[col.SIZE_BY] / unit - held
            change = limited(i, d, p, t, 0, bars, traits, state, rates, rules, day)
            change = whole_lots(i, change, p, t, traits, state, rates, rules)
            state[i, col.CHANGE] = change
            # What this one takes of the limits the next ones may not have
            day[col.GROSS_BY] += (abs(held + change) - abs(held)) * unit
            day[col.TURNED] += abs(change) * unit
            sold += abs(change) * unit
    day[col.TURNED] -= sold
    for side in range(2):
        cut = 1.0
        if side == 1 and rules[col.BORROW] == 0.0:
            money = money_of(cash, rates, t)
            low = 0.0
            high = 1.0
            for trial in range(61):
                middle = 1.0 if trial == 0 else (low + high) / 2.0
                need = 0.0
                for i in range(symbols):
                    d = state[i, col.CHANGE] * middle
                    if d > 0.0:
                        fx = rates[int(traits[i, col.CURRENCY]), t]
                        need += cost_of(
                            d, bars[col.PRICE, i, t], i, t, bars, traits, fx, rules, tiers, day[col.TRADED], 1
                        )
                if need <= money:
                    low = middle
                    if trial == 0:
                        break
                else:
                    high = middle
            cut = low
        for i in range(symbols):
            d = state[i, col.CHANGE]
            if np.isnan(d) or (side == 0) != (d <= 0.0):
                continue
            p = bars[col.PRICE, i, t]
            if side == 1 and cut < 1.0:
                d = whole_lots(i, d * cut, p, t, traits, state, rates, rules)
            o = new_order(
                i, col.TARGET, int(state[i, col.SINCE]), state[i, col.WANT], orders, figures, counts
            )
            orders[o, col.STATUS] = col.NOTHING
            if d != 0.0:
                orders[o, col.STATUS] = col.FILLED
                execute(
                    o, d, p, t, 1, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders,
                    counts, tax,
                )  # fmt: skip
            state[i, col.WANT] = NAN


@inline
def fractions(  # type: ignore[no-untyped-def]
    t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures, counts, tax
):
    """Pay out in cash what a split left beside whole lots, at the last price; nothing is charged for it."""
    for i in range(state.shape[0]):
        split = bars[col.SPLIT, i, t]
        lot = traits[i, col.LOT]
        held = state[i, col.HELD]
        if split == split and split > 0.0 and split != 1.0 and lot > 0.0 and held != 0.0:
            rest = held - np.trunc(held / lot + (1e-9 if held > 0.0 else -1e-9)) * lot
            if abs(rest) > 1e-9 * lot:
                o = new_order(i, col.FRACTION, t, -rest, orders, figures, counts)
                orders[o, col.STATUS] = col.FILLED
                execute(
                    o, -rest, state[i, col.CARRIED], t, -1, bars, traits, state, cash, rates, rules, tiers,
                    day, fills, paid, orders, counts, tax,
                )  # fmt: skip


@inline
def forced(  # type: ignore[no-untyped-def]
    t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures, active, counts, tax
):
    """Close what was delisted; cut everything after a margin call."""
    for i in range(state.shape[0]):
        p = bars[col.PRICE, i, t]
        traded = p == p and p > 0.0
        state[i, col.STALE] = 0.0 if traded else state[i, col.STALE] + 1.0
        held = state[i, col.HELD]
        if rules[col.DELIST_AFTER] > 0.0 and state[i, col.STALE] >= rules[col.DELIST_AFTER]:
            state[i, col.WANT] = NAN
            for k in range(counts[col.ACTIVE_USED]):
                if orders[active[k], col.SYMBOL] == i and orders[active[k], col.STATUS] == col.WORKING:
                    orders[active[k], col.STATUS] = col.CANCELLED
            if held != 0.0:
                o = new_order(i, col.DELISTED, t, -held, orders, figures, counts)
                orders[o, col.STATUS] = col.FILLED
                last = state[i, col.LAST] * (1.0 - rules[col.DELIST_LOSS] if held > 0.0 else 1.0)
                execute(
                    o, -held, last, t, -1, bars, traits, state, cash, rates, rules, tiers, day, fills, paid,
                    orders, counts, tax,
                )  # fmt: skip
        elif day[col.CALLED] == 1.0 and held != 0.0 and traded:
            most = rules[col.MOST_GROSS] * max(0.0, day[col.SIZE_BY])
            d = -held * max(0.0, 1.0 - most / day[col.GROSS_BY]) if day[col.GROSS_BY] > 0.0 else 0.0
            if traits[i, col.LOT] > 0.0:
                d = np.sign(d) * min(
                    abs(held), np.ceil(abs(d) / traits[i, col.LOT] - 1e-9) * traits[i, col.LOT]
                )
            if d != 0.0:
                o = new_order(i, col.MARGIN_CALL, t - 1, d, orders, figures, counts)
                orders[o, col.STATUS] = col.FILLED
                execute(
                    o, d, p, t, 1, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders,
                    counts, tax,
                )  # fmt: skip
