"""Corporate actions beside raw prices, and the factors that adjust prices at read time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind.store.spec import ActionKind
from tradewind.vocabulary import Adjust

KINDS = (ActionKind.SPLIT, ActionKind.DIVIDEND)
PRICES = frozenset({"open", "high", "low", "close", "vwap", "bid", "ask"})
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True)
class ActionTable:
    """All corporate actions of a dataset, one row an action.

    Parameters
    ----------
    instrument
        Position on the stored symbol axis.
    kind
        Position in ``KINDS``.
    ex_date
        ``datetime64[D]``: the first session that trades without it.
    value
        New shares per old one, or cash per share.
    known
        ``datetime64[s]``: when it was announced; NaT where the source does not say, then the ex-date counts.
    """

    instrument: np.ndarray
    kind: np.ndarray
    ex_date: np.ndarray
    value: np.ndarray
    known: np.ndarray

    @classmethod
    def empty(cls) -> "ActionTable":
        """Return a table without rows."""
        return cls.decode(np.empty((5, 0)))

    @classmethod
    def decode(cls, stored: np.ndarray) -> "ActionTable":
        """Read the stored columns."""
        known = np.full(stored.shape[1], np.datetime64("NaT", "s"))
        told = np.isfinite(stored[4])
        known[told] = stored[4, told].astype(np.int64).astype("M8[s]")
        return cls(
            instrument=stored[0].astype(np.int64),
            kind=stored[1].astype(np.int64),
            ex_date=stored[2].astype(np.int64).astype("M8[D]"),
            value=stored[3],
            known=known,
        )

    def encode(self) -> np.ndarray:
        """Return the columns as stored."""
        known = self.known.astype("M8[s]").astype(np.int64).astype(np.float64)
        known[np.isnat(self.known)] = np.nan
        return np.stack(
            [self.instrument, self.kind, self.ex_date.astype("M8[D]").astype(np.int64), self.value, known]
        ).astype(np.float64)

    def __len__(self) -> int:
        return len(self.value)

    def where(self, keep: np.ndarray) -> "ActionTable":
        """Return some of the rows."""
        return ActionTable(
            instrument=self.instrument[keep],
            kind=self.kind[keep],
            ex_date=self.ex_date[keep],
            value=self.value[keep],
            known=self.known[keep],
        )


@dataclass(frozen=True)
class Steps:
    """A factor that is constant between dates: ``factors[i]`` holds before ``dates[i]``, 1 after the last."""

    dates: np.ndarray
    factors: np.ndarray

    def at(self, days: np.ndarray) -> np.ndarray:
        """Return the factor on each day."""
        padded = np.append(self.factors, 1.0)
        result: np.ndarray = padded[np.searchsorted(self.dates, days, side="right")]
        return result


def steps(dates: np.ndarray, ratios: np.ndarray) -> Steps:
    """Chain the ratios of single events into back-adjustment factors.

    Parameters
    ----------
    dates
        ``datetime64[D]``: ex-dates.
    ratios
        What prices before each date are multiplied by.
    """
    order = np.argsort(dates, kind="stable")
    return Steps(dates[order], np.cumprod(ratios[order][::-1])[::-1])


class Adjuster:
    """Computes price and volume factors for blocks of a dataset, a symbol at a time, remembering them.

    Parameters
    ----------
    table
        The actions to apply.
    adjust
        For splits only, or for splits and dividends.
    close_before
        Gives a symbol's last raw close before each date; asked for dividends only.
    """

    def __init__(
        self,
        table: ActionTable,
        adjust: Adjust,
        close_before: Callable[[int, np.ndarray], np.ndarray],
    ) -> None:
        self._table = table
        self._adjust = adjust
        self._close_before = close_before
        self._held: dict[tuple[int, bool], Steps] = {}
        self._touched = frozenset(np.unique(table.instrument).tolist())

    def apply(self, field: str, instruments: np.ndarray, times: np.ndarray, values: np.ndarray) -> None:
        """Adjust a block of raw values in place; only the stretches that an action changes are touched.

        Parameters
        ----------
        field
            Prices are divided by splits, volume is multiplied, other fields stay.
        instruments
            Positions on the stored symbol axis (n,).
        times
            ``datetime64`` (m,), in any order.
        values
            The block (n, m).
        """
        price = field in PRICES
        if not price and field != "volume":
            return
        rows = [i for i, k in enumerate(instruments.tolist()) if k in self._touched]
        if not rows:
            return
        days = times.astype("M8[D]")
        ordered = bool((days[1:] >= days[:-1]).all())
        for row in rows:
            chain = self._steps(int(instruments[row]), price)
            if not ordered:
                factors = chain.at(days)
                values[row] *= factors if price else 1.0 / factors
                continue
            first = 0
            for last, factor in zip(np.searchsorted(days, chain.dates), chain.factors, strict=True):
                values[row, first:last] *= factor if price else 1.0 / factor
                first = last

    def _steps(self, instrument: int, price: bool) -> Steps:
        key = (instrument, price)
        if key not in self._held:
            self._held[key] = self._compute(instrument, dividends=price and self._adjust is Adjust.TOTAL)
        return self._held[key]

    def _compute(self, instrument: int, *, dividends: bool) -> Steps:
        own = self._table.where(self._table.instrument == instrument)
        ratios = 1.0 / own.value
        cash = own.kind == KINDS.index(ActionKind.DIVIDEND)
        ratios[cash] = 1.0
        if dividends and cash.any():
            before = self._close_before(instrument, own.ex_date[cash])
            with np.errstate(invalid="ignore", divide="ignore"):
                share = 1.0 - own.value[cash] / before
            ratios[cash] = np.where(np.isfinite(share) & (share > 0), share, 1.0)
        return steps(own.ex_date, ratios)
