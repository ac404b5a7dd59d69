"""The heavy half of the runner: papermill on a kernel that was started beforehand, and the result as HTML."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.blocking.client import BlockingKernelClient
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from tradewind.jobs.runner_kernel import Kernel
from tradewind.kernel.client import KernelClient
from tradewind.provenance import installed_layer

__all__ = ["PapermillExecutionError", "execute", "packages", "stop", "write_html"]

EXECUTED, HTML = "notebook.ipynb", "notebook.html"
_TEMPLATES = Path(__file__).parent / "html"
_SAVE_SECONDS = 3.0
_STOP_SECONDS = 2.0

Say = Callable[..., None]


class StartedKernel:
    """As much of a kernel manager as nbclient asks of one whose kernel runs already."""

    has_kernel = True
    kernel_name = "tradewind"

    def __init__(self, connection: Path, process: Kernel) -> None:
        self._connection = connection
        self._process = process

    def client(self, **_options: Any) -> KernelClient:
        """Return a client of the kernel that notices when the kernel's process has ended."""
        process = self._process

        class Client(KernelClient):
            async def is_alive(self) -> bool:
                return process.poll() is None

        made = Client()
        made.load_connection_file(str(self._connection))
        return made

    def is_alive(self) -> bool:
        """Whether the kernel's process still runs."""
        return self._process.poll() is None


def _engine(connection: Path, kernel: Kernel, say: Say) -> type:
    class Engine(NBClientEngine):  # type: ignore[misc]
        """Papermill's own engine on our kernel, reporting each cell."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            code = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]
            complete, ended = nb_man.cell_complete, [0]

            def cell_complete(cell: Any, cell_index: int | None = None, **more: Any) -> None:
                if cell.cell_type == "code":
                    ended[0] += 1
                    say("cell", cell=ended[0], cells=len(code))
                complete(cell=cell, cell_index=cell_index, **more)

            nb_man.cell_complete = cell_complete
            # Papermill writes the notebook before and after each cell; with large outputs that is most of
            # the time.
            saving, saved = nb_man.save, [time.monotonic()]

            def save(**more: Any) -> None:
                if time.monotonic() - saved[0] > _SAVE_SECONDS:
                    saving(**more)
                    saved[0] = time.monotonic()

            nb_man.save = save
            say("cells", cells=len(code))
            client = Client(
                nb_man,
                km=StartedKernel(connection, kernel),
                kernel_name=kernel_name,
                timeout=None,
                startup_timeout=120,
                log_output=False,
                raise_on_iopub_timeout=True,
            )
            try:
                return client.execute(cleanup_kc=True)
            except DeadKernelError as problem:
                raise DeadKernelError(f"The kernel died in cell {ended[0] + 1}. {problem}".strip()) from None
            finally:
                nb_man.save = saving
                nb_man.save()

    class Client(PapermillNotebookClient):  # type: ignore[misc]
        """Passes what cells print on to the log."""

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if msg["header"]["msg_type"] == "stream":
                say("log", text=str(msg["content"]["text"])[:60_000])
            elif msg["header"]["msg_type"] == "error":
                say("log", text="\n".join(msg["content"]["traceback"])[:60_000] + "\n")
            return super().process_message(msg, cell, cell_index)

        def _cleanup_kernel(self) -> None:
            self.kc.stop_channels()

    return Engine


def execute(folder: Path, connection: Path, kernel: Kernel, say: Say) -> None:
    """Run the notebook.

    Parameters
    ----------
    folder
        Where the input and the task are, and the executed notebook goes.
    connection, kernel
        The kernel that is being started.
    say
        Called with each event.

    Raises
    ------
    PapermillExecutionError
        A cell raised an error. The executed notebook is written all the same.
    """
    task = json.loads((folder / "task.json").read_text())
    papermill_engines.register("tradewind", _engine(connection, kernel, say))
    # Two cores: what the HTML needs is loaded while the notebook runs.
    threading.Thread(target=_load_html, daemon=True).start()
    papermill.execute_notebook(
        folder / "input.ipynb",
        folder / EXECUTED,
        parameters=task["parameters"],
        engine_name="tradewind",
        kernel_name="tradewind",
        language="python",
        progress_bar=False,
        autosave_cell_every=int(_SAVE_SECONDS),
    )


def stop(connection: Path, kernel: Kernel) -> None:
    """End the kernel, letting it run what the notebook registered for its end."""
    if kernel.poll() is None:
        client = BlockingKernelClient()
        client.load_connection_file(str(connection))
        client.start_channels(shell=False, iopub=False, stdin=False, hb=False, control=True)
        with contextlib.suppress(Exception):
            client.shutdown()
        with contextlib.suppress(subprocess.TimeoutExpired):
            kernel.wait(_STOP_SECONDS)
        client.stop_channels()
    if kernel.poll() is None:
        kernel.kill()
        kernel.wait()


def packages() -> dict[str, str]:
    """Return what the user's own layer holds, as it was seen by this run."""
    return installed_layer()


def _load_html() -> type:
    from nbconvert.exporters import HTMLExporter, TemplateExporter

    class Exporter(HTMLExporter):
        """nbconvert's exporter without its last step: parsing megabytes of inlined scripts once more."""

        def from_notebook_node(self, nb: Any, resources: Any = None, **options: Any) -> Any:
            from nbconvert.filters import Highlight2HTML
            from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter

            resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
            self.register_filter("highlight_code", Highlight2HTML(pygments_lexer="ipython3", parent=self))  # type: ignore[no-untyped-call]
            data_type = WidgetsDataTypeFilter(
                notebook_metadata=self._nb_metadata, parent=self, resources=resources
            )
            self.register_filter("filter_data_type", data_type)  # type: ignore[no-untyped-call]
            return TemplateExporter.from_notebook_node(self, nb, resources, **options)

    return Exporter


def write_html(folder: Path) -> None:
    """Write the executed notebook as one HTML page that needs no other address."""
    executed = folder / EXECUTED
    if not executed.exists():
        return
    notebook = nbformat.read(executed, as_version=4)
    # Widgets would be fetched from a CDN; their text stands in for them.
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    exporter = _load_html()(template_name="tradewind", extra_template_basedirs=[str(_TEMPLATES)])
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": "Run"}})
    (folder / HTML).write_text(page)
