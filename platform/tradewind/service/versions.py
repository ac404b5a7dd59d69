"""Which software answers."""

import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import tradewind
from tradewind.database import sqlite_module
from tradewind.provenance import lock_hash

PACKAGES = ("jupyterhub", "jupyterlab", "ipykernel", "icechunk", "zarr", "xarray", "numpy", "pandas", "numba",
            "dbos", "papermill", "voila", "panel", "fastapi")  # fmt: skip


@dataclass(frozen=True)
class Versions:
    """Versions of the platform's parts; ``lock`` is the sha256 of ``requirements.lock``."""

    tradewind: str
    python: str
    sqlite: str
    lock: str
    packages: dict[str, str]

    def document(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "tradewind": self.tradewind,
            "python": self.python,
            "sqlite": self.sqlite,
            "lock": self.lock,
            **self.packages,
        }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@cache
def versions() -> Versions:
    """Return what is installed."""
    found = {name: _version(name) for name in PACKAGES}
    return Versions(
        tradewind=tradewind.__version__,
        python=platform.python_version(),
        sqlite=str(sqlite_module().sqlite_version),
        lock=lock_hash(),
        packages={name: number for name, number in found.items() if number},
    )
