"""What fills do to eight lanes of a fused sweep: the same arithmetic as a single backtest's.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

from tradewind.backtest.fused_lanes_inline import bits, but
from tradewind.indicators.lanes_inline import load, pick, save, size, splat
from tradewind.loops import bare

# A book keeps eight lanes: of each of these, eight values side by side. First statistics, as they come back…
(PREV, PEAK, LOW, DEEPEST, SUM1, SUM2, SUM3, TOTAL, BELOW, LONGEST, TRADES, CLOSED, WINS, GAINS, LOSSES,
EARNED, COSTS,
 TRADED) = range(18)  # fmt: skip
STATS = 18
# … then the account while it goes through one symbol …
CASH, HELD, PAID, GOT, FEES = range(18, 23)
# … and the stretch since its last fill: the first bar, its price, sums up to it
SINCE, FIRST, RETURNS, SQUARES, FALLS, PRICES = range(23, 29)
COLUMNS = 29


@bare
def _add(book, column, value):  # type: ignore[no-untyped-def]
    save(book, column, load(book, column) + value)


@bare
def _quantity(want, cash, held, at, costs):  # type: ignore[no-untyped-def]
    """:func:`tradewind.backtest.sizing_inline.quantity_for`, eight at once."""
    minimum = costs[2]
    equity = cash + held * at
    rate = costs[0] * at + costs[1]
    more = want * equity - held * at > 0.0
    paid = rate * held
    fees = want * rate
    q = want * pick(more, equity + paid, equity - paid) / pick(more, at + fees, at - fees)
    q = pick(more, pick(held > q, held, q), pick(held < q, held, q))
    if minimum > 0.0:
        gap, left = size(q - held), equity - minimum
        left = pick(left > 0.0, left, splat(0.0))
        q = pick((gap > 0.0) & (gap * rate < minimum), want * left / at, q)
    return q


@bare
def fill(book, want, p, costs):  # type: ignore[no-untyped-def]
    """Trade each lane to the target it has ordered; NaN leaves it alone."""
    cash = load(book, CASH)
    held = load(book, HELD)
    buys = (want == 1.0) & (held == 0.0) & (cash > 0.0)
    sells = (want == 0.0) & (held > 0.0)
    others = but(but(want == want, buys), sells)
    if bits(others) == 0 and costs[2] == 0.0:
        _in_and_out(book, buys, sells, cash, held, p, costs)
    else:
        _fill(book, want, cash, held, p, costs)


@bare
def _in_and_out(book, buys, sells, cash, held, p, costs):  # type: ignore[no-untyped-def]
    """:func:`_fill` where every lane buys with all it has, sells all it holds, or does nothing: to the digit
    the same, in half the steps."""
    zero = splat(0.0)
    on = buys | sells
    at = pick(on, pick(buys, p * (1.0 + costs[3]), p * (1.0 - costs[3])), zero)
    amount = pick(buys, cash / (at + (costs[0] * at + costs[1])), pick(sells, held, zero))
    value = amount * at
    fee = value * costs[0] + amount * costs[1]
    save(book, CASH, cash - (pick(buys, value, zero - value) + fee))
    save(book, HELD, pick(buys, amount, pick(sells, zero, held)))
    _add(book, COSTS, fee + pick(on, amount * size(at - p), zero))
    _add(book, TRADED, value)
    got = load(book, GOT) + pick(sells, value, zero)
    fees = load(book, FEES) + pick(sells, fee, zero)
    paid = load(book, PAID)
    _close(book, sells, sells, got - paid, fees, paid)
    _add(book, TRADES, pick(buys, splat(1.0), zero))
    save(book, PAID, pick(buys, value, paid))
    save(book, GOT, pick(buys, zero, got))
    save(book, FEES, pick(buys, fee, fees))


@bare
def _fill(book, want, cash, held, p, costs):  # type: ignore[no-untyped-def]
    zero = splat(0.0)
    one = splat(1.0)
    worth = held * p
    ends = (want == 0.0) | ((want == want) & (cash + worth <= 0.0))  # what is gone holds nothing any more
    up = pick(ends, held < 0.0, want * (cash + worth) > worth)
    at = pick(up, p * (1.0 + costs[3]), p * (1.0 - costs[3]))
    change = pick(ends, zero - held, _quantity(want, cash, held, at, costs) - held)
    amount = size(change)
    on = (want == want) & (amount > 0.0)
    change = pick(on, change, zero)
    amount = pick(on, amount, zero)
    at = pick(on, at, zero)
    fee = amount * at * costs[0] + amount * costs[1]
    fee = pick(on, pick(fee > costs[2], fee, splat(costs[2])), zero)
    save(book, CASH, cash - (change * at + fee))
    save(book, HELD, pick(on & ends, zero, held + change))
    _add(book, COSTS, fee + pick(on, amount * size(at - p), zero))
    _add(book, TRADED, amount * at)
    leaves = held * change < 0.0
    before = size(held)
    out = pick(leaves, pick(before < amount, before, amount), zero)
    turns = leaves & (out < amount)
    exit_fee = pick(leaves, fee, zero)
    if bits(turns) != 0:
        exit_fee = pick(turns, fee * (out / pick(turns, amount, one)), exit_fee)
    got = load(book, GOT) + out * at
    fees = load(book, FEES) + exit_fee
    paid = load(book, PAID)
    whole = leaves & (before - out <= 1e-9 * before)
    _close(book, whole, held > 0.0, got - paid, fees, paid)
    rest = amount - out
    enters = on & (rest > 1e-9 * amount)
    opens = enters & ((held == 0.0) | whole)
    _add(book, TRADES, pick(opens, one, zero))
    paid = pick(opens, zero, paid)
    fees = pick(opens, zero, fees)
    save(book, PAID, pick(enters, paid + rest * at, paid))
    save(book, GOT, pick(opens, zero, got))
    save(book, FEES, pick(enters, fees + (fee - exit_fee), fees))


@bare
def _close(book, whole, long, gap, fees, paid):  # type: ignore[no-untyped-def]
    """Count finished round trips."""
    zero = splat(0.0)
    one = splat(1.0)
    profit = pick(whole, pick(long, gap, zero - gap) - fees, zero)
    wins = profit > 0.0
    _add(book, CLOSED, pick(whole, one, zero))
    _add(book, EARNED, profit / pick(whole, paid, one))
    _add(book, WINS, pick(wins, one, zero))
    _add(book, GAINS, pick(wins, profit, zero))
    save(book, LOSSES, load(book, LOSSES) - pick(but(whole, wins), profit, zero))
