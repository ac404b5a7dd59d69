"""Crypto exchanges through ccxt: Binance, Coinbase, Kraken, OKX.

Each page is checked by itself, and nothing is believed for being absent: an empty page, and a gap between
two pages, is asked for once more before it counts as an hour without trades.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from tradewind.ingest.sources.base import NEVER_LIVE, Facts, Options, Series, Wanted
from tradewind.ingest.sources.extras import need
from tradewind.ingest.sources.failures import (
    NotServedError,
    RateLimitedError,
    SourceChangedError,
    SourceDownError,
)
from tradewind.ingest.sources.patience import Patience
from tradewind.store.spec import Basis
from tradewind.vocabulary import Frequency

_STEPS = {Frequency.MINUTE: ("1m", 60), Frequency.HOUR: ("1h", 3_600), Frequency.DAY: ("1d", 86_400)}
_NAMES = ("open", "high", "low", "close", "volume")
CONFIRMED_GAPS = 50
"""Gaps asked for again in one fetch; a history with more of them is no history."""


@dataclass(frozen=True, kw_only=True)
class _Vendor:
    """One exchange: its name, bars in one answer, and how far back it goes (0 for all)."""

    title: str
    page: int
    depth: int = 0


_VENDORS = {
    "binance": _Vendor(title="Binance spot", page=1_000),
    "coinbase": _Vendor(title="Coinbase Advanced", page=300),
    "kraken": _Vendor(title="Kraken spot", page=720, depth=720),
    "okx": _Vendor(title="OKX spot", page=300),
}


class Exchange:
    """One exchange.

    Parameters
    ----------
    name
        Its name in ccxt.
    options
        How it is reached.
    """

    def __init__(self, name: str, options: Options) -> None:
        ccxt = need("ccxt", "ccxt")
        self._errors = ccxt
        self._vendor = _VENDORS[name]
        settings: dict[str, Any] = {
            "timeout": int(options.timeout * 1000),
            "enableRateLimit": True,
        }
        if name in ("binance", "okx"):
            settings["options"] = {"fetchMarkets": {"types": ["spot"]}}
        self._exchange = getattr(ccxt, name)(settings)
        self._exchange.has["fetchCurrencies"] = False  # prices need none, and some ask for keys
        self._exchange.parse_ohlcvs = self._parsed
        if options.relay:
            self._exchange.proxyUrl = options.relay
        self.facts = Facts(
            name=name,
            title=f"{self._vendor.title} through ccxt",
            basis=Basis.LEVEL,
            calendar="24/7",
            frequencies=tuple(_STEPS),
            licence=f"terms of {self._vendor.title}",
            delay=timedelta(seconds=10),
            first="2017-01-01",
            tried=NEVER_LIVE,
        )

    def fetch(self, wanted: Wanted, patience: Patience) -> Series:
        """Return the bars of one pair, such as ``BTC/USDT``."""
        step = _STEPS[wanted.frequency][1]
        shift = step if wanted.frequency.intraday else 0  # they stamp the start of a bar, we its end
        first, last = (int(t.astype("M8[s]").astype(np.int64)) - shift for t in (wanted.start, wanted.end))
        self._check(wanted, first, step, patience)
        rows: dict[int, list[float]] = {}
        self._pages(wanted, patience, rows, first, last)
        self._confirm(wanted, patience, rows, last)
        starts = np.array(sorted(rows), dtype=np.int64)
        table = np.array([rows[s] for s in starts.tolist()], dtype=np.float64).reshape(-1, len(_NAMES))
        times = (starts + shift).astype("M8[s]").astype("M8[ns]")
        return Series(times=times, values={n: table[:, i].copy() for i, n in enumerate(_NAMES)})

    def _check(self, wanted: Wanted, first: int, step: int, patience: Patience) -> None:
        markets: Any = patience(lambda: self._asked(self._exchange.load_markets))
        if wanted.symbol not in markets:
            raise NotServedError(
                f"{self.facts.title} has no pair {wanted.symbol!r}.", "Write it as BTC/USDT."
            )
        reach = self._vendor.depth * step
        oldest = int(self._exchange.milliseconds() / 1000) - reach
        if reach and first < oldest - oldest % step:
            since = np.datetime64(oldest, "s")
            raise NotServedError(
                f"{self.facts.title} serves the last {self._vendor.depth} bars only, from {since}Z on."
            )

    def _pages(
        self, wanted: Wanted, patience: Patience, rows: dict[int, list[float]], first: int, last: int
    ) -> None:
        """Ask page by page; the next one begins after the last bar that came, whatever was promised."""
        step = _STEPS[wanted.frequency][1]
        since = first
        while since <= last:
            page = self._page(wanted, patience, since)
            if since not in page:  # empty, an old page again, or one from further on: or indeed no trades
                page |= self._page(wanted, patience, since)
            new = {t: row for t, row in page.items() if since <= t <= last}
            rows.update(new)
            since = max(new) + step if new else since + self._vendor.page * step

    def _confirm(self, wanted: Wanted, patience: Patience, rows: dict[int, list[float]], last: int) -> None:
        """Ask once more for what lies between two bars that do not follow each other."""
        step = _STEPS[wanted.frequency][1]
        starts = np.array(sorted(rows), dtype=np.int64)
        gaps = np.flatnonzero(np.diff(starts) > step)
        if len(gaps) > max(CONFIRMED_GAPS, len(starts) // 100):
            return  # an illiquid pair: the quality gate tells its gaps
        for at in gaps.tolist():
            after, before = int(starts[at]), int(starts[at + 1])
            page = self._page(wanted, patience, after + step)
            rows.update({t: row for t, row in page.items() if after < t < before and t <= last})

    def _page(self, wanted: Wanted, patience: Patience, since: int) -> dict[int, list[float]]:
        name, step = _STEPS[wanted.frequency]

        def ask() -> list[Any]:
            found: list[Any] = self._exchange.fetch_ohlcv(
                wanted.symbol, name, since=since * 1000, limit=self._vendor.page
            )
            return found

        found = patience(lambda: self._asked(ask))
        page: dict[int, list[float]] = {}
        for row in found:
            if len(row) < 6 or any(not isinstance(v, int | float) for v in row[:6]):
                raise SourceChangedError(f"{self.facts.title} sent a candle without numbers: {row!r}.")
            start, rest = divmod(int(row[0]), 1000)
            values = [float(v) for v in row[1:6]]
            if rest or start % step:
                raise SourceChangedError(f"{self.facts.title} sent a candle that begins at {row[0]} ms.")
            if page.get(start, values) != values:
                raise SourceChangedError(f"{self.facts.title} sent two different candles for {row[0]} ms.")
            page[start] = values
        return page

    def _parsed(self, candles: Any, market: Any = None, *_: Any) -> list[Any]:
        """Parse a page's candles, all of them: ccxt leaves out what it cannot read."""
        if not isinstance(candles, list):
            raise SourceChangedError(f"{self.facts.title} sent a {type(candles).__name__} for candles.")
        return [self._exchange.parse_ohlcv(candle, market) for candle in candles]

    def _asked[T](self, ask: Callable[[], T]) -> T:
        """Make one request, and put ccxt's errors into our words."""
        errors, title = self._errors, self.facts.title
        try:
            return ask()
        except SourceChangedError:
            raise
        except (errors.BaseError, KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
            answer = _answer(problem)
            status = 0 if answer is None else int(answer.status_code)
            short = f"{type(problem).__name__} {str(problem)[:160]}"
            if status == 429 or isinstance(problem, errors.DDoSProtection):  # ccxt does not know all by name
                wait = "" if answer is None else answer.headers.get("Retry-After", "")
                seconds = float(wait) if wait.isdigit() else 0.0
                raise RateLimitedError(f"{title} asks to slow down.", seconds) from problem
            if status >= 500 or isinstance(problem, errors.NetworkError):
                raise SourceDownError(f"{title} does not answer: {short}.") from problem
            if isinstance(problem, errors.BadSymbol | errors.BadRequest | errors.NotSupported):
                raise NotServedError(f"{title}: {short}") from problem
            raise SourceChangedError(f"{title} answered something else: {short}") from problem


def _answer(problem: BaseException | None) -> Any:
    """Return the HTTP answer behind an error of ccxt, or None."""
    while problem is not None:
        if (answer := getattr(problem, "response", None)) is not None:
            return answer
        problem = problem.__cause__ or problem.__context__
    return None
