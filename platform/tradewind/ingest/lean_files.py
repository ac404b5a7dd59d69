"""The files of LEAN's data folder: zipped CSV bars, map files (ticker changes), factor files (actions)."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from tradewind.calendars import next_sessions
from tradewind.errors import InvalidInputError, SymbolNotFoundError, did_you_mean
from tradewind.store.batch import Action
from tradewind.store.reference import ALWAYS, Instrument, TickerSpan
from tradewind.store.spec import ActionKind, Basis
from tradewind.vocabulary import Frequency

LAST = "20501231"
OHLCV = ("open", "high", "low", "close", "volume")
QUOTE = ("bo", "bh", "bl", "bid", "bs", "ao", "ah", "al", "ask", "as")


class Resolution(StrEnum):
    """LEAN's folder names of bar lengths."""

    DAILY = "daily"
    HOUR = "hour"
    MINUTE = "minute"

    @property
    def frequency(self) -> Frequency:
        """Our word for it."""
        return {Resolution.DAILY: Frequency.DAY, Resolution.HOUR: Frequency.HOUR}.get(self, Frequency.MINUTE)


@dataclass(frozen=True, kw_only=True)
class Market:
    """How one of LEAN's markets is stored."""

    folder: str
    scale: float
    zone: str
    calendar: str
    basis: Basis
    currency: str = ""


MARKETS = {
    "usa": Market(folder="equity/usa", scale=10_000, zone="America/New_York", calendar="XNYS",
                  basis=Basis.RAW, currency="USD"),
    "coinbase": Market(folder="crypto/coinbase", scale=1, zone="UTC", calendar="24/7", basis=Basis.LEVEL),
    "binance": Market(folder="cryptofuture/binance", scale=1, zone="UTC", calendar="24/7", basis=Basis.LEVEL),
    "oanda": Market(folder="forex/oanda", scale=1, zone="UTC", calendar="24/7", basis=Basis.LEVEL),
}  # fmt: skip


class LeanReader:
    """Reads one market at one resolution."""

    def __init__(self, base: Path, market: Market, resolution: Resolution) -> None:
        self._base = base
        self._market = market
        self._resolution = resolution
        maps = base / "map_files"
        self._maps = {p.stem: _map_rows(p) for p in sorted(maps.glob("*.csv"))} if maps.is_dir() else {}

    def choose(self, symbols: Iterable[str] | None) -> list[str]:
        """Return the instruments to read: map files, and data files that no map file speaks of."""
        tickers = {row[1] for rows in self._maps.values() for row in rows}
        known = [*self._maps, *(t for t in self._tickers() if t not in tickers)]
        if symbols is None:
            return [k for k in known if self._has_data(k)]
        wanted = [s.lower() for s in symbols]
        for name in wanted:
            if name not in known:
                raise SymbolNotFoundError(f"The LEAN folder has no {name!r}.", did_you_mean(name, known))
        return wanted

    def _tickers(self) -> list[str]:
        folder = self._base / self._resolution
        names = {p.stem.removesuffix("_trade") for p in folder.iterdir() if not p.stem.endswith("_quote")}
        return sorted(names)

    def _has_data(self, name: str) -> bool:
        held = self._tickers()
        return any(ticker in held for _, _, ticker in self._spans(name))

    def _spans(self, name: str) -> list[tuple[str, str, str]]:
        """Return (first date, last date, ticker) of an instrument, as ISO dates."""
        rows = self._maps.get(name)
        if not rows:
            return [("0001-01-01", ALWAYS, name)]
        spans: list[tuple[str, str, str]] = []
        start = _iso(rows[0][0])
        for date, ticker in rows[1:]:
            end = ALWAYS if date >= LAST else _iso(date)
            if end >= start:
                spans.append((start, end, ticker))
                start = _next_day(end) if end != ALWAYS else end
        return spans

    def id(self, name: str) -> str:
        """Return the stable id: the first ticker at its first date."""
        rows = self._maps.get(name)
        return f"{rows[0][1].upper()}@{_iso(rows[0][0])}" if rows else name.upper()

    def instruments(self, names: list[str]) -> tuple[Instrument, ...]:
        """Return reference data from the map files."""
        found = []
        for name in names:
            if name not in self._maps:
                continue
            spans = self._spans(name)
            found.append(
                Instrument(
                    id=self.id(name),
                    tickers=tuple(TickerSpan(ticker=t.upper(), start=s, end=e) for s, e, t in _joined(spans)),
                    currency=self._market.currency,
                    listed=spans[0][0],
                    delisted="" if spans[-1][1] == ALWAYS else spans[-1][1],
                )
            )
        return tuple(found)

    def bars(self, name: str) -> pl.DataFrame:
        """Read an instrument's bars, each ticker's file for the dates it had that ticker."""
        parts = []
        for first, last, ticker in self._spans(name):
            table = self._ticker_bars(ticker)
            if table.height:
                days = table["time"].dt.date()
                keep = (days >= pl.lit(first).str.to_date()) & (days <= pl.lit(last).str.to_date())
                parts.append(table.filter(keep))
        if not parts:
            return pl.DataFrame()
        return pl.concat(parts).with_columns(pl.lit(self.id(name)).alias("symbol"))

    def _ticker_bars(self, ticker: str) -> pl.DataFrame:
        folder = self._base / self._resolution
        if self._resolution is Resolution.MINUTE:
            files = sorted((folder / ticker).glob("*_trade.zip"))
            parts = [self._minutes(p) for p in files]
            return pl.concat(parts) if parts else pl.DataFrame()
        for name in (f"{ticker}.zip", f"{ticker}_trade.zip"):
            if (folder / name).is_file():
                table = self._table(folder / name)
                return table.with_columns(pl.col("time").str.to_datetime("%Y%m%d %H:%M", time_unit="ns"))
        return pl.DataFrame()

    def _minutes(self, path: Path) -> pl.DataFrame:
        day = pl.lit(path.name[:8]).str.to_date("%Y%m%d").cast(pl.Datetime("ns"))
        table = self._table(path)
        return table.with_columns(
            (day + pl.duration(milliseconds=pl.col("time").cast(pl.Int64))).alias("time")
        )

    def _table(self, path: Path) -> pl.DataFrame:
        table = pl.read_csv(_unzipped(path), has_header=False, infer_schema=False)
        numbers = [pl.col(c).cast(pl.Float64) for c in table.columns[1:]]
        table = table.select(pl.col(table.columns[0]).alias("time"), *numbers)
        scale = self._market.scale
        if table.width == len(OHLCV) + 1:
            table.columns = ["time", *OHLCV]
            return table.with_columns([_divided(table[c], scale) for c in OHLCV[:-1]])
        if table.width == len(QUOTE) + 1:
            table.columns = ["time", *QUOTE]
            mid = {f: (pl.col(b) + pl.col(a)) / 2
                   for f, b, a in zip(OHLCV[:-1], QUOTE[:4], QUOTE[5:9], strict=True)}  # fmt: skip
            quotes = table.select("time", **mid, bid=pl.col("bid"), ask=pl.col("ask"))
            return quotes.with_columns([_divided(quotes[c], scale) for c in quotes.columns[1:]])
        raise InvalidInputError(f"{path} has {table.width} columns; LEAN bars have 6, quotes 11.")

    def actions(self, names: list[str]) -> tuple[Action, ...]:
        """Return splits and dividends from the factor files."""
        found: list[Action] = []
        for name in names:
            path = self._base / "factor_files" / f"{name}.csv"
            if path.is_file():
                found.extend(factor_actions(self.id(name), path.read_text()))
        days = next_sessions(self._market.calendar, np.array([a.ex_date for a in found], dtype="M8[D]"))
        return tuple(replace(a, ex_date=d) for a, d in zip(found, days, strict=True))


def factor_actions(symbol: str, text: str) -> list[Action]:
    """Turn a factor file into splits and dividends.

    A row's factors hold up to and including its date; the change to the next row happens on the day after it
    (the caller moves it to a session). The split ratio is the next split factor over this one; the dividend
    is the reference price times one minus this price factor over the next one.

    Parameters
    ----------
    symbol
        Whose.
    text
        The file: ``date,price_factor,split_factor,reference_price``.
    """
    rows = [line.split(",") for line in text.split() if line.count(",") >= 2]
    found = []
    for this, following in pairwise(rows):
        day = np.datetime64(_iso(this[0])) + np.timedelta64(1, "D")
        price, split, price_after, split_after = map(float, (this[1], this[2], following[1], following[2]))
        if split != split_after:
            found.append(
                Action(symbol=symbol, kind=ActionKind.SPLIT, ex_date=day, value=_tidy(split_after / split))
            )
        reference = float(this[3]) if len(this) > 3 else 0.0
        if price != price_after and reference:
            cash = reference * (1 - price / price_after)
            found.append(Action(symbol=symbol, kind=ActionKind.DIVIDEND, ex_date=day, value=round(cash, 6)))
    return found


def _divided(column: pl.Series, scale: float) -> pl.Series:
    """Divide exactly: polars multiplies by the reciprocal, which is off in the last digit."""
    return pl.Series(column.name, column.to_numpy() / scale)


def _tidy(ratio: float) -> float:
    """Undo the rounding of factors to seven digits where a small whole number is meant."""
    whole = round(ratio)
    return float(whole) if whole and abs(ratio - whole) < 1e-4 * whole else ratio


def _map_rows(path: Path) -> list[tuple[str, str]]:
    rows = [line.split(",") for line in path.read_text().split() if "," in line]
    return [(r[0], r[1].lower()) for r in rows]


def _joined(spans: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Join neighbouring spans of one ticker."""
    result: list[tuple[str, str, str]] = []
    for start, end, ticker in spans:
        if result and result[-1][2] == ticker:
            result[-1] = (result[-1][0], end, ticker)
        else:
            result.append((start, end, ticker))
    return result


def _iso(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}"


def _next_day(day: str) -> str:
    return str(np.datetime64(day) + np.timedelta64(1, "D"))


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0])
    except (zipfile.BadZipFile, IndexError, OSError) as problem:
        raise InvalidInputError(f"{path} is no readable LEAN zip: {problem}") from problem
