"""From a bundle to the sandboxed command that serves it."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tradewind.publish.bundle import Manifest
from tradewind.publish.host.rights import ON_S3
from tradewind.publish.model import Runtime, prefix
from tradewind.sandbox import Bind, Sandbox, home_name
from tradewind.sandbox.storekey import StoreKey
from tradewind.settings import REPOSITORY, Settings

PACKAGE = Path(__file__).resolve().parents[2]
ASSETS = PACKAGE / "publish" / "assets"
BUNDLE_INSIDE = Path("/dashboard")
SOCKET = "app.sock"
PLACEHOLDER = "~" + "0" * 32
"""Stands in the runtime's addresses where each viewer's own key is put by the host; of the same length."""
PRELOAD = ("ipywidgets", "bokeh.plotting", "holoviews", "holoviews.plotting.bokeh", "panel", "tradewind.plot")
"""What the kernels of notebook dashboards find imported when they are forked."""
POOL = 1
"""Kernels kept ready for the next viewer of a notebook."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a runtime, and where it will answer."""

    command: list[str]
    environment: dict[str, str]
    socket: Path
    entry: str
    """Path of the first page, below the runtime's base URL."""
    files: tuple[int, ...]
    """Open folders that the command binds by their descriptor."""


def base_url(settings: Settings, slug: str) -> str:
    """Return the path a runtime believes it is served at."""
    return f"{prefix(settings)}{slug}/{PLACEHOLDER}/"


@contextmanager
def prepared(
    settings: Settings,
    *,
    slug: str,
    owner: str,
    bundle: Path,
    manifest: Manifest,
    work: Path,
    datasets: Sequence[Path],
) -> Iterator[Launch]:
    """Describe the process that serves a bundle; the owner's folders stay open while it is started.

    Parameters
    ----------
    slug, owner, bundle, manifest
        What is served, with the owner's rights on data and nobody's on anything else.
    work
        A private folder for the socket and a scratch home.
    datasets
        The folders of the shared datasets the owner may read.
    """
    sockets, home = work / "s", work / "home"
    for folder in (sockets, home):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (sockets / SOCKET).unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        own = _own_folders(stack, settings.paths.user_home(home_name(owner)))
        box = Sandbox.for_user(
            settings,
            owner,
            home=home,
            datasets=[d for d in datasets if d.parent != ON_S3],
            reader=StoreKey(user=owner, only=tuple(d.name for d in datasets if d.parent == ON_S3)),
            socket_dir=sockets,
            environment=_environment(),
        )
        binds = [Bind(bundle, BUNDLE_INSIDE)]
        if box.isolated:
            targets = {"store": box.home_inside / ".tradewind" / "store", "layer": box.layer_inside}
            binds += [Bind(Path(f"/proc/self/fd/{fd}"), targets[name]) for name, fd in own.items()]
        else:
            real = settings.paths.user_home(home_name(owner)) / ".tradewind" / "store"
            box = replace(box, environment={**box.environment, "TRADEWIND_MINE": str(real)})
        box = replace(box, binds=tuple(binds))
        notebook = box.inside(bundle / manifest.name)
        yield Launch(
            command=box.command(_argv(settings, slug, manifest, notebook, box.inside(sockets / SOCKET))),
            environment=box.environ(),
            socket=sockets / SOCKET,
            entry="" if manifest.runtime is Runtime.VOILA else manifest.name.rsplit(".", 1)[0],
            files=tuple(own.values()),
        )


def _own_folders(stack: contextlib.ExitStack, home: Path) -> dict[str, int]:
    """Open the owner's datasets and packages, refusing links: the owner decides what lies in the home."""
    found: dict[str, int] = {}
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
    for name in ("store", "layer"):
        with contextlib.suppress(OSError):
            outer = os.open(home, flags)
            stack.callback(os.close, outer)
            own = os.open(".tradewind", flags, dir_fd=outer)
            stack.callback(os.close, own)
            found[name] = os.open(name, flags, dir_fd=own)
            stack.callback(os.close, found[name])
    return found


def _environment() -> dict[str, str]:
    share = Path(sys.prefix) / "share" / "jupyter"
    return {
        "JUPYTER_PATH": os.pathsep.join(str(p) for p in (ASSETS, REPOSITORY, share)),
        "JUPYTER_CONFIG_DIR": "/nonexistent",
        "IPYTHONDIR": "/tmp/ipython",  # noqa: S108  a private one: the sandbox has its own
        "PANEL_INLINE": "true",
        "TRADEWIND_DASHBOARD": "1",
        "TRADEWIND_PRELOAD": ",".join(PRELOAD),
        "PYTHONUNBUFFERED": "1",
    }


def _argv(settings: Settings, slug: str, manifest: Manifest, notebook: Path, socket: Path) -> list[str]:
    words = [sys.executable, "-P", "-m", f"tradewind.publish.runtime.{manifest.runtime.value}", str(notebook)]
    words += ["--socket", str(socket), "--base-url", base_url(settings, slug)]
    if manifest.runtime is Runtime.VOILA:
        words += [
            "--static-url",
            f"{prefix(settings)}static/",
            "--title",
            manifest.title,
            "--pool",
            str(POOL),
        ]
        words += ["--viewer-header"] if manifest.viewer_header else []
    return words
