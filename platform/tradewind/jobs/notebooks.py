"""Which notebook is meant by a request to run one, and where its copy is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from tradewind.errors import InvalidInputError
from tradewind.jobs import templates
from tradewind.jobs.model import Source
from tradewind.jobs.templates import Template
from tradewind.provenance import git_commit
from tradewind.sandbox import home_name, read_beneath
from tradewind.settings import REPOSITORY, Settings

INPUT = "input.ipynb"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A notebook somebody wants to run. Exactly one of the first three says which.

    Parameters
    ----------
    template
        The name of a shipped template.
    path
        A notebook in the user's home, relative to it.
    content
        The notebook itself, as parsed JSON; ``name`` is what to call it.
    name
        The name that goes with ``content``.
    title
        For people; the notebook's own title by default.
    parameters
        Name to value.
    texts
        Whether the values are texts from a form or the shell, to be read in the parameters' types.
    """

    template: str = ""
    path: str = ""
    content: Mapping[str, Any] | None = None
    name: str = "notebook"
    title: str = ""
    parameters: Mapping[str, Any]
    texts: bool = False


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A request that can be carried out."""

    template: Template
    source: Source
    title: str
    parameters: dict[str, Any]
    git_commit: str


def check(settings: Settings, user: str, request: Request) -> Checked:
    """Find the notebook and check its parameters, before anything is queued.

    Parameters
    ----------
    settings
        This installation.
    user
        Whose home a path is in.
    request
        What is wanted.

    Raises
    ------
    TemplateNotFoundError, NotFoundError
        There is no such template or file.
    PathNotAllowedError
        The path lies outside the home.
    ParameterError
        A parameter is unknown or ill-typed.
    InvalidInputError
        It is no notebook, or none or several are named.
    """
    if sum((bool(request.template), bool(request.path), request.content is not None)) != 1:
        raise InvalidInputError("Say what to run.", "Give one of: template, path, notebook.")
    commit = ""
    if request.template:
        found, source = templates.load(request.template), Source.TEMPLATE
        commit = git_commit(REPOSITORY)
    elif request.path:
        found, source = _in_home(settings, user, request.path), Source.PATH
    else:
        found, source = templates.read(_stem(request.name), request.content or {}), Source.NOTEBOOK
    _check_size(settings, found)
    parameters = found.parse(request.parameters) if request.texts else found.check(request.parameters)
    return Checked(
        template=found,
        source=source,
        title=(request.title.strip() or found.title)[:200],
        parameters=parameters,
        git_commit=commit,
    )


def _in_home(settings: Settings, user: str, path: str) -> Template:
    if PurePosixPath(path).suffix != ".ipynb":
        raise InvalidInputError(f"'{path}' is not a notebook.", "Give the path of an .ipynb file.")
    home = settings.paths.user_home(home_name(user))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = read_beneath(home, path, limit=settings.upload_limit_mb * 2**20)
    return templates.read(_stem(path), content)


def _stem(name: str) -> str:
    stem = PurePosixPath(name.replace("\\", "/")).name.removesuffix(".ipynb").strip()
    return stem[:200] or "notebook"


def _check_size(settings: Settings, template: Template) -> None:
    if len(template.content) > settings.upload_limit_mb * 2**20:
        raise InvalidInputError(f"'{template.name}' is larger than {settings.upload_limit_mb} MB.")


def keep(folder: Path, template: Template) -> None:
    """Write the notebook as it is now into a folder; what runs later is this copy."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / INPUT).write_text(template.content)


def kept(folder: Path, name: str) -> Template:
    """Read a kept notebook back."""
    return replace(templates.read(name, (folder / INPUT).read_bytes()), name=name)
