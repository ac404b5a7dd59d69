"""The accounting of target weights: all symbols share one cash account."""

import numpy as np

from tradewind.backtest.sizing_inline import fee_of
from tradewind.loops import FLOAT, INT, loop, read, write


@loop(
    read(), read(), read(), FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, INT, INT,
    write(), write(FLOAT, 1), write(INT, 1), write(INT, 1), write(INT, 1), write(FLOAT, 1), write(FLOAT, 1),
    write(FLOAT, 1), write(FLOAT, 1), write(FLOAT, 1),
    returns=INT,
)  # fmt: skip
def run(  # type: ignore[no-untyped-def]
    weights, price, mark, capital, per_value, per_share, minimum, slippage, lot, lag, borrow,
    quantity, cash_out, symbol, decided, filled, order_target, order_quantity, order_price, order_fee,
    order_reference,
):  # fmt: skip
    """Rebalance to weights; return the number of orders.

    Sizes come from the equity at the fill's own prices, before costs. Sales go first; without ``borrow``
    what is bought is cut by one factor so that cash pays for it and its fees.
    """
    symbols, bars = weights.shape
    held = np.zeros(symbols)
    want = np.full(symbols, np.nan)
    since = np.full(symbols, -1)
    change = np.zeros(symbols)
    seen = np.full(symbols, np.nan)
    cash = capital
    n = 0
    for t in range(bars):
        if lag == 0:
            for i in range(symbols):
                if weights[i, t] == weights[i, t]:
                    want[i] = weights[i, t]
                    since[i] = t
        due = False
        for i in range(symbols):
            if want[i] == want[i]:
                due = True
                break
        if due:
            equity = cash
            for i in range(symbols):
                p = price[i, t]
                if p == p and p > 0.0:
                    seen[i] = p
                if held[i] != 0.0:
                    equity += held[i] * seen[i]
            need = 0.0
            for i in range(symbols):
                change[i] = 0.0
                p = price[i, t]
                if want[i] == want[i] and p == p and p > 0.0:
                    d = want[i] * equity / p - held[i]
                    if want[i] == 0.0:
                        d = -held[i]
                    elif lot > 0.0:
                        d = np.trunc(d / lot + (1e-9 if d > 0.0 else -1e-9)) * lot
                    change[i] = d
                    if d < 0.0:
                        at = p * (1.0 - slippage)
                        cash -= d * at + fee_of(d, at, per_value, per_share, minimum)
                    elif d > 0.0:
                        at = p * (1.0 + slippage)
                        need += d * at + fee_of(d, at, per_value, per_share, minimum)
            cut = 1.0
            if need > cash and borrow == 0:
                cut = max(0.0, cash / need)
                for _ in range(8 if minimum > 0.0 else 0):
                    cost = 0.0
                    for i in range(symbols):
                        if change[i] > 0.0:
                            at = price[i, t] * (1.0 + slippage)
                            cost += cut * change[i] * at + fee_of(
                                cut * change[i], at, per_value, per_share, minimum
                            )
                    if cost <= cash:
                        break
                    cut = max(0.0, cut - (cost - cash) / need)
            for i in range(symbols):
                p = price[i, t]
                if want[i] == want[i] and p == p and p > 0.0:
                    d = change[i]
                    at = p
                    fee = 0.0
                    if d > 0.0:
                        at = p * (1.0 + slippage)
                        if cut < 1.0:
                            d *= cut
                            if lot > 0.0:
                                d = np.floor(d / lot + 1e-9) * lot
                        fee = fee_of(d, at, per_value, per_share, minimum)
                        cash -= d * at + fee
                    elif d < 0.0:
                        at = p * (1.0 - slippage)
                        fee = fee_of(d, at, per_value, per_share, minimum)
                    held[i] = 0.0 if want[i] == 0.0 else held[i] + d
                    if d != 0.0:
                        symbol[n] = i
                        decided[n] = since[i]
                        filled[n] = t
                        order_target[n] = want[i]
                        order_quantity[n] = d
                        order_price[n] = at
                        order_fee[n] = fee
                        order_reference[n] = p
                        n += 1
                    want[i] = np.nan
        for i in range(symbols):
            m = mark[i, t]
            if m == m:
                seen[i] = m
            quantity[i, t] = held[i]
        cash_out[t] = cash
        if lag == 1:
            for i in range(symbols):
                if weights[i, t] == weights[i, t]:
                    want[i] = weights[i, t]
                    since[i] = t
    for i in range(symbols):
        if want[i] == want[i]:
            symbol[n] = i
            decided[n] = since[i]
            filled[n] = -1
            order_target[n] = want[i]
            n += 1
    return n
