"""What a backtest assumes: costs and when orders are filled."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from tradewind.backtest.checking import not_negative, number, shown
from tradewind.errors import ParameterError
from tradewind.keywords import spoken


class Fill(StrEnum):
    """When an order decided at a bar's close is filled."""

    NEXT_OPEN = "next open"
    NEXT_CLOSE = "next close"
    NEXT_VWAP = "next vwap"
    """The next bar's volume-weighted average price: the dataset's field ``vwap``."""
    NEXT_TWAP = "next twap"
    """The next bar's average price over time, taken as the mean of its open, high, low and close."""
    SAME_CLOSE = "same close"
    """The very price the decision was made from: looks ahead, for comparison with other engines only."""

    @property
    def looks_ahead(self) -> bool:
        """Whether a result with it could not have been traded."""
        return self is Fill.SAME_CLOSE

    @property
    def at_close(self) -> bool:
        """Whether fills happen at the end of a bar."""
        return self in (Fill.NEXT_CLOSE, Fill.SAME_CLOSE)


Tax = Callable[[int, int, float, float, float], float]
"""``(symbol, bar, quantity, price, profit) -> tax``: symbol and bar by number, the profit a sale realises
against the average cost; in the account's currency. Compiled when first used."""

_PLAIN = ("per_value", "per_share", "minimum", "slippage", "impact", "impact_power")
_MORE = ("fixed", "spread", "volatility", "participation", "tax_buy", "tax_sell")


class Named(str):
    """What a saved result keeps of a function or series: its name."""

    __slots__ = ()


@spoken
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
        Least commission of one order, in the account's currency.
    fixed
        Commission of one order whatever its size, in the account's currency; added to the others.
    slippage
        How much worse than the bar's price a fill is, as a share of it.
    impact, impact_power
        The price is worse by ``impact * (units / the bar's volume) ** impact_power``; the square root by
        default.
    spread
        Half of the bid-ask spread as a share of the price, paid by market and stop orders; limits wait. A
        dataset's field ``half_spread`` gives it bar by bar, and is added.
    volatility
        Slippage as a multiple of the volatility of the last 20 bars' returns.
    impact_by_volatility
        Whether the impact is multiplied by that volatility too: the square-root law of the literature.
    participation
        Most units traded in a bar as a share of its volume; an order's rest waits for the next bar. 0: any.
    tiers
        ``((traded, per_value), ...)``: from so much money traded so far, this commission instead of
        ``per_value``.
    tax_buy, tax_sell
        Duties as shares of the value bought or sold.
    tax
        A function for any other: see :data:`Tax`.
    """

    per_value: float = 0.0
    per_share: float = 0.0
    minimum: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    impact_power: float = 0.5
    spread: float = 0.0
    volatility: float = 0.0
    impact_by_volatility: bool = False
    participation: float = 0.0
    tiers: tuple[tuple[float, float], ...] = ()
    tax_buy: float = 0.0
    tax_sell: float = 0.0
    tax: Tax | None = None
    fixed: float = 0.0

    def __post_init__(self) -> None:
        for name in _PLAIN + _MORE:
            value = number(getattr(self, name), f"Costs: {name}", "a number and not negative", not_negative)
            object.__setattr__(self, name, value)
        tax: Any = self.tax
        if not (tax is None or callable(tax) or isinstance(tax, Named)):
            raise ParameterError(
                f"Costs: tax is a function, not {shown(tax)}.", "For a share use tax_buy and tax_sell."
            )
        for name in ("per_value", "slippage", "spread", "tax_buy", "tax_sell"):
            if getattr(self, name) >= 1.0:
                raise ParameterError(
                    f"Costs: {name} is a share of the traded value and below 1.",
                    "Five basis points are 5e-4.",
                )
        tiers = _tiers(self.tiers)
        object.__setattr__(self, "tiers", tiers)

    @property
    def numbers(self) -> np.ndarray:
        """The plain figures in the order of the fields, for the loops."""
        return np.array([getattr(self, name) for name in _PLAIN])

    @property
    def is_plain(self) -> bool:
        """Whether the fast accounts know everything that is charged."""
        return not (
            any(getattr(self, name) for name in _MORE) or self.tiers or self.tax or self._by_volatility
        )

    @property
    def _by_volatility(self) -> bool:
        return self.impact_by_volatility and self.impact > 0.0

    def __str__(self) -> str:
        words = (
            (self.per_value, f"{self.per_value * 1e4:g} bp commission"),
            (self.tiers, "commission by tiers of money traded"),
            (self.per_share, f"{self.per_share:g} per share"),
            (self.minimum, f"at least {self.minimum:g} an order"),
            (self.fixed, f"{self.fixed:g} an order"),
            (self.spread, f"{self.spread * 1e4:g} bp half spread"),
            (self.slippage, f"{self.slippage * 1e4:g} bp slippage"),
            (self.volatility, f"{self.volatility:g} x volatility slippage"),
            (self.impact, f"impact {self.impact:g} x (share of volume) ^ {self.impact_power:g}"
             + (" x volatility" if self._by_volatility else "")),
            (self.participation, f"at most {self.participation:.3g} of the volume"),
            (self.tax_buy or self.tax_sell or self.tax, "taxes"),
        )  # fmt: skip
        return ", ".join(text for given, text in words if given) or "none"


def _tiers(given: Any) -> tuple[tuple[float, float], ...]:
    try:
        tiers = tuple((float(start), float(rate)) for start, rate in given)
    except (TypeError, ValueError):
        tiers = ((0.0, -1.0),)
    if any(b[0] <= a[0] for a, b in pairwise(tiers)) or any(not 0.0 <= r < 1.0 for _, r in tiers):
        raise ParameterError(
            "Costs: tiers are pairs of money traded so far, rising, and a share of the traded value.",
            "For example ((0, 1e-3), (1e6, 5e-4)).",
        )
    return tiers
