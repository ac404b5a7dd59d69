"""Ranks, quantiles and correlations of one cross-section after another; rows are times."""

import numpy as np

from tradewind.loops import FLOAT, INT, inline, loop, read, write

NAN = np.nan


@inline
def ranks_into(values, count, order, out):  # type: ignore[no-untyped-def]
    # Ranks from 1, ties at their mean
    i = 0
    while i < count:
        j = i
        while j + 1 < count and values[order[j + 1]] == values[order[i]]:
            j += 1
        mean = (i + j) / 2.0 + 1.0
        for k in range(i, j + 1):
            out[order[k]] = mean
        i = j + 1


@inline
def known_at(x, t, known):  # type: ignore[no-untyped-def]
    # Gather a bar's values that are there
    n = 0
    for i in range(x.shape[1]):
        if x[t, i] == x[t, i]:
            known[n] = x[t, i]
            n += 1
    return n


@inline
def quantile_of(ordered, count, share):  # type: ignore[no-untyped-def]
    # Linear interpolation, in numpy's order of operations
    place = share * (count - 1)
    low = int(np.floor(place))
    high = min(low + 1, count - 1)
    t = place - low
    step = ordered[high] - ordered[low]
    return ordered[high] - step * (1.0 - t) if t >= 0.5 else ordered[low] + step * t


@loop(INT, INT, read(), INT, write())
def rank(first, last, x, share, out):  # type: ignore[no-untyped-def]
    symbols = x.shape[1]
    known = np.empty(symbols)
    place = np.empty(symbols)
    for t in range(first, last):
        n = known_at(x, t, known)
        ranks_into(known, n, np.argsort(known[:n], kind="mergesort"), place)
        n_all = n
        n = 0
        for i in range(symbols):
            if x[t, i] == x[t, i]:
                out[t, i] = place[n] / n_all if share == 1 else place[n]
                n += 1
            else:
                out[t, i] = NAN


@loop(INT, INT, read(), FLOAT, FLOAT, write())
def clip(first, last, x, low, high, out):  # type: ignore[no-untyped-def]
    symbols = x.shape[1]
    known = np.empty(symbols)
    for t in range(first, last):
        n = known_at(x, t, known)
        bottom = NAN
        top = NAN
        if n > 0:
            ordered = np.sort(known[:n])
            bottom = quantile_of(ordered, n, low)
            top = quantile_of(ordered, n, high)
        for i in range(symbols):
            v = x[t, i]
            out[t, i] = v if v != v else min(max(v, bottom), top)


@loop(INT, INT, read(), INT, write())
def bucket(first, last, x, count, out):  # type: ignore[no-untyped-def]
    # The first bucket whose upper edge is not below the value
    symbols = x.shape[1]
    known = np.empty(symbols)
    edges = np.empty(count)
    for t in range(first, last):
        n = known_at(x, t, known)
        if n > 0:
            ordered = np.sort(known[:n])
            for k in range(count):
                edges[k] = quantile_of(ordered, n, (k + 1.0) / count)
            edges[count - 1] = ordered[n - 1]
        for i in range(symbols):
            v = x[t, i]
            if v != v or n == 0:
                out[t, i] = NAN
                continue
            k = 0
            while k < count - 1 and v > edges[k]:
                k += 1
            out[t, i] = k + 1.0


@loop(INT, INT, read(), read(), INT, write(dims=1))
def correlation(first, last, x, y, ranked, out):  # type: ignore[no-untyped-def]
    # Over the symbols known in both; Spearman's where `ranked` is 1
    symbols = x.shape[1]
    a = np.empty(symbols)
    b = np.empty(symbols)
    ra = np.empty(symbols)
    rb = np.empty(symbols)
    for t in range(first, last):
        n = 0
        for i in range(symbols):
            if x[t, i] == x[t, i] and y[t, i] == y[t, i]:
                a[n] = x[t, i]
                b[n] = y[t, i]
                n += 1
        out[t] = NAN
        if n < 2:
            continue
        if ranked == 1:
            ranks_into(a, n, np.argsort(a[:n], kind="mergesort"), ra)
            ranks_into(b, n, np.argsort(b[:n], kind="mergesort"), rb)
        else:
            ra[:n] = a[:n]
            rb[:n] = b[:n]
        ma = ra[:n].mean()
        mb = rb[:n].mean()
        saa = 0.0
        sbb = 0.0
        sab = 0.0
        for i in range(n):
            da = ra[i] - ma
            db = rb[i] - mb
            saa += da * da
            sbb += db * db
            sab += da * db
        if saa > 0.0 and sbb > 0.0:
            out[t] = sab / np.sqrt(saa * sbb)
