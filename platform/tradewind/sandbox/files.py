"""Using a user's files and sockets from outside the sandbox, without being led elsewhere by a link."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from tradewind.errors import NotFoundError, PathNotAllowedError


def open_beneath(root: Path, name: str) -> BinaryIO:
    """Open a regular file below a folder that a user controls.

    Every component is opened by itself and refused if it is a symbolic link: a link in a home may point at
    the platform's secrets, and whoever reads it from outside has the platform's rights.

    Parameters
    ----------
    root
        The folder, itself not under the user's control.
    name
        A relative path.

    Raises
    ------
    PathNotAllowedError
        The path is absolute, climbs out, or passes through a symbolic link.
    NotFoundError
        There is no such file.
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name:
        raise PathNotAllowedError(f"{name!r} is not a path inside the home.", "Give a path relative to it.")
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Without O_NONBLOCK opening a pipe would wait for a writer.
        fd = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError as problem:
        raise NotFoundError(f"There is no file {name!r}.", "Paths are relative to the home.") from problem
    except OSError as problem:
        raise PathNotAllowedError(
            f"{name!r} cannot be read: {problem.strerror}.", "Links are not followed."
        ) from problem
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise PathNotAllowedError(f"{name!r} is not a regular file.", "Give a file.")
    return os.fdopen(fd, "rb")


def read_beneath(root: Path, name: str, *, limit: int = 64 * 2**20) -> bytes:
    """Read a file below a folder that a user controls.

    Parameters
    ----------
    root, name
        As for :func:`open_beneath`.
    limit
        The most bytes to accept.

    Raises
    ------
    PathNotAllowedError
        As for :func:`open_beneath`, or the file is larger than ``limit``.
    NotFoundError
        There is no such file.
    """
    with open_beneath(root, name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise PathNotAllowedError(f"{name!r} is larger than {limit // 2**20} MB.", "Make it smaller.")
    return data


class PinnedSocket:
    """A Unix socket in a folder that a sandbox may write, held so that it cannot be exchanged.

    A program in the sandbox can replace its socket by a symbolic link to any socket of this machine, and
    whoever connects from outside does so with the platform's rights. What is held here is the socket itself.

    Parameters
    ----------
    path
        The socket; the folders above its own are not under the sandbox's control.

    Raises
    ------
    PathNotAllowedError
        It is a link, or no socket.
    NotFoundError
        It is not there.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        except FileNotFoundError as problem:
            raise NotFoundError(f"There is no socket {path}.", "Its program may not be ready.") from problem
        if not stat.S_ISSOCK(os.fstat(self._fd).st_mode):
            self.close()
            raise PathNotAllowedError(f"{path} is not a socket.", "Links are not followed.")

    @property
    def path(self) -> str:
        """What to connect to, until it is closed, in this process."""
        return f"/proc/self/fd/{self._fd}"

    def close(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
