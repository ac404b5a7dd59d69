"""``tw.universe``: who belonged to a set on each day, as it was known then."""

import xarray as xr

from tradewind.errors import InvalidInputError
from tradewind.store.reading import Moment
from tradewind.store.reading import open as open_dataset
from tradewind.store.snapshots import AsOf
from tradewind.vocabulary import MEMBER


def universe(name: str, *, start: Moment = None, end: Moment = None, as_of: AsOf = None) -> xr.DataArray:
    """Return a point-in-time membership.

    Parameters
    ----------
    name
        A dataset made by ``tw.ingest.universe``.
    start, end
        First and last session, both included.
    as_of
        What the store knew: tag, snapshot id or time.

    Returns
    -------
    xarray.DataArray
        Boolean, lazy, dims ``(symbol, time)``: whether a symbol was a member on that session. Under a guard,
        reading sessions that had not closed yet raises.

    Raises
    ------
    InvalidInputError
        The dataset holds no membership.
    """
    opened = open_dataset(name, start=start, end=end, as_of=as_of)
    if MEMBER not in opened.data_vars:
        raise InvalidInputError(f"{name!r} holds no membership.", "Make one with tw.ingest.universe.")
    return opened[MEMBER].assign_attrs(opened.attrs)
