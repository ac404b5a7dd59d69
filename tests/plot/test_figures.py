"""Figures hold the data they show, and reports open without a network."""

import re
from pathlib import Path

import holoviews as hv
import numpy as np
import pytest
import tradewind as tw
from tradewind.testing import synthetic

DS = synthetic(["AAPL", "MSFT", "IBM"], 700, seed=1)
RESULT = tw.backtest(
    tw.strategies.SmaCross(fast=10, slow=40, short=True), DS, costs=tw.Costs(per_value=5e-4), benchmark="IBM"
)


def curves(figure: object) -> list[hv.Curve]:
    return figure.traverse(lambda c: c, [hv.Curve])  # type: ignore[attr-defined,no-any-return]


def test_the_equity_drawn_is_the_equity() -> None:
    layout = RESULT.plot(log=True)
    assert len(layout) == 4
    drawn = curves(layout)[0]
    np.testing.assert_array_equal(drawn.dimension_values("equity"), RESULT.equity.values)
    assert hv.render(layout, backend="bokeh") is not None


def test_monthly_figure_compounds_to_the_total() -> None:
    heat = RESULT.plot().traverse(lambda e: e, [hv.HeatMap])[0]
    months = heat.dimension_values("percent")
    known = months[np.isfinite(months)] / 100
    assert np.prod(1 + known) - 1 == pytest.approx(RESULT.metrics.total_return, rel=1e-9)


def test_candles_with_overlays_and_panels() -> None:
    figure = DS.tw.candles("AAPL", overlays=["sma(50)", "bollinger(20, 2)", "rsi(14)"])
    labels = {c.label for c in curves(figure)}
    assert {"sma(50)", "bollinger(20, 2) upper", "rsi(14)"} <= labels
    sma = next(c for c in curves(figure) if c.label == "sma(50)")
    np.testing.assert_array_equal(sma.dimension_values(1), DS["close"].sel(symbol="AAPL").tw.sma(50).values)
    boxes = sum(len(r) for r in figure.traverse(lambda r: r, [hv.Rectangles]))
    assert boxes == DS.sizes["time"]
    assert hv.render(figure, backend="bokeh") is not None
    line = DS[["close"]].tw.candles("IBM", ["donchian(20)"])
    assert not line.traverse(lambda r: r, [hv.Rectangles])
    assert hv.render(line, backend="bokeh") is not None


def test_heat_map_shows_every_combination() -> None:
    grid = tw.sweep("sma_cross", {"fast": [5, 10, 15], "slow": [20, 30, 40, 50]}, DS)
    image = grid.heatmap("sharpe").traverse(lambda i: i, [hv.Image])[0]
    assert sorted(image.dimension_values("sharpe")) == pytest.approx(sorted(grid["sharpe"].values.ravel()))
    assert hv.render(grid.heatmap("max_drawdown"), backend="bokeh") is not None
    single = tw.sweep("sma_cross", {"fast": [5, 10]}, DS)
    assert hv.render(single.heatmap(), backend="bokeh") is not None


def test_the_report_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    path = RESULT.report(tmp_path / "report.html", title="Trend <&> large caps")
    text = path.read_text()
    assert "Trend &lt;&amp;&gt; large caps" in text
    assert f"{RESULT.metrics.sharpe:.2f}" in text
    outside = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']([^\"']+)", text)
    assert outside == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_of_nothing_traded_can_be_read(tmp_path: Path) -> None:
    flat = tw.backtest(tw.strategies.SmaCross(fast=100, slow=690), DS)
    assert flat.metrics.trades == 0
    text = flat.report(tmp_path / "flat.html").read_text()
    assert "Nothing was traded." in text
    assert hv.render(flat.plot(), backend="bokeh") is not None


def test_a_look_ahead_fill_is_marked_everywhere(tmp_path: Path) -> None:
    cheat = tw.backtest(tw.strategies.SmaCross(fast=10, slow=40), DS, fill="same close")
    assert "Looks ahead" in cheat._repr_html_()
    assert "Nobody could have traded this" in cheat.report(tmp_path / "cheat.html").read_text()


def test_cards_show_the_figures() -> None:
    card = RESULT._repr_html_()
    assert "<svg" in card
    assert f"{RESULT.metrics.sharpe:.2f}" in card
    assert "Sharpe" in repr(RESULT)
