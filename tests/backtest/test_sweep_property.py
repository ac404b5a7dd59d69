"""Over random markets and costs, what a fused sweep finds is what single backtests find."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from tradewind.backtest import Costs, Fill, backtest, sweep
from tradewind.backtest.sweep import SWEPT
from tradewind.strategies import Bollinger, Donchian, Macd, RsiReversion, SmaCross, Strategy, Turtle
from tradewind.testing import synthetic

GRIDS: dict[type[Strategy], dict[str, list[Any]]] = {
    SmaCross: {"fast": [1, 2, 5], "slow": [3, 7, 40], "short": [False, True]},
    Macd: {"fast": [2, 5], "slow": [6, 13], "signal": [1, 2, 9], "short": [False, True]},
    Bollinger: {
        "window": [3, 12], "width": [0.5, 1.0], "mode": ["breakout", "reversion"], "short": [False, True],
    },
    RsiReversion: {
        "window": [2, 3, 4, 6, 9, 14, 20, 33, 70], "low": [30.0, 40.0], "leave": [45.0, 60.0],
        "short": [False, True],
    },
    Donchian: {"entry": [2, 9], "exit": [1, 5], "short": [False, True]},
    Turtle: {"entry": [3, 9], "exit": [2], "units": [1, 3], "risk": [0.02, 0.05], "short": [False, True]},
}  # fmt: skip


@st.composite
def markets(draw: st.DrawFn) -> xr.Dataset:
    """Few bars or more than a tile; ties where prices are rounded, flat beginnings, holes, late listings."""
    bars = draw(st.sampled_from([64, 130, 1030, 1100]))
    ds = synthetic(
        draw(st.sampled_from([1, 1, 2])),
        bars,
        seed=draw(st.integers(0, 10_000)),
        late=draw(st.sampled_from([0, 17])),
        holes=draw(st.sampled_from([0.0, 0.02, 0.3])),
        volatility=draw(st.sampled_from([0.1, 0.6])),
    )
    digits = draw(st.sampled_from([None, 0, 1]))
    ds = ds if digits is None else ds.map(lambda field: field.round(digits))
    still = draw(st.sampled_from([0, 0, 60]))
    return ds.where(np.arange(bars) >= still, 100.0) if still else ds


def longest_below_peak(equity: np.ndarray, slack: float) -> int:
    """Most bars in a row below a peak by more than a share ``slack`` of it; ``-slack``: not above it."""
    peak, longest, bars = equity[0], 0, 0
    for value in equity:
        above = value >= peak * (1 - slack)
        peak = max(peak, value)
        bars = 0 if above else bars + 1
        longest = max(longest, bars)
    return longest


@settings(max_examples=40, deadline=None)
@given(
    ds=markets(),
    cls=st.sampled_from(list(GRIDS)),
    costs=st.builds(
        Costs,
        per_value=st.sampled_from([0.0, 5e-4]),
        per_share=st.sampled_from([0.0, 0.01]),
        minimum=st.sampled_from([0.0, 2.0, 40.0]),
        slippage=st.sampled_from([0.0, 1e-3]),
    ),
    fill=st.sampled_from([Fill.NEXT_OPEN, Fill.NEXT_CLOSE, Fill.SAME_CLOSE]),
    pick=st.randoms(use_true_random=False),
)
def test_fused_figures_are_the_single_runs(ds, cls, costs, fill, pick) -> None:  # type: ignore[no-untyped-def]
    grid = sweep(cls, GRIDS[cls], ds, costs=costs, fill=fill)
    assert grid.path == "fused"
    rows = grid.frame().to_dict("records")
    solvent = [row for row in rows if row["max_drawdown"] > -0.99]  # ruined: returns on nearly nothing
    for row in pick.sample(solvent, min(4, len(solvent))):
        chosen = {p: row[p] for p in grid.parameters}
        result = backtest(cls(**chosen), ds, costs=costs, fill=fill, remember=False)
        equity = np.concatenate([[result.setting.cash], result.equity.values])
        for name in SWEPT:
            same = row[name] == pytest.approx(result.metrics[name], rel=1e-12, abs=1e-12, nan_ok=True)
            if name == "longest_drawdown":  # an old peak, reached again, is one to the last digit or not
                same |= longest_below_peak(equity, 1e-11) <= row[name] <= longest_below_peak(equity, -1e-11)
            assert same, (chosen, name, row[name], result.metrics[name])
