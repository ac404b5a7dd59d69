"""What counts as another trial: edited rules and another universe do, running again does not."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import tradewind as tw
import xarray as xr
from tradewind.backtest.rules import Fill
from tradewind.backtest.trial import market_text, parameter_text
from tradewind.provenance import ledger
from tradewind.strategies.identity import code_digest
from tradewind.testing import synthetic

DS = synthetic(3, 400, seed=3)
RULES = """
import tradewind as tw
LEVEL = 1.0

def above(close, average):
    '''Whether it is above.'''
    return close > LEVEL * average

class MyRule(tw.strategies.Strategy):
    name = "my_rule"
    window: int = tw.strategies.parameter(20, "bars", minimum=2)

    @property
    def warmup(self):
        return self.window

    def decide(self, ds):
        close = ds["close"]
        return tw.strategies.Signals(above(close, tw.indicators.sma(close, self.window)).astype(float))
"""


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ledger.LEDGER, str(tmp_path / "trials.sqlite"))


def rule(*edits: tuple[str, str]) -> type[tw.strategies.Strategy]:
    """The class as a cell of a notebook defines it, after edits of its text."""
    text = RULES
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    cell = {"__name__": "__main__"}
    exec(text, cell)
    found: type[tw.strategies.Strategy] = cell["MyRule"]  # type: ignore[assignment]
    return found


def count() -> int:
    return ledger.trials("synthetic").count


@pytest.mark.parametrize(
    "edit",
    [("(close, self.window)", "(close, self.window + 1)"), ("indicators.sma", "indicators.ema"),
     ("close > LEVEL", "close < LEVEL"), ("LEVEL = 1.0", "LEVEL = 1.1")],
)  # fmt: skip
def test_edited_rules_are_another_trial(edit: tuple[str, str]) -> None:
    tw.backtest(rule()(), DS)
    tw.backtest(rule()(), DS)
    assert count() == 1
    tw.backtest(rule(edit)(), DS)
    assert count() == 2
    tw.sweep(rule(), {"window": [20, 30]}, DS)
    assert count() == 3


def test_comments_and_texts_are_none() -> None:
    edits = [
        ("Whether it is above.", "Whether the close is above."),
        ("    def decide", "    # what it holds\n\n    def decide"),
        ('name = "my_rule"', 'name = "my_rule"\n    title = "Mine"\n    state = "draft"'),
        ("parameter(20,", "parameter(25,"),
    ]
    assert code_digest(rule(*edits)) == code_digest(rule())
    assert rule(*edits)(window=20).values == rule()().values


def test_the_same_code_in_another_kernel_is_no_new_trial(tmp_path: Path) -> None:
    register = ("class MyRule", "@tw.strategies.register\nclass MyRule")
    file = tmp_path / "cell.py"
    file.write_text(
        RULES.replace(*register)
        + "tw.backtest(MyRule(), tw.testing.synthetic(3, 400, seed=3))\n"
        + "print(__import__('tradewind.strategies.identity', fromlist=['x']).code_digest(MyRule))\n"
    )
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kept = tw.strategies.strategy_class("my_rule")
    assert code_digest(kept) == done.stdout.strip() == code_digest(rule())
    tw.backtest(kept(), DS)
    assert count() == 1


def test_a_cache_that_fills_is_no_edit_and_a_setting_is() -> None:
    class Holder(tw.strategies.BuyAndHold):
        name = "holder"
        memo: ClassVar[dict[str, xr.DataArray]] = {}
        weights: ClassVar[dict[str, float]] = {"S000": 0.5}

    before = code_digest(Holder)
    Holder.memo["S000"] = DS["close"]
    assert code_digest(Holder) == before
    Holder.weights["S000"] = 0.6
    assert code_digest(Holder) != before


def test_the_products_own_are_known_by_their_version() -> None:
    """The text is that of ledgers written before code was part of it."""
    assert parameter_text(tw.strategies.BuyAndHold()) == "1 []"
    assert market_text(DS, Fill.NEXT_OPEN).split()[1:] == ["next", "open"]


def test_another_universe_is_another_trial() -> None:
    strategy = tw.strategies.SmaCross(fast=3, slow=20)
    member = DS["close"] > 0
    fewer = member.copy()
    fewer.values[0, 100:] = False
    for universe in (None, member, fewer, member.copy()):
        tw.backtest(strategy, DS, universe=universe)
    assert count() == 3
    tw.sweep("sma_cross", {"fast": [3], "slow": [20]}, DS, universe=fewer)
    assert count() == 3


def test_universes_by_name_and_by_growing_content() -> None:
    def text(universe: xr.DataArray | str | None, bars: int = 400) -> str:
        return market_text(DS.isel(time=slice(0, bars)), Fill.NEXT_OPEN, None, universe)

    assert len({text(None), text("indices:A"), text("indices:B")}) == 3
    member = DS["close"] > 100
    assert text(member) == text(member.sel(symbol=list(DS["symbol"].values)[::-1]))
    assert text(member.isel(time=slice(0, 390)), 390) == text(member.isel(time=slice(0, 391)), 391)
    assert text(member) != text(member & (DS["time"] > DS["time"][50]))
    assert text(member.isel(time=slice(0, 9)), 9) != text(~member.isel(time=slice(0, 9)), 9)
