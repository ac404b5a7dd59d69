"""The card a result shows of itself in a notebook: plain HTML and SVG, no plotting library."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tradewind.metrics import FIGURES
from tradewind.wording import counted

if TYPE_CHECKING:
    from tradewind.backtest.result import Result
    from tradewind.backtest.setting import Setting

GAIN, LOSS = "#0072b2", "#d55e00"  # Okabe and Ito's blue and vermilion, as in tradewind.plot.palette
SHOWN = ("total_return", "cagr", "volatility", "sharpe", "max_drawdown", "trades", "exposure", "costs")


def sparkline(values: np.ndarray, base: float, width: int = 360, height: int = 72) -> str:
    """A small line over time, with a rule at where it started."""
    kept = values[np.linspace(0, values.size - 1, min(values.size, width)).astype(int)]
    low, high = float(min(kept.min(), base)), float(max(kept.max(), base))
    scale = (height - 4) / (high - low) if high > low else 0.0
    x = np.linspace(2, width - 2, kept.size)
    points = " ".join(f"{a:.1f},{height - 2 - (b - low) * scale:.1f}" for a, b in zip(x, kept, strict=True))
    rule = height - 2 - (base - low) * scale
    colour = GAIN if kept[-1] >= base else LOSS
    return (
        f"<svg viewBox='0 0 {width} {height}' width='{width}' height='{height}' role='img' "
        "aria-label='equity curve'>"
        f"<line x1='0' x2='{width}' y1='{rule:.1f}' y2='{rule:.1f}' stroke='currentColor' "
        f"stroke-opacity='.3' stroke-dasharray='3 3'/>"
        f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.5'/></svg>"
    )


def _asked(setting: "Setting") -> dict[str, str]:
    """What was chosen besides the defaults."""
    kept = "" if setting.convert else ", balances kept"
    return {
        "universe": setting.universe,
        "asked from": setting.start,
        "asked to": setting.end,
        "currencies": ", ".join(setting.currencies) + kept * bool(setting.currencies),
        "rates": setting.rates,
    }


def _warnings(setting: "Setting") -> list[str]:
    found = []
    if setting.fill.looks_ahead:
        found.append("Looks ahead: filled at the close it was decided from.")
    if setting.missing:
        found.append(
            "Cannot be run again from this card, which does not hold " + "; ".join(setting.missing) + "."
        )
    return found


def result_card(result: "Result") -> str:
    """Equity, key figures, costs, and what the result depended on."""
    s, m = result.setting, result.metrics
    tiles = "".join(
        f"<div title='{escape(FIGURES[name].meaning)}'><div style='opacity:.65;font-size:.8em'>"
        f"{escape(FIGURES[name].label)}</div><div style='font-variant-numeric:tabular-nums;font-weight:600'>"
        f"{escape(FIGURES[name].unit.write(m[name]))}</div></div>"
        for name in SHOWN
    )
    time = result.market.time
    facts = [
        f"{str(time[0])[:10]} to {str(time[-1])[:10]}, {counted(len(time), 'bar')}, "
        f"{counted(len(result.market.symbols), 'symbol')}",
        f"data: {s.dataset or 'unnamed'}" + (f" @ {s.snapshot[:10]}" if s.snapshot else ""),
        f"filled at the {s.fill.value}",
        f"costs: {s.costs}",
        *(f"{name}: {value}" for name, value in _asked(s).items() if value),
    ]
    warning = "".join(
        f"<div style='color:{LOSS};font-weight:600'>{escape(text)}</div>" for text in _warnings(s)
    )
    return (
        "<div style='font-family:system-ui,sans-serif;"
        "border:1px solid #8884;border-radius:6px;padding:12px 16px;max-width:760px'>"
        f"<div style='font-weight:600;margin-bottom:6px'>{escape(s.title)}</div>{warning}"
        "<div style='display:flex;gap:24px;flex-wrap:wrap;align-items:center'>"
        f"{sparkline(result.books.equity, s.cash)}"
        f"<div style='display:grid;grid-template-columns:repeat(4,auto);gap:6px 20px'>{tiles}</div></div>"
        f"<div style='opacity:.65;font-size:.8em;margin-top:8px'>{escape(' · '.join(facts))}</div></div>"
    )
