"""nautilus_trader's side of the orders bench: runs in an environment of its own, one JSON line out.

Run: ``python bench/nautilus_peer.py FOLDER``. The same EMA crossing on the same minute bars, in and out with
market orders of 100 shares; nautilus fills them at the bar they are decided on. Its bars are made before the
clock starts.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

FAST, SLOW, UNITS, WARMUP = 2.0 / 51, 2.0 / 201, 100, 400


class Cross(Strategy):
    """Long above, flat below."""

    def __init__(self, bar_type: BarType) -> None:
        super().__init__()
        self.bar_type, self.of = bar_type, bar_type.instrument_id
        self.line, self.count, self.units = [0.0, 0.0], 0, Quantity.from_int(UNITS)

    def on_start(self) -> None:
        """Ask for bars."""
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Decide."""
        c = float(bar.close)
        if self.count == 0:
            self.line = [c, c]
        self.line[0] += (c - self.line[0]) * FAST
        self.line[1] += (c - self.line[1]) * SLOW
        self.count += 1
        if self.count <= WARMUP:
            return
        if self.line[0] > self.line[1] and self.portfolio.is_flat(self.of):
            self.submit_order(self.order_factory.market(self.of, OrderSide.BUY, self.units))
        elif self.line[0] < self.line[1] and self.portfolio.is_net_long(self.of):
            self.submit_order(self.order_factory.market(self.of, OrderSide.SELL, self.units))


def bars_of(data: Any, bar_type: BarType, instrument: Any) -> list[Bar]:
    """The bars as nautilus wants them."""
    times = data["time"].astype("datetime64[ns]").astype(np.int64).tolist()
    prices = [[instrument.make_price(v) for v in data[n].tolist()] for n in ("open", "high", "low", "close")]
    volumes = [Quantity.from_int(max(1, int(v))) for v in data["volume"].tolist()]
    return [Bar(bar_type, *row, t, t) for *row, t in zip(*prices, volumes, times, strict=True)]


def main(folder: str) -> None:
    """Time one run; print seconds and closed round trips."""
    data = np.load(f"{folder}/orders.npz")
    instrument = TestInstrumentProvider.equity(symbol="SYN", venue="SIM")
    bar_type = BarType.from_str("SYN.SIM-1-MINUTE-LAST-EXTERNAL")
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        Venue("SIM"), OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USD)], base_currency=USD
    )
    engine.add_instrument(instrument)
    engine.add_data(bars_of(data, bar_type, instrument))
    engine.add_strategy(Cross(bar_type))
    began = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - began
    closed = len(engine.cache.orders_closed()) // 2
    print(json.dumps({"seconds": seconds, "trades": closed}))


if __name__ == "__main__":
    main(sys.argv[1])
