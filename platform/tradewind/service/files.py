"""Reading files that users own, without following where they might lead."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from tradewind.errors import NotFoundError, PathNotAllowedError
from tradewind.sandbox import home_name, read_beneath
from tradewind.settings import REPOSITORY, Settings

SOURCE_SUFFIXES = (".ipynb", ".py")
SHIPPED = {
    "templates": REPOSITORY / "notebooks" / "templates",
    "dashboards": REPOSITORY / "dashboards",
}
"""Folders that come with the platform and that a user's Lab shows beside their own files."""
LONGEST_PATH = 1024


@dataclass(frozen=True)
class SourceFile:
    """A notebook or script as it was when it was read.

    Attributes
    ----------
    path : str
        Relative to the user's home.
    content : bytes
        All of it.
    """

    path: str
    content: bytes

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.path).name


def read_source(settings: Settings, user: str, path: str) -> SourceFile:
    """Read a notebook or script of a user's home, or one that the platform ships.

    Parameters
    ----------
    settings
        Where homes are and how large a file may be.
    user
        Whose home.
    path
        Relative to the home; ``dashboards/…`` and ``templates/…`` fall back to what is shipped.

    Raises
    ------
    PathNotAllowedError
        The path leads (or might lead) out of the home, or names another kind of file.
    NotFoundError
        There is no such file.
    """
    clean = _checked(path)
    if PurePosixPath(clean).suffix not in SOURCE_SUFFIXES:
        raise PathNotAllowedError(
            f"{path!r} is neither a notebook nor a script.", "Name a .ipynb or .py file."
        )
    limit = settings.upload_limit_mb * 1024 * 1024
    home = settings.paths.user_home(home_name(user))
    try:
        if not home.is_dir():
            raise NotFoundError(f"There is no file {path!r}: you have not opened Lab yet.")
        return SourceFile(clean, read_beneath(home, clean, limit=limit))
    except NotFoundError:
        first, _, rest = clean.partition("/")
        if first not in SHIPPED or not rest:
            raise
        return SourceFile(clean, read_beneath(SHIPPED[first], rest, limit=limit))


def _checked(path: str) -> str:
    """Refuse what is not a plain relative path; return it without a leading ``./``."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    broken = not parts or len(path) > LONGEST_PATH or "\x00" in path or "\\" in path
    if broken or path.startswith(("/", "~")) or ".." in parts:
        raise PathNotAllowedError(f"{path!r} is outside of your home.", "Give a path relative to your home.")
    if parts[0] == ".tradewind":
        raise PathNotAllowedError(f"{path!r} is the platform's own.", "Name one of your notebooks.")
    return "/".join(parts)
