"""Tradewind: research in quantitative trading, from market data to a published result.

``import tradewind as tw`` is cheap: every name below is loaded when it is first used.
"""

import sys
from importlib import import_module
from typing import Any

import lazy_loader

from tradewind import attached

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "backtest",
        "errors",
        "factors",
        "indicators",
        "ingest",
        "jobs",
        "metrics",
        "plot",
        "portfolio",
        "publish",
        "report",
        "strategies",
        "testing",
        "validation",
    ],
    submod_attrs={
        "backtest.archive": ["load"],
        "backtest.limits": ["Currencies", "Financing", "Instruments", "Limits"],
        "backtest.rules": ["Costs", "Fill"],
        "backtest.searching": ["Between", "search"],
        "backtest.sweep": ["sweep"],
        "compute": ["cluster"],
        "jobs.when": ["after_close"],
        "provenance.notes": ["record", "seed"],
        "store.changes": ["diff", "history"],
        "store.coverage": ["coverage"],
        "store.export": ["export"],
        "store.guard": ["guard"],
        "store.reading": ["catalog", "open"],
        "store.resampling": ["align", "resample"],
        "store.restatements": ["restatements"],
        "store.revised": ["vintages"],
        "store.universes": ["universe"],
    },
)

attached.provide(
    {
        "Dataset.candles": "tradewind.plot.candles:candles",
        "Grid.heatmap": "tradewind.plot.grids:grid_heatmap",
        "Grid.overfitting": "tradewind.validation.overfit:overfitting",
        "Result.plot": "tradewind.plot.results:result_figures",
        "Result.report": "tradewind.report.page:write_report",
        "Study.plot": "tradewind.plot.factors:factor_figures",
        "Study.report": "tradewind.report.factors:write_factor_report",
    }
)


def _add_accessor() -> None:
    """Register ``.tw`` on xarray's objects; it costs nothing until somebody has imported xarray."""
    if "xarray" in sys.modules:
        import_module("tradewind.accessor")


def __getattr__(name: str) -> Any:
    found = _load(name)
    _add_accessor()
    return found


_add_accessor()
