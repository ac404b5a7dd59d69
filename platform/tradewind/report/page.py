"""A result as one HTML file that opens anywhere."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

import tradewind
from tradewind.backtest import Result
from tradewind.metrics import FIGURES, Unit, drawdowns, monthly_returns
from tradewind.plot import drawdown_figure, equity_figure, monthly_figure, positions_figure
from tradewind.provenance import lock_hash
from tradewind.report.embed import embedded
from tradewind.report.pdf import write_pdf
from tradewind.report.words import finding, luck, trading

TILES = ("cagr", "total_return", "volatility", "sharpe", "max_drawdown", "hit_rate")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = Unit.PERCENT.write
    environment.filters["money"] = Unit.MONEY.write
    environment.filters["side"] = _side
    environment.filters["day"] = lambda t: "still below" if pd.isna(t) else f"{pd.Timestamp(t):%Y-%m-%d}"
    return environment.get_template("report.html")


def _figures(result: Result, log: bool) -> tuple[str, str, dict[str, str]]:
    """Bokeh's own script, the figures' script, and one container a figure."""
    drawn = {
        "equity": equity_figure(result, log=log),
        "drawdown": drawdown_figure(result),
        "monthly": monthly_figure(result),
        "positions": positions_figure(result),
    }
    return embedded(drawn)


def write_report(result: Result, path: str | Path, *, title: str | None = None, log: bool = False) -> Path:
    """Write a report that a portfolio manager can read: one file, nothing fetched from elsewhere.

    Parameters
    ----------
    result
        A finished backtest.
    path
        Where to write, ``.html`` or ``.pdf`` (printed by Chromium); replaced whole or not at all.
    title
        Heading; the strategy by default.
    log
        A logarithmic axis for the equity.

    Returns
    -------
    Path
        The file.
    """
    target = Path(path)
    if target.suffix.lower() == ".pdf":
        return write_pdf(report_html(result, title=title, log=log), target)
    part = target.with_name(target.name + ".part")
    part.write_text(report_html(result, title=title, log=log), encoding="utf-8")
    part.replace(target)
    return target


def report_html(result: Result, *, title: str | None = None, log: bool = False) -> str:
    """Return the report as HTML; see :func:`write_report`."""
    library, script, containers = _figures(result, log)
    setting, m = result.setting, result.metrics
    trades = result.trades
    months = monthly_returns(result.returns.values, result.market.time)
    time = result.market.time
    equity = np.concatenate(([setting.cash], result.equity.values))
    facts = [
        ("Strategy", f"{setting.title}, version {setting.version}"),
        ("Data", setting.dataset or "unnamed"),
        ("Snapshot", setting.snapshot or "none"),
        ("Prices", {"split": "adjusted for splits", "total": "adjusted for splits and dividends"}.get(
            setting.adjust, "as given")),
        ("Symbols", _listed([str(s) for s in result.market.symbols])),
        ("Bars", f"{len(time):,}, {str(time[0])[:10]} to {str(time[-1])[:10]}"),
        ("Capital", f"{setting.cash:,.0f}"),
        ("Orders filled at", f"the {setting.fill.value}{', looking ahead' * setting.fill.looks_ahead}"),
        ("Costs", str(setting.costs)),
        ("Bars a year", f"{setting.periods:,.0f}, for yearly figures"),
        ("Tradewind", f"{tradewind.__version__}, lock {lock_hash()[:12] or 'unknown'}"),
        ("Written", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
    ]  # fmt: skip
    return _template().render(
        title=title or setting.title,
        setting=setting,
        tiles=[_tile(name, m[name]) for name in TILES],
        finding=finding(result),
        luck=luck(result),
        trading=trading(result),
        metrics=m.rows(),
        drawdowns=drawdowns(equity, np.concatenate((time[:1], time))).to_dict("records"),
        years=[(int(str(y)), v) for y, v in months["Year"].items()],
        best=trades.sort_values("profit", ascending=False).head(5).to_dict("records"),
        worst=trades.sort_values("profit").head(5).to_dict("records"),
        facts=facts,
        library=library,
        script=script,
        figures=containers,
    )


def _tile(name: str, value: float) -> tuple[str, str, str, str]:
    """Label, figure, meaning, and the class of its colour."""
    side = _side(value) if name in ("cagr", "total_return", "sharpe") else ""
    return FIGURES[name].label, FIGURES[name].unit.write(value), FIGURES[name].meaning, side


def _side(value: float) -> str:
    """The class of a figure's colour; none where it is undefined, which is neither a gain nor a loss."""
    return "" if pd.isna(value) else "gain" if value >= 0 else "loss"


def _listed(names: list[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
