"""Seal a holdout of a dataset that exists: by its name in the catalog, or the dataset itself."""

from contextlib import AbstractContextManager
from typing import Any

import xarray as xr

from tradewind.errors import DatasetNotFoundError, InvalidInputError, did_you_mean
from tradewind.lazy import lazy
from tradewind.provenance import holdouts, ledger
from tradewind.provenance.holdouts import Holdout

repository = lazy("tradewind.store.repository")
roots = lazy("tradewind.store.roots")

Named = str | xr.Dataset
"""A dataset's name, or a dataset that carries one in its attribute ``dataset``."""


def seal(dataset: Named, start: str, reason: str = "") -> Holdout:
    """Seal a dataset from a time on, in this project, for good.

    Parameters
    ----------
    dataset
        Its name in ``tw.catalog()``; or the dataset itself, also one in memory, which goes by its attribute
        ``dataset``. A name under which the trial ledger knows backtests will do as well.
    start
        First sealed bar; ``"2012"``, a date, a time.
    reason
        What it is kept for.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset; near names are offered.
    ConflictError
        It is sealed from another time on already.
    """
    name = name_of(dataset)
    if isinstance(dataset, str) and not _is_known(name):
        raise DatasetNotFoundError(
            f"There is no dataset {name!r}, so nothing is sealed.",
            f"{did_you_mean(name, _catalogued())} One in memory is given itself: seal(ds, ...).",
        )
    return holdouts.seal(name, start, reason)


def holdout(dataset: Named) -> Holdout | None:
    """Return a dataset's sealed holdout in this project with its looks, or None."""
    return holdouts.holdout(name_of(dataset))


def look(dataset: Named, reason: str) -> AbstractContextManager[Holdout]:
    """Read a sealed holdout inside this block; the look is written down before anything is read.

    Parameters
    ----------
    dataset
        As in :func:`seal`.
    reason
        Why; it stays in the log.

    Raises
    ------
    InvalidInputError
        Nothing is sealed, or no reason is given.
    UnavailableError
        The look cannot be written down, so there is none.
    """
    return holdouts.look(name_of(dataset), reason)


def name_of(dataset: Any) -> str:
    """Return the name a dataset is sealed by.

    Raises
    ------
    InvalidInputError
        It has none.
    """
    if isinstance(dataset, str):
        name = dataset
    elif isinstance(dataset, xr.Dataset):
        name = str(dataset.attrs.get("dataset", ""))
    else:
        raise InvalidInputError(
            f"A holdout belongs to a dataset or its name, not to a {type(dataset).__name__}."
        )
    if not name:
        raise InvalidInputError(
            "A holdout belongs to a named dataset.", 'Name it: ds.attrs["dataset"] = "my-prices".'
        )
    return name


def _is_known(name: str) -> bool:
    if holdouts.holdout(name) is not None or ledger.trials(name).count:
        return True
    return name in repository.Store(roots.root_of(name)[0]).datasets()


def _catalogued() -> list[str]:
    return [n for r in (roots.shared_root(), roots.mine_root()) for n in repository.Store(r).datasets()]
