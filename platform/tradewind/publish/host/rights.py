"""Which datasets a dashboard sees: those its owner may read."""

from pathlib import Path
from urllib.parse import urlsplit

from tradewind.publish.host.identity import Viewer
from tradewind.settings import Settings
from tradewind.store import access


def dataset_folders(settings: Settings, owner: Viewer) -> list[Path]:
    """Return the folders of the shared datasets that an owner may read; none when they do not lie in
    folders."""
    if not settings.store.startswith("file://"):
        return []
    root = Path(urlsplit(settings.store).path)
    names = access.readable(settings, owner.name, owner.groups, owner.admin)
    return [root / name for name in sorted(names) if (root / name).is_dir()]
