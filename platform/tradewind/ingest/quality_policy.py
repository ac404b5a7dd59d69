"""The words of the quality gate: checks, severities, how strict it is, what it decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from tradewind.store.batch import Batch
from tradewind.store.spec import Basis


class Check(StrEnum):
    """What can be wrong."""

    INFINITE = "infinite"
    NON_POSITIVE = "non_positive"
    NEGATIVE_VOLUME = "negative_volume"
    INCONSISTENT = "inconsistent"
    """High below or low above another price of the bar."""
    SPIKE = "spike"
    """A price far off its neighbours that comes back with the next bar."""
    JUMP = "jump"
    """A level shift that no recorded corporate action explains."""
    MOVE = "move"
    """A large move that is believed: it comes with several times the usual volume and turnover, as news does
    and a mistake does not, or it was undone by the next bar but is not beyond belief."""
    EXTREME = "extreme"
    """Open, high or low far off the close of the same bar."""
    STALE = "stale"
    """Bar after bar exactly the same."""
    GAP = "gap"
    NO_SESSION = "no_session"
    DUPLICATE = "duplicate"
    DISAGREEMENT = "disagreement"
    """Another source says something else."""


class Severity(StrEnum):
    """What becomes of it."""

    WARN = "warn"
    """Noted with the commit."""
    QUARANTINE = "quarantine"
    """Kept aside, never visible to readers."""
    REJECT = "reject"
    """The whole batch is refused."""


_DEFAULTS: Mapping[Check, Severity] = {
    Check.INFINITE: Severity.QUARANTINE,
    Check.NON_POSITIVE: Severity.QUARANTINE,
    Check.NEGATIVE_VOLUME: Severity.QUARANTINE,
    Check.INCONSISTENT: Severity.QUARANTINE,
    Check.SPIKE: Severity.QUARANTINE,
    Check.JUMP: Severity.REJECT,
    Check.EXTREME: Severity.QUARANTINE,
    Check.MOVE: Severity.WARN,
    Check.STALE: Severity.QUARANTINE,
    Check.GAP: Severity.WARN,
    Check.NO_SESSION: Severity.QUARANTINE,
    Check.DUPLICATE: Severity.WARN,
    Check.DISAGREEMENT: Severity.QUARANTINE,
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How strict the gate is.

    Parameters
    ----------
    severities
        Other than the defaults.
    accept
        Checks whose findings were looked at and are right: they only warn.
    deviations
        Robust standard deviations (1.4826 times the median absolute deviation of log returns) that a move
        must exceed to count as a spike or jump.
    smallest_move
        And the smallest relative move that does.
    busy
        How many times the usual volume and turnover makes a large move believable.
    stale_bars
        Equal bars in a row, the first one counted, that are stale.
    tolerance
        Relative difference to the other source.
    most_quarantined
        Share of the bars beyond which a batch is refused as a whole.
    """

    severities: Mapping[Check, Severity] = field(default_factory=dict)
    accept: frozenset[Check] = frozenset()
    deviations: float = 12.0
    smallest_move: float = 0.35
    busy: float = 3.0
    stale_bars: int = 4
    tolerance: float = 0.01
    most_quarantined: float = 0.05

    def severity(self, check: Check, basis: Basis) -> Severity:
        """Return what becomes of a finding; without shares there are no splits, so levels may jump."""
        if check in self.accept:
            return Severity.WARN
        if check in self.severities:
            return self.severities[check]
        if basis is Basis.LEVEL and check in (Check.JUMP, Check.EXTREME, Check.NON_POSITIVE):
            return Severity.WARN
        return _DEFAULTS[check]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong with one symbol.

    ``first`` and ``last`` are the first and last bar concerned, ``count`` is how many there are.
    """

    check: Check
    severity: Severity
    symbol: str
    first: str
    last: str
    count: int
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {n: str(v) if isinstance(v, StrEnum) else v for n, v in self.__dict__.items()}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate decided: the batch that readers may see, the findings, the rows kept aside."""

    batch: Batch
    findings: tuple[Finding, ...]
    quarantined: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the dataset holds already of a batch's symbols: the last closes before it, oldest first (n, m)."""

    closes: np.ndarray
    times: np.ndarray
