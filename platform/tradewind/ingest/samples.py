"""Sample datasets from files that ship inside permissively licensed packages; no network.

The packages' files are read, the packages themselves are not imported: seeding takes a second or two.
"""

import csv
import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from tradewind.settings import Settings
from tradewind.store import access
from tradewind.store.batch import Action, Batch
from tradewind.store.locks import commit_lock
from tradewind.store.repository import Store
from tradewind.store.roots import from_settings
from tradewind.store.spec import ActionKind, Basis, DatasetSpec
from tradewind.store.writing import write
from tradewind.vocabulary import Frequency

OHLCV = ("open", "high", "low", "close", "volume")
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Sample:
    """A sample dataset: what it says of itself, and how to read it."""

    spec: DatasetSpec
    read: Callable[[], Batch]


def _rows(package: str, file: str) -> Rows:
    path = Path(str(distribution(package).locate_file(file)))
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def _days(texts: list[str]) -> np.ndarray:
    """Parse ISO or US dates."""
    if "/" in texts[0]:
        parts = (t.split("/") for t in texts)
        texts = [f"{y}-{int(m):02}-{int(d):02}" for m, d, y in parts]
    return np.array(texts, dtype="M8[D]").astype("M8[ns]")


def _number(text: str) -> float:
    return float(text) if text not in ("", ".") else float("nan")  # FRED writes a dot for a holiday


def _merge(
    series: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]], actions: tuple[Action, ...] = ()
) -> Batch:
    """Put several symbols' columns on one time axis."""
    symbols = tuple(sorted(series))
    times = np.unique(np.concatenate([series[s][0] for s in symbols]))
    names = [f for f in OHLCV if any(f in series[s][1] for s in symbols)]
    values = {f: np.full((len(symbols), len(times)), np.nan) for f in names}
    for row, symbol in enumerate(symbols):
        own, columns = series[symbol]
        place = np.searchsorted(times, own)
        for field, column in columns.items():
            values[field][row, place] = column
    return Batch(symbols=symbols, times=times, values=values, actions=actions)


def _columns(rows: Rows) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    times = _days([r["Date"] for r in rows])
    return times, {f: np.array([_number(r[f.title()]) for r in rows]) for f in OHLCV}


def _bokeh_stocks() -> Batch:
    """Raw OHLCV; splits and dividends follow from the source's own adjusted closes."""
    by_symbol: dict[str, Rows] = {}
    for row in _rows("bokeh_sampledata", "bokeh_sampledata/_data/stocks.csv.gz"):
        by_symbol.setdefault(row["Ticker"], []).append(row)
    actions: list[Action] = []
    for symbol, rows in by_symbol.items():
        times, columns = _columns(rows)
        adjusted = np.array([float(r["Adj Close"]) for r in rows])
        actions.extend(actions_from_adjusted(symbol, times, columns["close"], adjusted))
    return _merge({s: _columns(r) for s, r in by_symbol.items()}, tuple(actions))


def actions_from_adjusted(
    symbol: str, times: np.ndarray, close: np.ndarray, adjusted: np.ndarray
) -> list[Action]:
    """Recover splits and dividends from raw and adjusted closes in the WIKI convention.

    There the adjustment ratio steps by ``split`` or by ``(close + dividend) / close`` on the ex-date, so a
    dividend is ``(step - 1) * close``. A step by a whole number of at least 2 is a split.

    Parameters
    ----------
    symbol
        Whose.
    times
        Session dates (n).
    close, adjusted
        Raw and adjusted closes (n).
    """
    found: list[Action] = []
    step = (adjusted[1:] / close[1:]) / (adjusted[:-1] / close[:-1])
    for at in np.flatnonzero(np.abs(step - 1) > 2e-4) + 1:
        ratio = float(step[at - 1])
        whole = round(ratio)
        split = whole >= 2 and abs(ratio - whole) < 1e-3
        found.append(
            Action(
                symbol=symbol,
                kind=ActionKind.SPLIT if split else ActionKind.DIVIDEND,
                ex_date=times[at].astype("M8[D]"),
                value=float(whole) if split else round((ratio - 1) * float(close[at]), 4),
            )
        )
    return found


def _closes(package: str, file: str, rename: dict[str, str] | None = None) -> Batch:
    rows = _rows(package, file)
    times = _days([r["Date"] for r in rows])
    symbols = [c for c in rows[0] if c != "Date"]
    return _merge(
        {
            (rename or {}).get(s, s): (times, {"close": np.array([_number(r[s]) for r in rows])})
            for s in symbols
        }
    )


def _indices() -> Batch:
    series = {s.upper(): _columns(_rows("arch", f"arch/data/{s}/{s}.csv.gz")) for s in ("sp500", "nasdaq")}
    rows = _rows("arch", "arch/data/vix/vix.csv.gz")
    closes = np.array([_number(r["vix"]) for r in rows])
    return _merge({**series, "VIX": (_days([r["Date"] for r in rows]), {"close": closes})})


def _daily(name: str, **facts: object) -> DatasetSpec:
    return DatasetSpec(name=name, frequency=Frequency.DAY, calendar="XNYS", **facts)  # type: ignore[arg-type]


_YAHOO = "skfolio package, from Yahoo's public API"
SAMPLES = (
    Sample(
        _daily(
            "us-large-caps",
            description="Five large US stocks, daily, 2000 to 2013",
            basis=Basis.RAW,
            actions=(ActionKind.SPLIT, ActionKind.DIVIDEND),
            currency="USD",
            source="bokeh_sampledata package, from Quandl WIKI",
            licence="public domain",
            adjustments="raw; splits and dividends recorded, derived from the source's adjusted closes",
        ),
        _bokeh_stocks,
    ),
    Sample(
        _daily(
            "us-20",
            description="Twenty US stocks, daily adjusted closes, 1990 to 2022",
            basis=Basis.TOTAL,
            currency="USD",
            source=_YAHOO,
            licence="BSD-3-Clause",
            adjustments="by the source, for splits and dividends; raw prices are not available",
        ),
        lambda: _closes("skfolio", "skfolio/datasets/data/sp500_dataset.csv.gz"),
    ),
    Sample(
        _daily(
            "sp500-index",
            description="S&P 500 index, daily closes, 1990 to 2022",
            basis=Basis.LEVEL,
            currency="USD",
            source=_YAHOO,
            licence="BSD-3-Clause",
            adjustments="none needed: a price index",
        ),
        lambda: _closes("skfolio", "skfolio/datasets/data/sp500_index.csv.gz"),
    ),
    Sample(
        _daily(
            "us-factors",
            description="Five US factor ETFs, daily adjusted closes, 2014 to 2022",
            basis=Basis.TOTAL,
            currency="USD",
            source=_YAHOO,
            licence="BSD-3-Clause",
            adjustments="by the source, for splits and dividends; raw prices are not available",
        ),
        lambda: _closes("skfolio", "skfolio/datasets/data/factors_dataset.csv.gz"),
    ),
    Sample(
        _daily(
            "indices",
            description="S&P 500 and NASDAQ Composite daily OHLCV 1999 to 2018, VIX closes 2014 to 2019",
            basis=Basis.LEVEL,
            source="arch package, from Yahoo and FRED",
            licence="NCSA",
            adjustments="none needed: indices",
        ),
        _indices,
    ),
)


def seed(settings: Settings, *, progress: Callable[[str], None] | None = None) -> list[str]:
    """Put the sample datasets into the shared store where they are missing.

    On disk each one is made aside and renamed into place, so that nobody ever sees half of one. One that
    exists already, changed by hand or not, is left alone.

    Parameters
    ----------
    settings
        Of this installation.
    progress
        Called with the name of each dataset before it is made.

    Returns
    -------
    list of str
        The names of the datasets that were made.
    """
    store = Store(from_settings(settings))
    held = set(store.datasets())
    made = []
    for sample in SAMPLES:
        name = sample.spec.name
        if name in held:
            continue
        if progress:
            progress(name)
        _make(store, sample)
        access.set_grants(settings, name, readers=[access.EVERYONE])
        made.append(name)
    return made


def _make(store: Store, sample: Sample) -> None:
    message, author = f"Sample data: {sample.spec.source}", "tradewind"
    if store.root.scheme != "file":
        write(store, sample.spec, sample.read(), message=message, author=author)
        return
    root = store.root.folder
    aside = root / f".making-{sample.spec.name}-{os.getpid()}"
    try:
        write(Store(f"file://{aside}"), sample.spec, sample.read(), message=message, author=author)
        with commit_lock(store.root, sample.spec.name):
            target = root / sample.spec.name
            if not target.exists():
                (aside / sample.spec.name).rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
