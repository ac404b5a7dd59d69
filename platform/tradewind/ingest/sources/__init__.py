"""Where market data comes from: adapters to vendors, and the entry point for one's own. Cheap to import."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tradewind.ingest.sources.base import Facts as Facts
    from tradewind.ingest.sources.base import Series as Series
    from tradewind.ingest.sources.base import Source as Source
    from tradewind.ingest.sources.base import Wanted as Wanted
    from tradewind.ingest.sources.failures import NotServedError as NotServedError
    from tradewind.ingest.sources.failures import PartialDataError as PartialDataError
    from tradewind.ingest.sources.failures import RateLimitedError as RateLimitedError
    from tradewind.ingest.sources.failures import SourceChangedError as SourceChangedError
    from tradewind.ingest.sources.failures import SourceDownError as SourceDownError
    from tradewind.ingest.sources.patience import Patience as Patience
    from tradewind.ingest.sources.registry import load as load
    from tradewind.ingest.sources.registry import names as names

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Facts", "Series", "Source", "Wanted"],
        "failures": [
            "NotServedError",
            "PartialDataError",
            "RateLimitedError",
            "SourceChangedError",
            "SourceDownError",
        ],
        "patience": ["Patience"],
        "registry": ["load", "names"],
    },
)
