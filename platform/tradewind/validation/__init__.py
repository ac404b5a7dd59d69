"""Honesty about results: how much of a figure is luck."""

from tradewind.provenance.holdouts import Holdout, Look
from tradewind.validation.bands import Bands, bootstrap
from tradewind.validation.crossing import CrossValidation, cross_validate
from tradewind.validation.overfit import Overfitting, overfitting
from tradewind.validation.sealing import holdout, look, seal
from tradewind.validation.selection import Selection, backtest_overfitting, reality_check
from tradewind.validation.sharpe import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from tradewind.validation.splits import CombinatorialPurged, PurgedKFold
from tradewind.validation.walk import Walk, walk_forward

__all__ = [
    "Bands",
    "CombinatorialPurged",
    "CrossValidation",
    "Holdout",
    "Look",
    "Overfitting",
    "PurgedKFold",
    "Selection",
    "Walk",
    "backtest_overfitting",
    "bootstrap",
    "cross_validate",
    "deflated_sharpe",
    "expected_best_sharpe",
    "holdout",
    "look",
    "minimum_track_record",
    "overfitting",
    "probabilistic_sharpe",
    "reality_check",
    "seal",
    "walk_forward",
]
