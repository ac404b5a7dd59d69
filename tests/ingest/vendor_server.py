# ruff: noqa: E501
"""A server on loopback that speaks the documented formats of Yahoo, Binance, Coinbase, Kraken and OKX.

The adapters reach it through their ``relay`` option: the vendor's whole address stands in the path. It can be
told to misbehave as vendors do.
"""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np

SECONDS = {"1m": 60, "1h": 3600, "1d": 86400, "1Dutc": 86400, "1H": 3600, "ONE_DAY": 86400, "ONE_HOUR": 3600,
           "ONE_MINUTE": 60, "1": 60, "60": 3600, "1440": 86400}  # fmt: skip


def price(start: int) -> float:
    """A price for a time; any two calls agree."""
    day = start / 86400
    return round(100 + 20 * np.sin(day / 40) + 5 * np.sin(day / 3) + (start // 3600 % 24) * 0.01, 2)


def candle(start: int) -> tuple[float, float, float, float, float]:
    """Open, high, low, close, volume."""
    first, last = price(start), price(start + 1800)
    return first, max(first, last) + 0.5, min(first, last) - 0.5, last, float(1000 + start // 60 % 977)


@dataclass
class Yahoo:
    """One listed share: its sessions, splits (ratio by date) and dividends, all as traded."""

    sessions: list[np.datetime64]
    splits: dict[str, float] = field(default_factory=dict)
    dividends: dict[str, float] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)

    def close(self, day: str) -> float:
        """The close as it was traded."""
        later = np.prod([r for d, r in self.splits.items() if d > day] or [1.0])
        return self.closes.get(day, price(int(np.datetime64(day, "s").astype(int))) * float(later))


class VendorServer:
    """Start it with ``with``; ``url`` is the adapters' relay."""

    def __init__(self) -> None:
        self.shares: dict[str, Yahoo] = {}
        self.listed = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
        self.trouble: list[str] = []
        """What the next price requests suffer from, one each: '429', 'timeout', 'schema', 'partial',
        'duplicate', 'empty', '500', 'garbage'."""
        self.always = ""
        self.retry_after = "1"
        self.requests: Counter[str] = Counter()
        self.log: list[str] = []
        self._last_page: Any = None

    def __enter__(self) -> "VendorServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        where = urlsplit(unquote(request.path[1:]))
        query = dict(parse_qsl(where.query))
        self.requests[where.netloc] += 1
        self.log.append(unquote(request.path[1:]))
        status, headers, body = 200, {}, self._routes(where.netloc, where.path, query)
        if isinstance(body, _Priced):
            status, headers, body = self._suffer(body)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is None:
            status, raw = 404, b'{"error": "no such place"}'
        try:
            request.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(raw)))
            request.end_headers()
            request.wfile.write(raw)
        except OSError:
            pass  # the client has given up, as it should after a timeout

    def _suffer(self, body: "_Priced") -> tuple[int, dict[str, str], Any]:
        trouble = self.trouble.pop(0) if self.trouble else self.always
        match trouble:
            case "429":
                return 429, {"Retry-After": self.retry_after}, {"msg": "Too many requests", "code": -1003}
            case "500":
                return 503, {}, {"msg": "down"}
            case "timeout":
                time.sleep(0.7)
            case "garbage":
                return 200, {}, b"<html>Will be back</html>"
            case "schema":
                return 200, {}, body.make(body.rows, changed=True)
            case "partial":
                return 200, {}, body.make([r for i, r in enumerate(body.rows) if not len(body.rows) // 3 < i])
            case "hole":
                n = len(body.rows)
                return 200, {}, body.make([r for i, r in enumerate(body.rows) if not n // 3 < i < n // 2])
            case "empty":
                return 200, {}, body.make([])
            case "duplicate" if self._last_page is not None:
                return 200, {}, self._last_page
        self._last_page = body.make(body.rows)
        return 200, {}, self._last_page

    # ---- the vendors' formats ----

    def _routes(self, host: str, path: str, query: dict[str, str]) -> Any:
        match host, path:
            case "fc.yahoo.com", _:
                return {}
            case _, "/v1/test/getcrumb":
                return b"crumb"
            case _, _ if path.startswith("/v8/finance/chart/"):
                return self._chart(path.rsplit("/", 1)[1], query)
            case "api.binance.com", "/api/v3/exchangeInfo":
                return {"symbols": [_BINANCE]}
            case "api.binance.com", "/api/v3/klines":
                return self._klines(query)
            case "api.coinbase.com", "/api/v3/brokerage/market/products":
                return {"products": [] if "product_type" in query else [_COINBASE]}
            case "api.coinbase.com", "/api/v3/brokerage/market/products/BTC-USDT/candles":
                return self._coinbase(query)
            case "api.kraken.com", "/0/public/AssetPairs":
                return {"error": [], "result": {"XBTUSDT": _KRAKEN}}
            case "api.kraken.com", "/0/public/OHLC":
                return self._kraken(query)
            case _, "/api/v5/public/instruments":
                return {"code": "0", "msg": "", "data": [_OKX] if query["instType"] == "SPOT" else []}
            case _, "/api/v5/market/candles" | "/api/v5/market/history-candles":
                return self._okx(query)
        return None

    def _starts(self, first: int, stop: int, step: int) -> list[int]:
        now = int(time.time())
        begin = max(first, self.listed)
        return list(range(begin + -begin % step, min(stop, now), step))

    def _klines(self, query: dict[str, str]) -> "_Priced":
        step, limit = SECONDS[query["interval"]], int(query["limit"])
        first = -(-int(query["startTime"]) // 1000)
        starts = self._starts(first, 1 << 40, step)[:limit]

        def make(rows: list[int], changed: bool = False) -> Any:
            if changed:
                return {"klines": [[s * 1000, *map(str, candle(s))] for s in rows]}
            return [[s * 1000, *map(str, candle(s)), s * 1000 + step * 1000 - 1, "1", 10, "1", "1", "0"]
                    for s in rows]  # fmt: skip

        return _Priced(starts, make)

    def _coinbase(self, query: dict[str, str]) -> "_Priced":
        step = SECONDS[query["granularity"]]
        starts = self._starts(int(query["start"]), int(query["end"]), step)[:300]

        def make(rows: list[int], changed: bool = False) -> Any:
            names = ("open", "high", "low", "last" if changed else "close", "volume")
            return {"candles": [
                {"start": str(s), **dict(zip(names, map(str, candle(s)), strict=True))} for s in reversed(rows)
            ]}  # fmt: skip

        return _Priced(starts, make)

    def _kraken(self, query: dict[str, str]) -> "_Priced":
        step = SECONDS[query["interval"]]
        starts = self._starts(int(query["since"]) + 1, 1 << 40, step)[-720:]

        def make(rows: list[int], changed: bool = False) -> Any:
            table = []
            for s in rows:
                o, h, low, c, v = map(str, candle(s))
                table.append([str(s), o] if changed else [s, o, h, low, c, c, v, 5])
            return {"error": [], "result": {"XBTUSDT": table, "last": rows[-1] if rows else 0}}

        return _Priced(starts, make)

    def _okx(self, query: dict[str, str]) -> "_Priced":
        step = SECONDS[query["bar"]]
        first, stop = int(query["before"]) // 1000 + 1, -(-int(query["after"]) // 1000)
        starts = self._starts(first, stop, step)[-int(query["limit"]) :]

        def make(rows: list[int], changed: bool = False) -> Any:
            table = [[str(s * 1000), *map(str, candle(s)), "1", "1", "1"] for s in reversed(rows)]
            return {"code": "0", "msg": "", "data": [{"ts": r[0]} for r in table] if changed else table}

        return _Priced(starts, make)

    def _chart(self, ticker: str, query: dict[str, str]) -> Any:
        share = self.shares.get(ticker)
        if share is None:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return {"chart": {"result": None, "error": error}}
        if "range" in query:
            return _chart(share, share.sessions[-1:], False)
        first, last = (np.datetime64(int(query[k]), "s") for k in ("period1", "period2"))
        days = [d for d in share.sessions if first <= d.astype("M8[s]") + np.timedelta64(16, "h") <= last]
        return _Priced(days, lambda rows, changed=False: _chart(share, rows, changed))


@dataclass
class _Priced:
    rows: list[Any]
    make: Any


def _chart(share: Yahoo, days: list[np.datetime64], changed: bool) -> dict[str, Any]:
    def opening(day: np.datetime64 | str) -> int:  # 09:30 in New York, in winter
        return int(np.datetime64(day, "s").astype(int)) + 14 * 3600 + 1800

    texts = [str(d) for d in days]
    later = {d: float(np.prod([r for e, r in share.splits.items() if e > d] or [1.0])) for d in texts}
    closes = [share.close(d) / later[d] for d in texts]
    quote: dict[str, list[float]] = {
        "open": [c * 0.99 for c in closes], "high": [c * 1.02 for c in closes],
        "low": [c * 0.98 for c in closes], "close": closes,
        "volume": [int((1000 + int(d[-2:]) * 3) * later[d]) for d in texts],
    }  # fmt: skip
    if changed:
        quote["last"] = quote.pop("close")
    inside = set(texts)
    ratio = {
        d: float(np.prod([r for e, r in share.splits.items() if e > d] or [1.0])) for d in share.dividends
    }
    events = {
        "splits": {str(opening(d)): {"date": opening(d), "numerator": r, "denominator": 1, "splitRatio": f"{r}:1"}
                   for d, r in share.splits.items() if d in inside},
        "dividends": {str(opening(d)): {"date": opening(d), "amount": a / ratio[d]}
                      for d, a in share.dividends.items() if d in inside},
    }  # fmt: skip
    meta = {
        "currency": "USD", "symbol": "X", "exchangeName": "NMS", "instrumentType": "EQUITY",
        "firstTradeDate": opening(share.sessions[0]), "regularMarketTime": opening(share.sessions[-1]) + 23400,
        "gmtoffset": -18000, "timezone": "EST", "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": 1.0, "priceHint": 2, "dataGranularity": "1d", "range": "",
        "validRanges": ["1d", "5d", "max"],
        "currentTradingPeriod": {k: {"timezone": "EST", "start": opening(share.sessions[-1]),
                                     "end": opening(share.sessions[-1]) + 23400, "gmtoffset": -18000}
                                 for k in ("pre", "regular", "post")},
    }  # fmt: skip
    result = {
        "meta": meta, "timestamp": [opening(d) for d in days],
        "events": {k: v for k, v in events.items() if v},
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": closes}]},
    }  # fmt: skip
    if not days:
        result.pop("timestamp")
        result["indicators"] = {"quote": [{}], "adjclose": [{}]}
    return {"chart": {"result": [result], "error": None}}


_BINANCE = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8, "quoteAsset": "USDT",
    "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"], "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": True, "permissions": ["SPOT"], "permissionSets": [["SPOT"]],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    ],
}  # fmt: skip
_COINBASE = {
    "product_id": "BTC-USDT", "price": "1", "base_increment": "0.00000001", "quote_increment": "0.01",
    "base_currency_id": "BTC", "quote_currency_id": "USDT", "base_min_size": "0.00000001",
    "base_max_size": "3400", "quote_min_size": "1", "quote_max_size": "150000000", "base_name": "Bitcoin",
    "quote_name": "Tether", "status": "online", "trading_disabled": False, "is_disabled": False,
    "product_type": "SPOT", "price_increment": "0.01", "view_only": False, "post_only": False,
    "limit_only": False, "cancel_only": False, "auction_mode": False, "new": False,
    "display_name": "BTC-USDT", "alias": "", "alias_to": [],
}  # fmt: skip
_KRAKEN = {
    "altname": "XBTUSDT", "wsname": "XBT/USDT", "aclass_base": "currency", "base": "XXBT",
    "aclass_quote": "currency", "quote": "USDT", "lot": "unit", "cost_decimals": 5, "pair_decimals": 1,
    "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [2, 3], "leverage_sell": [2, 3],
    "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "fee_volume_currency": "ZUSD", "margin_call": 80,
    "margin_stop": 40, "ordermin": "0.00005", "costmin": "0.5", "tick_size": "0.1", "status": "online",
}  # fmt: skip
_OKX = {
    "instId": "BTC-USDT", "instType": "SPOT", "baseCcy": "BTC", "quoteCcy": "USDT", "settleCcy": "", "uly": "",
    "instFamily": "", "category": "1", "ctMult": "", "ctType": "", "ctVal": "", "ctValCcy": "", "expTime": "",
    "lever": "10", "listTime": "1548133413000", "lotSz": "0.00000001", "minSz": "0.00001", "optType": "",
    "state": "live", "stk": "", "tickSz": "0.1", "alias": "", "maxLmtSz": "9999999999", "maxMktSz": "1000000",
}  # fmt: skip
