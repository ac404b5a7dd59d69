"""Make the kernels of a checkout known to Jupyter outside sandboxes: ``python -m tradewind.kernel.install``.

Inside sandboxes ``JUPYTER_PATH`` shows them, and a wheel brings its own copy; an editable install does not.
"""

import sys
from pathlib import Path

from tradewind.settings import REPOSITORY


def install(prefix: Path) -> list[Path]:
    """Link every kernel of the checkout into an environment.

    Parameters
    ----------
    prefix
        The environment's folder.

    Returns
    -------
    list of Path
        The links; none where there is no checkout.
    """
    folder = prefix / "share" / "jupyter" / "kernels"
    links = []
    for spec in sorted((REPOSITORY / "kernels").glob("*/kernel.json")):
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / spec.parent.name
        if link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(spec.parent)
        links.append(link)
    return links


if __name__ == "__main__":
    install(Path(sys.prefix))
