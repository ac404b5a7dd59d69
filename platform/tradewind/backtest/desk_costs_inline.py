"""What a fill costs, and what the rules let an order do.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

import numpy as np

from tradewind.backtest import columns_inline as col
from tradewind.loops import inline


@inline
def worse_by(d, sigma, volume, quoted, rules, takes):  # type: ignore[no-untyped-def]
    """Shares of the price that a fill is worse by: half spread, slippage, impact."""
    if takes <= 0:
        return 0.0, 0.0, 0.0
    slip = rules[col.SLIPPAGE] + rules[col.VOLATILITY] * sigma
    impact = 0.0
    if rules[col.IMPACT] > 0.0 and volume > 0.0:
        impact = rules[col.IMPACT] * (abs(d) / volume) ** rules[col.POWER]
        if rules[col.IMPACT_SIGMA] == 1.0:
            impact *= sigma
    return rules[col.SPREAD] + (quoted if quoted > 0.0 else 0.0), slip, impact


@inline
def due_of(value, units, traded, rules, tiers):  # type: ignore[no-untyped-def]
    """Commission of one fill by value and units, in the account's currency."""
    rate = rules[col.PER_VALUE]
    for k in range(tiers.shape[0]):
        if traded >= tiers[k, 0]:
            rate = tiers[k, 1]
    return value * rate + units * rules[col.PER_SHARE]


@inline
def commission_of(due, charged, rules):  # type: ignore[no-untyped-def]
    """What a fill adds to the commission of its order, of which ``due`` is owed and some was charged."""
    return max(due, rules[col.MINIMUM]) + rules[col.FIXED] - charged


@inline
def cost_of(d, p, i, t, bars, traits, fx, rules, tiers, traded, takes, due, charged):  # type: ignore[no-untyped-def]
    """What a fill takes from the account, commission and taxes on value included.

    Earlier fills of the order owed ``due`` and were ``charged``.
    """
    spread, slip, impact = worse_by(
        d, bars[col.SIGMA, i, t], bars[col.VOLUME, i, t], bars[col.HALF_SPREAD, i, t], rules, takes
    )
    bad = spread + slip + impact
    at = p * (1.0 + bad) if d > 0.0 else p * (1.0 - bad)
    value = abs(d) * at * traits[i, col.MULTIPLIER] * fx
    fee = 0.0
    if d != 0.0:
        fee = commission_of(due + due_of(value, abs(d), traded, rules, tiers), charged, rules)
    fee += value * (rules[col.TAX_BUY] if d > 0.0 else rules[col.TAX_SELL])
    if traits[i, col.FUTURE] == 1.0:
        return fee
    return (value if d > 0.0 else -value) + fee


@inline
def money_of(cash, rates, t):  # type: ignore[no-untyped-def]
    total = 0.0
    for c in range(cash.size):
        total += cash[c] * rates[c, t]
    return total


@inline
def worth_of(state, traits, rates, t, column):  # type: ignore[no-untyped-def]
    """Net and gross value of the positions at known prices; futures are settled: only their change counts."""
    net = 0.0
    gross = 0.0
    for i in range(state.shape[0]):
        held = state[i, col.HELD]
        if held != 0.0:
            unit = traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
            p = state[i, column]
            net += held * unit * (p - state[i, col.SETTLED] if traits[i, col.FUTURE] == 1.0 else p)
            gross += abs(held) * p * unit
    return net, gross


@inline
def room_of(i, t, bars, state, rules):  # type: ignore[no-untyped-def]
    """Units that the bar's volume still has for the account."""
    volume = bars[col.VOLUME, i, t]
    return max(0.0, rules[col.PARTICIPATION] * volume - state[i, col.USED]) if volume == volume else 0.0


@inline
def is_slow(i, t, d, asked, bars, state, rules):  # type: ignore[no-untyped-def]
    """Whether it is the bar's volume that allows no more than ``d``: the rest waits."""
    if rules[col.PARTICIPATION] == 0.0 or d == asked:
        return False
    return abs(d) >= room_of(i, t, bars, state, rules) * (1.0 - 1e-12)


@inline
def limited(i, d, p, t, reduce, alone, bars, traits, state, rates, rules, day):  # type: ignore[no-untyped-def]
    """The part of a change that the rules allow, cash and lots apart; what all positions share (gross value,
    turnover) only if it is ``alone``."""
    held = state[i, col.HELD]
    if reduce == 1:
        if held * d >= 0.0:
            return 0.0
        d = max(d, -held) if d < 0.0 else min(d, -held)
    if d < 0.0 and held + d < 0.0 and traits[i, col.MAY_SHORT] == 0.0:
        d = -held if held > 0.0 else 0.0
    if rules[col.PARTICIPATION] > 0.0:
        room = room_of(i, t, bars, state, rules)
        d = min(d, room) if d > 0.0 else max(d, -room)
    unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
    equity = max(0.0, day[col.SIZE_BY])
    if abs(held + d) > abs(held) or held * (held + d) < 0.0:
        most = np.inf
        if rules[col.MOST_POSITION] > 0.0:
            most = rules[col.MOST_POSITION] * equity / unit
        if alone and rules[col.MOST_GROSS] > 0.0:
            others = day[col.GROSS_BY] - abs(held) * unit
            most = min(most, max(0.0, rules[col.MOST_GROSS] * equity - others) / unit)
        change = min(max(held + d, -most), most) - held
        d = change if change * d > 0.0 else 0.0
    if alone and rules[col.MOST_TURNOVER] > 0.0:
        room = max(0.0, rules[col.MOST_TURNOVER] * equity - day[col.TURNED]) / unit
        d = min(d, room) if d > 0.0 else max(d, -room)
    return d


@inline
def whole_lots(i, d, p, t, traits, state, rates, rules):  # type: ignore[no-untyped-def]
    """Whole lots towards nothing; what is too small is not traded; leaving a position always is."""
    if d == -state[i, col.HELD]:
        return d
    lot = traits[i, col.LOT]
    if lot > 0.0:
        d = np.trunc(d / lot + (1e-9 if d > 0.0 else -1e-9)) * lot
    unit = p * traits[i, col.MULTIPLIER] * rates[int(traits[i, col.CURRENCY]), t]
    return 0.0 if abs(d) * unit < rules[col.MINIMUM_NOTIONAL] else d


@inline
def affordable(i, d, p, t, takes, bars, traits, cash, rates, rules, tiers, day, due, charged):  # type: ignore[no-untyped-def]
    """The part of a purchase that cash pays for."""
    traded = day[col.TRADED]
    fx = rates[int(traits[i, col.CURRENCY]), t]
    money = money_of(cash, rates, t)
    if (
        rules[col.BORROW] == 1.0
        or cost_of(d, p, i, t, bars, traits, fx, rules, tiers, traded, takes, due, charged) <= money
    ):
        return d
    low = 0.0
    high = 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        part = d * middle
        if cost_of(part, p, i, t, bars, traits, fx, rules, tiers, traded, takes, due, charged) <= money:
            low = middle
        else:
            high = middle
    return d * low


@inline
def value_account(state, traits, bars, rates, cash, day, t, row):  # type: ignore[no-untyped-def]
    """Equity and gross value at the prices orders are filled at."""
    for i in range(state.shape[0]):
        p = bars[row, i, t]
        if p == p and p > 0.0:
            state[i, col.LAST] = p
    net, gross = worth_of(state, traits, rates, t, col.LAST)
    day[col.SIZE_BY] = money_of(cash, rates, t) + net
    day[col.GROSS_BY] = gross
