"""``tw.ingest.lean``: a market of a LEAN data folder in one commit."""

from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from tradewind.errors import InvalidInputError, did_you_mean
from tradewind.ingest.lean_files import MARKETS, LeanReader, Resolution
from tradewind.ingest.loading import Gate, commit, described, existing
from tradewind.ingest.quality import Policy
from tradewind.ingest.tables import TableShape, to_batch
from tradewind.store.batch import Batch
from tradewind.store.merging import Change
from tradewind.store.repository import Store
from tradewind.store.roots import root_of

LICENCE = "Apache-2.0 (QuantConnect/Lean repository)"


def lean(
    folder: str | Path,
    dataset: str,
    *,
    market: str = "usa",
    resolution: Resolution | str = Resolution.DAILY,
    symbols: Iterable[str] | None = None,
    progress: Callable[[str, int], None] | None = None,
    accept: Iterable[str] = (),
    policy: Policy | None = None,
    message: str = "",
) -> Change:
    """Bring a market of a LEAN data folder into a dataset.

    For US equities every map file becomes an instrument with a stable id and its ticker history, so that the
    history of today's GOOGL is ``goog.zip`` up to 2014-04-02 followed by ``googl.zip``; factor files become
    splits and dividends beside raw prices. Intraday bars, stamped at their start in exchange time, get their
    end in UTC.

    Parameters
    ----------
    folder
        LEAN's ``Data`` folder.
    dataset
        ``mine/...``, or a shared one you may write.
    market
        ``usa``, ``coinbase``, ``binance`` or ``oanda``.
    resolution
        ``daily``, ``hour`` or ``minute``.
    symbols
        File names without their ending, such as ``aapl``; all by default.
    progress
        Called with each symbol and its number of bars.
    accept, policy
        See ``tw.ingest.frame``.
    message
        What the commit says.

    Raises
    ------
    InvalidInputError
        The folder is no LEAN folder, or holds nothing of that kind.
    """
    kind = MARKETS.get(market)
    if kind is None:
        raise InvalidInputError(f"There is no LEAN market {market!r}.", did_you_mean(market, MARKETS))
    resolution = Resolution(resolution)
    base = Path(folder) / kind.folder
    if not (base / resolution).is_dir():
        raise InvalidInputError(f"{base / resolution} is no folder.", "Give the folder that is called Data.")
    reader = LeanReader(base, kind, resolution)
    wanted = reader.choose(symbols)
    parts = []
    for name in wanted:
        table = reader.bars(name)
        if progress:
            progress(name, table.height)
        if table.height:
            parts.append(table)
    if not parts:
        raise InvalidInputError(f"{base / resolution} holds no bars of {', '.join(wanted) or 'anything'}.")
    shape = TableShape(time_zone=kind.zone, bar_start=resolution is not Resolution.DAILY)
    reading = to_batch(
        pl.concat(parts, how="diagonal"),
        shape,
        frequency=resolution.frequency,
        actions=reader.actions(wanted),
    )
    batch = reading.batch
    batch = Batch(
        symbols=batch.symbols, times=batch.times, values=batch.values, instruments=reader.instruments(wanted),
        actions=tuple(a for a in batch.actions if a.symbol in batch.symbols),
    )  # fmt: skip
    root, bare = root_of(dataset)
    store = Store(root)
    facts = {"calendar": kind.calendar, "basis": kind.basis, "currency": kind.currency, "licence": LICENCE,
             "source": f"LEAN data folder, {kind.folder}/{resolution}"}  # fmt: skip
    spec = described(existing(store, dataset), bare, batch, reading.frequency, facts)
    gate = Gate(accept=accept, policy=policy, duplicates=reading.duplicates)
    return commit(store, spec, batch, gate, message=message or f"LEAN {kind.folder}/{resolution}")
