"""Yahoo Finance through yfinance: daily bars, splits and dividends.

Yahoo's prices, volumes and dividends are adjusted for all splits up to today; the store keeps them as traded.
So every answer reaches to today, whatever end is wanted: the later splits must be known to undo them.
"""

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

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
from tradewind.store.batch import Action
from tradewind.store.spec import ActionKind, Basis
from tradewind.vocabulary import Frequency

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume"}


_FACTS = ("firstTradeDate", "regularMarketTime", "exchangeTimezoneName")


class Yahoo:
    """Yahoo Finance.

    Parameters
    ----------
    options
        How it is reached.
    """

    def __init__(self, options: Options) -> None:
        self._yf = need("yfinance", "yfinance")
        self._options = options
        self._yf.config.debug.hide_exceptions = False  # what it cannot parse must not pass as "no data"
        self._session = self._watched()
        self._wait = ""
        self._status = 0
        self.facts = Facts(
            name="yfinance",
            title="Yahoo Finance through yfinance",
            basis=Basis.RAW,
            calendar="XNYS",
            frequencies=(Frequency.DAY,),
            licence="Yahoo's terms: personal use, no redistribution",
            actions=(ActionKind.SPLIT, ActionKind.DIVIDEND),
            delay=timedelta(minutes=30),
            first="1962-01-02",
            tried=NEVER_LIVE,
        )

    def _watched(self) -> Any:
        """Return yfinance's session with what its errors leave out: status and ``Retry-After``."""
        from yfinance._http import new_session

        session = new_session()
        plain = session.request

        def request(method: str, url: str, **options: Any) -> Any:
            answer = plain(method, self._options.relay + url, **options)
            self._status = answer.status_code
            self._wait = answer.headers.get("Retry-After") or ""
            return answer

        session.request = request
        return session

    def fetch(self, wanted: Wanted, patience: Patience) -> Series:
        """Return the bars of one ticker, as traded, with its splits and dividends."""
        frame, meta = patience(lambda: self._asked(wanted))
        missing = [c for c in (*_COLUMNS, "Dividends", "Stock Splits") if c not in frame.columns]
        if missing:
            raise SourceChangedError(f"Yahoo's answer for {wanted.symbol!r} lacks {', '.join(missing)}.")
        frame = frame[frame["Close"].notna()]
        index: Any = frame.index
        days = index.tz_localize(None).to_numpy().astype("M8[D]")
        splits = frame["Stock Splits"].to_numpy(dtype=np.float64)
        later = _later_splits(splits)
        values = {ours: frame[theirs].to_numpy(dtype=np.float64) for theirs, ours in _COLUMNS.items()}
        if not all(np.isfinite(v).all() for v in values.values()):
            raise SourceChangedError(f"Yahoo's answer for {wanted.symbol!r} has bars with empty fields.")
        raw = {n: v / later if n == "volume" else v * later for n, v in values.items()}
        series = Series(
            times=days.astype("M8[ns]"),
            values=raw,
            actions=_actions(wanted.symbol, days, splits, frame["Dividends"].to_numpy() * later),
            listed=_date(meta.get("firstTradeDate"), meta),
            ends=_date(meta.get("regularMarketTime"), meta),
        )
        return series.between(wanted.start, wanted.end)

    def _asked(self, wanted: Wanted) -> tuple["pd.DataFrame", dict[str, Any]]:
        """Ask once, and put every failure into our words."""
        from yfinance import exceptions
        from yfinance.data import YfData

        start = str(wanted.start.astype("M8[D]"))
        YfData.cache_get.cache_clear()  # it remembers failures as well
        self._status, self._wait = 0, ""
        try:
            ticker = self._yf.Ticker(wanted.symbol, session=self._session)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # yfinance's own use of pandas
                frame = ticker.history(
                    start=start, interval="1d", auto_adjust=False, actions=True, timeout=self._options.timeout
                )
            known = ticker.get_history_metadata()
            return frame, {name: known.get(name) for name in _FACTS}
        except exceptions.YFRateLimitError as problem:
            wait = float(self._wait) if self._wait.isdigit() else 0.0
            raise RateLimitedError("Yahoo asks to slow down.", wait) from problem
        except Exception as problem:
            raise self._told(wanted, problem, exceptions) from problem

    def _told(self, wanted: Wanted, problem: Exception, exceptions: Any) -> Exception:
        said = f"{type(problem).__name__}: {str(problem)[:160]}"
        if self._status >= 500 or self._status == 0 or _is_network(problem):
            return SourceDownError(f"Yahoo does not answer for {wanted.symbol!r}: {said}.")
        if isinstance(problem, exceptions.YFTickerMissingError) or self._status == 404:
            return NotServedError(f"Yahoo has nothing for {wanted.symbol!r}: {said}.")
        return SourceChangedError(f"Yahoo answered something else for {wanted.symbol!r}: {said}.")


def _is_network(problem: Exception) -> bool:
    names = {c.__name__ for c in type(problem).__mro__}
    return bool(names & {"Timeout", "ConnectionError", "OSError", "RequestException"}) and not (
        names & {"JSONDecodeError", "InvalidJSONError"}
    )


def _later_splits(splits: np.ndarray) -> np.ndarray:
    """Return for each bar the product of all splits after it."""
    after = np.cumprod(np.where(splits > 0, splits, 1.0)[::-1])[::-1]
    shifted: np.ndarray = np.append(after[1:], 1.0)
    return shifted


def _actions(symbol: str, days: np.ndarray, splits: np.ndarray, dividends: np.ndarray) -> tuple[Action, ...]:
    found = []
    for kind, values in ((ActionKind.SPLIT, splits), (ActionKind.DIVIDEND, dividends)):
        for at in np.flatnonzero(values > 0).tolist():
            found.append(Action(symbol=symbol, kind=kind, ex_date=days[at], value=float(values[at])))
    return tuple(found)


def _date(value: Any, meta: dict[str, Any]) -> np.datetime64 | None:
    """Return the exchange's date of a second since 1970; yfinance makes timestamps of some of them."""
    import pandas as pd

    if value is None:
        return None
    stamp = pd.Timestamp(value, unit="s", tz="UTC") if isinstance(value, int | float) else pd.Timestamp(value)
    if stamp.tz is not None:
        stamp = stamp.tz_convert(meta.get("exchangeTimezoneName") or "UTC")
    day: np.datetime64 = np.datetime64(stamp.date(), "D").astype("M8[ns]")
    return day
