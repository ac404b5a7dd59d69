"""Which datasets a dashboard sees: those its owner may read."""

from pathlib import Path
from urllib.parse import urlsplit

from tradewind.publish.host.identity import Viewer
from tradewind.settings import Settings
from tradewind.store import access

ON_S3 = Path("/s3")
"""Stands for the folder that datasets on S3 do not have."""


def dataset_folders(settings: Settings, owner: Viewer) -> list[Path]:
    """Return the folders of the shared datasets that an owner may read.

    Of a store on S3 there are no folders: what is returned names them, below ``ON_S3``.
    """
    names = access.readable(settings, owner.name, owner.groups, owner.admin)
    if not settings.store.startswith("file://"):
        return [ON_S3 / name for name in sorted(names)]
    root = Path(urlsplit(settings.store).path)
    return [root / name for name in sorted(names) if (root / name).is_dir()]
