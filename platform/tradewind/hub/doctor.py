"""``tradewind admin doctor``: look at the whole installation and say what to do about each finding.

Each check is a function of the settings that returns findings; none changes anything, and none fails because
another part does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tradewind.errors import TradewindError
from tradewind.settings import Settings


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    NOTE = "note"
    """Works, but an administrator may want to know."""
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """What one check has found.

    Parameters
    ----------
    check
        The name of the check.
    level
        How bad it is.
    message
        What is the case.
    remedy
        What to do; empty where nothing is to be done.
    """

    check: str
    level: Level
    message: str
    remedy: str = ""


Check = Callable[[Settings], Iterable[Finding]]


def good(check: str, message: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(check, Level.GOOD, message)


def note(check: str, message: str, remedy: str) -> Finding:
    """Return a finding that an administrator may want to act on."""
    return Finding(check, Level.NOTE, message, remedy)


def fault(check: str, message: str, remedy: str) -> Finding:
    """Return a finding that keeps something from working or from being safe."""
    return Finding(check, Level.FAULT, message, remedy)


def examine(settings: Settings, checks: Iterable[Check]) -> list[Finding]:
    """Run checks, one after the other.

    Parameters
    ----------
    settings
        The installation's settings.
    checks
        What to look at.

    Returns
    -------
    list of Finding
        In the order of the checks; a check that breaks is itself a fault.
    """
    found: list[Finding] = []
    for check in checks:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        try:
            found.extend(check(settings))
        except TradewindError as problem:
            found.append(fault(name, problem.message, problem.hint))
        except Exception as problem:  # noqa: BLE001  the doctor must not die of what it looks for
            found.append(fault(name, f"The check itself failed: {problem!r}.", "See the message."))
    return found
