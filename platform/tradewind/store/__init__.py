"""The versioned store of market data: one Icechunk repository a dataset.

Importing this package is cheap: names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tradewind.store.catalog import Catalog as Catalog
    from tradewind.store.catalog import DatasetInfo as DatasetInfo
    from tradewind.store.reading import catalog as catalog
    from tradewind.store.reading import open as open
    from tradewind.store.repository import Store as Store

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalog": ["Catalog", "DatasetInfo"],
        "reading": ["catalog", "open"],
        "repository": ["Store"],
    },
)
