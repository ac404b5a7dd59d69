"""Rebalancing every symbol at every bar where cash may not pay for all of it, eight symbols an instruction.

Weights that add up to 1 leave nothing for costs: purchases are cut by one factor, so what is held is no
longer what was aimed at, and each bar needs what the one before holds of every symbol. Some bars at a time
are turned, so that the symbols of a bar lie side by side; each bar then goes over all of them three times:
what is held is worth, what is to be bought and sold, what is held then.
"""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, everywhere, load, pick, save, splat
from tradewind.indicators.memory_inline import aligned
from tradewind.indicators.tiles_inline import fill
from tradewind.loops import FLOAT, INT, bare, loop, read, write

BLOCK = 64
"""Bars turned at a time; those of all symbols stay in the processor's second cache."""
PITCH = BLOCK + 1
"""Bars from the tile of eight symbols to the next: a power of two would put all into the same lines."""


@bare
def _turn(rows, bar, n, tiles):  # type: ignore[no-untyped-def]
    """Turn some bars of all symbols."""
    symbols = rows.shape[0]
    for first in range(0, symbols, LANES):
        at = first * PITCH
        fill(rows, first, min(LANES, symbols - first), bar, n, tiles[at : at + PITCH * LANES])


@bare
def _added(lanes, place):  # type: ignore[no-untyped-def]
    """The sum of a vector's eight values."""
    save(place, 0, lanes)
    total = 0.0
    for j in range(LANES):
        total += place[j]
    return total


@bare
def _worth(k, groups, want, price, mark, held, place):  # type: ignore[no-untyped-def]
    """What is held is worth, and whether all weights and prices are known."""
    value, known, least = splat(0.0), splat(0.0), splat(np.inf)
    for g in range(groups):
        p = load(price, g * PITCH + k)
        value = value + load(held, g) * p
        known = known + load(want, g * PITCH + k) + load(mark, g * PITCH + k)
        least = pick(p < least, p, least)
    worth, all_known = _added(value, place), _added(known, place)
    return worth, abs(worth) < np.inf and abs(all_known) < np.inf and everywhere(least > 0.0)


@bare
def _aim(  # type: ignore[no-untyped-def]
    k, groups, equity, want, price, held, change, buy, sell, per_share, place
):
    """What purchases need and sales bring; ``change`` gets the units."""
    zero, size = splat(0.0), splat(equity)
    need, sold = zero, zero
    for g in range(groups):
        p = load(price, g * PITCH + k)
        d = load(want, g * PITCH + k) * size / p - load(held, g)
        save(change, g, d)
        need = need + pick(d > 0.0, d, zero) * (p * buy + per_share)
        sold = sold - pick(d < 0.0, d, zero) * (p * sell - per_share)
    return _added(need, place), _added(sold, place)


@bare
def _take(k, groups, cut, mark, held, change, place):  # type: ignore[no-untyped-def]
    """Book the changes, purchases cut; return what is held at the close."""
    zero, part, value = splat(0.0), splat(cut), splat(0.0)
    for g in range(groups):
        d = load(change, g)
        h = load(held, g) + (pick(d > 0.0, d, zero) * part + pick(d < 0.0, d, zero))
        save(held, g, h)
        value = value + h * load(mark, g * PITCH + k)
    return _added(value, place)


@loop(INT, INT, read(), read(), read(), FLOAT, write(FLOAT, 1), FLOAT, FLOAT, FLOAT, INT,
      write(FLOAT, 1), write(FLOAT, 1), returns=INT)  # fmt: skip
def run(  # type: ignore[no-untyped-def]
    first, lag, target, price, mark, cash, units, per_value, per_share, slippage, borrow, cash_out, equity_out
):
    """Rebalance from bar ``first`` on; return the first bar that needs the general loop.

    Before it the account has ``cash``, and ``units`` of each symbol, which become those before the bar
    returned.
    """
    symbols, bars = target.shape
    groups = -(-symbols // LANES)
    buy = (1.0 + slippage) * (1.0 + per_value)
    sell = (1.0 - slippage) * (1.0 - per_value)
    want, closed = aligned(groups * PITCH * LANES), aligned(groups * PITCH * LANES)
    paid, held = aligned(groups * PITCH * LANES), aligned(groups * LANES)
    change, place = aligned(groups * LANES), aligned(LANES)
    want[:] = 0.0  # of lanes without a symbol nothing is wanted
    closed[:] = paid[:] = 1.0
    held[:] = 0.0
    held[:symbols] = units
    t = first
    while t < bars:
        n = min(BLOCK, bars - t)
        _turn(target, t - lag, n, want)
        _turn(price, t, n, paid)
        _turn(mark, t, n, closed)
        for k in range(n):
            worth, known = _worth(k, groups, want, paid, closed, held, place)
            if not known:
                units[:] = held[:symbols]
                return t + k
            equity = max(cash + worth, 0.0)
            need, sold = _aim(
                k, groups, equity, want, paid, held, change, buy, sell, per_share, place
            )  # fmt: skip
            cash += sold
            cut = 1.0
            if need > cash and borrow == 0:
                cut = max(0.0, cash / need)
            value = _take(k, groups, cut, closed, held, change, place)
            cash -= need * cut
            cash_out[t + k] = cash
            equity_out[t + k] = cash + value
        t += n
    units[:] = held[:symbols]
    return bars
