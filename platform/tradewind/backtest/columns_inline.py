"""Columns of the arrays that the order desk works on, by number.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

# bars[field, symbol, bar]
PRICE, OPEN, HIGH, LOW, CLOSE, VOLUME, DIVIDEND, SPLIT, ROLL, SIGMA, HALF_SPREAD, MEMBER = range(12)
FIELDS = 12
# traits[symbol, column]; the last is the symbol's number in the whole market
MULTIPLIER, MAY_SHORT, BORROW_FEE, FUTURE, CURRENCY, LOT, NUMBER = range(7)
TRAITS = 7
# clock[row, bar]: years since the bar before, rates a year on cash and on debt
YEARS, CASH_RATE, DEBT_RATE = range(3)
# state[symbol, column]: units held, last known price, last settlement, average cost, units traded in the bar,
# target waiting, bar of its decision, bars since the last price, change aimed at, what to carry over a hole,
# row of the target's order (-1: none yet), whether the rest of it waits
HELD, LAST, SETTLED, AVERAGE, USED, WANT, SINCE, STALE, CHANGE, CARRIED, ORDER, WAITS = range(12)
STATES = 12
# orders, whole numbers
SYMBOL, KIND, DECIDED, EXPIRES, GROUP, REDUCE, STATUS, FROM = range(8)
# orders, figures; the last two: commission before minimum and fixed part, and what was charged of it
LEFT, LIMIT_AT, STOP_AT, TRAIL, TAKE_AT, LOSS_AT, TRAILING, ASKED, TRAIL_BY, DUE, CHARGED = range(11)
FIGURES = 11
# what a strategy writes for an order, one row each
(
    ASK_SYMBOL,
    ASK_KIND,
    ASK_QUANTITY,
    ASK_LIMIT,
    ASK_STOP,
    ASK_BARS,
    ASK_TAKE,
    ASK_LOSS,
    ASK_TRAIL,
    ASK_REDUCE,
    ASK_TRAIL_BY,
) = range(11)
ASKS = 11
# kinds of orders
MARKET, LIMIT, STOP, STOP_LIMIT, TARGET, MARGIN_CALL, DELISTED, CANCEL, FRACTION = range(9)
# what became of them
WORKING, FILLED, CANCELLED, EXPIRED, REJECTED, CUT, REPLACED, NOTHING = range(8)
# fills, whole numbers and figures
FILL_ORDER, FILL_SYMBOL, FILL_BAR = range(3)
QUANTITY, AT, REFERENCE, COMMISSION, SPREAD_COST, SLIPPAGE_COST, IMPACT_COST, TAX_COST, FX = range(9)
# book[row, bar]
CASH_NOW, EQUITY_NOW, INCOME, INTEREST, BORROWED, ROLLED, GROSS = range(7)
BOOKS = 7
# counts
ORDERS_USED, FILLS_USED, ACTIVE_USED, GROUPS_USED, NEXT_BAR = range(5)
# day[column]: money traded in the bar, money traded so far, whether a margin call is due, equity to size by
TURNED, TRADED, CALLED, SIZE_BY, GROSS_BY = range(5)
# rules
(
    PER_VALUE, PER_SHARE, MINIMUM, SLIPPAGE, IMPACT, POWER, SPREAD, VOLATILITY, IMPACT_SIGMA, PARTICIPATION,
    TAX_BUY, TAX_SELL, HAS_TAX, LAG, AT_CLOSE, CHILD_LAG, BORROW, SHORTFALL, MINIMUM_NOTIONAL, MOST_POSITION,
    MOST_GROSS, MOST_TURNOVER, MAINTENANCE, DELIST_AFTER, DELIST_LOSS, CONVERT, UNITS, HAS_TARGET, HAS_CALL,
    FIXED,
) = range(30)  # fmt: skip
RULES = 30
