"""From vendors, files and figures of one's own into the store: ``tw.ingest.file`` and others."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from tradewind.ingest.deriving import derived as derived
    from tradewind.ingest.lean import lean as lean
    from tradewind.ingest.loading import file as file
    from tradewind.ingest.loading import frame as frame
    from tradewind.ingest.membership import universe as universe
    from tradewind.ingest.revised import vintages as vintages
    from tradewind.ingest.samples import seed as seed
    from tradewind.ingest.syncing import sync as sync

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["sources"],
    submod_attrs={
        "deriving": ["derived"],
        "lean": ["lean"],
        "loading": ["file", "frame"],
        "membership": ["universe"],
        "revised": ["vintages"],
        "samples": ["seed"],
        "syncing": ["sync"],
    },
)
