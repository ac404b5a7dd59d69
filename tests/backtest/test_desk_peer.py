"""Orders with stops and targets, fill by fill as backtesting.py books them, on its own GOOG bars."""

import importlib
import warnings

import numpy as np
import pandas as pd
import pytest
from test_desk_cases import Placed
from test_published_cases import _goog, dataset
from tradewind.backtest import Costs, Desk, backtest

pytestmark = pytest.mark.filterwarnings("ignore")
CASH = 100_000.0


def theirs(frame, on_bar, commission):
    """backtesting.py's trades and last equity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = importlib.import_module("backtesting")

    class Peer(library.Strategy):
        def init(self):
            self.n = 0

        def next(self):
            on_bar(self, len(self.data.Close) - 1)

    run = library.Backtest(
        frame, Peer, cash=CASH, commission=commission, finalize_trades=False, exclusive_orders=False
    )
    return run.run()


def ours(frame, on_bar, commission):
    """The same by the order desk."""
    ds = dataset(frame.rename(columns=str.lower), "GOOG")
    ds.attrs["on_bar"] = on_bar
    return backtest(Placed(), ds, cash=CASH, costs=Costs(per_value=commission))


def levels(close, t):
    """Entry, stop and target that differ from bar to bar."""
    wide = 0.01 + 0.04 * ((t * 7) % 5) / 4
    return 1.0 - wide, 1.0 + 1.5 * wide


@pytest.mark.parametrize("commission", [0.0, 1e-3])
def test_entries_with_stop_and_target(commission: float) -> None:
    frame = pd.read_csv(_goog(), index_col=0, parse_dates=True)

    def theirs_next(s, t) -> None:
        if not (s.position or s.orders or t % 3):
            down, up = levels(s.data.Close[-1], t)
            s.buy(size=50, sl=s.data.Close[-1] * down, tp=s.data.Close[-1] * up)

    def ours_next(desk: Desk) -> None:
        t = desk.bar
        if t and not (desk.position() or desk.working() or t % 3):  # theirs begins with the second bar
            down, up = levels(desk.price(), t)
            desk.buy(0, 50, stop_loss=desk.price() * down, take_profit=desk.price() * up)

    peer = theirs(frame, theirs_next, commission)
    result = ours(frame, ours_next, commission)
    trades = peer["_trades"].sort_values("EntryBar")
    closed = result.trades[~result.trades["open"]]
    assert len(trades) > 150
    assert len(closed) == len(trades)
    mine, other = closed["exit_price"].to_numpy(), trades["ExitPrice"].to_numpy()
    # The one difference: a bar that opens beyond the target and falls to the stop later. The target is filled
    # at the open here; backtesting.py takes the stop.
    gapped = ~np.isclose(mine, other, rtol=1e-12, atol=0.0)
    assert gapped.sum() <= 3
    opens = frame["Open"].to_numpy()[trades["ExitBar"].to_numpy()]
    np.testing.assert_array_equal(mine[gapped], opens[gapped])
    more = 50 * (1.0 - commission) * (mine - other)[gapped].sum()
    last = peer["_equity_curve"]["Equity"].iloc[-1]
    np.testing.assert_allclose(result.equity.values[-1], last + more, rtol=1e-9)


@pytest.mark.parametrize(
    "at",
    [{"limit": 0.99}, {"limit": 1.02}, {"stop": 1.01}, {"stop": 0.98}, {"stop": 1.005, "limit": 1.02}]
    ,
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_limits_and_stops(at, side: str) -> None:
    frame = pd.read_csv(_goog(), index_col=0, parse_dates=True)
    shares = {k: v if side == "buy" else 2.0 - v for k, v in at.items()}

    def theirs_next(s, t) -> None:
        if t % 7 == 0 and not s.position and not s.orders:
            getattr(s, side)(size=50, **{k: v * s.data.Close[-1] for k, v in shares.items()})
        elif t % 7 == 5:
            for order in s.orders:
                order.cancel()
            s.position.close()

    def ours_next(desk: Desk) -> None:
        t = desk.bar
        if t and t % 7 == 0 and not desk.position() and not desk.working():
            getattr(desk, side)(0, 50, **{k: v * desk.price() for k, v in shares.items()})
        elif t % 7 == 5:
            desk.cancel(0)
            desk.close(0)

    peer = theirs(frame, theirs_next, 1e-3)
    result = ours(frame, ours_next, 1e-3)
    trades = peer["_trades"].sort_values("EntryBar")
    closed = result.trades[~result.trades["open"]]
    assert len(closed) == len(trades) > 40
    np.testing.assert_allclose(closed["exit_price"], trades["ExitPrice"], rtol=1e-12)
    mine, other = closed["entry_price"].to_numpy(), trades["EntryPrice"].to_numpy()
    if len(at) == 1:
        np.testing.assert_allclose(mine, other, rtol=1e-12)
        return
    # A stop-limit that the open is beyond: backtesting.py books the stop's price, here it is the open's
    same = np.isclose(mine, other, rtol=1e-12)
    assert same.mean() > 0.6
    assert ((mine > other) if side == "buy" else (mine < other))[~same].all()
