"""What the REST API accepts."""

import base64
import binascii
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tradewind.errors import InvalidInputError
from tradewind.service.context import Context
from tradewind.service.files import SourceFile, read_source
from tradewind.service.identity import Identity

Text = Annotated[str, Field(max_length=4000)]
Short = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """Base of every request body: unknown keys are refused, because they are misspelt ones."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class SentFile(Body):
    """A notebook or script sent along.

    Attributes
    ----------
    name : str
        The file's name.
    content : str or dict
        Its text, or a notebook as a JSON document.
    encoding : str
        ``base64`` when the text is encoded so.
    """

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/\\\x00]+\.(ipynb|py)$")]
    content: str | dict[str, Any]
    encoding: Annotated[str, Field(pattern=r"^(utf-8|base64)$")] = "utf-8"

    def read(self) -> SourceFile:
        """Return the file as bytes."""
        if isinstance(self.content, dict):
            return SourceFile(self.name, json.dumps(self.content).encode())
        if self.encoding == "base64":
            try:
                return SourceFile(self.name, base64.b64decode(self.content, validate=True))
            except binascii.Error as problem:
                raise InvalidInputError(f"The content of {self.name!r} is not base64.") from problem
        return SourceFile(self.name, self.content.encode())


class NewRun(Body):
    """One of ``template``, ``notebook`` and ``path`` says what to run."""

    template: Short | None = None
    notebook: SentFile | None = None
    path: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    title: Short = ""

    @model_validator(mode="after")
    def _one_source(self) -> "NewRun":
        if sum(value is not None for value in (self.template, self.notebook, self.path)) != 1:
            raise ValueError("give exactly one of template, notebook and path")
        return self


class NewSchedule(NewRun):
    """A run that repeats.

    Attributes
    ----------
    when : str
        A cron expression of five fields.
    time_zone : str
        The zone that it thinks in, such as ``America/New_York``.
    """

    when: Short
    time_zone: Short = "UTC"


class ScheduleChange(Body):
    """What may be changed of a schedule."""

    paused: bool | None = None
    when: Short | None = None
    time_zone: Short | None = None


class NewDashboard(Body):
    """One of ``path``, ``notebook`` and ``source`` says what to publish."""

    path: str | None = None
    notebook: SentFile | None = None
    source: SentFile | None = None
    title: Short = ""
    description: Text | None = None
    share_with: list[Short] | None = None
    slug: Short | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "NewDashboard":
        if sum(value is not None for value in (self.path, self.notebook, self.source)) != 1:
            raise ValueError("give exactly one of path, notebook and source")
        return self


class DashboardChange(Body):
    """What may be changed of a dashboard."""

    title: Short | None = None
    description: Text | None = None
    share_with: list[Short] | None = None


class Grants(Body):
    """Who may read and write a dataset."""

    readers: list[Short]
    writers: list[Short] = Field(default_factory=list)


def source_of(here: Context, identity: Identity, body: NewRun | NewDashboard) -> SourceFile:
    """Return the file that a request names or brings."""
    sent = body.notebook or (body.source if isinstance(body, NewDashboard) else None)
    if sent is not None:
        return sent.read()
    return read_source(here.settings, identity.name, body.path or "")
