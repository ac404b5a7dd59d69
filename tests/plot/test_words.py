"""What reports, cards and reprs say of next to nothing: no "nan", no "-0.0 %", no "1 trades"."""

import re
from pathlib import Path

import numpy as np
import pytest
import tradewind as tw
import xarray as xr
from tradewind.report.page import _tile
from tradewind.report.words import finding, trading
from tradewind.testing import synthetic
from tradewind.validation import bootstrap

ONE = synthetic(1, 120, seed=2)
SLIPS = re.compile(r"\bnan\b|-0\.?0* %|(?<![\d.,])1 (bars|trades|symbols|variants)\b")


def said(result: tw.backtest.Result) -> str:
    return " ".join((finding(result), trading(result), repr(result), result._repr_html_()))


def moved(steps: np.ndarray) -> xr.Dataset:
    """A market of one symbol, whose every price is that of ``steps``."""
    return ONE.map(lambda field: field * 0 + steps)


def idle(ds: xr.Dataset, **options: object) -> tw.backtest.Result:
    return tw.backtest(tw.strategies.SmaCross(fast=100, slow=115), ds, remember=False, **options)


def test_an_account_that_never_trades_says_why_it_has_no_sharpe_ratio() -> None:
    flat = idle(moved(np.full(120, 100.0)))
    text = said(flat)
    assert "(no Sharpe ratio: nothing was traded)" in text
    assert "Sharpe –, deepest drawdown 0.0 %, 0 trades" in text
    assert not SLIPS.findall(text)


def test_a_benchmark_that_never_moves_has_no_sharpe_ratio() -> None:
    days = synthetic(["A", "B"], 120, seed=2)
    days = xr.where(days["symbol"] == "B", days * 0 + 100.0, days, keep_attrs=True)
    held = tw.backtest(tw.strategies.BuyAndHold(), days, benchmark="B", remember=False)
    assert "The benchmark B returned 0.0 % in all (no Sharpe ratio: the returns never varied)" in finding(
        held
    )


def test_one_trade_of_one_symbol_that_hardly_lost() -> None:
    held = tw.backtest(tw.strategies.BuyAndHold(), moved(100 - np.arange(120) * 1e-6), remember=False)
    assert held.metrics.total_return < 0
    assert trading(held).startswith("1 trade, still open. ")
    assert "(1 symbol, " in repr(held)
    assert "120 bars, 1 symbol" in held._repr_html_()
    assert not SLIPS.findall(said(held))


def test_one_bar_below_a_peak() -> None:
    dip = np.linspace(100, 200, 120)
    dip[60] = dip[59] - 1
    held = tw.backtest(tw.strategies.BuyAndHold(), moved(dip), remember=False)
    assert "the longest time below a peak was 1 bar." in finding(held)


def test_an_undefined_figure_is_no_loss(tmp_path: Path) -> None:
    assert [_tile("sharpe", value)[3] for value in (float("nan"), -0.1, 0.0)] == ["", "loss", "gain"]
    text = idle(ONE).report(tmp_path / "flat.html").read_text()
    assert '<div class="name">Sharpe</div><div class="value ">–</div>' in text


@pytest.mark.filterwarnings("ignore:All-NaN slice")  # numpy's, of quantiles that do not exist
def test_bands_of_what_never_varies_have_no_sharpe_ratio() -> None:
    bands = bootstrap(np.zeros(50), draws=20)
    assert "NaN" not in bands._repr_html_()
    assert repr(bands) == (
        "In 20 pasts drawn from the same returns in blocks of 1 bar there is no Sharpe ratio, as the returns "
        "never vary; 0 % of them lost money."
    )


def test_a_factor_bought_one_bar_later_says_bar(tmp_path: Path) -> None:
    ds = synthetic(8, 120, seed=3)
    study = tw.factors.study(ds["close"].tw.roc(5), ds, count=2, delay=1, periods=(1,))
    text = tw.report.write_factor_report(study, tmp_path / "factor.html").read_text()
    assert "8 symbols on average, 2 buckets, bought 1 bar after the factor is known" in text
