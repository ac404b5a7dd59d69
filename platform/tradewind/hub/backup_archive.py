"""Archives of a state folder: compressed tar, with a checksum of every file as its last member."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from tradewind.errors import InvalidInputError, SetupError

SUMS = "SHA256SUMS"
"""The last member: one line a file, as ``sha256sum`` writes it."""


@contextmanager
def compressed(path: Path, mode: str) -> Iterator[IO[bytes]]:
    """Open an archive's byte stream.

    Parameters
    ----------
    path
        ``….tar.zst`` or ``….tar.gz``; the name decides.
    mode
        ``"wb"`` or ``"rb"``.

    Raises
    ------
    InvalidInputError
        Another kind of name.
    """
    name = path.name.removesuffix(".part")
    if name.endswith(".tar.gz"):
        with gzip.open(path, mode, compresslevel=5) as stream:
            yield cast(IO[bytes], stream)
    elif name.endswith(".tar.zst"):
        with pa.OSFile(str(path), mode) as file:
            kind = pa.CompressedOutputStream if mode == "wb" else pa.CompressedInputStream
            with kind(file, "zstd") as stream:
                yield cast(IO[bytes], stream)
    else:
        raise InvalidInputError(f"{path.name} is no name of a backup.", "End it in .tar.zst or .tar.gz.")


class _Exactly(io.RawIOBase):
    """Reads exactly so many bytes of a file that may grow or shrink meanwhile, and sums what it read."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size
        self.sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; zeros in place of what was cut off."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            data += bytes(wanted - len(data))
        self._left -= wanted
        self.sum.update(data)
        return data


class Writer:
    """Writes one archive.

    Parameters
    ----------
    stream
        Where to.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(mode="w|", fileobj=stream, format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._sums: list[str] = []
        self.files = 0
        self.bytes = 0

    def add(self, path: Path, name: str) -> None:
        """Add one file, link or folder; what has gone meanwhile, and sockets and pipes, are left out.

        Parameters
        ----------
        path
            What to add.
        name
            Its name in the archive.
        """
        try:
            info = self._tar.gettarinfo(path, name)
            if info is None or not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
                return
            if not (info.isreg() or info.islnk()):
                self._tar.addfile(info)
                return
            info.type = tarfile.REGTYPE  # a second name of one file is kept as a file of its own
            info.linkname = ""
            with path.open("rb") as file:
                info.size = os.fstat(file.fileno()).st_size
                exact = _Exactly(file, info.size)
                self._tar.addfile(info, cast(Any, exact))
        except FileNotFoundError:
            return
        self._sums.append(f"{exact.sum.hexdigest()}  {name}\n")
        self.files += 1
        self.bytes += info.size

    def close(self) -> None:
        """Write the checksums and end the archive."""
        data = "".join(self._sums).encode()
        info = tarfile.TarInfo(SUMS)
        info.size = len(data)
        info.mode = 0o600
        self._tar.addfile(info, io.BytesIO(data))
        self._tar.close()


def tree(folder: Path, name: str, leave_out: frozenset[str] = frozenset()) -> Iterator[tuple[Path, str]]:
    """Walk a folder in the order in which it is safe to copy while others write.

    A dataset's ``repo`` file, which names its newest commit, comes before the rest of the dataset: whatever
    it names was there before it, and is never changed.

    Parameters
    ----------
    folder
        Where to begin.
    name
        Its name in the archive.
    leave_out
        Names of files and folders to leave out, at any depth.
    """
    if not folder.exists():
        return
    yield folder, name
    try:
        entries = sorted(os.scandir(folder), key=lambda e: (e.name not in ("repo", "refs"), e.name))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name in leave_out or entry.name.startswith(".making-"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from tree(Path(entry.path), f"{name}/{entry.name}", leave_out)
        else:
            yield Path(entry.path), f"{name}/{entry.name}"


def extract(stream: IO[bytes], target: Path) -> None:
    """Unpack an archive into an empty folder and prove every checksum.

    Parameters
    ----------
    stream
        The uncompressed archive.
    target
        The folder.

    Raises
    ------
    SetupError
        The archive is damaged or not one of ours.
    """
    try:
        with tarfile.open(mode="r|", fileobj=stream) as tar:
            for member in tar:
                tar.extract(member, target, filter=_own)
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise SetupError(f"The backup cannot be unpacked: {problem}.", "Take another one.") from problem
    sums = target / SUMS
    if not sums.exists():
        raise SetupError("The backup has no checksums: it is cut short or not ours.", "Take another one.")
    for line in sums.read_text().splitlines():
        wanted, _, name = line.partition("  ")
        with (target / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted:
            raise SetupError(f"{name} in the backup is damaged.", "Take another one.")
    sums.unlink()


def _own(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    """Keep modes and links as they were, refuse to write outside, belong to whoever restores."""
    safe = tarfile.tar_filter(member, target)
    return safe.replace(
        uid=os.getuid(),
        gid=os.getgid(),
        uname="",
        gname="",
        mode=stat.S_IMODE(member.mode) & 0o755,
        deep=False,
    )
