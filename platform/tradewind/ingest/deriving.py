"""``tw.ingest.derived``: figures of one's own, computed from a dataset, as a dataset of their own."""

from typing import Any

import numpy as np
import xarray as xr

from tradewind.errors import InvalidInputError
from tradewind.ingest.loading import choice, existing
from tradewind.store.batch import Batch
from tradewind.store.merging import Change
from tradewind.store.repository import Store
from tradewind.store.roots import root_of
from tradewind.store.spec import Basis, DatasetSpec
from tradewind.store.writing import write
from tradewind.vocabulary import DIMS, SYMBOL, TIME, Frequency


def derived(
    data: xr.Dataset | xr.DataArray,
    dataset: str,
    *,
    of: xr.Dataset | None = None,
    frequency: Frequency | str | None = None,
    calendar: str | None = None,
    publication_lag: float | None = None,
    description: str = "",
    message: str = "",
) -> Change:
    """Store indicators, factors or signals as a dataset that is read, versioned and guarded like any other.

    The same figures twice change nothing; later bars are added, changed ones are a new snapshot. The commit
    says which snapshot they were computed from.

    Parameters
    ----------
    data : Dataset or DataArray [symbol, time]
        Figures with names of their own, such as ``ds.tw.rsi(14)``; a DataArray needs a name. NaN is not
        stored, and leaves what is stored as it is.
    dataset
        ``mine/...``, or a shared one you may write.
    of
        What they were computed from, as ``tw.open`` gave it: frequency, calendar, lag and snapshot
        are taken from it; by default from what ``data`` itself says.
    frequency, calendar, publication_lag
        Of a new dataset, if not those.
    description, message
        What dataset and commit say of themselves.

    Returns
    -------
    Change
        What was added and changed.

    Raises
    ------
    InvalidInputError
        Dims other than symbol and time, figures that are no numbers or infinite, a name that cannot be used,
        or no frequency.

    Examples
    --------
    >>> ds = tw.open("us-large-caps")
    >>> tw.ingest.derived(ds.tw.rsi(14).rename("rsi"), "mine/rsi", of=ds)
    >>> tw.open("mine/rsi")["rsi"]
    """
    whole = _named(data)
    attrs = whole.attrs if of is None else of.attrs
    root, bare = root_of(dataset)
    store = Store(root)
    spec = existing(store, dataset)
    if spec is None:
        spec = DatasetSpec(
            name=bare,
            frequency=_frequency(frequency or attrs.get("frequency")),
            calendar=str(calendar or attrs.get("calendar") or "24/7"),
            basis=Basis.LEVEL,
            description=description,
            source=f"derived from {attrs['dataset']}" if "dataset" in attrs else "derived",
            licence=str(attrs.get("licence", "")),
            adjustments=f"of prices adjusted by: {attrs.get('adjust', 'unknown')}",
            publication_lag=float(publication_lag or attrs.get("publication_lag", 0.0)),
        )
    origin = {k: str(attrs[k]) for k in ("dataset", "snapshot") if k in attrs}
    told = f" from {origin['dataset']} at {origin['snapshot']}" if len(origin) == 2 else ""
    return write(
        store,
        spec,
        _batch(whole),
        message=message or f"Derived {', '.join(map(str, whole.data_vars))}{told}",
        metadata={"derived_from": origin} if origin else None,
    )


def _named(data: xr.Dataset | xr.DataArray) -> xr.Dataset:
    if isinstance(data, xr.DataArray):
        if data.name is None:
            raise InvalidInputError("The figures have no name.", 'Give them one: values.rename("rsi").')
        data = data.to_dataset(name=str(data.name), promote_attrs=True)
    if not data.data_vars:
        raise InvalidInputError("There are no figures to store.")
    for name, values in data.data_vars.items():
        if set(values.dims) != set(DIMS):
            raise InvalidInputError(
                f"{name!r} has dims {tuple(values.dims)}; a dataset has {DIMS}.",
                "Select or rename dims, or use expand_dims(symbol=[...]).",
            )
    return data


def _frequency(given: Any) -> Frequency:
    found = choice(Frequency, given, "frequency")
    if found is None:
        raise InvalidInputError(
            "The figures do not say how long their bars are.", 'Say of=ds, or frequency="1d".'
        )
    return found


def _batch(data: xr.Dataset) -> Batch:
    values = {}
    for name, field in data.data_vars.items():
        if field.dtype.kind not in "fiub":
            raise InvalidInputError(f"{name!r} holds {field.dtype}, not numbers.")
        found = np.ascontiguousarray(field.transpose(*DIMS).values, dtype=np.float64)
        if np.isinf(found).any():
            raise InvalidInputError(
                f"{name!r} has infinite values.", "Make them NaN, or mend what made them."
            )
        values[str(name)] = found
    symbols = tuple(str(s) for s in data[SYMBOL].values)
    return Batch(symbols=symbols, times=data[TIME].values.astype("M8[ns]"), values=values, own_fields=True)
