"""Keep ``dask.array`` (0.4 s to import) out of processes that do not use it.

Before xarray says whether a scalar result is a dask array, it imports ``dask.array`` to compare with its
type. As long as nobody has imported it, nothing can be one; so the answer is given without the import.
"""

import sys
from importlib.metadata import version
from types import ModuleType
from typing import Any

from packaging.version import Version
from xarray.namedarray import pycompat


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


def keep_dask_out() -> None:
    """Teach xarray to look for dask arrays only where dask is loaded.

    The table is private to xarray: where it is gone, nothing is done, and only the import is slower.
    """
    table = getattr(pycompat, "_cached_duck_array_modules", None)
    if isinstance(table, dict):
        table.setdefault("dask", DaskIfLoaded())
