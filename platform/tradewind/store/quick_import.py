"""Keep dask (0.07 s to import, with ``dask.array`` 0.4 s) out of processes that do not use it.

Before xarray says whether a result is a dask array, it imports dask to ask it, or ``dask.array`` to compare
with its type. As long as nobody has imported it, nothing can be one; so the answer is given without the
import.
"""

import sys
from importlib.metadata import version
from types import ModuleType
from typing import Any

from packaging.version import Version
from xarray.namedarray import pycompat, utils


class DaskIfLoaded:
    """Stands in xarray's table of array modules for dask, and looks only at what is loaded already."""

    available = True

    @property
    def module(self) -> ModuleType:
        """The dask package."""
        import dask

        return dask

    @property
    def version(self) -> Version:
        """The installed version."""
        return Version(version("dask"))

    @property
    def type(self) -> tuple[Any, ...]:
        """The dask array type, if there can be any such array."""
        loaded = sys.modules.get("dask.array")
        found = getattr(loaded, "Array", None)
        return () if found is None else (found,)


def is_dask_collection(x: object) -> bool:
    """Ask dask whether something is one of its collections, where dask is loaded."""
    base = sys.modules.get("dask.base")
    return bool(base.is_dask_collection(x)) if base is not None else False


def keep_dask_out() -> None:
    """Teach xarray to look for dask arrays only where dask is loaded.

    Both places are private to xarray: where they are gone, nothing is done, and only the import is slower.
    """
    if hasattr(utils, "is_dask_collection"):
        utils.is_dask_collection = is_dask_collection  # type: ignore[assignment]
    table = getattr(pycompat, "_cached_duck_array_modules", None)
    if isinstance(table, dict):
        table.setdefault("dask", DaskIfLoaded())
