"""What a backtest assumes: costs and when orders are filled."""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np

from tradewind.errors import ParameterError


class Fill(StrEnum):
    """When an order decided at a bar's close is filled."""

    NEXT_OPEN = "next open"
    NEXT_CLOSE = "next close"
    SAME_CLOSE = "same close"
    """The very price the decision was made from: looks ahead, for comparison with other engines only."""

    @property
    def looks_ahead(self) -> bool:
        """Whether a result with it could not have been traded."""
        return self is Fill.SAME_CLOSE


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What trading costs.

    Attributes
    ----------
    per_value
        Commission as a share of the traded value: 5e-4 is 5 basis points.
    per_share
        Commission per share or contract, in the account's currency.
    minimum
        Least commission of one fill, in the account's currency.
    slippage
        How much worse than the bar's price a fill is, as a share of it. Half of a bid-ask spread belongs
        here.
    """

    per_value: float = 0.0
    per_share: float = 0.0
    minimum: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    impact_power: float = 0.5

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, bool | str) or not hasattr(value, "__float__") or not float(value) >= 0.0:
                raise ParameterError(f"Costs: {f.name} is a number and not negative, not {value!r}.")
            object.__setattr__(self, f.name, float(value))
        if self.per_value >= 1.0 or self.slippage >= 1.0:
            raise ParameterError(
                "Costs: per_value and slippage are shares of the traded value and below 1.",
                "Five basis points are 5e-4.",
            )

    @property
    def numbers(self) -> np.ndarray:
        """The figures in the order of the fields, for the loops."""
        return np.array([getattr(self, f.name) for f in fields(self)])

    def __str__(self) -> str:
        parts = []
        if self.per_value:
            parts.append(f"{self.per_value * 1e4:g} bp commission")
        if self.per_share:
            parts.append(f"{self.per_share:g} per share")
        if self.minimum:
            parts.append(f"at least {self.minimum:g} a fill")
        if self.slippage:
            parts.append(f"{self.slippage * 1e4:g} bp slippage")
        if self.impact:
            parts.append(f"impact {self.impact:g} x (share of volume) ^ {self.impact_power:g}")
        return ", ".join(parts) or "none"
