"""What happens to an account before and after a bar's trading.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

from tradewind.backtest import columns_inline as col
from tradewind.backtest.desk_costs_inline import commission_of, due_of, money_of, worse_by, worth_of
from tradewind.backtest.desk_fills_inline import activate, new_order, pay, target_order
from tradewind.loops import inline


@inline
def expel(t, bars, state, orders, figures, active, counts):  # type: ignore[no-untyped-def]
    """Sell what was no member at the bar before, and forget what was ordered of it."""
    for i in range(state.shape[0]):
        if bars[col.MEMBER, i, t - 1] == 1.0:
            continue
        for k in range(counts[col.ACTIVE_USED]):
            if orders[active[k], col.SYMBOL] == i and orders[active[k], col.STATUS] == col.WORKING:
                orders[active[k], col.STATUS] = col.CANCELLED
        if state[i, col.HELD] != 0.0:
            o = new_order(i, col.MARKET, t - 1, -state[i, col.HELD], orders, figures, counts)
            orders[o, col.REDUCE] = 1
            orders[o, col.FROM] = t
            activate(o, active, counts)


@inline
def morning(t, bars, traits, state, cash, rates, clock, rules, tiers, orders, figures, active, counts, book):  # type: ignore[no-untyped-def]
    """Splits, dividends, rolls, and interest since the bar before."""
    symbols = state.shape[0]
    years = clock[col.YEARS, t]
    if t > 0 and rules[col.HAS_TARGET] == 0.0:
        expel(t, bars, state, orders, figures, active, counts)
    for c in range(cash.size):
        rate = clock[col.CASH_RATE, t] if cash[c] > 0.0 else clock[col.DEBT_RATE, t]
        paid = cash[c] * rate * years
        cash[c] += paid
        book[col.INTEREST, t] += paid * rates[c, t]
    for i in range(symbols):
        state[i, col.USED] = 0.0
        held = state[i, col.HELD]
        state[i, col.CARRIED] = state[i, col.LAST]
        split = bars[col.SPLIT, i, t]
        c = int(traits[i, col.CURRENCY])
        if split == split and split > 0.0 and split != 1.0:
            state[i, col.HELD] *= split
            held *= split
            state[i, col.LAST] /= split
            state[i, col.CARRIED] /= split
            state[i, col.SETTLED] /= split
            state[i, col.AVERAGE] /= split
            if rules[col.UNITS] == 1.0:
                state[i, col.WANT] *= split
            for k in range(counts[col.ACTIVE_USED]):
                o = active[k]
                if orders[o, col.SYMBOL] == i:
                    figures[o, col.LEFT] *= split
                    figures[o, col.ASKED] *= split
                    figures[o, col.LIMIT_AT] /= split
                    figures[o, col.STOP_AT] /= split
                    figures[o, col.TAKE_AT] /= split
                    figures[o, col.LOSS_AT] /= split
                    figures[o, col.TRAIL_BY] /= split
        if held == 0.0:
            continue
        unit = traits[i, col.MULTIPLIER]
        if held < 0.0 and traits[i, col.BORROW_FEE] > 0.0:
            fee = -held * state[i, col.LAST] * unit * traits[i, col.BORROW_FEE] * years
            pay(cash, c, -fee, rates[c, t], rules)
            book[col.BORROWED, t] += fee * rates[c, t]
        if bars[col.DIVIDEND, i, t] == bars[col.DIVIDEND, i, t] and bars[col.DIVIDEND, i, t] != 0.0:
            paid = held * unit * bars[col.DIVIDEND, i, t]
            pay(cash, c, paid, rates[c, t], rules)
            book[col.INCOME, t] += paid * rates[c, t]
        gap = bars[col.ROLL, i, t]
        if gap == gap and gap != 0.0:
            # The contract is changed for the next one, which costs `gap` more: no profit, two commissions.
            state[i, col.LAST] += gap
            state[i, col.CARRIED] += gap
            state[i, col.SETTLED] += gap
            state[i, col.AVERAGE] += gap
            if traits[i, col.FUTURE] == 0.0:
                pay(cash, c, -held * unit * gap, rates[c, t], rules)
            value = abs(held) * state[i, col.LAST] * unit * rates[c, t]
            spread, slip, _ = worse_by(
                held, bars[col.SIGMA, i, t], 0.0, bars[col.HALF_SPREAD, i, t], rules, 1
            )
            due = due_of(value, abs(held), 0.0, rules, tiers)
            fee = 2.0 * (commission_of(due, 0.0, rules) + value * (spread + slip))
            cash[0] -= fee
            book[col.ROLLED, t] += fee


@inline
def behind(o, price, figures):  # type: ignore[no-untyped-def]
    """Where a trailing stop lies by the best price so far."""
    trail, by = figures[o, col.TRAIL], figures[o, col.TRAIL_BY]
    return price * (1.0 - trail) - by if figures[o, col.LEFT] < 0.0 else price * (1.0 + trail) + by


@inline
def evening(t, bars, traits, state, cash, rates, rules, day, orders, figures, active, counts, book):  # type: ignore[no-untyped-def]
    """Marks, settlement, trailing stops, what expires, the account's figures."""
    symbols = state.shape[0]
    for i in range(symbols):
        close = bars[col.CLOSE, i, t]
        state[i, col.LAST] = close if close == close else state[i, col.CARRIED]
        if traits[i, col.FUTURE] == 1.0 and state[i, col.HELD] != 0.0:
            c = int(traits[i, col.CURRENCY])
            gain = (
                state[i, col.HELD] * traits[i, col.MULTIPLIER] * (state[i, col.LAST] - state[i, col.SETTLED])
            )
            pay(cash, c, gain, rates[c, t], rules)
        state[i, col.SETTLED] = state[i, col.LAST]
    kept = 0
    for k in range(counts[col.ACTIVE_USED]):
        o = active[k]
        i = orders[o, col.SYMBOL]
        if orders[o, col.STATUS] == col.WORKING and orders[o, col.FROM] <= t:
            if orders[o, col.REDUCE] == 1 and state[i, col.HELD] * figures[o, col.LEFT] >= 0.0:
                orders[o, col.STATUS] = col.CANCELLED
            elif orders[o, col.EXPIRES] <= t:
                orders[o, col.STATUS] = col.EXPIRED
        if orders[o, col.STATUS] == col.WORKING:
            if figures[o, col.TRAIL] == figures[o, col.TRAIL]:
                high, low = bars[col.HIGH, i, t], bars[col.LOW, i, t]
                if figures[o, col.LEFT] < 0.0 and high == high:
                    figures[o, col.STOP_AT] = max(figures[o, col.STOP_AT], behind(o, high, figures))
                elif figures[o, col.LEFT] > 0.0 and low == low:
                    figures[o, col.STOP_AT] = min(figures[o, col.STOP_AT], behind(o, low, figures))
            active[kept] = o
            kept += 1
    counts[col.ACTIVE_USED] = kept
    net, gross = worth_of(state, traits, rates, t, col.LAST)
    money = money_of(cash, rates, t)
    book[col.CASH_NOW, t] = money
    book[col.EQUITY_NOW, t] = money + net
    book[col.GROSS, t] = gross
    for c in range(cash.size):
        book[col.BOOKS + c, t] = cash[c]
    day[col.CALLED] = (
        1.0 if rules[col.MAINTENANCE] > 0.0 and money + net < rules[col.MAINTENANCE] * gross else 0.0
    )


@inline
def take_orders(n, t, asks, bars, orders, figures, active, counts, rules):  # type: ignore[no-untyped-def]
    """Turn what the strategy asked for into orders."""
    for k in range(n):
        i = int(asks[k, col.ASK_SYMBOL])
        kind = int(asks[k, col.ASK_KIND])
        if kind == col.CANCEL:
            for j in range(counts[col.ACTIVE_USED]):
                if orders[active[j], col.SYMBOL] == i and orders[active[j], col.STATUS] == col.WORKING:
                    orders[active[j], col.STATUS] = col.CANCELLED
            continue
        quantity = asks[k, col.ASK_QUANTITY]
        if quantity == 0.0 or quantity != quantity:
            continue
        o = new_order(i, kind, t, quantity, orders, figures, counts)
        if kind == col.MARKET:
            orders[o, col.FROM] = t + int(rules[col.LAG])
        if asks[k, col.ASK_BARS] > 0.0:
            orders[o, col.EXPIRES] = t + int(asks[k, col.ASK_BARS])
        orders[o, col.REDUCE] = int(asks[k, col.ASK_REDUCE])
        figures[o, col.LIMIT_AT] = asks[k, col.ASK_LIMIT]
        figures[o, col.STOP_AT] = asks[k, col.ASK_STOP]
        figures[o, col.TAKE_AT] = asks[k, col.ASK_TAKE]
        figures[o, col.LOSS_AT] = asks[k, col.ASK_LOSS]
        trail, by = asks[k, col.ASK_TRAIL], asks[k, col.ASK_TRAIL_BY]
        stopped = asks[k, col.ASK_STOP] == asks[k, col.ASK_STOP]
        if kind == col.STOP and not stopped and (trail == trail or by == by):
            figures[o, col.TRAIL] = trail if trail == trail else 0.0
            figures[o, col.TRAIL_BY] = by if by == by else 0.0
            figures[o, col.STOP_AT] = behind(o, bars[col.CLOSE, i, t], figures)
        else:
            figures[o, col.TRAILING] = trail
        activate(o, active, counts)


@inline
def aim(t, target, state, orders, figures, counts):  # type: ignore[no-untyped-def]
    """Take over the targets decided at a bar; newer ones replace what still waits."""
    for i in range(target.shape[0]):
        w = target[i, t]
        if w == w:
            if state[i, col.WANT] == state[i, col.WANT]:
                orders[target_order(i, state, orders, figures, counts), col.STATUS] = col.REPLACED
            state[i, col.WANT] = w
            state[i, col.SINCE] = t
            state[i, col.ORDER] = -1.0
