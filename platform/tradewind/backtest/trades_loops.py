"""Round trips: from the fills of a symbol to trades that begin and end flat."""

from tradewind.loops import FLOAT, INT, inline, loop, read, write

# fills[fill, column]: units; price; the same before all rolls; what a unit paid, in the account's money and
# so that differences are profits; its value in that money; fee of the whole fill
QUANTITY, PRICE, LEVEL, MONEY, VALUE, FEE = range(6)
# trade[column] while it runs: units at the largest, put in, and taken out, then sums over both sides
(
    LARGEST, ENTERED, LEFT, IN_PRICE, OUT_PRICE, IN_LEVEL, OUT_LEVEL, IN_MONEY, OUT_MONEY, INVESTED, FEES,
) = range(11)  # fmt: skip
SUMS = 11


@inline
def _store(n, numbers, figures, i, start, end, still, side, trade, high, low, mark, at_open):  # type: ignore[no-untyped-def]
    # Filled at the open, the entry's bar was lived through and the exit's was not; at the close, the other
    # way round.
    entry = trade[IN_PRICE] / trade[ENTERED]
    base = trade[IN_LEVEL] / trade[ENTERED]
    ending = side * (trade[OUT_LEVEL] / trade[LEFT] - base) / entry
    worst = min(0.0, ending)
    best = max(0.0, ending)
    for t in range(start if at_open == 1 else start + 1, end if at_open == 1 and still == 0 else end + 1):
        top = high[i, t]
        bottom = low[i, t]
        if top != top:
            top = mark[i, t]
        if bottom != bottom:
            bottom = mark[i, t]
        up = side * (top - base) / entry
        down = side * (bottom - base) / entry
        worst = min(worst, min(up, down))
        best = max(best, max(up, down))
    numbers[n, 0] = i
    numbers[n, 1] = start
    numbers[n, 2] = end
    numbers[n, 3] = still
    numbers[n, 4] = 1 if side > 0.0 else -1
    figures[n, 0] = trade[LARGEST]
    figures[n, 1] = entry
    figures[n, 2] = trade[OUT_PRICE] / trade[LEFT]
    figures[n, 3] = side * (trade[OUT_MONEY] - trade[IN_MONEY]) - trade[FEES]
    figures[n, 4] = trade[FEES]
    figures[n, 5] = trade[INVESTED]
    figures[n, 6] = worst
    figures[n, 7] = best
    return n + 1


@inline
def _enter(trade, fill, size, fee):  # type: ignore[no-untyped-def]
    trade[ENTERED] += size
    trade[IN_PRICE] += size * fill[PRICE]
    trade[IN_LEVEL] += size * fill[LEVEL]
    trade[IN_MONEY] += size * fill[MONEY]
    trade[INVESTED] += size * fill[VALUE]
    trade[FEES] += fee


@inline
def _leave(trade, fill, size, fee):  # type: ignore[no-untyped-def]
    trade[LEFT] += size
    trade[OUT_PRICE] += size * fill[PRICE]
    trade[OUT_LEVEL] += size * fill[LEVEL]
    trade[OUT_MONEY] += size * fill[MONEY]
    trade[FEES] += fee


@loop(
    read(INT, 1), read(INT, 1), read(), read(), read(), read(), read(), INT, write(INT), write(FLOAT),
    write(FLOAT, 1),
    returns=INT,
)  # fmt: skip
def round_trips(symbol, bar, fills, final, high, low, mark, at_open, numbers, figures, trade):  # type: ignore[no-untyped-def]
    """Fold fills, sorted by symbol and bar, into trades at average cost; return how many.

    A fill that turns a long into a short ends one trade and begins the next, its fee shared by quantity.
    ``final`` [symbol, column] is what leaving at the last close would be; ``high``, ``low``, ``mark`` are
    before all rolls. ``numbers`` [trade, 5]: symbol, first bar, last bar, open (1) or closed (0), direction.
    ``figures`` [trade, 8]: quantity at its largest, average entry price, average exit price, profit after
    fees, fees, invested value, worst and best excursion as shares of the average entry price. ``trade`` is
    room to work in.
    """
    n = 0
    k = 0
    count = symbol.size
    while k < count:
        i = symbol[k]
        start = bar[k]
        end = -1
        held = 0.0
        side = 0.0
        rest = 0.0
        rest_fee = 0.0
        while k < count and symbol[k] == i:
            q = fills[k, QUANTITY] if rest == 0.0 else rest
            f = fills[k, FEE] if rest == 0.0 else rest_fee
            if q == 0.0:
                k += 1
                continue
            if held == 0.0:
                start = bar[k]
                side = 1.0 if q > 0.0 else -1.0
                trade[:] = 0.0
            size = abs(q)
            rest = 0.0
            if q * side > 0.0:
                held += size
                _enter(trade, fills[k], size, f)
                trade[LARGEST] = max(trade[LARGEST], held)
            else:
                out = size if size < held * (1.0 + 1e-12) else held
                part = out / size
                _leave(trade, fills[k], out, f * part)
                held -= out
                if held <= 1e-9 * trade[LARGEST]:
                    held = 0.0
                    end = bar[k]
                if size - out > 1e-9 * size:
                    rest = -side * (size - out)
                    rest_fee = f * (1.0 - part)
            if rest == 0.0:
                k += 1
            if held == 0.0:
                n = _store(n, numbers, figures, i, start, end, 0, side, trade, high, low, mark, at_open)
        if held > 0.0:
            _leave(trade, final[i], held, 0.0)
            last = mark.shape[1] - 1
            n = _store(n, numbers, figures, i, start, last, 1, side, trade, high, low, mark, at_open)
    return n
