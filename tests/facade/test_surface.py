"""The public surface of the engine: light to import, the same from everywhere, kind to mistakes."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from tradewind import errors
from tradewind.testing import synthetic

DS = synthetic(["AAPL", "MSFT", "IBM"], 400, seed=1)


def python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    heavy = python(
        "import sys, tradewind; print([m for m in ('numpy','pandas','xarray','numba','holoviews','scipy') "
        "if m in sys.modules])"
    )
    assert heavy == "[]"


def test_asking_for_the_engine_loads_no_compiler_and_no_plots() -> None:
    heavy = python(
        "import sys, tradewind as tw; tw.backtest, tw.sweep, tw.strategies, tw.Costs, tw.indicators; "
        "print([m for m in ('numba','holoviews','bokeh','scipy') if m in sys.modules])"
    )
    assert heavy == "[]"


@pytest.mark.parametrize("first", ["tw.sweep", "tw.backtest", "tw.Costs", "import tradewind.backtest"])
def test_backtest_can_be_called_whatever_was_used_before(first: str) -> None:
    assert python(f"import tradewind as tw\n{first}\nprint(callable(tw.backtest))") == "True"


def test_the_accessor_is_there_once_anything_was_used() -> None:
    code = (
        "import tradewind as tw; ds = tw.testing.synthetic(2, 60); "
        "print(ds['close'].tw.sma(50).dims, ds.tw.rsi(14).name)"
    )
    assert python(code) == "('symbol', 'time') rsi"
    assert python("import xarray, tradewind; print(hasattr(xarray.DataArray, 'tw'))") == "True"


@pytest.mark.sandbox
def test_a_read_only_installation_uses_the_compiled_cache_it_came_with() -> None:
    """As in a user's sandbox: the file system cannot be written, and nothing is compiled again."""
    python("from tradewind.testing import warm; warm.main()", PYTHONDONTWRITEBYTECODE="")
    code = (
        "import tradewind.indicators.averages_loops as a, tradewind.backtest.signals_loops as s\n"
        "loops = (a.weighted_mean, a.ema, s.run)\n"
        "print([(sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values())) for f in loops])"
    )
    done = subprocess.run(
        ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[(1, 0), (1, 0), (1, 0)]"


def test_frames_have_time_as_rows() -> None:
    closes = DS["close"].tw.frame()
    assert isinstance(closes, pd.DataFrame)
    assert list(closes.columns) == ["AAPL", "MSFT", "IBM"]
    assert closes.shape == (400, 3)
    one = DS.tw.frame("IBM")
    assert list(one.columns) == ["open", "high", "low", "close", "volume"]
    np.testing.assert_array_equal(one["close"].to_numpy(), closes["IBM"].to_numpy())
    assert DS.tw.frame()[("close", "IBM")].equals(closes["IBM"].rename(("close", "IBM")))
    assert DS["close"].sel(symbol="IBM").tw.frame().shape == (400, 1)


def test_near_names_are_offered() -> None:
    with pytest.raises(AttributeError, match="rsi"):
        DS.tw.rsii(14)
    with pytest.raises(errors.NotFoundError, match="sma_cross"):
        tw.strategies.get("sma_cros")
    with pytest.raises(errors.ParameterError, match="fast"):
        tw.strategies.SmaCross(fst=3)
    with pytest.raises(errors.ParameterError, match="fast < slow"):
        tw.strategies.SmaCross(fast=100, slow=20)
    with pytest.raises(errors.ParameterError, match="at least 1"):
        tw.strategies.SmaCross(fast=0)
    with pytest.raises(errors.ParameterError, match="whole number"):
        tw.strategies.SmaCross(fast="20")
    with pytest.raises(errors.ParameterError, match="reversion"):
        tw.strategies.Bollinger(mode="revesion")
    with pytest.raises(errors.SymbolNotFoundError, match="AAPL"):
        DS.tw.candles("AAPLE")


def test_strategies_are_values() -> None:
    a, b = tw.strategies.SmaCross(fast=5), tw.strategies.get("sma_cross", fast=np.int64(5))
    assert a == b
    assert hash(a) == hash(b)
    assert a.replace(slow=50).values == {"fast": 5, "slow": 50, "short": False}
    assert {"sma_cross", "macd", "bollinger", "turtle", "buy_and_hold"} <= set(tw.strategies.names())
    assert "fast=20" in repr(tw.strategies.table())
    with pytest.raises(AttributeError):
        a.fast = 7  # type: ignore[misc]
