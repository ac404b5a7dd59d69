"""Tradewind: research in quantitative trading, from market data to a published result.

``import tradewind as tw`` is cheap: every name below is loaded when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["errors"],
    submod_attrs={
        "store.guard": ["guard"],
        "store.reading": ["catalog", "open"],
    },
)
