"""Figures in sentences: no minus before a zero, no plural of one, nothing undefined shown as a number."""

import math

import pytest
from tradewind.metrics import Unit
from tradewind.wording import counted, percent, written


@pytest.mark.parametrize(
    ("share", "digits", "expected"),
    [
        (-0.0004, 1, "0.0 %"),
        (-0.0, 2, "0.00 %"),
        (-0.0006, 1, "-0.1 %"),
        (0.125, 1, "12.5 %"),
        (-0.004, 0, "0 %"),
        (math.nan, 1, "–"),
    ],
)
def test_a_percentage_has_no_minus_before_a_zero(share: float, digits: int, expected: str) -> None:
    assert percent(share, digits) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 bars"), (1, "1 bar"), (1.2, "1 bar"), (2, "2 bars"), (1234, "1,234 bars"), (math.nan, "– bars")],
)
def test_one_has_no_plural(count: float, expected: str) -> None:
    assert counted(count, "bar") == expected


def test_a_plural_of_its_own() -> None:
    assert [counted(n, "bar is", "bars are") for n in (1, 2)] == ["1 bar is", "2 bars are"]


def test_metrics_are_written_so_too() -> None:
    assert [u.write(-0.00001) for u in Unit] == ["0.00 %", "0.00", "0", "0.00"]
    assert {u.write(math.nan) for u in Unit} == {written(math.nan)} == {"–"}
    assert Unit.MONEY.write(-1234.5) == "-1,234.50"
