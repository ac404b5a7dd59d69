"""Booking fills and orders.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

import numpy as np

from tradewind.backtest import columns_inline as col
from tradewind.backtest.desk_costs_inline import (
    affordable,
    commission_of,
    due_of,
    is_slow,
    limited,
    whole_lots,
    worse_by,
)
from tradewind.loops import inline

NAN = np.nan
FOREVER = 2**60
RISING = 2
"""Instead of a lag: a stop was hit inside the bar, and a target beyond it may be hit after it."""


@inline
def pay(cash, c, amount, rate, rules):  # type: ignore[no-untyped-def]
    """Book money in a currency: there, or changed into the account's own at once."""
    if rules[col.CONVERT] == 1.0:
        cash[0] += amount * rate
    else:
        cash[c] += amount


@inline
def new_order(symbol, kind, t, quantity, orders, figures, counts):  # type: ignore[no-untyped-def]
    """A new row in the table of orders."""
    o = counts[col.ORDERS_USED]
    counts[col.ORDERS_USED] += 1
    orders[o, col.SYMBOL] = symbol
    orders[o, col.KIND] = kind
    orders[o, col.DECIDED] = t
    orders[o, col.EXPIRES] = FOREVER
    orders[o, col.GROUP] = -1
    orders[o, col.REDUCE] = 0
    orders[o, col.STATUS] = col.WORKING
    orders[o, col.FROM] = t + 1
    for k in range(figures.shape[1]):
        figures[o, k] = NAN
    figures[o, col.LEFT] = quantity
    figures[o, col.ASKED] = quantity
    figures[o, col.DUE] = 0.0
    figures[o, col.CHARGED] = 0.0
    return o


@inline
def target_order(i, state, orders, figures, counts):  # type: ignore[no-untyped-def]
    """The order of the target that waits for a symbol."""
    o = int(state[i, col.ORDER])
    if o < 0:
        o = new_order(i, col.TARGET, int(state[i, col.SINCE]), state[i, col.WANT], orders, figures, counts)
        state[i, col.ORDER] = o
    return o


@inline
def activate(o, active, counts):  # type: ignore[no-untyped-def]
    active[counts[col.ACTIVE_USED]] = o
    counts[col.ACTIVE_USED] += 1


@inline
def children(o, d, p, t, lag, early, orders, figures, active, counts):  # type: ignore[no-untyped-def]
    """Stop-loss, take-profit and trailing stop of a fill; the first to be filled cancels the others."""
    loss = figures[o, col.LOSS_AT]
    take = figures[o, col.TAKE_AT]
    trail = figures[o, col.TRAILING]
    group = counts[col.GROUPS_USED]
    counts[col.GROUPS_USED] += 1
    for k in range(3):
        if (k == 0 and loss == loss) or (k == 1 and take == take) or (k == 2 and trail == trail):
            child = new_order(
                orders[o, col.SYMBOL], col.LIMIT if k == 1 else col.STOP, t, -d, orders, figures, counts
            )
            orders[child, col.GROUP] = group
            orders[child, col.REDUCE] = 1
            orders[child, col.FROM] = t if k == 1 and early else t + lag
            if k == 0:
                figures[child, col.STOP_AT] = loss
            elif k == 1:
                figures[child, col.LIMIT_AT] = take
            else:
                figures[child, col.TRAIL] = trail
                figures[child, col.TRAIL_BY] = 0.0
                figures[child, col.STOP_AT] = p * (1.0 - trail) if d > 0.0 else p * (1.0 + trail)
            activate(child, active, counts)


@inline
def execute(  # type: ignore[no-untyped-def]
    o, d, p, t, takes, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders, figures,
    counts, tax,
):  # fmt: skip
    """Book one fill."""
    i = orders[o, col.SYMBOL]
    multiplier = traits[i, col.MULTIPLIER]
    c = int(traits[i, col.CURRENCY])
    fx = rates[c, t]
    spread, slip, impact = worse_by(
        d, bars[col.SIGMA, i, t], bars[col.VOLUME, i, t], bars[col.HALF_SPREAD, i, t], rules, takes
    )
    bad = spread + slip + impact
    at = p * (1.0 + bad) if d > 0.0 else p * (1.0 - bad)
    value = abs(d) * at * multiplier * fx
    fee = 0.0
    if takes >= 0:
        figures[o, col.DUE] += due_of(value, abs(d), day[col.TRADED], rules, tiers)
        fee = commission_of(figures[o, col.DUE], figures[o, col.CHARGED], rules)
        figures[o, col.CHARGED] += fee
    duty = value * (rules[col.TAX_BUY] if d > 0.0 else rules[col.TAX_SELL]) if takes >= 0 else 0.0
    held = state[i, col.HELD]
    profit = 0.0
    if held * d < 0.0:
        gone = min(abs(d), abs(held))
        profit = gone * (at - state[i, col.AVERAGE]) * (1.0 if held > 0.0 else -1.0) * multiplier * fx
    if tax is not None:
        duty += tax(int(traits[i, col.NUMBER]), t, d, at, profit)
    if traits[i, col.FUTURE] == 1.0:
        if held == 0.0:
            state[i, col.SETTLED] = p
        pay(cash, c, -d * multiplier * (at - state[i, col.SETTLED]), fx, rules)
    else:
        pay(cash, c, -d * multiplier * at, fx, rules)
    cash[0] -= fee + duty
    new = held + d
    if abs(new) < 1e-12 * abs(d):
        new = 0.0
    if held * d >= 0.0:
        state[i, col.AVERAGE] = (abs(held) * state[i, col.AVERAGE] + abs(d) * at) / (abs(held) + abs(d))
    elif held * new < 0.0:
        state[i, col.AVERAGE] = at
    state[i, col.HELD] = new
    state[i, col.USED] += abs(d)
    day[col.TURNED] += value
    day[col.TRADED] += value
    f = counts[col.FILLS_USED]
    counts[col.FILLS_USED] += 1
    fills[f, col.FILL_ORDER] = o
    fills[f, col.FILL_SYMBOL] = i
    fills[f, col.FILL_BAR] = t
    size = abs(d) * p * multiplier * fx
    paid[f, col.QUANTITY] = d
    paid[f, col.AT] = at
    paid[f, col.REFERENCE] = p
    paid[f, col.COMMISSION] = fee
    paid[f, col.SPREAD_COST] = size * spread
    paid[f, col.SLIPPAGE_COST] = size * slip
    paid[f, col.IMPACT_COST] = size * impact
    paid[f, col.TAX_COST] = duty
    paid[f, col.FX] = fx
    return at


@inline
def others(o, d, slow, orders, figures, active, counts):  # type: ignore[no-untyped-def]
    """What a fill leaves of the other orders of its group: nothing, or as much as is left of itself."""
    group = orders[o, col.GROUP]
    if group < 0:
        return
    for k in range(counts[col.ACTIVE_USED]):
        other = active[k]
        if other != o and orders[other, col.GROUP] == group and orders[other, col.STATUS] == col.WORKING:
            figures[other, col.LEFT] -= d
            if not slow or figures[other, col.LEFT] * d <= 0.0:
                orders[other, col.STATUS] = col.CANCELLED


@inline
def fill_order(  # type: ignore[no-untyped-def]
    o,
    p,
    t,
    takes,
    lag,
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
    """Fill an order at a price as far as the rules allow."""
    i = orders[o, col.SYMBOL]
    asked = figures[o, col.LEFT]
    if (
        orders[o, col.REDUCE] == 1
        and state[i, col.HELD] * asked < 0.0
        and abs(asked) > abs(state[i, col.HELD])
    ):
        asked = -state[i, col.HELD]
    d = limited(i, asked, p, t, orders[o, col.REDUCE], True, bars, traits, state, rates, rules, day)
    slow = is_slow(i, t, d, asked, bars, state, rules)
    if d > 0.0:
        d = affordable(
            i, d, p, t, takes, bars, traits, cash, rates, rules, tiers, day, figures[o, col.DUE],
            figures[o, col.CHARGED],
        )  # fmt: skip
    d = whole_lots(i, d, p, t, traits, state, rates, rules)
    if abs(d) < 1e-12 * abs(asked):
        d = 0.0
    if rules[col.SHORTFALL] == 1.0 and not slow and abs(d - asked) > 1e-9 * abs(asked):
        d = 0.0
    if d != 0.0:
        before = state[i, col.HELD]
        at = execute(
            o, d, p, t, takes, bars, traits, state, cash, rates, rules, tiers, day, fills, paid, orders,
            figures, counts, tax,
        )  # fmt: skip
        unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
        day[col.GROSS_BY] += (abs(state[i, col.HELD]) - abs(before)) * unit
        figures[o, col.LEFT] = asked - d
        early = False
        if lag == RISING:  # on the way to the target, if the bar does not reach the loss on the other side
            lag = 1
            loss = figures[o, col.LOSS_AT]
            clear = loss < bars[col.LOW, i, t] if d > 0.0 else loss > bars[col.HIGH, i, t]
            beyond = figures[o, col.TAKE_AT] > p if d > 0.0 else figures[o, col.TAKE_AT] < p
            early = beyond and np.isnan(figures[o, col.TRAILING]) and (np.isnan(loss) or clear)
        children(o, d, at, t, lag, early, orders, figures, active, counts)
        others(o, d, slow, orders, figures, active, counts)
    rest = asked - d
    if abs(rest) <= 1e-9 * abs(asked):
        orders[o, col.STATUS] = col.FILLED
    elif not slow:
        orders[o, col.STATUS] = col.CUT if d != 0.0 else col.REJECTED
