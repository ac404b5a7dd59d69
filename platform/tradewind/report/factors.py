"""A factor study as one HTML file."""

from html import escape
from pathlib import Path

import pandas as pd

import tradewind
from tradewind.factors import Study
from tradewind.factors.study import summary_html
from tradewind.plot.factors import FIGURES
from tradewind.report.embed import embedded
from tradewind.wording import counted

STYLE = """
body { margin: 0 auto; max-width: 1060px; padding: 24px 20px 64px; color: #1b1f24;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 4px; } .sub { color: #5a6370; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th { color: #5a6370; font-weight: 500; border-bottom: 1px solid #dfe3e8; }
td, th { padding: 4px 8px 4px 0; text-align: right; } .figure { margin: 16px 0; }
"""


def write_factor_report(study: Study, path: str | Path) -> Path:
    """Write a factor's tear sheet: one file, nothing fetched from elsewhere.

    Parameters
    ----------
    study
        From :func:`tradewind.factors.study`.
    path
        Where to write; replaced whole or not at all.
    """
    library, script, containers = embedded({d.__name__: d(study, width=None) for d in FIGURES})
    time = pd.DatetimeIndex(study.ic["time"].values)
    facts = (
        f"{study.dataset or 'unnamed data'}, {time[0]:%Y-%m-%d} to {time[-1]:%Y-%m-%d}, "
        f"{counted(float(study.symbols.mean()), 'symbol')} on average, {study.count} buckets, bought "
        f"{counted(study.delay, 'bar')} after the factor is known. Tradewind {tradewind.__version__}."
    )
    figures = "".join(f"<div class='figure'>{c}</div>" for c in containers.values())
    html = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(study.name)}</title>"
        f"<style>{STYLE}</style></head><body><h1>Factor study: {escape(study.name)}</h1>"
        f"<p class='sub'>{escape(facts)}</p><p>{escape(study.finding)}</p>{summary_html(study)}{figures}"
        f"{library}{script}</body></html>"
    )
    target = Path(path)
    part = target.with_name(target.name + ".part")
    part.write_text(html, encoding="utf-8")
    part.replace(target)
    return target
