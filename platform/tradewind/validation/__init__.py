"""Honesty about results: how much of a figure is luck."""

from tradewind.validation.overfit import Overfitting, overfitting
from tradewind.validation.sharpe import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)

__all__ = [
    "Overfitting",
    "deflated_sharpe",
    "expected_best_sharpe",
    "minimum_track_record",
    "overfitting",
    "probabilistic_sharpe",
]
