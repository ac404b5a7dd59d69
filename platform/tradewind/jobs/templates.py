"""Templates: the notebooks of ``notebooks/templates`` and, in the same shape, any notebook of a user."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tradewind.errors import InvalidInputError, ParameterError, TemplateNotFoundError, did_you_mean
from tradewind.jobs.parameters import Parameter, check_all, infer
from tradewind.settings import REPOSITORY

TAG = "parameters"
_PACKAGED = Path(__file__).resolve().parents[1] / "notebooks" / "templates"


@dataclass(frozen=True, kw_only=True)
class Template:
    """A notebook that can be run with parameters.

    Parameters
    ----------
    name
        Its file name without the ending.
    title, description
        For people; from ``metadata.tradewind`` or else from the name.
    kind
        ``job``, or ``interactive`` for a notebook that is meant to be read and played with.
    parameters
        What it may be given.
    content
        The notebook as JSON text.
    """

    name: str
    title: str
    description: str = ""
    kind: str = "job"
    parameters: tuple[Parameter, ...] = ()
    content: str

    @property
    def sha256(self) -> str:
        """The hash of the notebook as it will run."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the given values in the parameters' types, or raise ParameterError."""
        return check_all(self.parameters, given, what=f"'{self.name}'")

    def parse(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the values that texts of a shell or a form stand for, or raise ParameterError."""
        return check_all(self.parameters, given, what=f"'{self.name}'", texts=True)

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON, without the notebook itself."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "kind": self.kind,
            "parameters": [parameter.as_document() for parameter in self.parameters],
        }


def folder() -> Path:
    """Return where the shipped templates are: in the checkout, or inside the installed package."""
    checkout = REPOSITORY / "notebooks" / "templates"
    return checkout if checkout.is_dir() else _PACKAGED


def names() -> list[str]:
    """Return the names of all shipped templates."""
    return sorted(path.stem for path in folder().glob("*.ipynb"))


def load(name: str) -> Template:
    """Return a shipped template.

    Parameters
    ----------
    name
        Its name, without ``.ipynb``.

    Raises
    ------
    TemplateNotFoundError
        There is none of that name.
    """
    known = names()
    if name not in known:
        raise TemplateNotFoundError(f"There is no template '{name}'.", did_you_mean(name, known))
    path = folder() / f"{name}.ipynb"
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _load(path: Path, _changed: int) -> Template:
    return read(path.stem, path.read_bytes())


def all_templates() -> list[Template]:
    """Return every shipped template, jobs first."""
    return sorted((load(name) for name in names()), key=lambda t: (t.kind != "job", t.name))


def read(name: str, content: bytes | str | Mapping[str, Any]) -> Template:
    """Make a template of a notebook.

    Parameters
    ----------
    name
        What to call it.
    content
        The notebook: its file's bytes, its text, or the parsed JSON.

    Raises
    ------
    InvalidInputError
        It is not a version 4 notebook of Python code.
    """
    notebook = _parsed(name, content)
    cells = notebook["cells"]
    metadata = notebook.setdefault("metadata", {})
    language = metadata.get("kernelspec", {}).get("language", "python")
    if language != "python":
        raise InvalidInputError(f"'{name}' is a notebook in {language}.", "Runs execute Python notebooks.")
    # papermill fails on a notebook that does not name its language
    metadata["kernelspec"] = {"name": "tradewind", "display_name": "Tradewind", "language": "python"}
    tagged = [cell for cell in cells if TAG in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) > 1:
        raise ParameterError(
            f"'{name}' has {len(tagged)} cells tagged '{TAG}'.", "Keep the tag on one of them."
        )
    about = metadata.get("tradewind", {})
    return Template(
        name=name,
        title=str(about.get("title") or name.replace("_", " ").capitalize())[:200],
        description=str(about.get("description", "")),
        kind=str(about.get("kind", "job")),
        parameters=infer(_source(tagged[0])) if tagged else (),
        content=json.dumps(notebook, ensure_ascii=False, indent=1),
    )


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _parsed(name: str, content: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    wrong = InvalidInputError(f"'{name}' is not a notebook.", "Give a Jupyter notebook of format 4 (.ipynb).")
    if isinstance(content, bytes | str):
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            raise wrong from None
    else:
        parsed = json.loads(json.dumps(content))
    if (
        not isinstance(parsed, dict)
        or parsed.get("nbformat") != 4
        or not isinstance(parsed.get("cells"), list)
    ):
        raise wrong
    cells = parsed["cells"]
    shaped = all(isinstance(cell, dict) and isinstance(cell.get("metadata", {}), dict) for cell in cells)
    if not shaped or not isinstance(parsed.get("metadata", {}), dict):
        raise wrong
    return parsed
