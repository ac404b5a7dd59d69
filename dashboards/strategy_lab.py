"""Strategy lab.

Pick a strategy, symbols and costs: equity, drawdown and metrics follow at once. Served by Panel, one
process for all who watch.
"""

import numpy as np
import panel as pn
import tradewind as tw
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure

pn.extension(sizing_mode="stretch_width")

COLOURS = tw.plot.palette.SERIES
MUTED = "#56636f"
SHOWN = ("total_return", "cagr", "volatility", "sharpe", "max_drawdown", "hit_rate", "trades", "costs")
STYLE = """
:host { --design-primary-color: #0b5c7d; }
.lab { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10rem, 46%), 1fr)); gap: 8px; }
.lab div.box { border: 1px solid #dce1e6; border-radius: 6px; padding: 7px 10px; line-
height: 1.3; } .lab small { display: block; color: #56636f; font-size: 12px; } .lab b { display: block;
font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
"""


def strategies():
    """Every strategy by its title."""
    return {
        tw.strategies.strategy_class(n).title: tw.strategies.strategy_class(n) for n in tw.strategies.names()
    }


class Lab:
    """The app of one viewer."""

    def __init__(self):
        self.datasets = {d.name: d for d in tw.catalog() if "close" in d.fields and str(d.frequency) == "1d"}
        first = "us-large-caps" if "us-large-caps" in self.datasets else next(iter(self.datasets), None)
        self.classes = strategies()
        self.dataset = pn.widgets.Select(name="Dataset", options=list(self.datasets), value=first)
        self.symbols = pn.widgets.MultiSelect(name="Symbols", size=6)
        self.years = pn.widgets.IntRangeSlider(name="Years", start=2000, end=2013, value=(2000, 2013))
        self.strategy = pn.widgets.Select(name="Strategy", options=list(self.classes), value="SMA crossover")
        self.parameters = pn.Column(margin=0)
        self.commission = pn.widgets.FloatSlider(
            name="Commission, bp of traded value", start=0, end=50, step=0.5, value=5
        )
        self.slippage = pn.widgets.FloatSlider(
            name="Slippage, bp of price", start=0, end=50, step=0.5, value=2
        )
        self.log = pn.widgets.Checkbox(name="Logarithmic equity axis", value=True)
        self.tiles = pn.pane.HTML("", stylesheets=[STYLE])
        self.message = pn.pane.HTML("")
        self.equity = pn.pane.Bokeh(None, height=340)
        self.source = ColumnDataSource({"time": [], "equity": [], "held": [], "drawdown": []})
        self.drawdown = pn.pane.Bokeh(self.drawdown_figure(), height=190)
        self.px, self.inputs = None, {}
        self.offer_parameters()
        self.load()
        self.dataset.param.watch(self.load, "value")
        self.strategy.param.watch(self.offer_parameters, "value")
        for widget in (self.symbols, self.log):
            widget.param.watch(self.draw, "value")
        for slider in (self.years, self.commission, self.slippage):
            slider.param.watch(self.draw, "value_throttled")

    def load(self, _event=None):
        """Open the chosen dataset and offer its symbols and years."""
        self.px = None
        px = tw.open(self.dataset.value).load()
        years = px.time.values.astype("M8[Y]").astype(int) + 1970
        names = [str(s) for s in px.symbol.values]
        self.symbols.param.update(options=names, value=names[:5])
        self.years.param.update(
            start=int(years[0]), end=int(years[-1]), value=(int(years[0]), int(years[-1]))
        )
        self.px = px
        self.draw()

    def offer_parameters(self, _event=None):
        """One control for each parameter of the strategy, with its bounds."""
        made = {}
        for spec in self.classes[self.strategy.value].parameters():
            name = f"{spec.name}: {spec.doc}" if spec.doc else spec.name
            if spec.kind is bool:
                made[spec.name] = pn.widgets.Checkbox(name=name, value=spec.default)
            elif spec.choices:
                # a select's name does not wrap: what it means is behind the question mark
                made[spec.name] = pn.widgets.Select(
                    name=spec.name, description=spec.doc, options=list(spec.choices), value=spec.default
                )
            elif spec.kind is str:
                made[spec.name] = pn.widgets.TextInput(
                    name=spec.name, description=spec.doc, value=spec.default
                )
            elif spec.kind is int:
                top = max(60, spec.default * 3)
                made[spec.name] = pn.widgets.IntSlider(
                    name=name,
                    start=int(spec.minimum or 1),
                    end=top,
                    value=spec.default,
                    stylesheets=[".bk-slider-title { white-space: normal; }"],
                )
            else:
                made[spec.name] = pn.widgets.FloatInput(
                    name=name,
                    stylesheets=["label { white-space: normal; }"],
                    value=spec.default,
                    start=spec.minimum,
                    end=spec.maximum,
                    step=spec.default / 4 or 0.1,
                )
            throttled = "value_throttled" if spec.kind is int and not spec.choices else "value"
            made[spec.name].param.watch(self.draw, throttled)
        self.inputs = made
        self.parameters.objects = list(made.values())
        self.draw()

    def run(self):
        """The backtest that the controls describe, and holding the same symbols."""
        first, last = self.years.value
        px = self.px.sel(symbol=self.symbols.value, time=slice(str(first), str(last)))
        values = {name: widget.value for name, widget in self.inputs.items()}
        costs = tw.Costs(per_value=self.commission.value / 1e4, slippage=self.slippage.value / 1e4)
        chosen = self.classes[self.strategy.value](**values)
        return tw.backtest(chosen, px, costs=costs), tw.backtest(tw.strategies.BuyAndHold(), px)

    def draw(self, _event=None):
        """Trade, and show the result."""
        if self.px is None:
            return
        try:
            if not self.symbols.value:
                raise ValueError("Choose at least one symbol.")
            result, held = self.run()
        except (tw.errors.TradewindError, ValueError) as problem:
            self.message.object = f"<p style='color:#a8261d;margin:0'>{problem}</p>"
            return
        self.message.object = ""
        metrics = dict(zip(result.metrics, result.metrics.rows(), strict=True))
        holding = dict(zip(held.metrics, held.metrics.rows(), strict=True))
        boxes = (
            f"<div class='box' title='{metrics[n][2]}'><small>{metrics[n][0]}</small><b>{metrics[n][1]}</b>"
            f"<small>holding: {holding[n][1]}</small></div>"
            for n in SHOWN
        )
        self.tiles.object = f"<div class='lab'>{''.join(boxes)}</div>"
        self.source.data = {
            "time": result.equity.time.values,
            "equity": result.equity.values,
            "held": held.equity.values,
            "drawdown": result.drawdown.values,
        }
        kind = "log" if self.log.value else "linear"
        if self.equity.object is None or self.equity.object.tags != [kind]:
            self.equity.object = self.equity_figure(kind)
        low, high = (f(np.r_[result.equity.values, held.equity.values]) for f in (np.nanmin, np.nanmax))
        self.equity.object.y_range.update(start=low * 0.96, end=high * 1.04)
        self.equity.object.title.text = f"Equity: {result.setting.title}"

    def plot(self, **options):
        """An empty figure in the house's manner."""
        drawn = figure(
            x_axis_type="datetime", sizing_mode="stretch_width", tools="pan,box_zoom,wheel_zoom,reset,save",
            toolbar_location="above", **options,
        )  # fmt: skip
        drawn.toolbar.logo = None
        drawn.xgrid.grid_line_color = drawn.ygrid.grid_line_color = "#e4e9ee"
        drawn.title.text_font_size = "11pt"
        return drawn

    def equity_figure(self, kind):
        """Equity against holding, on a linear or logarithmic axis."""
        drawn = self.plot(
            height=340, y_axis_type=kind, y_axis_label="account, in its currency", y_range=(1, 2), tags=[kind]
        )
        drawn.title.text = "Equity"
        drawn.yaxis.formatter = NumeralTickFormatter(format="0,0.[00]a")
        line = drawn.line(
            "time", "equity", source=self.source, color=COLOURS[0], line_width=1.8, legend_label="Strategy"
        )
        drawn.line("time", "held", source=self.source, color="#888888", line_width=1.3, line_dash="dashed",
                   legend_label="Buy and hold, without costs")  # fmt: skip
        tips = [("day", "@time{%F}"), ("strategy", "@equity{0,0}"), ("holding", "@held{0,0}")]
        drawn.add_tools(
            HoverTool(renderers=[line], tooltips=tips, formatters={"@time": "datetime"}, mode="vline")
        )
        drawn.legend.location, drawn.legend.background_fill_alpha = "top_left", 0.7
        return drawn

    def drawdown_figure(self):
        """How far the equity is below its peak."""
        drawn = self.plot(height=190, y_axis_label="below peak")
        drawn.title.text = "Drawdown from the highest equity so far"
        drawn.yaxis.formatter = NumeralTickFormatter(format="0 %")
        drawn.varea("time", y1=0, y2="drawdown", source=self.source, color=tw.plot.palette.LOSS, alpha=0.45)
        line = drawn.line("time", "drawdown", source=self.source, color=tw.plot.palette.LOSS, line_width=1)
        tips = [("day", "@time{%F}"), ("below peak", "@drawdown{0.0 %}")]
        drawn.add_tools(
            HoverTool(renderers=[line], tooltips=tips, formatters={"@time": "datetime"}, mode="vline")
        )
        return drawn

    def page(self):
        """Controls beside figures; below one another where it is narrow."""
        controls = pn.Column(
            self.strategy, self.parameters, self.message, self.dataset, self.symbols, self.years,
            self.commission, self.slippage, self.log, styles={"flex": "1 1 17rem", "max-width": "26rem",
            "min-width": "16rem"},
        )  # fmt: skip
        figures = pn.Column(
            self.tiles,
            self.equity,
            self.drawdown,
            styles={"flex": "4 1 20rem", "min-width": "0", "max-width": "100%", "overflow": "hidden"},
        )
        heading = pn.pane.HTML(
            "<h1 style='font-size:1.35rem;font-weight:600;margin:0'>Strategy lab</h1>"
            f"<p style='color:{MUTED};margin:2px 0 0'>Orders decided at a close are filled at the next bar. "
            "Change anything; everything follows.</p>"
        )
        body = pn.FlexBox(controls, figures, align_items="flex-start", gap="12px")
        return pn.Column(
            heading,
            body,
            max_width=1344,
            styles={"margin": "0 auto", "padding": "8px 12px 32px", "box-sizing": "border-box"},
        )


Lab().page().servable(title="Strategy lab")
