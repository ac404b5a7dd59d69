"""The accounting of signals: every symbol trades its own slice of the capital."""

import numpy as np

from tradewind.backtest.sizing_inline import fee_of, quantity_for
from tradewind.loops import FLOAT, INT, loop, read, write


@loop(INT, INT, read(), write(INT, 1))
def count_orders(first, last, signal, counts):  # type: ignore[no-untyped-def]
    for i in range(first, last):
        have = 0.0
        n = 0
        for t in range(signal.shape[1]):
            s = signal[i, t]
            if s == s and s != have:
                have = s
                n += 1
        counts[i] = n


@loop(
    INT, INT, read(), read(), read(), FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, INT, read(INT, 1),
    write(), write(), write(INT, 1), write(INT, 1), write(INT, 1), write(FLOAT, 1), write(FLOAT, 1),
    write(FLOAT, 1),
    write(FLOAT, 1), write(FLOAT, 1),
)  # fmt: skip
def run(  # type: ignore[no-untyped-def]
    first, last, signal, price, mark, capital, per_value, per_share, minimum, slippage, lot, lag, offsets,
    quantity, cash_out, used, decided, filled, order_target, order_quantity, order_price, order_fee,
    order_reference,
):  # fmt: skip
    """Trade each row's signal; one record an order, those of row i from ``offsets[i]`` on.

    ``filled`` is the bar of the fill, −1 for an order never filled, −2 for one replaced by a newer one
    before it could be filled.
    """
    for i in range(first, last):
        cash = capital
        held = 0.0
        have = 0.0
        n = offsets[i]
        waiting = False
        for t in range(signal.shape[1]):
            if lag == 0:
                s = signal[i, t]
                if s == s and s != have:
                    if waiting:
                        filled[n - 1] = -2
                    have = s
                    order_target[n] = s
                    decided[n] = t
                    filled[n] = -1
                    waiting = True
                    n += 1
            p = price[i, t]
            if waiting and p == p and p > 0.0:
                goal = have if cash + held * p > 0.0 else 0.0  # a slice that is gone holds nothing any more
                up = goal * (cash + held * p) > held * p
                at = p * (1.0 + slippage) if up else p * (1.0 - slippage)
                q = quantity_for(goal, cash, held, at, per_value, per_share, minimum)
                change = q - held
                if lot > 0.0:
                    change = np.trunc(change / lot + (1e-9 if change > 0.0 else -1e-9)) * lot
                    if goal == 0.0:
                        change = -held
                fee = fee_of(change, at, per_value, per_share, minimum)
                cash -= change * at + fee
                held = 0.0 if goal == 0.0 else held + change
                k = n - 1
                filled[k] = t
                order_quantity[k] = change
                order_price[k] = at
                order_fee[k] = fee
                order_reference[k] = p
                waiting = False
            quantity[i, t] = held
            cash_out[i, t] = cash
            if lag == 1:
                s = signal[i, t]
                if s == s and s != have:
                    if waiting:
                        filled[n - 1] = -2
                    have = s
                    order_target[n] = s
                    decided[n] = t
                    filled[n] = -1
                    waiting = True
                    n += 1
        used[i] = n - offsets[i]


@loop(INT, INT, read(), write())
def carry(first, last, x, out):  # type: ignore[no-untyped-def]
    """Fill holes with the last known value; before the first one, NaN."""
    for i in range(first, last):
        before = np.nan
        for t in range(x.shape[1]):
            v = x[i, t]
            if v == v:
                before = v
            out[i, t] = before
