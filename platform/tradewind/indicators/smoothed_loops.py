"""Averages and indices whose every bar builds on the one before, eight symbols at a time.

A tile whose symbols are all past their warm-up takes the short way: the operations are the same, but those
for the seeds, which then change nothing, are left out of the chain from bar to bar.
"""

import numpy as np

from tradewind.indicators.lanes_inline import LANES, everywhere, load, pick, save, splat
from tradewind.indicators.memory_inline import BEYOND, settle
from tradewind.indicators.tiles_inline import BARS, fill, new_tile, spill
from tradewind.loops import FLOAT, INT, inline, loop, read, write

NAN = np.nan


@inline
def _smooth(v, known, seen, total, e, window, alpha, warm):  # type: ignore[no-untyped-def]
    """One bar of an exponential average seeded with a mean: (bars seen, sum of the seed, average)."""
    if warm:
        return seen, total, pick(known, e + alpha * (v - e), e)
    seen = pick(known, seen + 1.0, seen)
    seed = (total + v) / window
    now = pick(seen > window, e + alpha * (v - e), pick(seen == window, seed, e))
    return seen, pick(known & (seen < window), total + v, total), pick(known, now, e)


@loop(INT, INT, read(), INT, FLOAT, write())
def ema(first, last, x, window, alpha, out):  # type: ignore[no-untyped-def]
    # Seeded with the mean of the first `window` values, as TA-Lib does. A hole leaves the average where it
    # was.
    tile = new_tile()
    result = new_tile()
    w = float(window)
    nan = splat(NAN)
    past = 2 * out.size >= BEYOND
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        seen = splat(0.0)
        total = splat(0.0)
        e = splat(0.0)
        for t0 in range(0, x.shape[1], BARS):
            n = min(BARS, x.shape[1] - t0)
            fill(x, i, many, t0, n, tile)
            warm = everywhere(seen >= w)
            for t in range(n):
                v = load(tile, t)
                known = v == v
                seen, total, e = _smooth(v, known, seen, total, e, w, alpha, warm)
                save(result, t, pick(known & (seen >= w), e, nan))
            spill(result, out, i, many, t0, n, past)
    settle()


@loop(INT, INT, read(), INT, FLOAT, INT, write())
def ema_of_ema(first, last, x, window, alpha, order, out):  # type: ignore[no-untyped-def]
    """Double (``order`` 2) and triple (3) exponential averages: averages of averages in one pass."""
    tile = new_tile()
    result = new_tile()
    w = float(window)
    nan = splat(NAN)
    zero = splat(0.0)
    past = 2 * out.size >= BEYOND
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        n1, n2, n3 = zero, zero, zero
        s1, s2, s3 = zero, zero, zero
        e1, e2, e3 = zero, zero, zero
        for t0 in range(0, x.shape[1], BARS):
            n = min(BARS, x.shape[1] - t0)
            fill(x, i, many, t0, n, tile)
            warm1 = everywhere(n1 >= w)
            warm2 = everywhere(n2 >= w)
            warm3 = everywhere(n3 >= w)
            for t in range(n):
                v = load(tile, t)
                known = v == v
                n1, s1, e1 = _smooth(v, known, n1, s1, e1, w, alpha, warm1)
                known = known & (n1 >= w)
                n2, s2, e2 = _smooth(e1, known, n2, s2, e2, w, alpha, warm2)
                known = known & (n2 >= w)
                found = 2.0 * e1 - e2
                if order == 3:
                    n3, s3, e3 = _smooth(e2, known, n3, s3, e3, w, alpha, warm3)
                    known = known & (n3 >= w)
                    found = 3.0 * e1 - 3.0 * e2 + e3
                save(result, t, pick(known, found, nan))
            spill(result, out, i, many, t0, n, past)
    settle()


@loop(INT, INT, read(), INT, write())
def rsi(first, last, x, window, out):  # type: ignore[no-untyped-def]
    # Wilder's smoothing, seeded with the mean of the first `window` changes. A hole: the change is taken
    # from the last known value, and the hole's own bar is NaN.
    tile = new_tile()
    result = new_tile()
    w = float(window)
    keep = (w - 1.0) / w
    part = 1.0 / w
    nan = splat(NAN)
    zero = splat(0.0)
    past = 2 * out.size >= BEYOND
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        before, gain, loss, seen = nan, zero, zero, zero
        for t0 in range(0, x.shape[1], BARS):
            n = min(BARS, x.shape[1] - t0)
            fill(x, i, many, t0, n, tile)
            warm = everywhere(seen >= w)
            for t in range(n):
                v = load(tile, t)
                change = v - before
                known = change == change
                up = pick(change > 0.0, change, zero)
                down = pick(change < 0.0, zero - change, zero)
                if warm:
                    gain = pick(known, gain * keep + up * part, gain)
                    loss = pick(known, loss * keep + down * part, loss)
                else:
                    seen = pick(known, seen + 1.0, seen)
                    later = seen > w
                    last_of_seed = known & (seen == w)
                    gain = pick(known, pick(later, gain * keep + up * part, gain + up), gain)
                    loss = pick(known, pick(later, loss * keep + down * part, loss + down), loss)
                    gain = pick(last_of_seed, gain / w, gain)
                    loss = pick(last_of_seed, loss / w, loss)
                before = pick(v == v, v, before)
                both = gain + loss
                # TA-Lib calls a sum below 1e-14 zero, and the index of a market that never moved 0
                index = pick(both >= 1e-14, 100.0 * (gain / both), zero)
                save(result, t, pick(known & (seen >= w), index, nan))
            spill(result, out, i, many, t0, n, past)
    settle()


@loop(INT, INT, read(), INT, INT, INT, write(), write(), write())
def macd(first, last, x, fast, slow, signal, line, smooth, histogram):  # type: ignore[no-untyped-def]
    # Both averages start on the slow one's first bar (the fast one seeded with the last `fast` values of
    # it), and nothing is shown before the signal line exists: TA-Lib's MACD.
    tile = new_tile()
    lines = new_tile()
    smooths = new_tile()
    gaps = new_tile()
    f, s, g = float(fast), float(slow), float(signal)
    kf = 2.0 / (f + 1.0)
    ks = 2.0 / (s + 1.0)
    kg = 2.0 / (g + 1.0)
    nan = splat(NAN)
    zero = splat(0.0)
    past = 4 * line.size >= BEYOND
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        seen, ef, es, eg = zero, zero, zero, zero
        for t0 in range(0, x.shape[1], BARS):
            n = min(BARS, x.shape[1] - t0)
            fill(x, i, many, t0, n, tile)
            warm = everywhere(seen >= s + g - 1.0)
            for t in range(n):
                v = load(tile, t)
                known = v == v
                if warm:
                    ef = pick(known, ef + kf * (v - ef), ef)
                    es = pick(known, es + ks * (v - es), es)
                    m = ef - es
                    eg = pick(known, eg + kg * (m - eg), eg)
                    shown = known
                else:
                    seen = pick(known, seen + 1.0, seen)
                    seed = seen == s
                    early = seen < s
                    sum_fast = pick(seen > s - f, ef + v, ef)
                    next_fast = pick(seed, (ef + v) / f, ef + kf * (v - ef))
                    next_slow = pick(seed, (es + v) / s, es + ks * (v - es))
                    ef = pick(known, pick(early, sum_fast, next_fast), ef)
                    es = pick(known, pick(early, es + v, next_slow), es)
                    m = ef - es
                    count = seen - (s - 1.0)
                    next_signal = pick(count == g, (eg + m) / g, eg + kg * (m - eg))
                    later = pick(count < g, eg + m, next_signal)
                    eg = pick(known & (count >= 1.0), later, eg)
                    shown = known & (count >= g)
                save(lines, t, pick(shown, m, nan))
                save(smooths, t, pick(shown, eg, nan))
                save(gaps, t, pick(shown, m - eg, nan))
            spill(lines, line, i, many, t0, n, past)
            spill(smooths, smooth, i, many, t0, n, past)
            spill(gaps, histogram, i, many, t0, n, past)
    settle()


@loop(INT, INT, read(), read(), write())
def obv(first, last, close, volume, out):  # type: ignore[no-untyped-def]
    closes = new_tile()
    volumes = new_tile()
    result = new_tile()
    nan = splat(NAN)
    zero = splat(0.0)
    past = 3 * out.size >= BEYOND
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        before, total = nan, zero
        for t0 in range(0, close.shape[1], BARS):
            n = min(BARS, close.shape[1] - t0)
            fill(close, i, many, t0, n, closes)
            fill(volume, i, many, t0, n, volumes)
            for t in range(n):
                v = load(closes, t)
                w = load(volumes, t)
                known = (v == v) & (w == w)
                # the first bar, before which there is none, counts in full
                step = pick(v < before, zero - w, pick(v == before, zero, w))
                total = total + pick(known, step, zero)
                before = pick(known, v, before)
                save(result, t, pick(known, total, nan))
            spill(result, out, i, many, t0, n, past)
    settle()


@loop(INT, INT, read(), read(), FLOAT, FLOAT, write())
def parabolic_sar(first, last, high, low, step, most, out):  # type: ignore[no-untyped-def]
    highs = new_tile()
    lows = new_tile()
    result = new_tile()
    nan = splat(NAN)
    zero = splat(0.0)
    one = splat(1.0)
    limit = splat(most)
    past = 3 * out.size >= BEYOND
    for i in range(first, last, LANES):
        many = min(LANES, last - i)
        seen, side, sar, extreme, factor, h0, l0 = zero, one, zero, zero, splat(step), zero, zero
        for t0 in range(0, high.shape[1], BARS):
            n = min(BARS, high.shape[1] - t0)
            fill(high, i, many, t0, n, highs)
            fill(low, i, many, t0, n, lows)
            for t in range(n):
                h = load(highs, t)
                lo = load(lows, t)
                known = (h == h) & (lo == lo)
                seen = pick(known, seen + 1.0, seen)
                second = known & (seen == 2.0)
                fall = l0 - lo
                first_side = pick((fall > 0.0) & (h - h0 < fall), zero - one, one)
                side = pick(second, first_side, side)
                long = side > 0.0
                extreme = pick(second, pick(long, h, lo), extreme)
                sar = pick(second, pick(long, l0, h0), sar)
                lowest = pick(second | (lo < l0), lo, l0)
                highest = pick(second | (h > h0), h, h0)
                turned = pick(long, lo <= sar, h >= sar)
                after = pick(turned, zero - side, side)
                up = after > 0.0
                best = pick(up, h, lo)
                # where it turns: the extreme so far, or the last two bars' range if that is further
                from_low = pick(lowest < extreme, lowest, extreme)
                from_high = pick(highest > extreme, highest, extreme)
                now = pick(turned, pick(up, from_low, from_high), sar)
                further = pick(up, h > extreme, lo < extreme)
                more = factor + step
                more = pick(more < limit, more, limit)
                next_factor = pick(turned, splat(step), pick(further, more, factor))
                next_extreme = pick(turned | further, best, extreme)
                nextsar = now + next_factor * (next_extreme - now)
                capped = pick(up, pick(lowest < nextsar, lowest, nextsar),
                              pick(highest > nextsar, highest, nextsar))  # fmt: skip
                live = known & (seen >= 2.0)
                side = pick(live, after, side)
                factor = pick(live, next_factor, factor)
                extreme = pick(live, next_extreme, extreme)
                sar = pick(live, capped, sar)
                h0 = pick(known, h, h0)
                l0 = pick(known, lo, l0)
                save(result, t, pick(live, now, nan))
            spill(result, out, i, many, t0, n, past)
    settle()
