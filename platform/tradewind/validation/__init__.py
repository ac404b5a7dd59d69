"""Honesty about results: how much of a figure is luck."""

from tradewind.validation.overfit import Overfitting, overfitting
from tradewind.validation.selection import Selection, backtest_overfitting, reality_check
from tradewind.validation.sharpe import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from tradewind.validation.walk import Walk, walk_forward

__all__ = [
    "Overfitting",
    "Selection",
    "Walk",
    "backtest_overfitting",
    "deflated_sharpe",
    "expected_best_sharpe",
    "minimum_track_record",
    "overfitting",
    "probabilistic_sharpe",
    "reality_check",
    "walk_forward",
]
