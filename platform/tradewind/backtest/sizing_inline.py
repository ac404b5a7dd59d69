"""How much an order trades and what it pays, compiled into every loop that fills orders.

A change here makes the caches of all loops in this folder stale; see :mod:`tradewind.loops`.
"""

from tradewind.loops import bare


@bare
def fee_of(quantity, price, per_value, per_share, minimum):  # type: ignore[no-untyped-def]
    """Commission of one fill."""
    size = abs(quantity)
    if size == 0.0:
        return 0.0
    fee = size * price * per_value + size * per_share
    return fee if fee > minimum else minimum


@bare
def quantity_for(target, cash, held, price, per_value, per_share, minimum):  # type: ignore[no-untyped-def]
    """The quantity whose value, after the fee of getting there, is ``target`` of what is left.

    q p = w (E - fee(q - held)), solved for a fee linear in the traded quantity, then for the minimum fee.
    """
    equity = cash + held * price
    rate = per_value * price + per_share
    gap = target * equity - held * price
    if gap > 0.0:
        q = target * (equity + rate * held) / (price + target * rate)
        q = max(q, held)
    else:
        q = target * (equity - rate * held) / (price - target * rate)
        q = min(q, held)
    if q != held and abs(q - held) * rate < minimum:
        q = target * max(equity - minimum, 0.0) / price
    return q
