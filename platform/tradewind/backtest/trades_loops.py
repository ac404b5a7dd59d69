"""Round trips: from the fills of a symbol to trades that begin and end flat."""

from tradewind.loops import FLOAT, INT, inline, loop, read, write


@inline
def _store(  # type: ignore[no-untyped-def]
    n,
    numbers,
    figures,
    i,
    start,
    end,
    still,
    side,
    largest,
    bought,
    paid,
    gone,
    got,
    fees,
    high,
    low,
    mark,
    at_open,
):
    # Filled at the open, the entry's bar was lived through and the exit's was not; at the close, the other
    # way round.
    entry = paid / bought
    exit_price = got / gone
    ending = side * (exit_price - entry) / entry
    worst = min(0.0, ending)
    best = max(0.0, ending)
    for t in range(start if at_open == 1 else start + 1, end if at_open == 1 and still == 0 else end + 1):
        top = high[i, t]
        bottom = low[i, t]
        if top != top:
            top = mark[i, t]
        if bottom != bottom:
            bottom = mark[i, t]
        up = side * (top - entry) / entry
        down = side * (bottom - entry) / entry
        worst = min(worst, min(up, down))
        best = max(best, max(up, down))
    numbers[n, 0] = i
    numbers[n, 1] = start
    numbers[n, 2] = end
    numbers[n, 3] = still
    numbers[n, 4] = 1 if side > 0.0 else -1
    figures[n, 0] = largest
    figures[n, 1] = entry
    figures[n, 2] = exit_price
    figures[n, 3] = side * (got - paid) - fees
    figures[n, 4] = fees
    figures[n, 5] = paid
    figures[n, 6] = worst
    figures[n, 7] = best
    return n + 1


@loop(
    read(INT, 1), read(INT, 1), read(FLOAT, 1), read(FLOAT, 1), read(FLOAT, 1), read(), read(), read(), INT,
    write(INT), write(FLOAT),
    returns=INT,
)  # fmt: skip
def round_trips(symbol, bar, quantity, price, fee, high, low, mark, at_open, numbers, figures):  # type: ignore[no-untyped-def]
    """Fold fills, sorted by symbol and bar, into trades at average cost; return how many.

    A fill that turns a long into a short ends one trade and begins the next, its fee shared by quantity.
    ``numbers`` [trade, 5]: symbol, first bar, last bar, open (1) or closed (0), direction. ``figures``
    [trade, 8]: quantity at its largest, average entry price, average exit price, profit after fees, fees,
    invested value, worst and best excursion as shares of the average entry price.
    """
    n = 0
    k = 0
    count = symbol.size
    while k < count:
        i = symbol[k]
        start = bar[k]
        held = 0.0
        bought = 0.0
        paid = 0.0
        gone = 0.0
        got = 0.0
        fees = 0.0
        largest = 0.0
        side = 0.0
        rest = 0.0
        rest_fee = 0.0
        end = -1
        while k < count and symbol[k] == i:
            q = quantity[k] if rest == 0.0 else rest
            f = fee[k] if rest == 0.0 else rest_fee
            if q == 0.0:
                k += 1
                continue
            if held == 0.0:
                start = bar[k]
                side = 1.0 if q > 0.0 else -1.0
                bought = 0.0
                paid = 0.0
                gone = 0.0
                got = 0.0
                fees = 0.0
                largest = 0.0
            size = abs(q)
            rest = 0.0
            if q * side > 0.0:
                held += size
                bought += size
                paid += size * price[k]
                fees += f
                largest = max(largest, held)
            else:
                out = size if size < held * (1.0 + 1e-12) else held
                part = out / size
                gone += out
                got += out * price[k]
                fees += f * part
                held -= out
                if held <= 1e-9 * largest:
                    held = 0.0
                    end = bar[k]
                if size - out > 1e-9 * size:
                    rest = -side * (size - out)
                    rest_fee = f * (1.0 - part)
            if rest == 0.0:
                k += 1
            if held == 0.0:
                n = _store(n, numbers, figures, i, start, end, 0, side, largest, bought, paid, gone, got,
                fees, high,
                           low, mark, at_open)  # fmt: skip
        if held > 0.0:
            last = mark.shape[1] - 1
            n = _store(n, numbers, figures, i, start, last, 1, side, largest, bought, paid, gone + held,
                       got + held * mark[i, last], fees, high, low, mark, at_open)  # fmt: skip
    return n
