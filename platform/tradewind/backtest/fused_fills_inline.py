"""What a fill does to a lane of a fused sweep: the same arithmetic as a single backtest's.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

from tradewind.backtest.sizing_inline import fee_of, quantity_for
from tradewind.loops import bare

# Columns of a lane's state while it goes through one symbol
CASH, HELD, HAVE, PENDING, STATE, BOUGHT, PAID, GONE, GOT, FEES = range(10)
# Columns of a lane's statistics
(PREV, PEAK, LOW, DEEPEST, SUM1, SUM2, SUM3, TOTAL, BELOW, LONGEST, TRADES, CLOSED, WINS, GAINS, LOSSES,
EARNED, COSTS,
 TRADED) = range(18)  # fmt: skip


@bare
def fill(lane, stats, p, fee_rate, per_share, minimum, slippage):  # type: ignore[no-untyped-def]
    """Trade a lane to the target it has ordered; the same arithmetic as a single backtest's."""
    want = lane[HAVE]
    held = lane[HELD]
    cash = lane[CASH]
    lane[PENDING] = 0.0
    up = held < 0.0 if want == 0.0 else want * (cash + held * p) > held * p
    at = p * (1.0 + slippage) if up else p * (1.0 - slippage)
    if want == 0.0:
        change = -held
    else:
        change = quantity_for(want, cash, held, at, fee_rate, per_share, minimum) - held
    size = abs(change)
    if size == 0.0:
        return
    fee = fee_of(change, at, fee_rate, per_share, minimum)
    lane[CASH] = cash - (change * at + fee)
    lane[HELD] = 0.0 if want == 0.0 else held + change
    stats[COSTS] += fee + size * abs(at - p)
    stats[TRADED] += size * at
    rest = size
    entry_fee = fee
    if held * change < 0.0:
        out = min(size, abs(held))
        whole = abs(held) - out <= 1e-9 * abs(held)
        exit_fee = fee if out == size else fee * (out / size)
        rest = size - out
        entry_fee = fee - exit_fee
        lane[GONE] += out
        lane[GOT] += out * at
        lane[FEES] += exit_fee
        if whole:
            close(lane, stats, held > 0.0)
            held = 0.0
    if rest > 1e-9 * size:
        if held == 0.0:
            stats[TRADES] += 1.0
            lane[BOUGHT] = 0.0
            lane[PAID] = 0.0
            lane[GONE] = 0.0
            lane[GOT] = 0.0
            lane[FEES] = 0.0
        lane[BOUGHT] += rest
        lane[PAID] += rest * at
        lane[FEES] += entry_fee


@bare
def close(lane, stats, long):  # type: ignore[no-untyped-def]
    """Count a finished round trip."""
    gap = lane[GOT] - lane[PAID]
    profit = (gap if long else -gap) - lane[FEES]
    stats[CLOSED] += 1.0
    stats[EARNED] += profit / lane[PAID]
    if profit > 0.0:
        stats[WINS] += 1.0
        stats[GAINS] += profit
    else:
        stats[LOSSES] -= profit
