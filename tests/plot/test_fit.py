"""Figures are legible where they are shown: many symbols, a telephone's width, figures next to nothing."""

import shutil
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
import tradewind as tw
from bokeh.models import CustomJS, Legend, NoOverlap
from tradewind.plot.palette import REST, SERIES
from tradewind.testing import synthetic

MANY = tw.backtest(tw.strategies.EqualWeight(), synthetic(30, 300, seed=2), remember=False)


def drawn(figure: Any) -> Any:
    return hv.render(figure, backend="bokeh")


def colours(figure: Any) -> dict[str, str]:
    (legend,) = drawn(figure).select({"type": Legend})
    return {item.label.value: item.renderers[0].glyph.fill_color for item in legend.items}


def test_the_sum_of_all_others_is_a_quiet_colour_of_its_own() -> None:
    found = colours(tw.plot.positions_figure(MANY))
    assert found.pop("23 others") == REST
    assert list(found.values()) == list(SERIES[:7])
    assert REST not in SERIES
    assert "#000000" not in SERIES


def test_symbols_as_many_as_colours_are_all_told_apart() -> None:
    eight = tw.backtest(tw.strategies.EqualWeight(), synthetic(8, 100, seed=2), remember=False)
    assert sorted(colours(tw.plot.positions_figure(eight)).values()) == sorted(SERIES)


def test_the_legend_of_positions_lies_below_where_it_can_break() -> None:
    figure = drawn(tw.plot.positions_figure(MANY, width=None))
    assert [type(part) for part in figure.below].count(Legend) == 1
    assert not figure.right


@pytest.mark.parametrize("figure", ["equity", "drawdown", "monthly", "positions"])
def test_every_figure_of_a_report_follows_its_width(figure: str) -> None:
    model = drawn(getattr(tw.plot, f"{figure}_figure")(MANY, width=None))
    (callback,) = model.js_property_callbacks["change:inner_width"]
    assert isinstance(callback, CustomJS)
    assert all(isinstance(axis.major_label_policy, NoOverlap) for axis in [*model.xaxis, *model.yaxis])


def test_a_loss_too_small_to_write_has_no_sign() -> None:
    days = synthetic(1, 130, seed=3)
    quiet = days.assign(close=days["close"] * 0 + 100 - np.arange(130) * 1e-4, open=days["close"] * 0 + 100)
    labels = tw.plot.monthly_figure(tw.backtest(tw.strategies.BuyAndHold(), quiet, remember=False))
    texts = labels.traverse(lambda e: e, [hv.Labels])[0].dimension_values("text")
    assert "0.0" in texts
    assert "-0.0" not in texts


def test_one_combination_is_not_called_several() -> None:
    grid = tw.sweep("sma_cross", {"fast": [5]}, synthetic(1, 100, seed=1))
    assert drawn(grid.heatmap()).title.text.endswith(", 1 combination")


@pytest.mark.browser
def test_on_a_narrow_screen_titles_legends_and_labels_are_whole(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = MANY.report(tmp_path / "report.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 420, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_function(f"{FIGURES}.some((f) => f.title.text.includes('\\n'))")
        page.wait_for_function(f"{FIGURES}.every((f) => {TITLE} <= f.outer_width)")
        legend = page.evaluate(f"{FIGURES}.flatMap((f) => f.below).find((p) => p.type == 'Legend').ncols")
        size = page.evaluate(
            f"{FIGURES}.flatMap((f) => f.renderers).find((r) => r.glyph.type == 'Text').glyph.text_font_size"
        )
        sideways = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.wait_for_function(f"{FIGURES}.every((f) => !f.title.text.includes('\\n'))")
        browser.close()
    assert 2 <= legend <= 5
    assert 6 <= float(size["value"].removesuffix("px")) <= 11
    assert sideways <= 420


FIGURES = "Bokeh.documents[0].roots()"
TITLE = "Bokeh.index.get_by_id(f.id).views.find_one(f.title).bbox.width"
