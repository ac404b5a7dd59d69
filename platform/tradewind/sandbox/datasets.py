"""From names of shared datasets to the folders a sandbox shows."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tradewind.settings import Settings


def dataset_folders(settings: Settings, names: Iterable[str]) -> tuple[Path, ...]:
    """Return the folders of shared datasets; none when the store is not a folder of this machine.

    Parameters
    ----------
    settings
        The installation's settings.
    names
        The datasets somebody may read.
    """
    parts = urlsplit(settings.store)
    if parts.scheme != "file":
        return ()
    root = Path(unquote(parts.path))
    return tuple(root / name for name in names if (root / name).is_dir())
