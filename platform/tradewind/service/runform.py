"""The form that fills in a notebook's parameters, for a run and for a schedule."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import FormData

from tradewind.errors import ParameterError, TradewindError
from tradewind.jobs import api, notebooks
from tradewind.jobs.api import Parameter, Source, Template
from tradewind.jobs.parameters import Kind
from tradewind.service import runs
from tradewind.service.context import Context
from tradewind.service.files import read_source
from tradewind.service.identity import Identity
from tradewind.service.models import NewRun, SentFile

PREFIX = "p."
NUMERIC = (Kind.INT, Kind.FLOAT)


@dataclass(frozen=True)
class Chosen:
    """Which notebook a form is about.

    Attributes
    ----------
    template, path, again : str
        At most one is given: a shipped template, a notebook in the home, a former run.
    notebook : Template or None
        What it is; None while nothing was chosen or what was chosen is not there.
    values : mapping
        What a former run was given.
    problem : TradewindError or None
        Why the notebook cannot be shown.
    """

    template: str = ""
    path: str = ""
    again: str = ""
    notebook: Template | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: TradewindError | None = None


@dataclass(frozen=True)
class Field:
    """One parameter in the form."""

    parameter: Parameter
    text: str
    problem: str = ""

    @property
    def name(self) -> str:
        """The input's name."""
        return PREFIX + self.parameter.name

    @property
    def options(self) -> list[str]:
        """The values to choose from; none for a free text."""
        choices = [as_text(choice) for choice in self.parameter.choices]
        if self.parameter.kind is Kind.BOOL and not choices:
            choices = ["true", "false"]
        return ["", *choices] if choices and self.parameter.optional and "" not in choices else choices

    @property
    def input_mode(self) -> str:
        """Which keyboard a telephone shows."""
        return {Kind.INT: "numeric", Kind.FLOAT: "decimal"}.get(self.parameter.kind, "text")

    @property
    def numeric(self) -> bool:
        """Whether it holds a number."""
        return self.parameter.kind in NUMERIC

    @property
    def wide(self) -> bool:
        """Whether its text needs a whole row."""
        return self.parameter.kind in (Kind.DICT, Kind.LIST) or len(self.text) > 40

    @property
    def default(self) -> str:
        """The default as a text."""
        return as_text(self.parameter.default)


def as_text(value: Any) -> str:
    """Write a value as the form shows it, so that reading it back gives the same."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) and "," not in item for item in value):
        return ", ".join(value)
    return json.dumps(value)


def choose(here: Context, identity: Identity, values: Mapping[str, str]) -> Chosen:
    """Find the notebook that a query or a posted form names."""
    template, path, again = (values.get(name, "").strip() for name in ("template", "path", "again"))
    asked = Chosen(template=template, path=path, again=again)
    try:
        if again:
            run = runs.find(here, identity, again)
            kept = notebooks.kept(api.folder(here.settings, run.id), run.template)
            if run.source is Source.TEMPLATE:
                kept = api.load_template(run.template)
            return Chosen(again=again, notebook=kept, values=run.parameters)
        if template:
            return Chosen(template=template, notebook=api.load_template(template))
        if path:
            file = read_source(here.settings, identity.name, path)
            stem = PurePosixPath(file.name).stem
            return Chosen(path=path, notebook=api.read_notebook(stem, file.content))
    except TradewindError as problem:
        return Chosen(template=template, path=path, again=again, problem=problem)
    except FileNotFoundError:
        return asked
    return asked


def fields_of(chosen: Chosen, posted: FormData | None = None) -> list[Field]:
    """Return the fields: as typed when a form was posted, else as the former run or the notebook has them."""
    if chosen.notebook is None:
        return []
    found = []
    for parameter in chosen.notebook.parameters:
        text = as_text(chosen.values.get(parameter.name, parameter.default))
        problem = ""
        if posted is not None:
            typed = posted.get(PREFIX + parameter.name)
            text = typed if isinstance(typed, str) else text
            problem = _problem(parameter, text)
        found.append(Field(parameter, text, problem))
    return found


def _problem(parameter: Parameter, text: str) -> str:
    try:
        if text != as_text(parameter.default):
            parameter.parse(text)
    except ParameterError as problem:
        return f"This takes {parameter.words}. {problem.hint}".strip()
    return ""


def parameters_of(fields: list[Field]) -> dict[str, Any]:
    """Return the values that differ from the notebook's own defaults."""
    return {
        f.parameter.name: f.parameter.parse(f.text) for f in fields if f.text != as_text(f.parameter.default)
    }


def body_of(chosen: Chosen, parameters: dict[str, Any], title: str) -> dict[str, Any]:
    """Return the fields of a run request for what was chosen."""
    given: dict[str, Any] = {"parameters": parameters, "title": title}
    if chosen.template:
        return given | {"template": chosen.template}
    if chosen.path:
        return given | {"path": chosen.path}
    assert chosen.notebook is not None
    if chosen.notebook.name in {template.name for template in api.all_templates()} and chosen.again:
        return given | {"template": chosen.notebook.name}
    content = json.loads(chosen.notebook.content)
    return given | {"notebook": SentFile(name=f"{chosen.notebook.name}.ipynb", content=content)}


def new_run(chosen: Chosen, parameters: dict[str, Any], title: str) -> NewRun:
    """Return the run request for what was chosen."""
    return NewRun(**body_of(chosen, parameters, title))
