"""One's own strategies: versions, states, roll back, other kernels, entry points; momentum and pairs."""

import subprocess
import sys
import threading
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from tradewind import errors
from tradewind.strategies import registry
from tradewind.testing import synthetic

MINE = """
import tradewind as tw
from tradewind.strategies import Signals, Strategy, parameter, register

@register
class MyIdea(Strategy):
    '''Hold while the close is above its average.'''

    name = "my_idea"
    title = "My idea"
    version = "{version}"
    window: int = parameter({window}, "bars", minimum=2)

    @property
    def warmup(self):
        return self.window

    def decide(self, ds):
        close = ds["close"]
        return Signals((close > tw.indicators.sma(close, self.window)).astype(float))
"""


NOTEBOOK = """
import tradewind as tw

@tw.strategies.register
class MyIdea(tw.strategies.Strategy):
    name = "my_idea"
    version = "{version}"
    window: int = tw.strategies.parameter(20, "bars", minimum=2)

    @property
    def warmup(self):
        return self.window

    def decide(self, ds):
        close = ds["close"]
        return tw.strategies.Signals((close > {level} * tw.indicators.sma(close, self.window)).astype(float))
"""
CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in {cells!r}:
    shell.run_cell(cell).raise_error()
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))
    monkeypatch.setattr(registry, "_known", dict(registry._known))


def elsewhere(folder: Path, code: str) -> str:
    """Run code in another process, as another kernel would."""
    file = folder / "cell.py"
    file.write_text(code)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_another_kernel_finds_what_a_notebook_registered(tmp_path: Path) -> None:
    elsewhere(tmp_path, MINE.format(version="1", window=20))
    assert "my_idea" in tw.strategies.names()
    strategy = tw.strategies.get("my_idea", window=30)
    result = tw.backtest(strategy, synthetic(1, 200))
    assert result.setting.version == "1"
    assert result.metrics.trades > 0
    assert "Hold while the close" in tw.strategies("my idea")._repr_html_()


def test_versions_are_compared_and_rolled_back(tmp_path: Path) -> None:
    elsewhere(tmp_path, MINE.format(version="1", window=20))
    elsewhere(tmp_path, MINE.format(version="2", window=50))
    assert [(v.version, v.current) for v in tw.strategies.history("my_idea")] == [("1", False), ("2", True)]
    assert tw.strategies.get("my_idea").values == {"window": 50}
    assert tw.strategies.get("my_idea", version="1").values == {"window": 20}
    found = tw.strategies.difference("my_idea", "1", "2")
    assert "-    window: int = parameter(20" in found
    assert "+    window: int = parameter(50" in found
    tw.strategies.roll_back("my_idea", "1")
    assert tw.strategies.get("my_idea").version == "1"
    code = "import tradewind as tw; print(tw.strategies.get('my_idea').values)"
    assert elsewhere(tmp_path, code) == "{'window': 20}"
    with pytest.raises(errors.NotFoundError, match="1, 2"):
        tw.strategies.get("my_idea", version="3")
    with pytest.raises(errors.NotFoundError):
        tw.strategies.history("sma_cross")


def test_versions_of_a_class_written_as_the_documents_say(tmp_path: Path) -> None:
    """Its code names ``tw.strategies``, a module that can be called, and a notebook's cell has no file."""
    cells = [NOTEBOOK.format(version=v, level=level) for v, level in (("1", 1.0), ("2", 1.01))]
    elsewhere(tmp_path, CELLS.format(cells=cells))
    assert [v.version for v in tw.strategies.history("my_idea")] == ["1", "2"]
    found = tw.strategies.difference("my_idea", "1", "2")
    assert "-        return tw.strategies.Signals((close > 1.0 *" in found
    assert "+        return tw.strategies.Signals((close > 1.01 *" in found
    assert tw.strategies.history("my_idea")[0].source.startswith("@tw.strategies.register\nclass MyIdea")
    ds = synthetic(1, 200)
    newest = tw.backtest(tw.strategies.get("my_idea"), ds).equity.values
    tw.strategies.roll_back("my_idea", "1")
    assert tw.strategies.set_state("my_idea", "draft").version == "1"
    assert not np.array_equal(tw.backtest(tw.strategies.get("my_idea"), ds).equity.values, newest)


def test_modules_that_can_be_called_travel_by_name() -> None:
    for module in (tw.strategies, tw.backtest, tw.publish):
        assert cloudpickle.loads(cloudpickle.dumps(module)) is module


def test_a_version_that_cannot_be_kept_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def define() -> None:
        lock = threading.Lock()

        @tw.strategies.register
        class Locked(tw.strategies.BuyAndHold):
            name = "locked"

            def decide(self, ds: xr.Dataset) -> tw.strategies.Signals:
                with lock:
                    return super().decide(ds)

    with pytest.warns(RuntimeWarning, match=r"'locked' was not kept.*pickle"):
        define()
    assert tw.strategies.get("locked").name == "locked"
    monkeypatch.setenv("TRADEWIND_LEDGER", "/proc/nowhere/trials.sqlite")
    with pytest.warns(RuntimeWarning, match="was not kept"):
        tw.strategies.register(type("Other", (tw.strategies.BuyAndHold,), {"name": "other"}))


def test_a_retired_strategy_is_not_listed_and_still_there(tmp_path: Path) -> None:
    elsewhere(tmp_path, MINE.format(version="1", window=20))
    assert tw.strategies.set_state("my_idea", "retired").state == "retired"
    assert "my_idea" not in tw.strategies.names()
    assert "my_idea" in tw.strategies.names(retired=True)
    assert "my_idea" not in repr(tw.strategies())
    assert tw.strategies.get("my_idea").name == "my_idea"
    with pytest.raises(errors.InvalidInputError, match="draft"):
        tw.strategies.set_state("my_idea", "asleep")


def test_the_products_names_are_not_taken() -> None:
    with pytest.raises(errors.InvalidInputError, match="sma_cross"):

        @tw.strategies.register
        class Other(tw.strategies.BuyAndHold):
            name = "sma_cross"


def test_an_installed_package_brings_strategies(tmp_path: Path) -> None:
    package = tmp_path / "site"
    (package / "their_strategies-1.0.dist-info").mkdir(parents=True)
    (package / "their_strategies.py").write_text(
        MINE.format(version="7", window=9).replace("my_idea", "their_idea").replace("@register", "")
    )
    info = package / "their_strategies-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-strategies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tradewind.strategies]\ntheir_idea = their_strategies:MyIdea\n")
    code = (
        f"import sys; sys.path.insert(0, {str(package)!r})\nimport tradewind as tw\n"
        "print('their_idea' in tw.strategies.names(), tw.strategies.get('their_idea').version)"
    )
    assert elsewhere(tmp_path, code) == "True 7"


def test_momentum_against_pandas() -> None:
    ds = synthetic(6, 420, seed=4)
    closes = ds["close"].tw.frame()
    past = closes.shift(5) / closes.shift(60) - 1
    options = {"lookback": 60, "skip": 5, "rebalance": "bars", "every": 10}
    target = tw.strategies.TimeSeriesMomentum(**options, short=True).decide(ds).target
    at = 300
    np.testing.assert_allclose(target.values[:, at], np.sign(past.iloc[at]) / 6)
    assert np.isnan(target.values[:, at + 1]).all()
    cross = tw.strategies.CrossSectionalMomentum(**options, share=0.34, short=True).decide(ds).target
    expected = pd.Series(0.0, past.columns)
    expected[past.iloc[at].nlargest(2).index] = 0.25
    expected[past.iloc[at].nsmallest(2).index] = -0.25
    np.testing.assert_allclose(cross.values[:, at], expected)
    long = tw.strategies.CrossSectionalMomentum(**options, share=0.34).decide(ds).target
    assert float(long[:, at].sum()) == pytest.approx(1.0)


def test_pairs_earn_on_a_spread_that_comes_back() -> None:
    rng = np.random.default_rng(3)
    ds = synthetic(2, 1200, seed=5, close_only=True)
    gap = np.zeros(1200)
    for t in range(1, 1200):
        gap[t] = 0.9 * gap[t - 1] + rng.normal(0, 0.01)
    ds["close"].values[0] = ds["close"].values[1] ** 0.8 * np.exp(gap)
    strategy = tw.strategies.Pairs(window=60, entry=1.5)
    z, hedge = strategy.spread(ds)
    logs = np.log(ds["close"].values[:, 600 - 59 : 601])
    slope, start = np.polyfit(logs[1], logs[0], 1)
    left = logs[0] - slope * logs[1] - start
    assert hedge[600] == pytest.approx(slope)
    assert z[600] == pytest.approx(left[-1] / left.std(), rel=1e-6)
    result = tw.backtest(strategy, ds, borrow=True)
    assert result.metrics.trades > 20
    assert result.metrics.sharpe > 1.5
    with pytest.raises(errors.InvalidInputError, match="S000"):
        tw.strategies.Pairs(first="S00O").decide(ds)
    with pytest.raises(errors.InvalidInputError, match="twice"):
        tw.strategies.Pairs(first="S001").decide(ds)


@pytest.mark.parametrize("name", ["time_series_momentum", "cross_sectional_momentum", "pairs"])
def test_the_future_never_changes_the_past(name: str) -> None:
    ds = synthetic(5, 300, seed=2, late=70, holes=0.01)
    options = {"window": 40} if name == "pairs" else {"lookback": 40, "skip": 3, "short": True}
    strategy = tw.strategies.get(name, **options)
    whole = strategy.decide(ds).target
    np.testing.assert_array_equal(strategy.decide(ds.isel(time=slice(0, 222))).target, whole[:, :222])
    assert np.isfinite(tw.backtest(strategy, ds).equity.values).all()


@pytest.mark.parametrize(
    ("name", "offered"),
    [("Bad Name", "bad_name"), ("my-idea", "my_idea"), ("SmaCross2", "smacross2"), ("2", "my_idea")],
)
def test_a_name_is_in_lower_case_with_underscores(name: str, offered: str) -> None:
    """It is a parameter's value in templates, an entry point's name, a key in the ledger."""
    cls = type("Named", (tw.strategies.BuyAndHold,), {"name": name, "__module__": "mine"})
    with pytest.raises(errors.InvalidInputError, match=f'lower case.*"{offered}"'):
        tw.strategies.register(cls)
    assert name not in tw.strategies.names()
