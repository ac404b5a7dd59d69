"""How the product's numba loops are compiled and cached: one decorator, a few types.

Every compiled function lives in a file named ``*_loops.py`` and states its signature. So it is compiled, or
read from the cache, when its file is imported, never again for another memory layout or a read-only array;
filling the cache at install is importing those files (:mod:`tradewind.testing.warm`). A loops file calls
compiled functions of its own file only: numba's cache does not notice a change in another one.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core import caching, types
from numba.core.cpu import CPUTargetOptions
from numba.core.options import TargetOptions

_PACKAGE = Path(__file__).resolve().parent

INT = types.int64
FLOAT = types.float64
BOOL = types.boolean
NONE = types.void


def read(kind: Any = FLOAT, dims: int = 2) -> Any:
    """Type of a C-ordered input array, which may be read-only."""
    return types.Array(kind, dims, "C", readonly=True)


def write(kind: Any = FLOAT, dims: int = 2) -> Any:
    """Type of a C-ordered output array."""
    return types.Array(kind, dims, "C")


_IMPORTED = re.compile(r"^from tradewind((?:\.\w+)+_inline) import", re.MULTILINE)


@cache
def _from_elsewhere(folder: Path) -> frozenset[Path]:
    """Helpers of other folders that the loops and helpers of one are compiled with."""
    found: set[Path] = set()
    new = {*folder.glob("*_loops.py"), *folder.glob("*_inline.py")}
    while new:
        texts = [path.read_text() for path in new]
        named = {name for text in texts for name in _IMPORTED.findall(text)}
        new = {_PACKAGE / f"{name.replace('.', '/').strip('/')}.py" for name in named} - found
        found |= new
    return frozenset(found)


class _InstalledCache(caching.InTreeCacheLocator):
    """Use the cache beside the installed source, also where that folder cannot be written.

    numba's own locators skip a folder they cannot write to, recompiling into every home although the
    installation holds the compiled code already.
    """

    def get_source_stamp(self) -> Any:
        folder = Path(self._py_file).parent
        helpers = sorted({*folder.glob("*_inline.py"), *_from_elsewhere(folder)})
        own = super().get_source_stamp()  # type: ignore[no-untyped-call, unused-ignore]
        return own, *(hashlib.sha256(h.read_bytes()).digest() for h in helpers)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_InstalledCache | None":
        if not Path(py_file).resolve().is_relative_to(_PACKAGE):
            return None
        self = cls(py_func, py_file)
        folder = Path(self._cache_path)
        if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
            compiled = folder.glob(f"{Path(py_file).stem}.{py_func.__qualname__}-*.nbi")
            return self if any(compiled) else None
        folder.mkdir(exist_ok=True)
        return self


# Loops over several arrays are vectorised only after a test at run time that the arrays do not overlap; LLVM
# gives up above 8 such tests, far too early for the sweeps.
llvmlite.binding.set_option("tradewind", "--runtime-memory-check-threshold=128")

# numba has the flag (its own parallel loops use it) but no word for it.
CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")  # type: ignore[no-untyped-call, unused-ignore]

if not any(c.__name__ == "_InstalledCache" for c in caching.CacheImpl._locator_classes):
    caching.CacheImpl._locator_classes.insert(0, _InstalledCache)


def loop(*signature: Any, returns: Any = NONE) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature, without the GIL, with C's division, cached on disk.

    No ``fastmath``: a result must not depend on how the compiler reorders additions.

    Parameters
    ----------
    signature
        The types of the arguments.
    returns
        The type of the answer.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        form = returns(*signature)
        try:
            return numba.njit(form, cache=True, **options)(function)
        except OSError:  # a read-only installation with a stale cache: compile for this process only
            return numba.njit(form, **options)(function)

    return decorate


def summing(function: Callable[..., Any]) -> Any:
    """Compile a helper whose sums may be added up in another order, for speed; of the last digit only."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc"}, "_nrt": False}
    return numba.njit(**options)(function)


def inline(function: Callable[..., Any]) -> Any:
    """Compile a helper into the loops of the same file that call it."""
    return numba.njit(nogil=True, error_model="numpy", inline="never")(function)


def apart(function: Callable[..., Any]) -> Any:
    """Compile a helper whose written arrays overlap no other argument: vectorised without testing that."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "noalias": True, "_nrt": False}
    return numba.njit(**options)(function)


def bare(function: Callable[..., Any]) -> Any:
    """Compile a helper that makes no arrays and keeps none: references to its views need no counting.

    Where a row is taken of a table at every step, the counting costs more than the work. What it calls is
    bare as well.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": "never", "_nrt": False}
    return numba.njit(**options)(function)
