"""Immutable bundles: what is read from the author, checked, and written once under a version number."""

import ast
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import tradewind
from tradewind.errors import InvalidInputError, NotFoundError, PathNotAllowedError, did_you_mean
from tradewind.provenance import lock_hash
from tradewind.publish.model import NotPublishableError, Runtime
from tradewind.sandbox import home_name, read_beneath
from tradewind.settings import REPOSITORY, Settings

SHIPPED = REPOSITORY / "dashboards"
MANIFEST = "manifest.json"
SUFFIXES = (".ipynb", ".py")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What an author publishes.

    Attributes
    ----------
    name
        The file's name, without folders.
    content
        The file, byte for byte.
    """

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle says of itself."""

    name: str
    runtime: Runtime
    sha256: str
    title: str
    owner: str
    published_at: datetime
    sdk_version: str
    lock_sha256: str
    viewer_header: bool
    """Whether the author asked to be told who is watching."""

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of a bundle."""
        values = json.loads((folder / MANIFEST).read_text())
        values["runtime"] = Runtime(values["runtime"])
        values["published_at"] = datetime.fromisoformat(values["published_at"])
        return cls(**values)

    def text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps({**self.__dict__, "published_at": self.published_at.isoformat()}, indent=1) + "\n"


def read_source(path: Path, *, limit_mb: int = 64) -> Source:
    """Read a notebook or program of the caller's own.

    Raises
    ------
    NotFoundError
        There is no such file.
    NotPublishableError
        It is not a notebook or a Python program, or too large.
    """
    _check_name(path.name)
    if not path.is_file():
        near = (p.name for p in path.parent.glob("*") if p.suffix in SUFFIXES) if path.parent.is_dir() else ()
        raise NotFoundError(
            f"There is no file {path.name!r} in {path.parent}.", did_you_mean(path.name, near)
        )
    if path.stat().st_size > limit_mb * 1024 * 1024:
        raise NotPublishableError(
            f"{path.name!r} is larger than {limit_mb} MB.", "Clear its outputs, or load data through tw.open."
        )
    return Source(name=path.name, content=path.read_bytes())


def source_from_path(settings: Settings, owner: str, path: str) -> Source:
    """Read a file by the path a user names: inside the own home, or ``dashboards/…`` as shipped.

    A home is under its user's control, and this process may read more than the user: links are not followed.

    Raises
    ------
    PathNotAllowedError
        The path leads out of the user's home.
    NotFoundError
        There is no such file.
    NotPublishableError
        It is not a notebook or a Python program.
    """
    home, asked = settings.paths.user_home(home_name(owner)), PurePosixPath(path)
    if asked.is_absolute() or ".." in asked.parts or ".tradewind" in asked.parts:
        raise PathNotAllowedError(
            f"{path!r} is not in your home.", "Name a notebook by its path relative to your home folder."
        )
    _check_name(asked.name)
    try:
        content = read_beneath(home, str(asked), limit=settings.upload_limit_mb * 2**20)
    except (NotFoundError, FileNotFoundError):
        shipped = SHIPPED / asked.name
        if asked.parts == (SHIPPED.name, asked.name) and shipped.is_file():
            return read_source(shipped, limit_mb=settings.upload_limit_mb)
        raise NotFoundError(
            f"There is no file {path!r} in your home.", "Paths are relative to your home folder."
        ) from None
    return Source(name=asked.name, content=content)


def _check_name(name: str) -> None:
    if not name.endswith(SUFFIXES):
        raise NotPublishableError(
            f"{name!r} is neither a notebook nor a Python program.", "Publish an .ipynb or a .py file."
        )


def inspect(source: Source) -> tuple[Runtime, str]:
    """Find out what serves a source, and the title it carries.

    What calls ``.servable()`` is served by Panel, any other notebook by Voila.

    Raises
    ------
    NotPublishableError
        It is not valid, not Python, or a program that serves nothing.
    """
    if source.name.endswith(".py"):
        try:
            tree = ast.parse(source.content)
        except (SyntaxError, ValueError) as problem:
            raise NotPublishableError(f"{source.name!r} is not valid Python: {problem}.") from problem
        if not _calls_servable([tree]):
            raise NotPublishableError(
                f"{source.name!r} shows nothing: it never calls .servable().",
                "End it with a Panel object's .servable(), or publish a notebook.",
            )
        return Runtime.PANEL, _first_line(ast.get_docstring(tree) or "")
    notebook = _notebook(source)
    cells = notebook["cells"]
    trees = list(_trees(_text(cell) for cell in cells if cell.get("cell_type") == "code"))
    titles = (_heading(_text(cell)) for cell in cells if cell.get("cell_type") == "markdown")
    return (Runtime.PANEL if _calls_servable(trees) else Runtime.VOILA), next((t for t in titles if t), "")


def _notebook(source: Source) -> dict[str, Any]:
    try:
        notebook = json.loads(source.content)
        cells = notebook["cells"]
        if notebook.get("nbformat", 0) < 4 or not all(isinstance(cell, dict) for cell in cells):
            raise ValueError("nbformat 4 or newer is needed")
    except (ValueError, KeyError, TypeError) as problem:
        raise NotPublishableError(
            f"{source.name!r} is not a valid notebook ({problem}).", "Open it in Lab and save it again."
        ) from problem
    language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "python")
    if str(language).lower() != "python":
        raise NotPublishableError(f"{source.name!r} is written in {language}.", "Dashboards run Python.")
    if not any(cell.get("cell_type") == "code" and _text(cell).strip() for cell in cells):
        raise NotPublishableError(f"{source.name!r} has no code to run.", "Add a cell that shows something.")
    return dict(notebook)


def _text(cell: dict[str, Any]) -> str:
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def _trees(cells: Iterator[str]) -> Iterator[ast.Module]:
    for cell in cells:
        lines = cell.splitlines()
        if lines and lines[0].lstrip().startswith("%%"):
            continue
        python = "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)
        try:
            yield ast.parse(python)
        except SyntaxError:
            continue  # the cell fails when it runs, and the dashboard says so


def _calls_servable(trees: list[ast.Module]) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "servable"
        for tree in trees
        for node in ast.walk(tree)
    )


def _heading(markdown: str) -> str:
    return next((line[2:].strip() for line in markdown.splitlines() if line.startswith("# ")), "")


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].rstrip(".")


def folder_of(settings: Settings, slug: str, version: int) -> Path:
    """Return where a bundle lives."""
    return settings.paths.dashboards / slug / f"v{version}"


def short(slug: str) -> str:
    """Return a short name for a dashboard's working folder: a Unix socket's path has 107 characters at
    most."""
    return hashlib.sha256(slug.encode()).hexdigest()[:12]


def stage(settings: Settings, source: Source, *, title: str, owner: str, runtime: Runtime) -> Path:
    """Write a bundle beside its place, complete and read-only; :func:`put_in_place` makes it visible."""
    if "/" in source.name or source.name.startswith(".") or not source.name.endswith(SUFFIXES):
        raise InvalidInputError(f"{source.name!r} cannot be a bundle's file name.", "Use a plain file name.")
    settings.paths.dashboards.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".staging-", dir=settings.paths.dashboards))
    manifest = Manifest(
        name=source.name,
        runtime=runtime,
        sha256=source.sha256,
        title=title,
        owner=owner,
        published_at=datetime.now(UTC),
        sdk_version=tradewind.__version__,
        lock_sha256=lock_hash(),
        viewer_header=b"HTTP_X_TRADEWIND_USER" in source.content or b"X-Tradewind-User" in source.content,
    )
    for name, content in ((source.name, source.content), (MANIFEST, manifest.text().encode())):
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (folder / name).chmod(0o444)
    folder.chmod(0o755)
    return folder


def put_in_place(settings: Settings, staged: Path, slug: str, version: int) -> Path:
    """Give a staged bundle its version number. Call it while the database holds that number for you."""
    target = folder_of(settings, slug, version)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():  # left by a publication that never reached the database
        shutil.rmtree(target)
    staged.rename(target)
    return target


def verify(folder: Path) -> Manifest:
    """Read a bundle's manifest, and check that its content is what was published.

    Raises
    ------
    NotPublishableError
        The bundle was altered.
    """
    manifest = Manifest.read(folder)
    if hashlib.sha256((folder / manifest.name).read_bytes()).hexdigest() != manifest.sha256:
        raise NotPublishableError(
            f"{folder.name} of {folder.parent.name!r} is not what was published.", "Publish it again."
        )
    return manifest
