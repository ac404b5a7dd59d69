"""Moments in time as users write them, turned into ``datetime64[ns]`` in UTC."""

from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np

from tradewind.errors import InvalidInputError

_PERIODS: dict[int, Literal["Y", "M", "D"]] = {4: "Y", 7: "M", 10: "D"}


def moment(value: str | date | datetime | np.datetime64, *, end: bool = False) -> np.datetime64:
    """Return a moment in UTC.

    Parameters
    ----------
    value
        ISO 8601 text, date, datetime or numpy's; without a zone it is UTC. ``"2005"`` and ``"2005-06"`` are
        periods, as is a bare date.
    end
        Whether a period means its last moment rather than its first.

    Raises
    ------
    InvalidInputError
        It is no date or time.
    """
    exact = _exact(value)
    unit = np.datetime_data(exact.dtype)[0]
    first: np.datetime64 = exact.astype("M8[ns]")
    if end and unit in ("Y", "M", "W", "D"):
        step: Any = unit
        last: np.datetime64 = (exact + np.timedelta64(1, step)).astype("M8[ns]") - np.timedelta64(1, "ns")
        return last
    return first


def _exact(value: Any) -> Any:
    try:
        if isinstance(value, str):
            text = value.strip()
            if len(text) in _PERIODS:
                return np.datetime64(text, _PERIODS[len(text)])
            value = datetime.fromisoformat(text)
        if isinstance(value, datetime):
            if value.tzinfo is not None:
                value = value.astimezone(UTC).replace(tzinfo=None)
            return np.datetime64(value, "ns")
        return np.datetime64(value, "D") if isinstance(value, date) else np.datetime64(value)
    except (ValueError, TypeError):
        raise InvalidInputError(
            f"{value!r} is not a date or time.", "Write it as 2024-05-31 or 2024-05-31T16:00:00-04:00."
        ) from None
