"""Where datasets live: the shared root and the user's own, resolved without importing the settings.

``tw.open`` must be quick in a fresh kernel, and the settings model alone costs 0.2 s to import. The few
values needed here are read the same way: environment first, then what the platform was started with, then
``tradewind.toml`` in the state folder.
"""

import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tradewind.errors import InvalidInputError

if TYPE_CHECKING:
    from tradewind.settings import Settings

STORE_URL = "TRADEWIND_STORE_URL"
MINE = "TRADEWIND_MINE"
MINE_PREFIX = "mine/"
DELETED = ".deleted"
"""Below a root: one empty object for each dataset that is deleted and not purged yet."""
_CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class S3Options:
    """How an S3-compatible server is reached. Empty keys mean the process's own AWS environment."""

    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    path_style: bool = True


@dataclass(frozen=True)
class Root:
    """A folder or bucket prefix that holds datasets.

    Parameters
    ----------
    url
        ``file:///folder``, ``s3://bucket/prefix`` or ``memory://name``; a plain path is a folder.
    s3
        How the S3 server is reached.
    prefix
        What dataset names of this root start with in the public surface: ``""`` or ``"mine/"``.
    """

    url: str
    s3: S3Options = S3Options()
    prefix: str = ""

    @property
    def scheme(self) -> str:
        """``file``, ``s3`` or ``memory``."""
        scheme = urlsplit(self.url).scheme if "://" in self.url else "file"
        if scheme not in ("file", "s3", "memory"):
            raise InvalidInputError(
                f"A store cannot live at {self.url!r}.",
                "Use file:///folder, s3://bucket/prefix or memory://name.",
            )
        return scheme

    @property
    def folder(self) -> Path:
        """The folder of a ``file`` root."""
        path = self.url.removeprefix("file://") if "://" in self.url else self.url
        return Path(path).expanduser().absolute()

    def folder_names(self, *, deleted: bool = False) -> list[str]:
        """Return the names of the datasets in a ``file`` root, sorted; cheap enough for the hub.

        Parameters
        ----------
        deleted
            Whether to name those too that are deleted and not purged yet.
        """
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return []
        hidden: set[str] = set()
        if not deleted:
            with suppress(OSError):
                hidden = {e.name for e in os.scandir(self.folder / DELETED)}
        return sorted(
            e.name
            for e in entries
            if not e.name.startswith(".") and e.name not in hidden and (Path(e.path) / "repo").exists()
        )

    @property
    def bucket(self) -> str:
        """The bucket of an ``s3`` root."""
        return urlsplit(self.url).netloc

    @property
    def key_prefix(self) -> str:
        """The prefix of an ``s3`` root inside its bucket, without slashes at the ends."""
        return urlsplit(self.url).path.strip("/")


def _settings() -> dict[str, str]:
    home = Path(os.environ.get("TRADEWIND_HOME") or _CHECKOUT / "var").expanduser()
    values: dict[str, str] = {}
    for name in ("tradewind.toml", "secrets/started-with.toml"):  # the later one wins
        with suppress(OSError), (home / name).open("rb") as file:
            values.update({key.lower(): str(value) for key, value in tomllib.load(file).items()})
    start = "TRADEWIND_"
    values.update({k[len(start) :].lower(): v for k, v in os.environ.items() if k.startswith(start)})
    values["home"] = str(home.absolute())
    return values


def s3_options() -> S3Options:
    """Return the S3 settings of this installation."""
    values = _settings()
    return S3Options(
        endpoint=values.get("s3_endpoint", ""),
        region=values.get("s3_region", "us-east-1"),
        access_key=values.get("s3_access_key", ""),
        secret_key=values.get("s3_secret_key", ""),
        path_style=values.get("s3_path_style", "true").lower() in ("1", "true", "yes", "on"),
    )


def from_settings(settings: "Settings") -> Root:
    """Return the root of the shared datasets as the loaded settings say, for the platform's own processes."""
    options = S3Options(
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        path_style=settings.s3_path_style,
    )
    return Root(settings.store, options)


def shared_root() -> Root:
    """Return the shared datasets' root: ``TRADEWIND_STORE_URL``, the settings, else ``<home>/store``."""
    values = _settings()
    url = values.get("store_url") or f"file://{values['home']}/store"
    return Root(url, s3_options())


def mine_root() -> Root:
    """Return the root of the user's own datasets: ``TRADEWIND_MINE``, else ``~/.tradewind/store``."""
    folder = os.environ.get(MINE) or str(Path.home() / ".tradewind" / "store")
    return Root(folder if "://" in folder else f"file://{Path(folder).absolute()}", s3_options(), MINE_PREFIX)


def root_of(name: str) -> tuple[Root, str]:
    """Split a public dataset name into its root and its name there.

    Parameters
    ----------
    name
        ``us-large-caps``, or ``mine/prices`` for one's own.
    """
    if name.startswith(MINE_PREFIX):
        return mine_root(), name.removeprefix(MINE_PREFIX)
    return shared_root(), name
