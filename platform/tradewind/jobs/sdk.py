"""``tw.jobs``: submit, follow and schedule runs from a notebook or a script, over the platform's REST API."""

import builtins
import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from tradewind.client import Client
from tradewind.errors import RunFailedError, UnavailableError
from tradewind.jobs import live, model
from tradewind.jobs.when import When
from tradewind.provenance import RunCard
from tradewind.vocabulary import RunStatus

_POLL_SECONDS = 0.4


@cache
def _client() -> Client:
    return Client.from_environment()


class Run:
    """One run, as the platform last told. In a notebook it shows itself and follows the run until its end.

    Attributes
    ----------
    state : tradewind.jobs.model.Run
        Everything known about it.
    """

    def __init__(self, document: dict[str, Any], client: Client | None = None) -> None:
        self._client = client or _client()
        self.state = model.Run.from_document(document)

    @property
    def id(self) -> str:
        """Its id."""
        return self.state.id

    @property
    def url(self) -> str:
        """The address of its page, below the platform's."""
        return self.state.url

    @property
    def status(self) -> RunStatus:
        """Where it stands now; asks the platform unless it has ended."""
        return self.refresh().state.status

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures it has recorded; complete when it has ended."""
        return self.refresh().state.metrics

    def refresh(self) -> Self:
        """Ask the platform where the run stands."""
        if not self.state.status.final:
            self.state = model.Run.from_document(self._client.get(f"runs/{self.id}"))
        return self

    def wait(
        self,
        timeout: float | None = None,
        *,
        check: bool = True,
        progress: bool | Callable[[model.Run], None] = True,
    ) -> Self:
        """Wait until the run has ended.

        Parameters
        ----------
        timeout
            Seconds after which to give up waiting; the run goes on.
        check
            Whether to raise when it did not succeed.
        progress
            Whether to show how far it is; or a function that is called with each new state.

        Raises
        ------
        RunFailedError
            It failed, was cancelled or was lost.
        TimeoutError
            It has not ended in time.
        """
        until = None if timeout is None else time.monotonic() + timeout
        if progress is True and live.in_notebook():
            live.follow(lambda: self.state, lambda: self.refresh().state)
        while not self._asked().final:
            if callable(progress):
                progress(self.state)
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"run {self.id} has not ended: {live.sentence(self.state)}")
            time.sleep(_POLL_SECONDS)
        if callable(progress):
            progress(self.state)
        if check and self.state.status is not RunStatus.SUCCEEDED:
            raise RunFailedError(
                f"Run {self.id} {_ENDED[self.state.status]}. {self.state.error}".strip(),
                f"Its notebook and log: {self.url}",
            )
        return self

    def _asked(self) -> RunStatus:
        try:
            return self.refresh().state.status
        except UnavailableError:
            return self.state.status  # the service restarts; the run does not mind

    def cancel(self) -> Self:
        """Cancel it; it stays ``cancelling`` until none of its processes is left."""
        self.state = model.Run.from_document(self._client.post(f"runs/{self.id}/cancel"))
        return self

    def log(self) -> str:
        """Return what it has written to its log so far (the end of it, when it is long)."""
        return _text(self._client.get(f"runs/{self.id}/log"))

    def files(self) -> builtins.list[str]:
        """Return the paths of all files of its result."""
        return [found["path"] for found in self._client.get(f"runs/{self.id}/files")]

    def read(self, path: str) -> bytes:
        """Return one file of its result.

        Parameters
        ----------
        path
            As :meth:`files` names it, such as ``artifacts/report.html``.
        """
        answer = self._client.call("GET", f"runs/{self.id}/files/{path}")
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def save(self, folder: str | Path) -> Path:
        """Copy its whole result into a folder.

        Parameters
        ----------
        folder
            Created if need be.
        """
        target = Path(folder)
        for name in self.files():
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.read(name))
        return target

    @property
    def card(self) -> RunCard:
        """Everything the result depended on: parameters, snapshots read, software, seeds, figures."""
        document = json.loads(self.read("run.json"))
        return RunCard(**{k: v for k, v in document.items() if k in RunCard.__dataclass_fields__})

    def result_notebook(self) -> Any:
        """Return the executed notebook as an ``nbformat`` object."""
        import nbformat

        return nbformat.reads(self.read("notebook.ipynb").decode(), as_version=4)

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.state.template}: {live.sentence(self.state)}>"

    def _repr_html_(self) -> str:
        return live.card(self.refresh().state)

    def _ipython_display_(self) -> None:
        if live.in_notebook():
            live.follow(lambda: self.refresh().state, lambda: self.refresh().state)
        else:
            print(repr(self))  # noqa: T201  a plain IPython shell shows what an object prints


_ENDED = {
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
    RunStatus.LOST: "was lost",
}


class Schedule:
    """A notebook that is run at certain times.

    Attributes
    ----------
    state : tradewind.jobs.model.Schedule
        Everything known about it.
    """

    def __init__(self, document: dict[str, Any], client: Client | None = None) -> None:
        self._client = client or _client()
        self.state = model.Schedule.from_document(document)

    @property
    def id(self) -> str:
        """Its id."""
        return self.state.id

    def pause(self) -> Self:
        """Stop it from firing until it is resumed."""
        return self._patch(paused=True)

    def resume(self) -> Self:
        """Let it fire again, from now on."""
        return self._patch(paused=False)

    def delete(self) -> None:
        """Delete it; the runs it has started stay."""
        self._client.call("DELETE", f"schedules/{self.id}")

    def run_now(self) -> Run:
        """Start a run of it at once."""
        return Run(self._client.post(f"schedules/{self.id}/run"), self._client)

    def _patch(self, **changes: Any) -> Self:
        self.state = model.Schedule.from_document(
            self._client.call("PATCH", f"schedules/{self.id}", json=changes)
        )
        return self

    def __repr__(self) -> str:
        coming = f"next {self.state.next_at:%Y-%m-%d %H:%M %Z}" if self.state.next_at else "paused"
        rule = f"{self.state.when} {self.state.time_zone}"
        return f"<Schedule {self.id} of {self.state.template}: {rule}, {coming}>"

    def _repr_html_(self) -> str:
        import html

        state = self.state
        rows = [("When", f"{state.when} ({state.time_zone})"), ("Parameters", json.dumps(state.parameters))]
        rows += [("Next", f"{moment:%Y-%m-%d %H:%M %Z}") for moment in state.upcoming[:3]]
        rows += [("Paused", "yes")] if state.paused else []
        cell = '<td style="text-align:left">{}</td>'
        body = "".join(
            f"<tr>{cell.format(name)}{cell.format(html.escape(value))}</tr>" for name, value in rows
        )
        return f"<b>{html.escape(state.title)}</b><table>{body}</table>"


def submit(notebook: str | Path, parameters: Mapping[str, Any] | None = None, *, title: str = "") -> Run:
    """Queue a run on the platform's workers; it goes on when this kernel or server is stopped.

    Parameters
    ----------
    notebook
        The name of a template, or the path of a notebook here. A notebook is sent as it is saved now.
    parameters
        Values for the variables of the notebook's cell tagged ``parameters``. They are checked before
        anything is queued.
    title
        What to call the run; the notebook's own title by default.

    Returns
    -------
    Run
        Shows itself live in a notebook; ``.wait()`` waits for its end.

    Raises
    ------
    TemplateNotFoundError, ParameterError, NotFoundError
        There is no such template, parameter or file; near names are offered.
    UnavailableError
        The platform does not answer.

    Examples
    --------
    >>> run = tw.jobs.submit("backtest", {"fast": 20, "slow": 100})  # doctest: +SKIP
    """
    body = _what(notebook) | {"parameters": dict(parameters or {}), "title": title}
    return Run(_client().post("runs", json=body))


def schedule(
    notebook: str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    when: str | When,
    time_zone: str = "UTC",
    title: str = "",
) -> Schedule:
    """Run a template or notebook again and again.

    Parameters
    ----------
    notebook, parameters, title
        As for :func:`submit`. A template is read anew each time; a notebook is copied now.
    when
        Five cron fields such as ``"0 18 * * 1-5"``, or ``tw.after_close("XNYS", "30min")``.
    time_zone
        The zone the cron fields are read in, such as ``"America/New_York"``.

    Returns
    -------
    Schedule
        With the next times it fires.

    Raises
    ------
    InvalidInputError
        No such rule or zone; and what :func:`submit` raises.
    """
    body = _what(notebook) | {
        "parameters": dict(parameters or {}),
        "title": title,
        "when": str(when),
        "time_zone": time_zone,
    }
    return Schedule(_client().post("schedules", json=body))


def get(run_id: str) -> Run:
    """Return a run by its id."""
    return Run(_client().get(f"runs/{run_id}"))


def list(*, status: str = "", template: str = "", text: str = "", limit: int = 50) -> builtins.list[Run]:
    """Return your runs, newest first.

    Parameters
    ----------
    status
        Only in these states, such as ``"running"`` or ``"failed,lost"``.
    template
        Only of this template.
    text
        Only those whose id, title, template or error contains it.
    limit
        At most so many.
    """
    client = _client()
    found = client.get("runs", status=status, template=template, q=text, limit=limit)
    return [Run(document, client) for document in found]


def list_schedules() -> builtins.list[Schedule]:
    """Return your schedules."""
    client = _client()
    return [Schedule(document, client) for document in client.get("schedules")]


def list_templates() -> builtins.list[dict[str, Any]]:
    """Return the shipped templates with their parameters."""
    found: builtins.list[dict[str, Any]] = _client().get("templates")
    return found


def _what(notebook: str | Path) -> dict[str, Any]:
    name = str(notebook)
    if not name.endswith(".ipynb"):
        return {"template": name}
    from tradewind.errors import NotFoundError

    path = Path(name).expanduser()
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise NotFoundError(f"There is no notebook '{name}' here.", f"This is {Path.cwd()}.") from None
    return {"notebook": {"name": path.name, "content": content}}


def _text(answer: Any) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
