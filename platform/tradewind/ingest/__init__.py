"""From vendors and files into the store. Importing this package is cheap."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tradewind.ingest.samples import seed as seed

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"samples": ["seed"]})
