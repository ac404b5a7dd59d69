"""The shared account in plain Python: slow, and obviously what the words say."""

import math


def run(market, targets, *, units, capital, costs, lot, lag, borrow):
    """``market``: dict of lists [symbol][time]; ``targets`` likewise. Returns cash, equity, quantities, fees
    paid."""
    symbols, bars = len(targets), len(targets[0])
    cash, held, want = capital, [0.0] * symbols, [None] * symbols
    last = [0.0] * symbols
    out_cash, out_equity, out_held, fees = [], [], [], 0.0

    def fee(size, price):
        if size == 0:
            return 0.0
        return max(abs(size) * price * costs["per_value"] + abs(size) * costs["per_share"], costs["minimum"])

    def worse(size, price, volume):
        bad = costs["slippage"]
        if costs["impact"] > 0 and volume > 0:
            bad += costs["impact"] * (abs(size) / volume) ** costs["power"]
        return price * (1 + bad) if size > 0 else price * (1 - bad)

    def whole(size):
        return math.trunc(size / lot + math.copysign(1e-9, size)) * lot if lot else size

    def decide(t):
        for i in range(symbols):
            if not math.isnan(targets[i][t]):
                want[i] = targets[i][t]

    for t in range(bars):
        for i in range(symbols):
            dividend = market["dividend"][i][t]
            if not math.isnan(dividend):
                cash += held[i] * dividend
        if lag == 0:
            decide(t)
        trading = [i for i in range(symbols) if want[i] is not None and market["price"][i][t] > 0]
        for i in range(symbols):
            if market["price"][i][t] > 0 and any(w is not None for w in want):
                last[i] = market["price"][i][t]
        equity = max(0.0, cash + sum(h * p for h, p in zip(held, last, strict=True)))
        change = {}
        for i in trading:
            price = market["price"][i][t]
            goal = want[i] if units else want[i] * equity / price
            change[i] = -held[i] if want[i] == 0 else whole(goal - held[i])

        def cost(i, size, t=t):
            price = worse(size, market["price"][i][t], market["volume"][i][t])
            return size * price + fee(size, price)

        cash -= sum(cost(i, d) for i, d in change.items() if d < 0)
        buys = {i: d for i, d in change.items() if d > 0}
        if not borrow and sum(cost(i, d) for i, d in buys.items()) > cash:
            low, high = 0.0, 1.0
            for _ in range(200):
                middle = (low + high) / 2
                fits = sum(cost(i, d * middle) for i, d in buys.items() if d * middle > 0) <= cash
                low, high = (middle, high) if fits else (low, middle)
            buys = {i: whole(d * low) for i, d in buys.items()}
        cash -= sum(cost(i, d) for i, d in buys.items() if d > 0)
        for i in trading:
            size = buys.get(i, change[i])
            price = worse(size, market["price"][i][t], market["volume"][i][t])
            fees += fee(size, price)
            held[i] += size
            want[i] = None
        for i in range(symbols):
            if not math.isnan(market["mark"][i][t]):
                last[i] = market["mark"][i][t]
        out_cash.append(cash)
        out_equity.append(cash + sum(h * p for h, p in zip(held, last, strict=True)))
        out_held.append(list(held))
        if lag == 1:
            decide(t)
    return out_cash, out_equity, out_held, fees
