"""The accounting of one cash account that all symbols share: target weights, or target units."""

import numpy as np

from tradewind.backtest.sizing_inline import fee_of
from tradewind.loops import FLOAT, INT, inline, loop, read, write

NAN = np.nan
BLOCK = 32
"""Bars turned round at a time, so that the symbols of a bar lie side by side."""


@inline
def _turn(x, t0, n, out):  # type: ignore[no-untyped-def]
    """Copy bars ``t0`` to ``t0 + n - 1`` of a (symbol, time) array as (time, symbol)."""
    for i in range(x.shape[0]):
        row = x[i, t0 : t0 + n]
        for k in range(row.size):
            out[k, i] = row[k]


@inline
def _worse(d, p, volume, slippage, impact, power):  # type: ignore[no-untyped-def]
    """The price of a fill: the bar's, made worse by slippage and by the share of the volume traded."""
    bad = slippage
    if impact > 0.0 and volume > 0.0:
        bad += impact * (abs(d) / volume) ** power
    return p * (1.0 + bad) if d > 0.0 else p * (1.0 - bad)


@inline
def _whole(d, lot):  # type: ignore[no-untyped-def]
    """A change rounded to whole lots, towards nothing."""
    return np.trunc(d / lot + (1e-9 if d > 0.0 else -1e-9)) * lot


@inline
def _all_known(prices):  # type: ignore[no-untyped-def]
    bad = 0
    for i in range(prices.size):
        bad += not prices[i] > 0.0
    return bad == 0


@inline
def _rebalance(  # type: ignore[no-untyped-def]
    want, prices, held, change, equity, cash, borrow, per_value, per_share, slippage
):
    """Every symbol at once where all costs are linear in the size: no branches, so nothing is guessed
    wrong."""
    buy = (1.0 + slippage) * (1.0 + per_value)
    sell = (1.0 - slippage) * (1.0 - per_value)
    need = 0.0
    sold = 0.0
    for i in range(prices.size):
        d = want[i] * equity / prices[i] - held[i]
        change[i] = d
        need += max(d, 0.0) * (prices[i] * buy + per_share)
        sold -= min(d, 0.0) * (prices[i] * sell - per_share)
    cash += sold
    cut = 1.0
    if need > cash and borrow == 0:
        cut = max(0.0, cash / need)
    for i in range(prices.size):
        d = change[i]
        held[i] += max(d, 0.0) * cut + min(d, 0.0)
        want[i] = NAN
    return cash - need * cut


@loop(
    read(), INT, read(), read(), read(), read(), INT, INT, FLOAT, read(FLOAT, 1), FLOAT, INT, INT, INT,
    INT, write(FLOAT, 1), write(FLOAT, 1), write(FLOAT, 1),
    write(), write(FLOAT, 1), write(FLOAT, 1), write(FLOAT, 1),
    write(INT, 1), write(INT, 1), write(INT, 1), write(FLOAT, 1), write(FLOAT, 1), write(FLOAT, 1),
    write(FLOAT, 1), write(FLOAT, 1),
    returns=INT,
)  # fmt: skip
def run(  # type: ignore[no-untyped-def]
    target, units, price, mark, volume, dividend, has_volume, has_dividend, capital, costs, lot,
    lag, borrow, record, begin, held, want, seen, quantity, cash_out, equity_out, paid_out,
    symbol, decided, filled, order_target, order_quantity, order_price, order_fee, order_reference,
):  # fmt: skip
    """Trade towards targets; return the number of orders.

    ``target`` are weights, or units held if ``units`` is 1; NaN leaves a symbol alone. ``costs``: per value,
    per share, minimum, slippage, impact, its power. Weights become sizes by the equity at the fill's own
    prices, before costs. Sales go first; without ``borrow`` what is bought is cut by one factor so that cash
    pays for it and its fees. Dividends of a bar are paid on what was held before it. With ``record`` 0 only
    cash, equity and dividends are written. The account starts at bar ``begin`` with ``capital`` in cash,
    units ``held``, targets ``want`` decided at the bar before, and last known prices ``seen``.
    """
    symbols, bars = target.shape
    since = np.full(symbols, begin - 1)
    change = np.zeros(symbols)
    per_value, per_share, minimum, slippage, impact, power = costs
    cash = capital
    simple = units == 0 and lot == 0.0 and minimum == 0.0 and impact == 0.0 and record == 0
    n = 0
    waiting = 0
    for i in range(symbols):
        waiting += want[i] == want[i]
    equity = capital
    w_block = np.empty((BLOCK, symbols))
    p_block = np.empty((BLOCK, symbols))
    m_block = np.empty((BLOCK, symbols))
    v_block = np.zeros((BLOCK, symbols))
    for t in range(begin, bars):
        k = (t - begin) % BLOCK
        if k == 0:
            size = min(BLOCK, bars - t)
            _turn(target, t, size, w_block)
            _turn(price, t, size, p_block)
            _turn(mark, t, size, m_block)
            if has_volume == 1:
                _turn(volume, t, size, v_block)
        wanted = w_block[k]
        prices = p_block[k]
        marks = m_block[k]
        volumes = v_block[k]
        paid = 0.0
        if has_dividend == 1:
            for i in range(symbols):
                if held[i] != 0.0 and dividend[i, t] == dividend[i, t]:
                    paid += held[i] * dividend[i, t]
            cash += paid
        paid_out[t] = paid
        if lag == 0:
            for i in range(symbols):
                if wanted[i] == wanted[i]:
                    waiting += want[i] != want[i]
                    want[i] = wanted[i]
                    since[i] = t
        if waiting > 0:
            equity = cash
            for i in range(symbols):
                p = prices[i]
                if p == p and p > 0.0:
                    seen[i] = p
                equity += held[i] * seen[i]
            equity = max(equity, 0.0)  # of what is gone nothing is held any more
            if simple and waiting == symbols and _all_known(prices):
                cash = _rebalance(
                    want, prices, held, change, equity, cash, borrow, per_value, per_share, slippage
                )
                n += symbols
                waiting = 0
        if waiting > 0:
            need = 0.0
            sold = 0.0
            for i in range(symbols):
                p = prices[i]
                d = 0.0
                if want[i] == want[i] and p == p and p > 0.0:
                    if want[i] == 0.0:
                        d = -held[i]
                    else:
                        d = want[i] - held[i] if units == 1 else want[i] * equity / p - held[i]
                        if lot > 0.0:
                            d = _whole(d, lot)
                    if d != 0.0:
                        at = _worse(d, p, volumes[i], slippage, impact, power)
                        cost = d * at + fee_of(d, at, per_value, per_share, minimum)
                        if d > 0.0:
                            need += cost
                        else:
                            sold -= cost
                change[i] = d
            cash += sold
            cut = 1.0
            if need > cash and borrow == 0:
                cut = max(0.0, cash / need)
                if minimum > 0.0 or impact > 0.0:  # not linear in the size: halve towards what cash pays for
                    cut = 0.0
                    top = 1.0
                    for _ in range(60):
                        middle = (cut + top) / 2.0
                        cost = 0.0
                        for i in range(symbols):
                            d = middle * change[i]
                            if d > 0.0:
                                at = _worse(d, prices[i], volumes[i], slippage, impact, power)
                                cost += d * at + fee_of(d, at, per_value, per_share, minimum)
                        if cost <= cash:
                            cut = middle
                        else:
                            top = middle
            for i in range(symbols):
                p = prices[i]
                if not (want[i] == want[i] and p == p and p > 0.0):
                    continue
                d = change[i]
                if d > 0.0 and cut < 1.0:
                    d *= cut
                    if lot > 0.0:
                        d = _whole(d, lot)
                at = p
                fee = 0.0
                if d != 0.0:
                    at = _worse(d, p, volumes[i], slippage, impact, power)
                    fee = fee_of(d, at, per_value, per_share, minimum)
                    if d > 0.0:
                        cash -= d * at + fee
                held[i] += d
                if record == 1:
                    symbol[n] = i
                    decided[n] = since[i]
                    filled[n] = t
                    order_target[n] = want[i]
                    order_quantity[n] = d
                    order_price[n] = at
                    order_fee[n] = fee
                    order_reference[n] = p
                n += 1
                want[i] = NAN
                waiting -= 1
        value = cash
        for i in range(symbols):
            m = marks[i]
            if m == m:
                seen[i] = m
            value += held[i] * seen[i]
        if record == 1:
            for i in range(symbols):
                quantity[i, t] = held[i]
        cash_out[t] = cash
        equity_out[t] = value
        if lag == 1:
            for i in range(symbols):
                if wanted[i] == wanted[i]:
                    waiting += want[i] != want[i]
                    want[i] = wanted[i]
                    since[i] = t
    for i in range(symbols):
        if want[i] == want[i] and record == 1:
            symbol[n] = i
            decided[n] = since[i]
            filled[n] = -1
            order_target[n] = want[i]
            n += 1
    return n
