"""The parts of a bar in which orders are filled.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

import numpy as np

from tradewind.backtest import columns_inline as col
from tradewind.backtest.desk_costs_inline import cost_of, is_slow, limited, money_of, whole_lots
from tradewind.backtest.desk_fills_inline import RISING, execute, fill_order, new_order, target_order
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
def aims(t, bars, traits, state, rates, rules, day, orders, figures, counts):  # type: ignore[no-untyped-def]
    """The change that every waiting target asks for and the symbol's own limits allow."""
    for i in range(state.shape[0]):
        state[i, col.CHANGE] = NAN
        state[i, col.WAITS] = 0.0
        w = state[i, col.WANT]
        p = bars[col.PRICE, i, t]
        if not (w == w and p > 0.0):
            continue
        held = state[i, col.HELD]
        unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
        d = -held
        if w != 0.0:
            d = w - held if rules[col.UNITS] == 1.0 else w * max(0.0, day[col.SIZE_BY]) / unit - held
        o = target_order(i, state, orders, figures, counts)
        change = limited(i, d, p, t, 0, False, bars, traits, state, rates, rules, day)
        orders[o, col.STATUS] = col.FILLED
        if is_slow(i, t, change, d, bars, state, rules):
            state[i, col.WAITS] = 1.0
            orders[o, col.STATUS] = col.WORKING
        elif abs(change - d) > 1e-9 * abs(d):
            change = 0.0 if rules[col.SHORTFALL] == 1.0 else change
            orders[o, col.STATUS] = col.CUT if change != 0.0 else col.REJECTED
        state[i, col.CHANGE] = change


@inline
def shrinks(d, held):  # type: ignore[no-untyped-def]
    """How many of a change's units make the position smaller; the others make it larger."""
    return min(abs(held), abs(d)) if held * d < 0.0 else 0.0


@inline
def cut_to(i, d, p, t, traits, state, rates, rules, orders):  # type: ignore[no-untyped-def]
    """Take over what a limit leaves of a change, in whole lots, and say what became of its order."""
    asked, o = state[i, col.CHANGE], int(state[i, col.ORDER])
    if abs(d - asked) > 1e-9 * abs(asked):
        state[i, col.WAITS] = 0.0  # a limit allows no more, however much is traded
        d = 0.0 if rules[col.SHORTFALL] == 1.0 else d
        orders[o, col.STATUS] = col.CUT if d != 0.0 else col.REJECTED
    held = state[i, col.HELD]
    whole = whole_lots(i, d, p, t, traits, state, rates, rules)
    if whole == 0.0 and held * d < 0.0 and abs(d) > abs(held):
        whole = -held  # too little to turn round for, but not to leave
    state[i, col.CHANGE] = whole


@inline
def share_out(t, bars, traits, state, rates, rules, day, orders):  # type: ignore[no-untyped-def]
    """Cut the changes to what all positions together may be worth, and what may be traded in a bar.

    Sales make room first, as many as whole lots leave; what makes positions larger is cut by one factor, all
    trades by another: neither depends on the order of the symbols.
    """
    symbols = state.shape[0]
    less, more = 0.0, 0.0
    for i in range(symbols):
        if state[i, col.CHANGE] == state[i, col.CHANGE]:
            p = bars[col.PRICE, i, t]
            unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
            d = whole_lots(i, state[i, col.CHANGE], p, t, traits, state, rates, rules)
            state[i, col.CHANGE] = d
            smaller = shrinks(d, state[i, col.HELD])
            less += smaller * unit
            more += (abs(d) - smaller) * unit
    equity, kept, pace = max(0.0, day[col.SIZE_BY]), 1.0, 1.0
    most, gross = rules[col.MOST_GROSS] * equity, day[col.GROSS_BY]
    if rules[col.MOST_GROSS] > 0.0 and more > 0.0:
        kept = min(1.0, max(0.0, most - (gross - less)) / more)
    if rules[col.MOST_TURNOVER] > 0.0 and less + more * kept > 0.0:
        pace = min(1.0, max(0.0, rules[col.MOST_TURNOVER] * equity - day[col.TURNED]) / (less + more * kept))
    for side in range(2):
        if side == 1 and pace < 1.0:
            kept *= pace
            if rules[col.MOST_GROSS] > 0.0 and more > 0.0:  # lots may have left less room than that
                kept = min(kept, max(0.0, most - day[col.GROSS_BY]) / more)
        for i in range(symbols):
            d, held, p = state[i, col.CHANGE], state[i, col.HELD], bars[col.PRICE, i, t]
            if d != d or (side == 0) != (held * d < 0.0 and abs(d) <= abs(held)):
                continue
            smaller = shrinks(d, held)
            if pace < 1.0 or (kept < 1.0 and abs(d) > smaller):
                d = np.sign(d) * (smaller * pace + (abs(d) - smaller) * kept)
                cut_to(i, d, p, t, traits, state, rates, rules, orders)
            unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
            day[col.GROSS_BY] += (abs(held + state[i, col.CHANGE]) - abs(held)) * unit


@inline
def paid_for(t, bars, traits, state, cash, rates, rules, tiers, day, figures):  # type: ignore[no-untyped-def]
    """The share of all purchases that cash pays for."""
    money = money_of(cash, rates, t)
    low, high = 0.0, 1.0
    for trial in range(61):
        middle = 1.0 if trial == 0 else (low + high) / 2.0
        need = 0.0
        for i in range(state.shape[0]):
            d = state[i, col.CHANGE] * middle
            if d > 0.0:
                fx, o = rates[int(traits[i, col.CURRENCY]), t], int(state[i, col.ORDER])
                need += cost_of(
                    d, bars[col.PRICE, i, t], i, t, bars, traits, fx, rules, tiers, day[col.TRADED], 1,
                    figures[o, col.DUE], figures[o, col.CHARGED],
                )  # fmt: skip
        if need <= money:
            low = middle
            if trial == 0:
                break
        else:
            high = middle
    return low


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
    aims(t, bars, traits, state, rates, rules, day, orders, figures, counts)
    share_out(t, bars, traits, state, rates, rules, day, orders)
    for side in range(2):
        cut = 1.0
        if side == 1 and rules[col.BORROW] == 0.0:
            cut = paid_for(t, bars, traits, state, cash, rates, rules, tiers, day, figures)
        for i in range(symbols):
            d = state[i, col.CHANGE]
            if np.isnan(d) or (side == 0) != (d <= 0.0):
                continue
            p = bars[col.PRICE, i, t]
            if side == 1 and cut < 1.0:
                d = whole_lots(i, d * cut, p, t, traits, state, rates, rules)
            o = int(state[i, col.ORDER])
            if d != 0.0:
                execute(
                    o, d, p, t, 1, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders,
                    figures, counts, tax,
                )  # fmt: skip
                figures[o, col.LEFT] = NAN  # it has a fill
            elif orders[o, col.STATUS] == col.FILLED and figures[o, col.LEFT] == figures[o, col.LEFT]:
                orders[o, col.STATUS] = col.NOTHING
            if state[i, col.WAITS] == 0.0:
                state[i, col.WANT] = NAN
                state[i, col.ORDER] = -1.0


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
                    day, fills, paid, orders, figures, counts, tax,
                )  # fmt: skip


@inline
def forced(  # type: ignore[no-untyped-def]
    t, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures, active, counts, tax
):
    """Close what was delisted; cut everything after a margin call."""
    for i in range(state.shape[0]):
        p = bars[col.PRICE, i, t]
        traded = p == p and p > 0.0
        listed = state[i, col.LAST] > 0.0
        state[i, col.STALE] = 0.0 if traded or not listed else state[i, col.STALE] + 1.0
        held = state[i, col.HELD]
        if rules[col.DELIST_AFTER] > 0.0 and state[i, col.STALE] >= rules[col.DELIST_AFTER]:
            if state[i, col.WANT] == state[i, col.WANT]:
                orders[target_order(i, state, orders, figures, counts), col.STATUS] = col.CANCELLED
            state[i, col.WANT] = NAN
            state[i, col.ORDER] = -1.0
            for k in range(counts[col.ACTIVE_USED]):
                if orders[active[k], col.SYMBOL] == i and orders[active[k], col.STATUS] == col.WORKING:
                    orders[active[k], col.STATUS] = col.CANCELLED
            if held != 0.0:
                o = new_order(i, col.DELISTED, t, -held, orders, figures, counts)
                orders[o, col.STATUS] = col.FILLED
                last = state[i, col.LAST] * (1.0 - rules[col.DELIST_LOSS] if held > 0.0 else 1.0)
                execute(
                    o, -held, last, t, -1, bars, traits, state, cash, rates, rules, tiers, day, fills, paid,
                    orders, figures, counts, tax,
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
                    figures, counts, tax,
                )  # fmt: skip
